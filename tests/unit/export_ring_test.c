/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "export/ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

static void put(struct atr_ring *ring, uint64_t value)
{
	uint64_t *slot = atr_ring_claim(ring);

	CHECK(slot);
	*slot = value;
	atr_ring_publish(ring, slot);
}

static uint64_t take(struct atr_ring *ring)
{
	const uint64_t *slot = atr_ring_peek(ring);
	uint64_t value;

	CHECK(slot);
	value = *slot;
	atr_ring_release(ring);
	return value;
}

TEST(ring_gives_back_in_the_order_put_over_many_laps)
{
	struct atr_ring *ring = atr_ring_create(4, 8);

	for (uint64_t i = 0; i < 100; i += 2) {
		put(ring, i);
		put(ring, i + 1);
		CHECK(atr_ring_count(ring) == 2);
		CHECK(take(ring) == i);
		CHECK(take(ring) == i + 1);
	}
	CHECK(!atr_ring_peek(ring));
	CHECK(atr_ring_lost(ring) == 0);
	atr_ring_destroy(ring);
}

TEST(ring_full_loses_the_newest_and_counts_it)
{
	struct atr_ring *ring = atr_ring_create(2, sizeof(uint64_t));

	put(ring, 1);
	put(ring, 2);
	CHECK(!atr_ring_claim(ring));
	CHECK(atr_ring_lost(ring) == 1);
	CHECK(take(ring) == 1);
	put(ring, 3);
	CHECK(take(ring) == 2);
	CHECK(take(ring) == 3);
	atr_ring_destroy(ring);
}

TEST(ring_reader_stops_short_of_a_slot_that_is_not_published)
{
	struct atr_ring *ring = atr_ring_create(4, 8);
	uint64_t *first = atr_ring_claim(ring);

	put(ring, 2);
	CHECK(!atr_ring_peek(ring));
	*first = 1;
	atr_ring_publish(ring, first);
	CHECK(take(ring) == 1);
	CHECK(take(ring) == 2);
	atr_ring_destroy(ring);
}

TEST(ring_peeked_slots_stay_taken_until_they_are_released)
{
	struct atr_ring *ring = atr_ring_create(2, 8);

	put(ring, 1);
	put(ring, 2);
	CHECK(*(const uint64_t *)atr_ring_peek(ring) == 1);
	CHECK(*(const uint64_t *)atr_ring_peek(ring) == 2);
	CHECK(!atr_ring_peek(ring));
	CHECK(!atr_ring_claim(ring));
	atr_ring_release(ring);
	put(ring, 3);
	CHECK(*(const uint64_t *)atr_ring_peek(ring) == 3);
	atr_ring_destroy(ring);
}

TEST(ring_sizes_are_rounded_up)
{
	struct atr_ring *ring = atr_ring_create(3, 9);
	char *a = atr_ring_claim(ring), *b = atr_ring_claim(ring);

	CHECK(b - a == 16);
	CHECK((uintptr_t)a % 8 == 0);
	CHECK(atr_ring_claim(ring) && atr_ring_claim(ring));
	CHECK(!atr_ring_claim(ring));
	atr_ring_destroy(ring);
}

TEST(ring_after_reset_is_empty_and_has_lost_nothing)
{
	struct atr_ring *ring = atr_ring_create(4, 8);

	for (int i = 0; i < 7; i++) {
		put(ring, 1);
		CHECK(take(ring) == 1);
	}
	for (int i = 0; i < 4; i++)
		put(ring, 1);
	CHECK(!atr_ring_claim(ring));
	atr_ring_reset(ring); /* also with a slot that its writer did not publish */
	CHECK(atr_ring_count(ring) == 0);
	CHECK(atr_ring_lost(ring) == 0);
	CHECK(!atr_ring_peek(ring));
	for (uint64_t i = 0; i < 4; i++)
		put(ring, i);
	for (uint64_t i = 0; i < 4; i++)
		CHECK(take(ring) == i);
	atr_ring_destroy(ring);
}

TEST(ring_after_close_takes_nothing_and_its_sums_stay)
{
	struct atr_ring *ring = atr_ring_create(256, 2048);
	struct atr_ring_sums sums;

	for (uint64_t i = 0; i < 150; i++) { /* and positions are skipped by the trim */
		put(ring, i);
		CHECK(take(ring) == i);
		atr_ring_trim(ring);
	}
	for (uint64_t i = 0; i < 256; i++)
		put(ring, i);
	CHECK(!atr_ring_claim(ring));
	CHECK(take(ring) == 0 && take(ring) == 1);
	sums = atr_ring_close(ring);
	CHECK(sums.claimed == 150 + 256 && sums.lost == 1 && sums.unread == 254);
	CHECK(!atr_ring_claim(ring));
	CHECK(atr_ring_claimed(ring) == 150 + 256 && atr_ring_count(ring) == 254);
	CHECK(take(ring) == 2); /* the reader may go on */
	atr_ring_trim(ring);
	atr_ring_reset(ring);
	put(ring, 7);
	CHECK(take(ring) == 7 && atr_ring_claimed(ring) == 1);
	atr_ring_destroy(ring);
}

TEST(ring_after_trim_works_on_and_keeps_its_whole_size)
{
	struct atr_ring *ring = atr_ring_create(256, 2048);

	for (uint64_t i = 0; i < 200; i++) {
		CHECK(atr_ring_is_trimmed(ring) == (i < 128)); /* 256 kB */
		put(ring, i);
		CHECK(take(ring) == i);
	}
	atr_ring_trim(ring);
	CHECK(atr_ring_is_trimmed(ring));
	CHECK(atr_ring_count(ring) == 0);
	CHECK(!atr_ring_peek(ring));
	for (uint64_t i = 0; i < 256; i++)
		put(ring, i);
	CHECK(!atr_ring_claim(ring));
	for (uint64_t i = 0; i < 256; i++)
		CHECK(take(ring) == i);
	atr_ring_destroy(ring);
}

