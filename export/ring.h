/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_RING_H
#define ATR_EXPORT_RING_H

/*
 * ring: carries finished spans from application threads to the exporter.
 *
 * Many writers, one reader, slots of one fixed size:
 *
 *	claim -> fill in place -> publish  ~~~>  peek -> read in place -> release
 *
 * Nobody waits. A writer that finds no free slot loses its span and the loss
 * is counted, because a program must not run slower for being watched.
 * All but create, destroy, reset, trim and close are safe in a signal handler.
 *
 * The turns that say whose a slot is lie apart from the slots, so that the
 * pages of slots that are free can be given back to the kernel.
 *
 * A slot has two places: a short one, which most records fit into, and one of its whole length.
 * So records lie close behind each other in memory, which a processor then has at hand when it
 * comes to them, and which is touched least.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct atr_ring;

/*
 * Maps a ring of `slots` slots (rounded up to a power of two, at least 2), each
 * of `slot_len` bytes (rounded up to 8). Returns NULL with errno set when memory
 * cannot be had. The caller owns it and destroys it once no thread can reach it.
 */
#define ATR_RING_SHORT 512 /* bytes of a short place */
struct atr_ring *atr_ring_create(uint32_t slots, uint32_t slot_len);
void atr_ring_destroy(struct atr_ring *ring);

/*
 * Any thread. Returns `len` bytes to fill, at most the ring's `slot_len`, aligned to 8, or
 * NULL when the ring is full. Every claim should reach publish: the reader stops short of a
 * slot that is claimed and not yet published, until it gives it up. A claim is
 * sequentially consistent: whoever counts behind such a fence, and what is loaded
 * so after the claim, cannot both be too early.
 */
void *atr_ring_claim(struct atr_ring *ring, size_t len);
void atr_ring_publish(struct atr_ring *ring, void *slot);

/* A claimed slot's writer, who is to fill it with `len` bytes instead. NULL: there is no memory for them. */
void *atr_ring_claim_anew(struct atr_ring *ring, void *slot, size_t len);

/*
 * Any thread, some time before a claim: has `len` bytes of the slot that is next to be claimed
 * fetched, which the reader's processor had last. Nothing comes of it but that it takes less long.
 */
void atr_ring_approach(const struct atr_ring *ring, size_t len);

/*
 * Any thread. What a slot's writer knows it by, from claim on: another value, and it
 * is not that writer's any more. For one that was jumped out of before it published.
 */
uint64_t atr_ring_turn(const struct atr_ring *ring, const void *slot);

/* The reader alone. The oldest published slot that is not yet peeked at, or NULL. */
const void *atr_ring_peek(struct atr_ring *ring);
/* The reader alone. Frees the oldest slot. */
void atr_ring_release(struct atr_ring *ring);

/*
 * The reader alone, when peek found nothing though something was claimed: gives the
 * oldest slot up whose writer does not come to publish (a signal handler jumped out
 * of it). What comes of it is lost, and the slot is not used again. False: it was
 * published meanwhile. _next: which position peek is waiting for.
 */
bool atr_ring_bury(struct atr_ring *ring);
uint64_t atr_ring_next(const struct atr_ring *ring);

/* Any thread; about right while others write. */
uint32_t atr_ring_count(const struct atr_ring *ring);
uint64_t atr_ring_lost(const struct atr_ring *ring);	/* claims that found no free slot */
uint64_t atr_ring_claimed(const struct atr_ring *ring); /* claims that did */

/*
 * The last thing that is asked of a ring, while the reader does nothing in it: no
 * claim succeeds any more, so that what is counted of it stays so. Claims that
 * fail from here on are in no count.
 */
struct atr_ring_sums {
	uint64_t claimed, lost, unread; /* unread: claimed, and not released */
};
struct atr_ring_sums atr_ring_close(struct atr_ring *ring);

/*
 * The reader alone. Gives the pages of free slots back when enough were used;
 * _is_trimmed: since the last time there was not. Writers then have to have them
 * anew, page by page, which is not for a ring that is merely empty at the moment.
 */
void atr_ring_trim(struct atr_ring *ring);
bool atr_ring_is_trimmed(const struct atr_ring *ring);

/* A forked child, alone: empties it and forgets what was lost. */
void atr_ring_reset(struct atr_ring *ring);

#endif
