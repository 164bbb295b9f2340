/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EBPF_SKELETON_H
#define ATR_EBPF_SKELETON_H

/*
 * skeleton: the loader that bpftool has made of a program's object, for the one file that
 * includes it and says by ATR_SKELETON (and ATR_SKELETON_ELSE) which.
 */
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
static inline void *take_room(size_t len)
{
	static _Alignas(16) char room[1024];

	if (len > sizeof(room))
		return NULL;
	memset(room, 0, sizeof(room));
	return room;
}

static inline int atr_skeleton_close(int fd)
{
	return (int)syscall(SYS_close, fd);
}

#define calloc(nr, len) take_room((nr) * (len))
#define free(room) ((void)(room))
#define close(fd) atr_skeleton_close(fd)
#ifdef ATR_SKELETON
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include ATR_SKELETON
#ifdef ATR_SKELETON_ELSE
#include ATR_SKELETON_ELSE
#endif
#pragma GCC diagnostic pop
#endif

/* A descriptor of 0 is none to the loader: those that are free are taken meanwhile. */
static inline unsigned atr_skeleton_fill(void)
{
	unsigned filled = 0;

	for (int fd = 0; fd <= 2;) {
		fd = (int)syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd > 2)
			atr_skeleton_close(fd);
		else if (fd >= 0)
			filled |= 1u << fd;
		else
			break;
	}
	return filled;
}

static inline void atr_skeleton_free(unsigned filled)
{
	for (int fd = 0; fd <= 2; fd++)
		if (filled & 1u << fd)
			atr_skeleton_close(fd);
}

/* Why the kernel did not take it. */
static inline const char *atr_skeleton_why(int error)
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
		       "the tracepoints of system calls)";
	}
}

#endif
