/* SPDX-License-Identifier: Apache-2.0 */
#include "ebpf/follow.h"

#include "ebpf/exits.h"

#define ATR_SKELETON <follow.lskel.h>
#include "ebpf/skeleton.h"

#include <linux/perf_event.h>

/* The kernel numbers what can be counted; of uprobes the number is in this file. */
static bool find_type(unsigned *type)
{
	static const char path[] = "/sys/bus/event_source/devices/uprobe/type";
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	char digits[16] = "";
	long n = fd < 0 ? 0 : syscall(SYS_read, fd, digits, sizeof(digits) - 1);

	if (fd >= 0)
		atr_skeleton_close(fd);
	*type = 0;
	for (long i = 0; i < n && digits[i] >= '0' && digits[i] <= '9'; i++)
		*type = *type * 10 + (unsigned)(digits[i] - '0');
	return *type != 0;
}

static int map(struct follow_bpf *skeleton, struct atr_follow *follow)
{
	void *told = mmap(NULL, sizeof(*follow->told), PROT_READ, MAP_SHARED,
			  skeleton->maps.follow_told.map_fd, 0);
	void *places = mmap(NULL, ATR_FOLLOW_PLACES_LEN, PROT_READ, MAP_SHARED,
			    skeleton->maps.follow_places.map_fd, 0);

	if (told != MAP_FAILED && places != MAP_FAILED &&
	    atr_kernel_ring_map(&follow->ring, skeleton->maps.followed.map_fd,
				ATR_FOLLOW_RING_LEN)) {
		madvise(told, sizeof(*follow->told), MADV_DONTFORK);
		follow->told = told;
		follow->places = places;
		return 0;
	}
	if (told != MAP_FAILED)
		munmap(told, sizeof(*follow->told));
	if (places != MAP_FAILED)
		munmap(places, ATR_FOLLOW_PLACES_LEN);
	return -ENOMEM;
}

/* What is kept is no longer the skeleton's to close: the end's link is as long as its thread. */
static int keep(struct follow_bpf *skeleton, struct atr_follow *follow)
{
	int error = map(skeleton, follow);

	if (error)
		return error;
	skeleton->links.atr_follow_end_fd = 0;
	follow->entered_fd = skeleton->progs.atr_follow_in.prog_fd;
	follow->left_fd = skeleton->progs.atr_follow_out.prog_fd;
	skeleton->progs.atr_follow_in.prog_fd = skeleton->progs.atr_follow_out.prog_fd = 0;
	return 0;
}

bool atr_follow_open(struct atr_follow *follow, int64_t offset, const char **why)
{
	struct follow_bpf *skeleton;
	int error = -ENOMEM;
	unsigned filled;

	if (!find_type(&follow->type)) {
		*why = "the kernel has no uprobes";
		return false;
	}
	filled = atr_skeleton_fill();
	skeleton = follow_bpf__open();
	if (skeleton) {
		skeleton->rodata->offset = offset;
		error = follow_bpf__load(skeleton);
		if (!error)
			error = follow_bpf__attach(skeleton);
		if (!error)
			error = keep(skeleton, follow);
		follow_bpf__destroy(skeleton);
	}
	atr_skeleton_free(filled);
	*why = error ? atr_skeleton_why(error) : NULL;
	return !error;
}

/* A breakpoint in this process, that a program is run at; below 0: -errno. */
static int attach(const struct atr_follow *follow, int program_fd,
		  const struct atr_followed *function, uint32_t at)
{
	struct perf_event_attr event = { .type = follow->type, .size = sizeof(event) };
	union bpf_attr link;
	int fd, link_fd;

	event.config1 = (uintptr_t)function->path;
	event.config2 = function->offset + at;
	fd = (int)syscall(SYS_perf_event_open, &event, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	memset(&link, 0, sizeof(link));
	link.link_create.prog_fd = (uint32_t)program_fd;
	link.link_create.target_fd = (uint32_t)fd;
	link.link_create.attach_type = BPF_PERF_EVENT;
	link.link_create.perf_event.bpf_cookie = function->number;
	link_fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &link, sizeof(link));
	if (link_fd < 0)
		link_fd = -errno;
	atr_skeleton_close(fd); /* the link holds it */
	return link_fd;
}

static const char *why_not(int error)
{
	switch (error) {
	case -EACCES:
	case -EPERM:
		return "it takes CAP_BPF and CAP_PERFMON of the process itself";
	case -ENOENT:
	case -ESRCH:
		return "its file is not there any more";
	case -EMFILE:
	case -ENFILE:
		return "too many files are open";
	default:
		return "the kernel does not set breakpoints in it";
	}
}

/* The ends before the begin: nothing is entered that could not be left. */
bool atr_follow_add(struct atr_follow *follow, const struct atr_followed *function,
		    const char **why)
{
	uint32_t exits[ATR_EXITS_MAX];
	int links[ATR_EXITS_MAX + 1], fd = 0;
	unsigned nr = atr_exits(function->code, function->len, exits), i = 0;

	*why = nr ? NULL : "it is not known where it returns";
	if (!nr)
		return false;
	for (; i <= nr; i++) {
		fd = i < nr ? attach(follow, follow->left_fd, function, exits[i]) :
			      attach(follow, follow->entered_fd, function, 0);
		if (fd < 0)
			break;
		links[i] = fd;
	}
	if (fd >= 0)
		return true;
	*why = why_not(fd);
	while (i)
		atr_skeleton_close(links[--i]);
	return false;
}

bool atr_follow_next(struct atr_follow *follow, struct atr_follow_event *out)
{
	return atr_kernel_ring_next(&follow->ring, out, sizeof(*out));
}
