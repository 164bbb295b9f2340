/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/real.h"

#include "export/map.h"
#include "export/maps.h"

#include <errno.h>
#include <stdint.h>
#include <sys/resource.h>

/*
 * A program locks all its memory. The tables that we mapped at start are address space for the most
 * part: locked, they would be a hundred megabytes of memory, or more than the program may lock.
 */
#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4 /* Linux 4.4 */
#endif

static ssize_t maps_read(int fd, void *buf, size_t len)
{
	return REAL(read)(fd, buf, len);
}
static int maps_close(int fd)
{
	return REAL(close)(fd);
}
static const struct atr_io io = { .open = open, .read = maps_read, .close = maps_close };

struct rest {
	bool locks, on_fault; /* else they are only summed up */
	size_t len;
};

static void add(struct rest *rest, uintptr_t begin, uintptr_t end)
{
	if (begin >= end)
		return;
	rest->len += end - begin;
	/* some cannot be filled, and are locked for all that */
	if (rest->locks && rest->on_fault)
		syscall(SYS_mlock2, begin, end - begin, 1);
	else if (rest->locks)
		mlock((const void *)begin, end - begin);
}

/* Those that are in the library itself: the linker's names. */
extern char __bss_start[] __attribute__((visibility("hidden")));
extern char _end[] __attribute__((visibility("hidden")));

/* What is not of the tables. */
static bool add_range(uintptr_t begin, uintptr_t end, void *rest)
{
	size_t len;
	uintptr_t first = (uintptr_t)atr_map_first(&len);
	const uintptr_t ours[][2] = {
		{ first, first + len },
		{ atr_page_up((uintptr_t)__bss_start), atr_page_up((uintptr_t)_end) },
	};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (end <= ours[i][0] || begin >= ours[i][1])
			continue;
		add(rest, begin, ours[i][0]);
		begin = ours[i][1];
	}
	add(rest, begin, end);
	return true;
}

/* Whether the program might lock as much if it were not for us. */
static bool would_fit(void)
{
	struct rest all = { false, false, 0 };
	struct rlimit limit;

	return getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && atr_maps_each(&io, add_range, &all) &&
	       all.len <= limit.rlim_cur;
}

/*
 * First, nothing is filled: so it is found out what the kernel says to it. Then all but ours
 * is locked as it was asked for.
 */
HOOK int mlockall(int flags)
{
	struct rest all = { true, flags & MCL_ONFAULT, 0 };
	int saved = errno;
	size_t len;

	if (flags & MCL_FUTURE)
		atr_map_comes_locked();
	if (!(flags & MCL_CURRENT) || !atr_map_first(&len))
		return REAL(mlockall)(flags);
	if (REAL(mlockall)(flags | MCL_ONFAULT) == 0)
		munlock(atr_map_first(&len), len);
	else if (errno != ENOMEM || !would_fit())
		return errno == EINVAL ? REAL(mlockall)(flags) : -1;
	if (!atr_maps_each(&io, add_range, &all))
		return REAL(mlockall)(flags); /* no /proc: ours too, then */
	errno = saved;
	/* what comes later: as asked for, and not only when it is touched */
	return flags & MCL_FUTURE ? REAL(mlockall)(flags & ~MCL_CURRENT) : 0;
}
