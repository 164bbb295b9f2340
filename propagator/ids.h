/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PROPAGATOR_IDS_H
#define ATR_PROPAGATOR_IDS_H

/*
 * ids: new random trace and span ids.
 *
 * A generator belongs to one thread (xoshiro256++, public domain algorithm by
 * Blackman and Vigna), seeded once from getrandom and, where that fails, from
 * the clock and addresses. Ids are never all zero.
 */
#include "propagator/context.h"

struct atr_ids {
	uint64_t s[4]; /* all zero: not seeded */
};

/*
 * The owning thread. Seeds from the kernel: one system call. To be called on
 * first use and again in a forked child, whose copy would repeat the parent's.
 */
void atr_ids_seed(struct atr_ids *ids);

/* The owning thread. 64 random bits, never 0; a generator of zeros is seeded first. */
uint64_t atr_ids_next(struct atr_ids *ids);

/* The owning thread. Fill an id; the bytes are random and not all zero. */
void atr_ids_trace(struct atr_ids *ids, uint8_t out[static ATR_TRACE_ID_LEN]);
void atr_ids_span(struct atr_ids *ids, uint8_t out[static ATR_SPAN_ID_LEN]);
/* The same for X-Ray, which wants to know when: the seconds since 1970, then random bytes. */
void atr_ids_trace_at(struct atr_ids *ids, uint32_t seconds, uint8_t out[static ATR_TRACE_ID_LEN]);

#endif
