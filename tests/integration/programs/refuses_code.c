/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refuses_code: a library whose mprotect answers as SELinux lets the kernel do without execmod: what is
 * mapped of a file and was made writable does not become code.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static uintptr_t written[64];
static unsigned nr_written;

static int is_of_file(uintptr_t at)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long begin, end, inode;
	char line[4096];
	int is = 0;

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %*s %*s %*s %lu", &begin, &end, &inode) == 3 &&
		    at >= begin && at < end)
			is = inode != 0;
	if (maps)
		fclose(maps);
	return is;
}

int mprotect(void *at, size_t len, int prot)
{
	uintptr_t begin = (uintptr_t)at;

	if (prot & PROT_WRITE && nr_written < 64)
		written[nr_written++] = begin;
	for (unsigned i = 0; prot & PROT_EXEC && i < nr_written; i++) {
		if (written[i] != begin || !is_of_file(begin))
			continue;
		errno = EACCES;
		return -1;
	}
	return (int)syscall(SYS_mprotect, at, len, prot);
}
