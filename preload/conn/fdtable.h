/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_FDTABLE_H
#define ATR_PRELOAD_CONN_FDTABLE_H

/*
 * fdtable: what each descriptor is to us. One word per descriptor:
 *
 *	kind in the top 4 bits | flags in 4 | generation in 24 | index + 1 in 32
 *
 * 0 is a descriptor of no interest, which is what most are. Pages are touched as
 * they are used.
 */
#include "preload/live/thread.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum atr_fd_kind {
	ATR_FD_NONE,
	ATR_FD_CONN, /* index: of the connection */
	ATR_FD_LISTENER,
	ATR_FD_SET,	/* epoll; flag ATR_FD_SERVES: holds a listener or a server connection */
	ATR_FD_CARRIER, /* eventfd or pipe: index of the other end + 1, 0 for an eventfd */
	ATR_FD_CIPHER, /* a connection as well; its TLS session is followed, and its bytes are not */
	ATR_FD_UNSEEN, /* a server's connection that was given up: only its end is of interest */
};
#define ATR_FD_SERVES (UINT64_C(1) << 56)

#define ATR_FD_MAX (1u << 20)

/* Of this many descriptors; 0 where we stand aside. */
extern uint32_t atr_fds_len;
extern _Atomic uint64_t *atr_fds;

/* The constructor. Maps it; false: no memory. */
bool atr_fds_setup(void);

/* Any thread, any number: one load, one branch where nothing was ever tracked. */
static inline uint64_t atr_fd(int fd)
{
	uint64_t word;

	if (__builtin_expect((unsigned)fd >= atr_fds_len, 0))
		return 0;
	word = atomic_load_explicit(&atr_fds[fd], memory_order_relaxed);
	return __builtin_expect(word != 0, 0) && atr_has_thread() ? word : 0;
}

static inline enum atr_fd_kind atr_fd_kind(uint64_t word)
{
	return (enum atr_fd_kind)(word >> 60);
}

/* Whether a read or write here is to be told. */
static inline bool atr_fd_is_conn(uint64_t word)
{
	return word >> 60 == ATR_FD_CONN;
}

/* Whether there is a connection, be its reads and writes told or not. */
static inline bool atr_fd_holds_conn(uint64_t word)
{
	return atr_fd_is_conn(word) || word >> 60 >= ATR_FD_CIPHER;
}

static inline uint64_t atr_fd_word(enum atr_fd_kind kind, uint32_t gen, uint32_t index)
{
	return (uint64_t)kind << 60 | (uint64_t)(gen & 0xffffff) << 32 | index;
}

static inline uint64_t atr_fd_unseen(uint64_t conn)
{
	return (conn & (UINT64_MAX >> 4)) | (uint64_t)ATR_FD_UNSEEN << 60;
}

/* Sets it and returns what was there. _can_be: it is of no interest else, and stays so. */
uint64_t atr_fd_set(int fd, uint64_t word);
bool atr_fd_can_be_set(int fd);

#endif