TEST(ring_trim_touches_nothing_that_is_queued)
{
	struct atr_ring *ring = atr_ring_create(256, 2048);

	for (uint64_t i = 0; i < 200; i++) {
		put(ring, i);
		CHECK(take(ring) == i);
	}
	put(ring, 7);
	atr_ring_trim(ring);
	CHECK(take(ring) == 7);
	atr_ring_destroy(ring);
}

#define WRITERS 4
#define EACH 20000

struct load {
	struct atr_ring *ring;
	uint64_t writer, written;
	_Atomic int *running;
};

static void *write_many(void *arg)
{
	struct load *load = arg;

	for (uint64_t i = 1; i <= EACH; i++) {
		uint64_t *slot = atr_ring_claim(load->ring);

		if (!slot) {
			sched_yield();
			continue;
		}
		/* all words alike: a slot that two write, or that is read too early, shows */
		for (int w = 0; w < 256; w++)
			slot[w] = load->writer << 32 | i;
		atr_ring_publish(load->ring, slot);
		load->written++;
	}
	atomic_fetch_sub(load->running, 1);
	return NULL;
}

TEST(ring_with_four_writers_loses_and_mixes_nothing_that_it_took)
{
	struct atr_ring *ring = atr_ring_create(128, 2048);
	_Atomic int running = WRITERS;
	struct load load[WRITERS];
	pthread_t thread[WRITERS];
	uint64_t last[WRITERS] = { 0 }, taken = 0, written = 0;
	int stopped = 0;

	for (uint64_t i = 0; i < WRITERS; i++) {
		load[i] = (struct load){ ring, i, 0, &running };
		CHECK(pthread_create(&thread[i], NULL, write_many, &load[i]) == 0);
	}
	for (;;) {
		const uint64_t *slot = atr_ring_peek(ring);

		if (!slot) {
			if (stopped)
				break;
			/* look once more after the last has ended */
			stopped = atomic_load(&running) == 0;
			atr_ring_trim(ring);
			continue;
		}
		for (int w = 1; w < 256; w++)
			CHECK(slot[w] == slot[0]);
		CHECK((slot[0] >> 32) < WRITERS);
		CHECK((slot[0] & UINT32_MAX) > last[slot[0] >> 32]);
		last[slot[0] >> 32] = slot[0] & UINT32_MAX;
		atr_ring_release(ring);
		taken++;
	}
	for (int i = 0; i < WRITERS; i++) {
		pthread_join(thread[i], NULL);
		written += load[i].written;
	}
	CHECK(taken == written);
	CHECK(atr_ring_lost(ring) == (uint64_t)WRITERS * EACH - written);
	atr_ring_destroy(ring);
}

TEST(ring_gives_up_a_slot_whose_writer_never_comes_and_goes_on_over_many_laps)
{
	struct atr_ring *ring = atr_ring_create(4, 8);
	uint64_t *left;

	put(ring, 1);
	left = atr_ring_claim(ring);
	put(ring, 2);
	CHECK(take(ring) == 1);
	CHECK(!atr_ring_peek(ring));
	CHECK(atr_ring_next(ring) == 1);
	CHECK(atr_ring_bury(ring));
	CHECK(!atr_ring_bury(ring));
	CHECK(take(ring) == 2);
	CHECK(atr_ring_count(ring) == 0);
	for (uint64_t i = 0; i < 100; i += 3) {
		for (uint64_t k = 0; k < 3; k++)
			put(ring, i + k);
		CHECK(!atr_ring_claim(ring));
		*left = 77; /* it comes after all: nobody's */
		atr_ring_publish(ring, left);
		for (uint64_t k = 0; k < 3; k++)
			CHECK(take(ring) == i + k);
		CHECK(!atr_ring_peek(ring));
		CHECK(atr_ring_count(ring) == 0);
	}
	CHECK(atr_ring_claimed(ring) == 3 + 102);
	atr_ring_destroy(ring);
}

TEST(ring_peeks_over_a_slot_given_up_and_releases_in_order)
{
	struct atr_ring *ring = atr_ring_create(8, 8);

	put(ring, 1);
	CHECK(atr_ring_claim(ring));
	put(ring, 2);
	CHECK(atr_ring_claim(ring));
	CHECK(atr_ring_peek(ring));
	CHECK(!atr_ring_peek(ring));
	CHECK(atr_ring_bury(ring));
	CHECK(*(const uint64_t *)atr_ring_peek(ring) == 2);
	CHECK(!atr_ring_peek(ring));
	CHECK(atr_ring_bury(ring));
	CHECK(!atr_ring_peek(ring));
	atr_ring_release(ring);
	atr_ring_release(ring);
	CHECK(!atr_ring_peek(ring));
	CHECK(atr_ring_count(ring) == 0);
	atr_ring_destroy(ring);
}

TEST(ring_of_slots_given_up_alone_is_full)
{
	struct atr_ring *ring = atr_ring_create(2, 8);

	for (int i = 0; i < 2; i++) {
		CHECK(atr_ring_claim(ring));
		CHECK(!atr_ring_peek(ring));
		CHECK(atr_ring_bury(ring));
	}
	CHECK(!atr_ring_claim(ring));
	CHECK(!atr_ring_claim(ring));
	CHECK(!atr_ring_peek(ring));
	CHECK(atr_ring_lost(ring) == 2);
	atr_ring_destroy(ring);
}
