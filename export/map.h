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
#include <stdint.h>

/* Any thread. Aligned to a page; NULL when it cannot be had. It may be unmapped again, or stay. */
void *atr_map(size_t len);

/*
 * The same, for what is large and mostly unused: before a part of it is written that is asked for by
 * _writable, which any thread may call; false: it cannot be had now. errno stays. Where memory is charged
 * (as above) it takes a system call for each 256 KiB, once; else none.
 */
void *atr_map_lazily(size_t len);
bool atr_map_writable(const void *at, size_t len);

/* Any thread: whether it is charged, for who asks often, when something was mapped. */
bool atr_map_is_charged(void);

/* Any thread: for how many to ask, of this many; at least `least` of them where addresses are few. */
uint32_t atr_map_share(uint32_t nr, uint32_t least);

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
