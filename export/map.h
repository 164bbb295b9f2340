/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_MAP_H
#define ATR_EXPORT_MAP_H

/*
 * map: memory that reads zero and is none until it is touched. What is asked for
 * first comes from one mapping, since each costs a process's start and its end.
 */
#include <stddef.h>

/* Any thread. Aligned to a page; NULL when it cannot be had. It may be unmapped again, or stay. */
void *atr_map(size_t len);

/* The same, of its own: it can be grown by mremap. */
void *atr_map_apart(size_t len);

/* That one mapping, most of which is never touched; NULL: there is none. */
const void *atr_map_first(size_t *len);

/* Any thread: the program has what is mapped from now on filled and locked (MCL_FUTURE). Ours is not. */
void atr_map_comes_locked(void);

/* A page is 4 KiB, or on aarch64 16 or 64: what is given back is whole ones of the kernel's. */
size_t atr_page_len(void);
size_t atr_page_up(size_t len);

#endif
