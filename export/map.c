/* SPDX-License-Identifier: Apache-2.0 */
#include "export/map.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#define FIRST_LEN (124u << 20) /* of address space: what the rooms ask for at start */

static char *first;
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

void *atr_map_apart(size_t len)
{
	bool is_locked = atomic_load_explicit(&comes_locked, memory_order_relaxed);
	void *at = mmap(NULL, len, is_locked ? PROT_NONE : PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	if (!is_locked || unlock(at, len))
		return at;
	munmap(at, len);
	return NULL;
}

/* Huge pages, where the machine has them for everybody, would be 2 MB for each first item. */
static void map_first(void)
{
	int no = 0;

	if (!atomic_compare_exchange_strong(&is_mapped, &no, 1))
		return;
	first = atr_map_apart(FIRST_LEN);
	if (!first)
		return;
	madvise(first, FIRST_LEN, MADV_NOHUGEPAGE);
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

void *atr_map(size_t len)
{
	size_t at, pages = atr_page_up(len);

	if (!atomic_load_explicit(&is_mapped, memory_order_relaxed))
		map_first();
	if (atomic_load_explicit(&is_mapped, memory_order_acquire) != 2)
		return atr_map_apart(len);
	at = atomic_load_explicit(&used, memory_order_relaxed);
	while (pages <= FIRST_LEN - at)
		if (atomic_compare_exchange_weak_explicit(
			    &used, &at, at + pages, memory_order_relaxed, memory_order_relaxed))
			return first + at;
	return atr_map_apart(len);
}

const void *atr_map_first(size_t *len)
{
	*len = FIRST_LEN;
	return atomic_load_explicit(&is_mapped, memory_order_acquire) == 2 ? first : NULL;
}
