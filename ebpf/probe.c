/* SPDX-License-Identifier: Apache-2.0 */
#include "ebpf/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The loader that bpftool has made is a program for the kernel too: it finds out where fields
 * lie, loads the others, and needs no library here. What it asks of libc is answered below.
 */
static _Alignas(16) char skeleton_room[1024];

static inline void *take_room(size_t len)
{
	if (len > sizeof(skeleton_room))
		return NULL;
	memset(skeleton_room, 0, sizeof(skeleton_room));
	return skeleton_room;
}

static inline int raw_close(int fd)
{
	return (int)syscall(SYS_close, fd);
}

#define calloc(nr, len) take_room((nr) * (len))
#define free(room) ((void)(room))
#define close(fd) raw_close(fd)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include <calls.lskel.h>
#pragma GCC diagnostic pop

/* A descriptor of 0 is none to the loader: those that are free are taken meanwhile. */
static unsigned fill_standard(void)
{
	unsigned filled = 0;

	for (int fd = 0; fd <= 2;) {
		fd = (int)syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd > 2)
			raw_close(fd);
		else if (fd >= 0)
			filled |= 1u << fd;
		else
			break;
	}
	return filled;
}

static void free_standard(unsigned filled)
{
	for (int fd = 0; fd <= 2; fd++)
		if (filled & 1u << fd)
			raw_close(fd);
}

static const char *why_not(int error)
{
	switch (error) {
	case -EPERM:
	case -EACCES:
		return "not permitted: it takes CAP_BPF and CAP_PERFMON, or an agent "
		       "(AUTOTRACE_EBPF_AGENT)";
	case -ENOSYS:
		return "the kernel has no eBPF, or forbids it";
	case -ENOMEM:
		return "no memory";
	case -EMFILE:
	case -ENFILE:
		return "too many files are open";
	default:
		return "the kernel is too old, or was built without what it takes (Linux 5.18 with "
		       "BTF, and the tracepoints of system calls)";
	}
}

static int load(struct calls_bpf *skeleton, const struct atr_probe_options *options)
{
	int error;

	skeleton->rodata->token = options->token;
	skeleton->rodata->slow_ns = options->slow_ns;
	skeleton->rodata->only = options->only;
	error = calls_bpf__load(skeleton);
	return error ? error : calls_bpf__attach(skeleton);
}

/* What is handed on is no longer the skeleton's to close. */
static void keep(struct calls_bpf *skeleton, struct atr_probe *probe)
{
	int *from[ATR_NR_PROBE_FDS] = {
		[ATR_PROBE_SLOTS] = &skeleton->maps.slots.map_fd,
		[ATR_PROBE_TOLD] = &skeleton->maps.told.map_fd,
		[ATR_PROBE_SLOW] = &skeleton->maps.slow.map_fd,
		[ATR_PROBE_ENTER] = &skeleton->links.atr_enter_fd,
		[ATR_PROBE_EXIT] = &skeleton->links.atr_exit_fd,
		[ATR_PROBE_SWITCH] = &skeleton->links.atr_switch_fd,
		[ATR_PROBE_WAKEUP] = &skeleton->links.atr_wakeup_fd,
	};

	for (int i = 0; i < ATR_NR_PROBE_FDS; i++) {
		probe->fds[i] = *from[i];
		*from[i] = 0;
	}
}

int atr_probe_open(const struct atr_probe_options *options, struct atr_probe *probe,
		   const char **why)
{
	unsigned filled = fill_standard();
	struct calls_bpf *skeleton = calls_bpf__open();
	int error = -ENOMEM;

	if (skeleton) {
		error = load(skeleton, options);
		if (!error)
			keep(skeleton, probe);
		calls_bpf__destroy(skeleton);
	}
	free_standard(filled);
	*why = error ? why_not(error) : NULL;
	return error;
}

void atr_probe_close(struct atr_probe *probe)
{
	for (int i = 0; i < ATR_NR_PROBE_FDS; i++)
		raw_close(probe->fds[i]);
}
