/* SPDX-License-Identifier: Apache-2.0 OR BSD-2-Clause OR GPL-2.0-only */
#ifndef ATR_EBPF_FOLLOW_EVENT_H
#define ATR_EBPF_FOLLOW_EVENT_H

/*
 * follow_event: a call of a function that has returned, as the programs in the kernel tell it; and
 * those that a thread is in, which it reads itself when it makes something that is in them.
 */
#include <linux/types.h>

#define ATR_FOLLOW_RING_LEN (1024 * 1024)
#define ATR_FOLLOW_DEPTH 16 /* calls of a thread, one inside the other; those further in are lost */

struct atr_follow_event {
	__u64 trace[2], span; /* ids, as bytes */
	__u64 parent;	      /* the function around it, or the span that the thread was in: */
	__u64 around;
	__u64 start_ns, end_ns; /* of CLOCK_MONOTONIC */
	__u32 function, unused;
};

struct atr_follow_told {
	__u64 lost;  /* found no room, of a thread's calls or in the ring buffer */
	__u64 left;  /* by a jump or an exception: what came after is not known */
	__u64 apart; /* found no place: what is made in them does not know of them */
};

/* A call that is under way. What it was called from lies at `stack`, as long as it is. */
struct atr_follow_call {
	__u64 stack, returns_to;
	__u64 around, span;
};

/*
 * A thread that is in some has a place, found by its pointer: that one's hash, or one of the next
 * few. It is written in the kernel, by that thread alone.
 */
#define ATR_FOLLOW_PLACES 256 /* a power of two */
#define ATR_FOLLOW_PROBES 8

struct atr_follow_place {
	__u64 thread; /* 0: free */
	__u32 depth, unused;
	struct atr_follow_call calls[ATR_FOLLOW_DEPTH];
};

#define ATR_FOLLOW_PLACES_LEN (ATR_FOLLOW_PLACES * sizeof(struct atr_follow_place))

static inline __u32 atr_follow_hash(__u64 thread)
{
	return (__u32)((thread * 0x9e3779b97f4a7c15ull) >> 40) & (ATR_FOLLOW_PLACES - 1);
}

#endif
