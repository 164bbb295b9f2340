/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_MAP_H
#define ATR_EXPORT_MAP_H

/*
 * map: memory that reads zero and is none until it is touched. What is asked for
 * first comes from one mapping, since each costs a process's start and its end.
 *
 * Where the kernel does not overcommit (vm.overcommit_memory 2), or the process may have only so
 * much (RLIMIT_DATA), what can be written is charged though it is never touched, to each process anew.
 * There that mapping is one that can be read, and made writable in steps. Where a process may have only so
 * many addresses (RLIMIT_AS), it is a tenth as large, and who asks for room for many asks for fewer.
 */
#include <stdbool.h>
#include <stddef.h>

/* Any thread. Aligned to a page; NULL when it cannot be had. It may be unmapped again, or stay. */
void *atr_map(size_t len);

/*
 * The same, for what is large and mostly unused: a part of it is asked for before it is written. _writable:
 * any thread; false: that cannot be had now. A system call at most, and none where memory is not charged
 * before it is touched.
 */
void *atr_map_lazily(size_t len);
bool atr_map_is_charged(void); /* when something was mapped */
bool atr_map_is_narrow(void);
bool atr_map_writable(const void *at, size_t len);

/* As _map, and of its own: it can be grown by mremap. */
void *atr_map_apart(size_t len);

/* That one mapping, most of which is never touched; NULL: there is none. */
const void *atr_map_first(size_t *len);

/* Any thread: the program has what is mapped from now on filled and locked (MCL_FUTURE). Ours is not. */
void atr_map_comes_locked(void);

/* A page is 4 KiB, or on aarch64 16 or 64: what is given back is whole ones of the kernel's. */
size_t atr_page_len(void);
size_t atr_page_up(size_t len);

#endif
