/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TESTS_GUARDED_H
#define ATR_TESTS_GUARDED_H

/*
 * guarded: memory that ends at a page that may not be touched, or begins behind one, so that a
 * byte too many is noticed without a sanitizer, too. It is mapped once and stays.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define GUARDED_LEN ((size_t)256 * 1024)

static inline char *guarded_map(void)
{
	const size_t page = 65536; /* at least every machine's */
	char *at = mmap(NULL, GUARDED_LEN + 2 * page, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || mprotect(at, page, PROT_NONE) ||
	    mprotect(at + page + GUARDED_LEN, page, PROT_NONE))
		abort();
	return at + page;
}

/*
 * `len` bytes with the forbidden page behind them, or before them. *room, NULL at first, is whose
 * they are: it holds one thing at a time.
 */
static inline char *guarded(char **room, bool at_front, size_t len)
{
	if (!*room)
		*room = guarded_map();
	if (len > GUARDED_LEN)
		abort();
	return *room + (at_front ? 0 : GUARDED_LEN - len);
}

static inline char *guarded_copy(char **room, bool at_front, const void *bytes, size_t len)
{
	char *copy = guarded(room, at_front, len);

	return len ? memcpy(copy, bytes, len) : copy;
}

#endif
