/* SPDX-License-Identifier: Apache-2.0 */
#include "export/map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIRST_LEN ((size_t)124 << 20) /* of address space: what the rooms ask for at start */
#define NARROW_LEN ((size_t)16 << 20)
#define NARROW_SHARE 16 /* of what is asked for, so that it fits in there */

#define STEP ((size_t)256 << 10)

static char *first;
static size_t first_len;
static bool is_charged, is_narrow;
static _Atomic bool is_writable[FIRST_LEN / STEP];
static _Atomic size_t used;
static _Atomic int is_mapped; /* 1: somebody is at it, or it is not to be had */
static _Atomic bool comes_locked;

void atr_map_comes_locked(void)
{
	atomic_store_explicit(&comes_locked, true, memory_order_relaxed);
}

/* What cannot be accessed is not filled; and what is not locked is not when it can be, either. */
static bool unlock(void *at, size_t len)
{
	return munlock(at, len) == 0 && mprotect(at, len, PROT_READ | PROT_WRITE) == 0;
}

static void *map(size_t len, int protection)
{
	void *at = mmap(NULL, len, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

void *atr_map_apart(size_t len)
{
	bool is_locked = atomic_load_explicit(&comes_locked, memory_order_relaxed);
	void *at = map(len, is_locked ? PROT_NONE : PROT_READ | PROT_WRITE);

	if (!at)
		return NULL;
	if (!is_locked || unlock(at, len))
		return at;
	munmap(at, len);
	return NULL;
}

static bool is_limited(int what)
{
	struct rlimit limit;

	return getrlimit(what, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

/*
 * The kernel says so in a file alone. (To ask for more than any machine has would tell as well, but an
 * emulator of processors keeps an account of each page.)
 */
static bool is_overcommitting(void)
{
	long fd = syscall(SYS_openat, AT_FDCWD, "/proc/sys/vm/overcommit_memory",
			  O_RDONLY | O_CLOEXEC);
	char mode = 0;

	if (fd < 0)
		return true; /* as most do */
	if (syscall(SYS_read, fd, &mode, 1) < 0)
		mode = 0;
	syscall(SYS_close, fd);
	return mode != '2';
}

/*
 * Huge pages, where the machine has them for everybody, would be 2 MB for each first item; and a core that
 * goes to a program has all that was mapped.
 */
static void map_first(void)
{
	int no = 0;

	if (!atomic_compare_exchange_strong(&is_mapped, &no, 1))
		return;
	is_narrow = is_limited(RLIMIT_AS);
	is_charged = is_narrow || is_limited(RLIMIT_DATA) || !is_overcommitting();
	first_len = is_narrow ? NARROW_LEN : FIRST_LEN;
	first = map(first_len, is_charged ? PROT_READ : PROT_READ | PROT_WRITE);
	if (!first)
		return;
	madvise(first, first_len, MADV_NOHUGEPAGE);
	madvise(first, first_len, MADV_DONTDUMP);
	atomic_store_explicit(&is_mapped, 2, memory_order_release);
}

size_t atr_page_len(void)
{
	return getauxval(AT_PAGESZ);
}

size_t atr_page_up(size_t len)
{
	size_t page_len = atr_page_len();

	return (len + page_len - 1) & ~(page_len - 1);
}

static bool has_first(void)
{
	if (!atomic_load_explicit(&is_mapped, memory_order_relaxed))
		map_first();
	return atomic_load_explicit(&is_mapped, memory_order_acquire) == 2;
}

uint32_t atr_map_share(uint32_t nr, uint32_t least)
{
	if (!has_first() || !is_narrow || nr <= least)
		return nr;
	return nr / NARROW_SHARE > least ? nr / NARROW_SHARE : least;
}

/* Of the one mapping; NULL: there is none, or no more room in it. */
static void *take(size_t len)
{
	size_t at, pages = atr_page_up(len);

	if (!has_first())
		return NULL;
	at = atomic_load_explicit(&used, memory_order_relaxed);
	while (pages <= first_len - at)
		if (atomic_compare_exchange_weak_explicit(
			    &used, &at, at + pages, memory_order_relaxed, memory_order_relaxed))
			return first + at;
	return NULL;
}

bool atr_map_is_charged(void)
{
	return is_charged;
}

void *atr_map_lazily(size_t len)
{
	void *at = take(len);

	return at ? at : atr_map_apart(len);
}

void *atr_map(size_t len)
{
	void *at = atr_map_lazily(len);

	return at && atr_map_writable(at, len) ? at : NULL;
}

static bool protect(size_t from, size_t len)
{
	int saved = errno;
	bool is_done = mprotect(first + from, len, PROT_READ | PROT_WRITE) == 0;

	errno = saved;
	return is_done;
}

/* Who comes at the same time asks for the same. */
static bool make_writable(size_t step)
{
	if (atomic_load_explicit(&is_writable[step], memory_order_relaxed))
		return true;
	if (!protect(step * STEP, STEP))
		return false;
	atomic_store_explicit(&is_writable[step], true, memory_order_relaxed);
	return true;
}

/* Of a step in which something was unmapped, what is asked for and no more. */
static bool make_part_writable(size_t from, size_t to)
{
	from &= ~(atr_page_len() - 1);
	return protect(from, atr_page_up(to - from));
}

bool atr_map_writable(const void *at, size_t len)
{
	size_t from = (size_t)((const char *)at - first), to = from + len;

	if (!is_charged || from >= first_len)
		return true;
	for (size_t step = from / STEP; step * STEP < to; step++)
		if (!make_writable(step))
			return make_part_writable(from, to);
	return true;
}

const void *atr_map_first(size_t *len)
{
	*len = first_len;
	return atomic_load_explicit(&is_mapped, memory_order_acquire) == 2 ? first : NULL;
}
