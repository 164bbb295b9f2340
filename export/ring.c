/* SPDX-License-Identifier: Apache-2.0 */
#include "export/ring.h"

#include "export/map.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

/*
 * A slot's turn says whose it is. With `n` the position being written or read:
 * turn == n, free for the writer of n; turn == n + 1, published for the reader
 * of n. Releasing it adds the ring's size, which is the next lap's free turn.
 *
 *	turns (8 bytes each) | short places | whole places, unless these are as short
 *
 * What is stored is the turn less the slot's index, so that fresh zeroed memory
 * is an empty ring and nothing of it is touched before it is used.
 */
struct atr_ring {
	uint32_t slots, slot_len;
	uint32_t short_len;
	uint32_t short_shift;	/* of a short_len that is a power of two; else 0 */
	uint32_t trim_slots;	/* the places of so many are whole pages */
	bool is_charged;	/* a slot can be written when that was asked for */
	_Atomic bool has_whole; /* places that were claimed since pages were given back */
	size_t map_len;
	char *shorts, *wholes; /* one behind the other */
	_Atomic uint64_t *turns;
	_Alignas(64) _Atomic uint64_t write_at;
	_Alignas(64) _Atomic uint64_t read_at; /* released up to here */
	uint64_t peek_at;		       /* the reader's own */
	uint64_t trimmed_at;		       /* pages were given back up to here */
	_Atomic uint64_t skipped;	       /* positions that were trimmed, not claimed */
	_Alignas(64) _Atomic uint64_t lost;
};

/* A process's only one: the memory that is mapped for it is not touched before a span. */
static struct atr_ring ring_of_process;
static atomic_flag is_taken = ATOMIC_FLAG_INIT;

/* In write_at, of a ring that is closed: further on than any turn, so that every claim finds it full. */
#define CLOSED (1ull << 63)

/* In a turn: its writer never came to publish. The slot is not used again: it may still come. */
#define DEAD (1ull << 62)

/* In the turn of a published slot: what was filled is its whole place. */
#define WHOLE (1ull << 61)

/* Giving pages back is a system call: not for a few. */
#define TRIM_LEN (256u * 1024)
#define TRIM_SLOTS 64u /* at least */

struct atr_ring *atr_ring_create(uint32_t slots, uint32_t slot_len)
{
	uint32_t size = 2, short_len;
	size_t begin, head, shorts, len;
	struct atr_ring *ring;
	bool is_first;
	char *mapped;

	while (size < slots && size < 1u << 30)
		size *= 2;
	slot_len = (slot_len + 7) & ~7u;
	short_len = slot_len < ATR_RING_SHORT ? slot_len : ATR_RING_SHORT;
	is_first = !atomic_flag_test_and_set(&is_taken);
	begin = is_first ? 0 : sizeof(*ring);
	head = atr_page_up(begin + (size_t)size * sizeof(ring->turns[0]));
	shorts = atr_page_up((size_t)size * short_len);
	len = head + shorts + (slot_len > short_len ? atr_page_up((size_t)size * slot_len) : 0);
	mapped = atr_map_lazily(len);
	if (!mapped || !atr_map_writable(mapped, head)) {
		if (is_first)
			atomic_flag_clear(&is_taken);
		return NULL;
	}
	ring = is_first ? &ring_of_process : (void *)mapped;
	memset(ring, 0, sizeof(*ring));
	ring->turns = (void *)(mapped + begin);
	ring->slots = size;
	ring->slot_len = slot_len;
	ring->short_len = short_len;
	if (!(short_len & (short_len - 1)))
		ring->short_shift = (uint32_t)__builtin_ctz(short_len);
	ring->trim_slots = TRIM_SLOTS;
	while (ring->trim_slots * short_len < atr_page_len())
		ring->trim_slots *= 2;
	ring->is_charged = atr_map_is_charged();
	ring->map_len = len;
	ring->shorts = mapped + head;
	ring->wholes = ring->shorts + shorts;
	return ring;
}

