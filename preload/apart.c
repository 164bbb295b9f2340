/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/apart.h"

#include "preload/hook/real.h"

#include <stdint.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2u
#endif

/* As the kernel has it. */
struct entry {
	uint64_t inode;
	int64_t next;
	uint16_t len;
	uint8_t type;
	char name[];
};

static long call(long number, long a, long b, long c)
{
	return REAL(syscall)(number, a, b, c);
}

/* -1: it is one of the two dots. */
static int number_of(const char *name)
{
	int n = 0;

	for (; *name >= '0' && *name <= '9'; name++)
		n = n * 10 + *name - '0';
	return *name ? -1 : n;
}

/* A listing of descriptors goes on by their numbers: one that is closed does not disturb it. */
static void close_listed(int list, int first)
{
	char buf[2048] __attribute__((aligned(8)));
	long len;

	while ((len = call(SYS_getdents64, list, (long)buf, sizeof(buf))) > 0)
		for (long at = 0; at < len;) {
			struct entry *entry = (struct entry *)(buf + at);
			int fd = number_of(entry->name);

			at += entry->len;
			if (fd >= first && fd != list)
				call(SYS_close, fd, 0, 0);
		}
	call(SYS_close, list, 0, 0);
}

bool atr_apart(bool keeps_standard)
{
	int first = keeps_standard ? 3 : 0, list;

	if (call(SYS_close_range, first, (long)~0u, CLOSE_RANGE_UNSHARE) == 0)
		return true;
	if (call(SYS_unshare, CLONE_FILES, 0, 0))
		return false;
	list = (int)call(SYS_openat, AT_FDCWD, (long)"/proc/thread-self/fd",
			 O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (list >= 0)
		close_listed(list, first);
	else
		for (int fd = first; fd < 65536; fd++)
			call(SYS_close, fd, 0, 0);
	return true;
}
