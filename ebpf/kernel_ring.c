/* SPDX-License-Identifier: Apache-2.0 */
#include "ebpf/kernel_ring.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void *map(int fd, size_t len, int protection, off_t at)
{
	void *got = mmap(NULL, len, protection, MAP_SHARED, fd, at);

	if (got == MAP_FAILED)
		return NULL;
	madvise(got, len, MADV_DONTFORK);
	return got;
}

bool atr_kernel_ring_map(struct atr_kernel_ring *ring, int fd, uint64_t len)
{
	long page = sysconf(_SC_PAGESIZE);
	char *behind = map(fd, (size_t)page + 2 * len, PROT_READ, page);

	ring->len = len;
	ring->read_at = map(fd, (size_t)page, PROT_READ | PROT_WRITE, 0);
	ring->write_at = (void *)behind;
	ring->bytes = behind ? behind + page : NULL;
	if (ring->read_at && behind)
		return true;
	atr_kernel_ring_unmap(ring);
	return false;
}

void atr_kernel_ring_unmap(struct atr_kernel_ring *ring)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (ring->read_at)
		munmap((void *)ring->read_at, page);
	if (ring->write_at)
		munmap((void *)ring->write_at, page + 2 * ring->len);
	*ring = (struct atr_kernel_ring){ 0 };
}

/*
 * A record is a header of eight bytes, the first four its length, and as many bytes, padded to
 * eight. The two highest bits of the length: it is not written yet; it is to be left out.
 */
#define BUSY (1u << 31)
#define DISCARDED (1u << 30)

bool atr_kernel_ring_next(struct atr_kernel_ring *ring, void *out, size_t wanted)
{
	uint64_t at = atomic_load_explicit(ring->read_at, memory_order_relaxed) & ~UINT64_C(7);
	bool found = false;

	while (!found && at < atomic_load_explicit(ring->write_at, memory_order_acquire)) {
		const char *record = ring->bytes + (at & (ring->len - 1));
		uint32_t head = __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE);
		uint32_t len = head & ~(BUSY | DISCARDED);

		if (head & BUSY || len > ring->len - 8)
			break;
		if (!(head & DISCARDED) && len == wanted) {
			memcpy(out, record + 8, wanted);
			found = true;
		}
		at += 8 + ((len + 7) & ~UINT64_C(7));
		atomic_store_explicit(ring->read_at, at, memory_order_release);
	}
	return found;
}