void atr_ring_destroy(struct atr_ring *ring)
{
	bool is_first = ring == &ring_of_process;

	munmap(is_first ? (void *)ring->turns : ring, ring->map_len);
	if (is_first)
		atomic_flag_clear(&is_taken);
}

static uint32_t index_of(const struct atr_ring *ring, uint64_t n)
{
	return (uint32_t)n & (ring->slots - 1);
}

static uint64_t turn_of(struct atr_ring *ring, uint64_t n)
{
	uint32_t index = index_of(ring, n);

	return atomic_load_explicit(&ring->turns[index], memory_order_acquire) + index;
}

static void set_turn(struct atr_ring *ring, uint64_t n, uint64_t turn)
{
	uint32_t index = index_of(ring, n);

	atomic_store_explicit(&ring->turns[index], turn - index, memory_order_release);
}

static uint64_t written(const struct atr_ring *ring)
{
	return atomic_load_explicit(&ring->write_at, memory_order_relaxed) & ~CLOSED;
}

static char *short_at(const struct atr_ring *ring, uint64_t n)
{
	return ring->shorts + (size_t)index_of(ring, n) * ring->short_len;
}

static char *whole_at(const struct atr_ring *ring, uint64_t n)
{
	return ring->wholes + (size_t)index_of(ring, n) * ring->slot_len;
}

static bool is_whole(const struct atr_ring *ring, const void *slot)
{
	return (const char *)slot >= ring->wholes;
}

static size_t index_at(const struct atr_ring *ring, const void *slot)
{
	const char *at = slot;

	if (is_whole(ring, slot))
		return (size_t)(at - ring->wholes) / ring->slot_len;
	return ring->short_shift ? (size_t)(at - ring->shorts) >> ring->short_shift :
				   (size_t)(at - ring->shorts) / ring->short_len;
}

/* The place for so many bytes. Of what is taken apart by a trim, too, some was written by nobody. */
static void *place(struct atr_ring *ring, uint64_t n, size_t len)
{
	char *at = short_at(ring, n);

	if (__builtin_expect(len > ring->short_len, 0)) {
		at = whole_at(ring, n);
		if (!atomic_load_explicit(&ring->has_whole, memory_order_relaxed))
			atomic_store_explicit(&ring->has_whole, true, memory_order_relaxed);
	}
	return __builtin_expect(!ring->is_charged, 1) || atr_map_writable(at, len) ? at : NULL;
}

static bool is_dead(uint64_t turn)
{
	return turn & DEAD;
}

/* Goes over a slot that is not used any more; n is then where the next claim is to be tried. */
static void pass_dead(struct atr_ring *ring, uint64_t *n)
{
	if (!atomic_compare_exchange_strong_explicit(&ring->write_at, n, *n + 1,
						     memory_order_relaxed, memory_order_relaxed))
		return;
	atomic_fetch_add_explicit(&ring->skipped, 1, memory_order_relaxed);
	++*n;
}

static void *lose(struct atr_ring *ring)
{
	atomic_fetch_add_explicit(&ring->lost, 1, memory_order_relaxed);
	return NULL;
}

void *atr_ring_claim(struct atr_ring *ring, size_t len)
{
	uint64_t n = atomic_load_explicit(&ring->write_at, memory_order_relaxed);
	uint32_t passed = 0;

	for (;;) {
		uint64_t turn = turn_of(ring, n);

		if (__builtin_expect(is_dead(turn), 0) && !(n & CLOSED) && passed++ < ring->slots) {
			pass_dead(ring, &n);
		} else if (turn == n) {
			void *slot = place(ring, n, len);

			if (!slot)
				return lose(ring);
			/* on failure n becomes the position another writer left us */
			if (atomic_compare_exchange_weak_explicit(&ring->write_at, &n, n + 1,
								  memory_order_seq_cst,
								  memory_order_relaxed))
				return slot;
		} else if ((turn & ~WHOLE) < n || is_dead(turn)) {
			/* a whole lap behind: the reader has not freed it yet */
			return lose(ring);
		} else {
			n = atomic_load_explicit(&ring->write_at, memory_order_relaxed);
		}
	}
}

