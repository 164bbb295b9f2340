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

static inline uint64_t atr_ids_rotated(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

/* The next word of a generator that was seeded; it may be 0, as a random one is. */
static inline uint64_t atr_ids_word(struct atr_ids *ids)
{
	uint64_t *s = ids->s, result = atr_ids_rotated(s[0] + s[3], 23) + s[0], t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = atr_ids_rotated(s[3], 45);
	return result;
}

static inline bool atr_ids_are_seeded(const struct atr_ids *ids)
{
	return ids->s[0] | ids->s[1] | ids->s[2] | ids->s[3];
}

/* The owning thread. 64 random bits, never 0; a generator of zeros is seeded first. */
static inline uint64_t atr_ids_next(struct atr_ids *ids)
{
	uint64_t word;

	if (__builtin_expect(!atr_ids_are_seeded(ids), 0))
		atr_ids_seed(ids);
	do
		word = atr_ids_word(ids);
	while (__builtin_expect(!word, 0));
	return word;
}

/* The owning thread. Fill an id; the bytes are random and not all zero. */
static inline void atr_ids_trace(struct atr_ids *ids, uint8_t out[static ATR_TRACE_ID_LEN])
{
	uint64_t words[2] = { atr_ids_next(ids), atr_ids_next(ids) };

	memcpy(out, words, sizeof(words));
}
static inline void atr_ids_span(struct atr_ids *ids, uint8_t out[static ATR_SPAN_ID_LEN])
{
	uint64_t word = atr_ids_next(ids);

	memcpy(out, &word, sizeof(word));
}
/* The same for X-Ray, which wants to know when: the seconds since 1970, then random bytes. */
void atr_ids_trace_at(struct atr_ids *ids, uint32_t seconds, uint8_t out[static ATR_TRACE_ID_LEN]);

#endif
