/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "export/ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void put_long(struct atr_ring *ring, uint64_t value, size_t len)
{
	uint64_t *slot = atr_ring_claim(ring, len);

	CHECK(slot);
	for (size_t i = 0; i < len / 8; i++)
		slot[i] = value;
	atr_ring_publish(ring, slot);
}

static void put(struct atr_ring *ring, uint64_t value)
{
	put_long(ring, value, 8);
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
	CHECK(!atr_ring_claim(ring, 8));
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
	uint64_t *first = atr_ring_claim(ring, 8);

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
	CHECK(!atr_ring_claim(ring, 8));
	atr_ring_release(ring);
	put(ring, 3);
	CHECK(*(const uint64_t *)atr_ring_peek(ring) == 3);
	atr_ring_destroy(ring);
}

TEST(ring_sizes_are_rounded_up)
{
	struct atr_ring *ring = atr_ring_create(3, 9);
	char *a = atr_ring_claim(ring, 9), *b = atr_ring_claim(ring, 9);

	CHECK(b - a == 16);
	CHECK((uintptr_t)a % 8 == 0);
	CHECK(atr_ring_claim(ring, 9) && atr_ring_claim(ring, 9));
	CHECK(!atr_ring_claim(ring, 9));
	atr_ring_destroy(ring);
}

TEST(ring_keeps_short_and_long_records_apart_over_many_laps)
{
	static const size_t lens[] = { 8, 512, 520, 2048, 64, 1024, 504 };
	struct atr_ring *ring = atr_ring_create(4, 2048);

	for (uint64_t i = 0; i < 4 * 7 * 3; i += 4) {
		for (uint64_t k = i; k < i + 4; k++)
			put_long(ring, k, lens[k % 7]);
		CHECK(!atr_ring_claim(ring, 8) && !atr_ring_claim(ring, 2048));
		for (uint64_t k = i; k < i + 4; k++) {
			const uint64_t *slot = atr_ring_peek(ring);

			CHECK(slot);
			for (size_t w = 0; w < lens[k % 7] / 8; w++)
				CHECK(slot[w] == k);
		}
		CHECK(!atr_ring_peek(ring));
		for (int k = 0; k < 4; k++)
			atr_ring_release(ring);
	}
	atr_ring_destroy(ring);
}

TEST(ring_short_records_lie_close_in_memory)
{
	struct atr_ring *ring = atr_ring_create(4, 2048);
	char *a = atr_ring_claim(ring, 8), *b = atr_ring_claim(ring, ATR_RING_SHORT);
	char *c = atr_ring_claim(ring, 2048), *d = atr_ring_claim(ring, 8);

	CHECK(b - a == ATR_RING_SHORT && d - b == 2 * ATR_RING_SHORT);
	CHECK(c >= d + ATR_RING_SHORT);
	atr_ring_destroy(ring);
}

TEST(ring_claimed_anew_has_the_place_for_what_is_longer_or_shorter)
{
	struct atr_ring *ring = atr_ring_create(2, 2048);

	for (uint64_t i = 0; i < 6; i++) {
		size_t len = i % 2 ? 2048 : 16, other = i % 2 ? 16 : 2048;
		void *left = atr_ring_claim(ring, other);
		uint64_t *slot = atr_ring_claim_anew(ring, left, len);
		const uint64_t *read;

		CHECK(slot && slot != left &&
		      atr_ring_turn(ring, slot) == atr_ring_turn(ring, left));
		memset(slot, (int)i + 1, len);
		atr_ring_publish(ring, slot);
		read = atr_ring_peek(ring);
		CHECK(read == slot && *read == 0x0101010101010101u * (i + 1));
		atr_ring_release(ring);
	}
	atr_ring_destroy(ring);
}

static size_t page_len(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* How many pages of it are there. */
static size_t pages_of(void *from, size_t len)
{
	size_t nr = len / page_len(), sum = 0;
	unsigned char *is = malloc(nr);

	CHECK(is && mincore(from, len, is) == 0);
	for (size_t i = 0; i < nr; i++)
		sum += is[i] & 1;
	free(is);
	return sum;
}

TEST(ring_trim_gives_back_the_pages_of_short_and_of_long_records)
{
	static const size_t lens[] = { 2048, 512, 2048 };
	struct atr_ring *ring = atr_ring_create(1024, 2048);

	for (int i = 0; i < 3; i++) {
		char *least = (char *)UINTPTR_MAX;

		for (int k = 0; k < 1024; k++) {
			char *slot = atr_ring_claim(ring, lens[i]);

			CHECK(slot);
			memset(slot, 1, lens[i]);
			least = slot < least ? slot : least;
			atr_ring_publish(ring, slot);
		}
		CHECK(pages_of(least, 1024 * lens[i]) == 1024 * lens[i] / page_len());
		for (int k = 0; k < 1024; k++)
			take(ring);
		CHECK(!atr_ring_is_trimmed(ring));
		atr_ring_trim(ring);
		CHECK(atr_ring_is_trimmed(ring));
		CHECK(pages_of(least, 1024 * lens[i]) == 0);
	}
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
	CHECK(!atr_ring_claim(ring, 8));
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
		put_long(ring, i, 2048);
		CHECK(take(ring) == i);
		atr_ring_trim(ring);
	}
	for (uint64_t i = 0; i < 256; i++)
		put(ring, i);
	CHECK(!atr_ring_claim(ring, 8));
	CHECK(take(ring) == 0 && take(ring) == 1);
	sums = atr_ring_close(ring);
	CHECK(sums.claimed == 150 + 256 && sums.lost == 1 && sums.unread == 254);
	CHECK(!atr_ring_claim(ring, 8));
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
		put_long(ring, i, 2048);
		CHECK(take(ring) == i);
	}
	atr_ring_trim(ring);
	CHECK(atr_ring_is_trimmed(ring));
	CHECK(atr_ring_count(ring) == 0);
	CHECK(!atr_ring_peek(ring));
	for (uint64_t i = 0; i < 256; i++)
		put(ring, i);
	CHECK(!atr_ring_claim(ring, 8));
	for (uint64_t i = 0; i < 256; i++)
		CHECK(take(ring) == i);
	atr_ring_destroy(ring);
}

TEST(ring_trim_touches_nothing_that_is_queued)
{
	struct atr_ring *ring = atr_ring_create(256, 2048);

	for (uint64_t i = 0; i < 200; i++) {
		put_long(ring, i, 2048);
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
		int words = i % 3 ? 64 : 256;
		uint64_t *slot = atr_ring_claim(load->ring, (size_t)words * 8);

		if (!slot) {
			sched_yield();
			continue;
		}
		/* all words alike: a slot that two write, or that is read too early, shows */
		for (int w = 0; w < words; w++)
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
		for (int w = 1; w < ((uint32_t)slot[0] % 3 ? 64 : 256); w++)
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
	left = atr_ring_claim(ring, 8);
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
		CHECK(!atr_ring_claim(ring, 8));
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
	CHECK(atr_ring_claim(ring, 8));
	put(ring, 2);
	CHECK(atr_ring_claim(ring, 8));
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
		CHECK(atr_ring_claim(ring, 8));
		CHECK(!atr_ring_peek(ring));
		CHECK(atr_ring_bury(ring));
	}
	CHECK(!atr_ring_claim(ring, 8));
	CHECK(!atr_ring_claim(ring, 8));
	CHECK(!atr_ring_peek(ring));
	CHECK(atr_ring_lost(ring) == 2);
	atr_ring_destroy(ring);
}
