/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EBPF_KERNEL_RING_H
#define ATR_EBPF_KERNEL_RING_H

/*
 * kernel_ring: reads a ring buffer that programs in the kernel write, from memory that is
 * shared with it: two positions, and the bytes, twice in a row. One reader. What lies there
 * is trusted no further than its bounds.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct atr_kernel_ring {
	_Atomic uint64_t *read_at;	  /* ours */
	const _Atomic uint64_t *write_at; /* the kernel's */
	const char *bytes;
	uint64_t len; /* a power of two */
};

/* Maps it; `len` is what it was made with. A forked child has it not. False: no memory. */
bool atr_kernel_ring_map(struct atr_kernel_ring *ring, int fd, uint64_t len);
void atr_kernel_ring_unmap(struct atr_kernel_ring *ring);

/* The next record of just so many bytes, others are passed over; false: none for now. */
bool atr_kernel_ring_next(struct atr_kernel_ring *ring, void *out, size_t len);

#endif
