/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_POOL_H
#define ATR_PRELOAD_LIVE_POOL_H

/*
 * pool: items of one size in memory mapped once, taken and given back by any
 * thread without waiting. The item given back last is taken first, so that a
 * quiet program touches few pages; items never taken are never touched.
 *
 * An item starts with struct atr_pooled. Its generation changes with every
 * take and give, so that a reference (atr_ref) to a former tenant is known for
 * what it is. Memory is never unmapped: reading an item through a stale
 * reference is safe, and the generation, looked at again, says it was stale.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct atr_pooled {
	_Atomic uint32_t gen;  /* odd: taken */
	_Atomic uint32_t next; /* free: index + 1 of the next free item */
};

struct atr_pool {
	char *base;
	uint32_t item_len, cap;
	_Atomic uint64_t free;	/* a tag against ABA in the upper half, index + 1 in the lower */
	_Atomic uint32_t fresh; /* items below were taken at least once since the last reset */
};

/* index + 1 in the lower half, the generation in the upper; 0 is no item. */
typedef uint64_t atr_ref;

/* One thread. Maps room for `cap` items; false when it cannot be had. */
bool atr_pool_map(struct atr_pool *pool, uint32_t item_len, uint32_t cap);

/* Any thread. A reference to an item that is now ours, or 0 when there is none left. */
atr_ref atr_pool_take(struct atr_pool *pool);

/* The item's owner. All references to it are stale from now on. */
void atr_pool_give(struct atr_pool *pool, atr_ref ref);

/*
 * The item's owner, who is to be its next one too: all references to it are stale, and
 * nobody else can take it. _again, with what _keep returned: a reference to it anew. What is
 * kept when the pool is reset is kept no more.
 */
static inline uint32_t atr_pool_keep(struct atr_pool *pool, atr_ref ref);
static inline atr_ref atr_pool_again(struct atr_pool *pool, uint32_t kept);

/*
 * A forked child, alone: gives everything back at once. Items keep their
 * generations, and those taken before are made stale.
 */
void atr_pool_reset(struct atr_pool *pool);

static inline void *atr_pool_at(const struct atr_pool *pool, uint32_t index)
{
	return pool->base + (size_t)index * pool->item_len;
}

static inline uint32_t atr_pool_keep(struct atr_pool *pool, atr_ref ref)
{
	struct atr_pooled *item = atr_pool_at(pool, (uint32_t)ref - 1);

	atomic_store_explicit(&item->gen, (uint32_t)(ref >> 32) + 1, memory_order_release);
	return (uint32_t)ref;
}

static inline atr_ref atr_pool_again(struct atr_pool *pool, uint32_t kept)
{
	struct atr_pooled *item = atr_pool_at(pool, kept - 1);
	uint32_t gen = atomic_load_explicit(&item->gen, memory_order_relaxed) + 1;

	atomic_store_explicit(&item->gen, gen, memory_order_release);
	return (uint64_t)gen << 32 | kept;
}

/* The item, or NULL when the reference is 0 or stale. */
static inline void *atr_pool_get(const struct atr_pool *pool, atr_ref ref)
{
	uint32_t index = (uint32_t)ref - 1;
	struct atr_pooled *item;

	/* of 0 there is no such index */
	if (index >= pool->cap)
		return NULL;
	item = atr_pool_at(pool, index);
	return atomic_load_explicit(&item->gen, memory_order_acquire) == ref >> 32 ? item : NULL;
}

#endif