/* To be written. Without a word for it a compiler has it fetched for reading, which is half the way. */
static inline void fetch(const void *line)
{
#if defined(__x86_64__)
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)line));
#else
	__builtin_prefetch(line, 1);
#endif
}

void atr_ring_approach(const struct atr_ring *ring, size_t len)
{
	uint64_t n = written(ring);
	const char *slot = short_at(ring, n);

	if (len > ring->short_len)
		return;
	fetch((const void *)&ring->turns[index_of(ring, n)]);
	for (size_t at = 0; at < len; at += 64)
		fetch(slot + at);
}

void *atr_ring_claim_anew(struct atr_ring *ring, void *slot, size_t len)
{
	return place(ring, index_at(ring, slot), len);
}

uint64_t atr_ring_turn(const struct atr_ring *ring, const void *slot)
{
	return atomic_load_explicit(&ring->turns[index_at(ring, slot)], memory_order_relaxed);
}

void atr_ring_publish(struct atr_ring *ring, void *slot)
{
	size_t index = index_at(ring, slot);
	uint64_t turn = atomic_load_explicit(&ring->turns[index], memory_order_relaxed);

	/* the reader may have given it up: what it holds is then lost, and was counted */
	if (!is_dead(turn))
		atomic_compare_exchange_strong_explicit(
			&ring->turns[index], &turn, turn + 1 + (is_whole(ring, slot) ? WHOLE : 0),
			memory_order_release, memory_order_relaxed);
}

const void *atr_ring_peek(struct atr_ring *ring)
{
	uint64_t n = ring->peek_at, turn;
	bool is_next = n == atomic_load_explicit(&ring->read_at, memory_order_relaxed);

	/* the turn first: where writers are is a line of memory that they are writing */
	while (is_dead(turn = turn_of(ring, n)) && n < written(ring))
		n++;
	ring->peek_at = n;
	if (is_next)
		atomic_store_explicit(&ring->read_at, n, memory_order_relaxed);
	if ((turn & ~WHOLE) != n + 1)
		return NULL;
	ring->peek_at++;
	return turn & WHOLE ? whole_at(ring, n) : short_at(ring, n);
}

bool atr_ring_bury(struct atr_ring *ring)
{
	uint64_t n = ring->peek_at;
	uint32_t index = index_of(ring, n);
	uint64_t claimed = n - index;

	return n < written(ring) &&
	       atomic_compare_exchange_strong_explicit(&ring->turns[index], &claimed, DEAD,
						       memory_order_relaxed, memory_order_relaxed);
}

uint64_t atr_ring_next(const struct atr_ring *ring)
{
	return ring->peek_at;
}

void atr_ring_release(struct atr_ring *ring)
{
	uint64_t n = atomic_load_explicit(&ring->read_at, memory_order_relaxed), next = n + 1;

	while (next < ring->peek_at && is_dead(turn_of(ring, next)))
		next++;
	atomic_store_explicit(&ring->read_at, next, memory_order_relaxed);
	set_turn(ring, n, n + ring->slots);
}

uint32_t atr_ring_count(const struct atr_ring *ring)
{
	uint64_t read_at = atomic_load_explicit(&ring->read_at, memory_order_relaxed);
	uint64_t write_at = written(ring);

	return write_at > read_at ? (uint32_t)(write_at - read_at) : 0;
}

uint64_t atr_ring_lost(const struct atr_ring *ring)
{
	return atomic_load_explicit(&ring->lost, memory_order_relaxed);
}

