/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/pool.h"

#include "tests/test.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

struct item {
	struct atr_pooled pooled;
	_Atomic int users;
	uint64_t owner;
};

static struct atr_pool pool_of(uint32_t cap)
{
	struct atr_pool pool = { 0 };

	CHECK(atr_pool_map(&pool, sizeof(struct item), cap));
	return pool;
}

static void unmap(struct atr_pool *pool)
{
	munmap(pool->base, (size_t)pool->item_len * pool->cap);
}

TEST(pool_reference_leads_to_its_item_until_it_is_given_back)
{
	struct atr_pool pool = pool_of(4);
	atr_ref ref = atr_pool_take(&pool);

	CHECK(ref && atr_pool_get(&pool, ref) == atr_pool_at(&pool, 0));
	atr_pool_give(&pool, ref);
	CHECK(!atr_pool_get(&pool, ref));
	unmap(&pool);
}

TEST(pool_stale_reference_does_not_lead_to_the_next_tenant)
{
	struct atr_pool pool = pool_of(4);
	atr_ref old = atr_pool_take(&pool), now;

	for (int i = 0; i < 1000; i++) {
		atr_pool_give(&pool, old);
		now = atr_pool_take(&pool);
		CHECK((uint32_t)now == (uint32_t)old && now != old);
		CHECK(!atr_pool_get(&pool, old) && atr_pool_get(&pool, now));
		old = now;
	}
	unmap(&pool);
}

TEST(pool_no_item_is_what_0_and_nonsense_lead_to)
{
	struct atr_pool pool = pool_of(4), unmapped = { 0 };
	atr_ref ref = atr_pool_take(&pool);

	CHECK(!atr_pool_get(&pool, 0));
	CHECK(!atr_pool_get(&pool, ref + 1));		/* never taken */
	CHECK(!atr_pool_get(&pool, ref + 4));		/* beyond the last */
	CHECK(!atr_pool_get(&pool, ref & ~UINT32_MAX)); /* index 0 is none */
	CHECK(!atr_pool_get(&unmapped, ref));
	unmap(&pool);
}

TEST(pool_gives_what_it_has_and_then_0)
{
	struct atr_pool pool = pool_of(3);
	atr_ref ref[3];

	for (int i = 0; i < 3; i++)
		CHECK((ref[i] = atr_pool_take(&pool)));
	CHECK(ref[0] != ref[1] && ref[1] != ref[2]);
	CHECK(!atr_pool_take(&pool) && !atr_pool_take(&pool));
	atr_pool_give(&pool, ref[1]);
	CHECK((uint32_t)atr_pool_take(&pool) == (uint32_t)ref[1]);
	CHECK(!atr_pool_take(&pool));
	unmap(&pool);
}

TEST(pool_takes_the_item_given_back_last_first)
{
	struct atr_pool pool = pool_of(8);
	atr_ref a = atr_pool_take(&pool), b = atr_pool_take(&pool), c = atr_pool_take(&pool);

	atr_pool_give(&pool, a);
	atr_pool_give(&pool, c);
	atr_pool_give(&pool, b);
	CHECK((uint32_t)atr_pool_take(&pool) == (uint32_t)b);
	CHECK((uint32_t)atr_pool_take(&pool) == (uint32_t)c);
	CHECK((uint32_t)atr_pool_take(&pool) == (uint32_t)a);
	CHECK((uint32_t)atr_pool_take(&pool) == 4);
	unmap(&pool);
}

TEST(pool_touches_no_item_that_was_not_taken)
{
	struct atr_pool pool = { 0 };
	unsigned char resident[16];

	CHECK(atr_pool_map(&pool, 4096, 16));
	atr_pool_give(&pool, atr_pool_take(&pool));
	atr_pool_give(&pool, atr_pool_take(&pool));
	CHECK(mincore(pool.base, 16 * 4096, resident) == 0);
	CHECK((resident[0] & 1) && !(resident[2] & 1) && !(resident[15] & 1));
	unmap(&pool);
}

TEST(pool_reset_gives_all_back_and_makes_all_stale)
{
	struct atr_pool pool = pool_of(4);
	atr_ref taken = atr_pool_take(&pool), given = atr_pool_take(&pool);

	atr_pool_give(&pool, given);
	atr_pool_reset(&pool);
	CHECK(!atr_pool_get(&pool, taken) && !atr_pool_get(&pool, given));
	for (int i = 0; i < 4; i++) {
		atr_ref ref = atr_pool_take(&pool);

		CHECK(ref && ref != taken && ref != given && atr_pool_get(&pool, ref));
	}
	CHECK(!atr_pool_take(&pool));
	unmap(&pool);
}

#define THREADS 4
#define EACH 20000

static struct atr_pool shared;
static _Atomic int wrongs;

/* Each holds up to three of five items for a moment; nobody else may have them meanwhile. */
static void *take_and_give(void *unused)
{
	uint64_t me = (uint64_t)pthread_self();

	(void)unused;
	for (int i = 0; i < EACH; i++) {
		atr_ref ref[3];
		int n = 0;

		while (n < 1 + i % 3 && (ref[n] = atr_pool_take(&shared)))
			n++;
		for (int k = 0; k < n; k++) {
			struct item *item = atr_pool_get(&shared, ref[k]);

			if (!item || atomic_fetch_add(&item->users, 1))
				atomic_fetch_add(&wrongs, 1);
			item->owner = me;
		}
		if (i % 64 == 0)
			sched_yield();
		for (int k = 0; k < n; k++) {
			struct item *item = atr_pool_get(&shared, ref[k]);

			if (!item || item->owner != me || atomic_fetch_sub(&item->users, 1) != 1)
				atomic_fetch_add(&wrongs, 1);
			atr_pool_give(&shared, ref[k]);
			if (atr_pool_get(&shared, ref[k]))
				atomic_fetch_add(&wrongs, 1);
		}
	}
	return NULL;
}

TEST(pool_gives_an_item_to_one_thread_at_a_time)
{
	pthread_t thread[THREADS];
	unsigned left = 0;

	shared = pool_of(5);
	atomic_store(&wrongs, 0);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, take_and_give, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	CHECK(atomic_load(&wrongs) == 0);
	while (atr_pool_take(&shared))
		left++;
	CHECK(left == 5); /* none was lost, none is there twice */
	unmap(&shared);
}
