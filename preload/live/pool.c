/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/pool.h"

#include "export/map.h"

/* As many there are at least where addresses are few. */
#define NARROW_CAP 64

bool atr_pool_map(struct atr_pool *pool, uint32_t item_len, uint32_t cap)
{
	void *base;

	cap = atr_map_share(cap, NARROW_CAP);
	base = atr_map_lazily((size_t)item_len * cap);

	if (!base)
		return false;
	pool->base = base;
	pool->item_len = item_len;
	pool->cap = cap;
	return true;
}

static atr_ref taken(struct atr_pool *pool, uint32_t index)
{
	struct atr_pooled *item = atr_pool_at(pool, index);
	uint32_t gen = atomic_load_explicit(&item->gen, memory_order_relaxed) + 1;

	atomic_store_explicit(&item->gen, gen, memory_order_release);
	return (uint64_t)gen << 32 | (index + 1);
}

/* The same of one that nobody had: a page that is read before it is written is two faults. */
static atr_ref taken_fresh(struct atr_pool *pool, uint32_t index)
{
	struct atr_pooled *item = atr_pool_at(pool, index);
	uint32_t gen = atomic_fetch_add_explicit(&item->gen, 1, memory_order_release) + 1;

	return (uint64_t)gen << 32 | (index + 1);
}

atr_ref atr_pool_take(struct atr_pool *pool)
{
	uint64_t head = atomic_load_explicit(&pool->free, memory_order_acquire);
	uint32_t index;

	while ((uint32_t)head) {
		struct atr_pooled *item = atr_pool_at(pool, (uint32_t)head - 1);
		/* may be a lie when another thread was faster; the tag then fails the exchange */
		uint32_t next = atomic_load_explicit(&item->next, memory_order_relaxed);
		uint64_t then = ((head >> 32) + 1) << 32 | next;

		if (atomic_compare_exchange_weak_explicit(
			    &pool->free, &head, then, memory_order_acq_rel, memory_order_acquire))
			return taken(pool, (uint32_t)head - 1);
	}
	index = atomic_load_explicit(&pool->fresh, memory_order_relaxed);
	while (index < pool->cap && atr_map_writable(atr_pool_at(pool, index), pool->item_len))
		if (atomic_compare_exchange_weak_explicit(&pool->fresh, &index, index + 1,
							  memory_order_relaxed,
							  memory_order_relaxed))
			return taken_fresh(pool, index);
	return 0;
}

void atr_pool_give(struct atr_pool *pool, atr_ref ref)
{
	struct atr_pooled *item = atr_pool_at(pool, (uint32_t)ref - 1);
	uint64_t head = atomic_load_explicit(&pool->free, memory_order_relaxed);

	atomic_store_explicit(&item->gen, (uint32_t)(ref >> 32) + 1, memory_order_release);
	do
		atomic_store_explicit(&item->next, (uint32_t)head, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&pool->free, &head,
						      ((head >> 32) + 1) << 32 | (uint32_t)ref,
						      memory_order_release, memory_order_relaxed));
}

void atr_pool_reset(struct atr_pool *pool)
{
	uint32_t fresh = atomic_load_explicit(&pool->fresh, memory_order_relaxed);

	for (uint32_t i = 0; i < fresh; i++) {
		struct atr_pooled *item = atr_pool_at(pool, i);
		uint32_t gen = atomic_load_explicit(&item->gen, memory_order_relaxed);

		if (gen & 1)
			atomic_store_explicit(&item->gen, gen + 1, memory_order_relaxed);
	}
	atomic_store_explicit(&pool->free, 0, memory_order_relaxed);
	atomic_store_explicit(&pool->fresh, 0, memory_order_relaxed);
}
