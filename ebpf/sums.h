/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EBPF_SUMS_H
#define ATR_EBPF_SUMS_H

/*
 * sums: what the programs in the kernel have summed and told, in memory that they share
 * with us: read without a system call, and there as long as it is mapped, whoever closes what.
 * Nothing that lies there is trusted: whoever runs in this process can write to it.
 */
#include "ebpf/event.h"
#include "ebpf/kernel_ring.h"
#include "ebpf/probe.h"

#include <stddef.h>

struct atr_sums {
	struct atr_ebpf_slot *slots; /* ATR_EBPF_SLOTS of them */
	struct atr_ebpf_told *told;
	struct atr_kernel_ring slow;
};

/* Maps them; a forked child has none of it. False: there is no memory. */
bool atr_sums_map(struct atr_sums *sums, const struct atr_probe *probe);
void atr_sums_unmap(struct atr_sums *sums);

/* One thread. The sums of a span that has ended, which are then no longer there; false: none. */
bool atr_sums_take(struct atr_sums *sums, uint64_t span, struct atr_ebpf_slot *out);

/*
 * How long a segment and its acknowledgement took, of the connection to that port of a peer's: as
 * the span's own sums have it (NULL: it has none), or its parent's, whose a request made for it
 * is; in microseconds, 0: not known. How many segments were sent again while it used them.
 */
uint32_t atr_sums_rtt_us(const struct atr_sums *sums, const struct atr_ebpf_slot *taken,
			 uint64_t parent, uint16_t peer_port);
uint32_t atr_sums_resent(const struct atr_ebpf_slot *slot);

/* Whether calls were lost or let go of while a span lived, as far as that is remembered. */
bool atr_sums_are_partial(const struct atr_sums *sums, uint64_t start_ns, uint64_t end_ns);

/*
 * Where more than half of the slots are taken: lets go of those that nothing was added to
 * since then. How many. Costs a look at each slot.
 */
unsigned atr_sums_sweep(struct atr_sums *sums, uint64_t since_ns);

/* The next call that was slow; false: none for now. */
bool atr_sums_next_slow(struct atr_sums *sums, struct atr_ebpf_slow *out);

/* Those that took the most time, the longest first. How many. */
#define ATR_SUMS_TOP 8
unsigned atr_sums_top(const struct atr_ebpf_slot *slot,
		      struct atr_ebpf_call out[static ATR_SUMS_TOP]);

#endif