uint64_t atr_ring_claimed(const struct atr_ring *ring)
{
	return written(ring) - atomic_load_explicit(&ring->skipped, memory_order_relaxed);
}

struct atr_ring_sums atr_ring_close(struct atr_ring *ring)
{
	struct atr_ring_sums sums;

	/* before it is closed: a claim that the closing fails is none of the full ring's */
	sums.lost = atr_ring_lost(ring);
	atomic_fetch_or_explicit(&ring->write_at, CLOSED, memory_order_acq_rel);
	sums.claimed = atr_ring_claimed(ring);
	sums.unread = atr_ring_count(ring);
	return sums;
}

static void give_back(char *at, size_t len)
{
	char *begin = (char *)atr_page_up((size_t)at);
	char *end = (char *)((size_t)(at + len) & ~(atr_page_len() - 1));

	if (end > begin)
		madvise(begin, (size_t)(end - begin), MADV_DONTNEED);
}

/*
 * Pages can go only while no writer can be in them. So the reader of an empty
 * ring claims the next few slots as a writer would, gives their pages back, and
 * releases them again; writers go on behind them meanwhile. False when the ring
 * is not empty.
 */
static bool trim_some(struct atr_ring *ring, bool wholes)
{
	uint64_t from = atomic_load_explicit(&ring->read_at, memory_order_relaxed), n = from;
	uint64_t to = (from | (ring->trim_slots - 1)) + 1;

	if (!atomic_compare_exchange_strong_explicit(&ring->write_at, &n, to, memory_order_acquire,
						     memory_order_relaxed))
		return false;
	give_back(short_at(ring, from), (to - from) * ring->short_len);
	if (wholes)
		give_back(whole_at(ring, from), (to - from) * ring->slot_len);
	for (uint64_t i = from; i < to; i++)
		if (!is_dead(turn_of(ring, i)))
			set_turn(ring, i, i + ring->slots);
	ring->peek_at = to;
	atomic_fetch_add_explicit(&ring->skipped, to - from, memory_order_relaxed);
	atomic_store_explicit(&ring->read_at, to, memory_order_relaxed);
	return true;
}

bool atr_ring_is_trimmed(const struct atr_ring *ring)
{
	uint64_t end = atomic_load_explicit(&ring->read_at, memory_order_relaxed);
	uint32_t len = atomic_load_explicit(&ring->has_whole, memory_order_relaxed) ?
			       ring->slot_len :
			       ring->short_len;

	return ring->slots < ring->trim_slots || (end - ring->trimmed_at) * len < TRIM_LEN;
}

void atr_ring_trim(struct atr_ring *ring)
{
	uint64_t end = atomic_load_explicit(&ring->read_at, memory_order_relaxed);
	bool wholes;

	if (atr_ring_is_trimmed(ring))
		return;
	/* who claims one from here on says so anew, for the next time */
	wholes = atomic_exchange_explicit(&ring->has_whole, false, memory_order_relaxed);
	for (end += ring->slots; ring->peek_at < end;)
		if (!trim_some(ring, wholes)) {
			if (wholes)
				atomic_store_explicit(&ring->has_whole, true, memory_order_relaxed);
			return;
		}
	ring->trimmed_at = ring->peek_at;
}

void atr_ring_reset(struct atr_ring *ring)
{
	/* turns that were never written are not touched: a child shares their page till then */
	uint64_t used = written(ring) < ring->slots ? written(ring) : ring->slots;

	atomic_store_explicit(&ring->write_at, 0, memory_order_relaxed);
	atomic_store_explicit(&ring->read_at, 0, memory_order_relaxed);
	atomic_store_explicit(&ring->lost, 0, memory_order_relaxed);
	atomic_store_explicit(&ring->skipped, 0, memory_order_relaxed);
	ring->peek_at = ring->trimmed_at = 0;
	for (uint32_t i = 0; i < used; i++)
		atomic_store_explicit(&ring->turns[i], 0, memory_order_relaxed);
}
