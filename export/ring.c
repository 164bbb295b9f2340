/* SPDX-License-Identifier: Apache-2.0 */
#include "export/ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

/*
 * A slot's turn says whose it is. With `n` the position being written or read:
 * turn == n, free for the writer of n; turn == n + 1, published for the reader
 * of n. Releasing it adds the ring's size, which is the next lap's free turn.
 *
 *	header | turns (8 bytes each) | slots
 */
struct atr_ring {
	uint32_t slots, slot_len;
	size_t map_len;
	char *bytes;
	_Alignas(64) _Atomic uint64_t write_at;
	_Alignas(64) _Atomic uint64_t read_at; /* released up to here */
	uint64_t peek_at;		       /* the reader's own */
	uint64_t trimmed_at;		       /* pages were given back up to here */
	_Alignas(64) _Atomic uint64_t lost;
	_Alignas(64) _Atomic uint64_t turns[];
};

#define PAGE 4096u
/* Giving pages back is a system call: not for a few. */
#define TRIM_LEN (256u * 1024)

static size_t page_up(size_t len)
{
	return (len + PAGE - 1) & ~(size_t)(PAGE - 1);
}

struct atr_ring *atr_ring_create(uint32_t slots, uint32_t slot_len)
{
	uint32_t size = 2;
	size_t head, len;
	struct atr_ring *ring;

	while (size < slots && size < 1u << 30)
		size *= 2;
	slot_len = (slot_len + 7) & ~7u;
	head = page_up(sizeof(*ring) + (size_t)size * sizeof(ring->turns[0]));
	len = head + page_up((size_t)size * slot_len);
	ring = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
	if (ring == MAP_FAILED)
		return NULL;
	ring->slots = size;
	ring->slot_len = slot_len;
	ring->map_len = len;
	ring->bytes = (char *)ring + head;
	for (uint32_t i = 0; i < size; i++)
		ring->turns[i] = i;
	return ring;
}

void atr_ring_destroy(struct atr_ring *ring)
{
	munmap(ring, ring->map_len);
}

static uint32_t index_of(const struct atr_ring *ring, uint64_t n)
{
	return (uint32_t)n & (ring->slots - 1);
}

static void *slot_at(const struct atr_ring *ring, uint64_t n)
{
	return ring->bytes + (size_t)index_of(ring, n) * ring->slot_len;
}

void *atr_ring_claim(struct atr_ring *ring)
{
	uint64_t n = atomic_load_explicit(&ring->write_at, memory_order_relaxed);

	for (;;) {
		uint64_t turn = atomic_load_explicit(&ring->turns[index_of(ring, n)],
						     memory_order_acquire);

		if (turn == n) {
			/* on failure n becomes the position another writer left us */
			if (atomic_compare_exchange_weak_explicit(&ring->write_at, &n, n + 1,
								  memory_order_relaxed,
								  memory_order_relaxed))
				return slot_at(ring, n);
		} else if (turn < n) {
			/* a whole lap behind: the reader has not freed it yet */
			atomic_fetch_add_explicit(&ring->lost, 1, memory_order_relaxed);
			return NULL;
		} else {
			n = atomic_load_explicit(&ring->write_at, memory_order_relaxed);
		}
	}
}

void atr_ring_publish(struct atr_ring *ring, void *slot)
{
	size_t index = (size_t)((char *)slot - ring->bytes) / ring->slot_len;

	/* the slot's writer is the only one who can change its turn now */
	atomic_fetch_add_explicit(&ring->turns[index], 1, memory_order_release);
}

const void *atr_ring_peek(struct atr_ring *ring)
{
	uint64_t n = ring->peek_at;

	if (atomic_load_explicit(&ring->turns[index_of(ring, n)], memory_order_acquire) != n + 1)
		return NULL;
	ring->peek_at++;
	return slot_at(ring, n);
}

void atr_ring_release(struct atr_ring *ring)
{
	uint64_t n = atomic_load_explicit(&ring->read_at, memory_order_relaxed);

	atomic_store_explicit(&ring->read_at, n + 1, memory_order_relaxed);
	atomic_store_explicit(&ring->turns[index_of(ring, n)], n + ring->slots,
			      memory_order_release);
}

uint32_t atr_ring_count(const struct atr_ring *ring)
{
	uint64_t read_at = atomic_load_explicit(&ring->read_at, memory_order_relaxed);
	uint64_t write_at = atomic_load_explicit(&ring->write_at, memory_order_relaxed);

	return write_at > read_at ? (uint32_t)(write_at - read_at) : 0;
}

uint64_t atr_ring_lost(const struct atr_ring *ring)
{
	return atomic_load_explicit(&ring->lost, memory_order_relaxed);
}

/*
 * Pages can go only while no writer can be in them. The free slots behind the
 * reader become writable as soon as they are released, so all of them are
 * claimed first by moving write_at over them: possible only when the ring is
 * empty and nobody writes at that moment.
 */
void atr_ring_trim(struct atr_ring *ring)
{
	uint64_t read_at = atomic_load_explicit(&ring->read_at, memory_order_relaxed);
	uint64_t n = read_at;

	if ((read_at - ring->trimmed_at) * ring->slot_len < TRIM_LEN)
		return;
	if (!atomic_compare_exchange_strong_explicit(&ring->write_at, &n, read_at + ring->slots,
						     memory_order_acquire, memory_order_relaxed))
		return;
	madvise(ring->bytes, (size_t)ring->slots * ring->slot_len, MADV_DONTNEED);
	for (uint64_t i = read_at; i < read_at + ring->slots; i++)
		atomic_store_explicit(&ring->turns[index_of(ring, i)], i + ring->slots,
				      memory_order_release);
	ring->peek_at = ring->trimmed_at = read_at + ring->slots;
	atomic_store_explicit(&ring->read_at, ring->peek_at, memory_order_relaxed);
}

void atr_ring_reset(struct atr_ring *ring)
{
	atomic_store_explicit(&ring->write_at, 0, memory_order_relaxed);
	atomic_store_explicit(&ring->read_at, 0, memory_order_relaxed);
	atomic_store_explicit(&ring->lost, 0, memory_order_relaxed);
	ring->peek_at = ring->trimmed_at = 0;
	for (uint32_t i = 0; i < ring->slots; i++)
		atomic_store_explicit(&ring->turns[i], i, memory_order_relaxed);
}
