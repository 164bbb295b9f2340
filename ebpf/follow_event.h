/* SPDX-License-Identifier: Apache-2.0 OR BSD-2-Clause OR GPL-2.0-only */
#ifndef ATR_EBPF_FOLLOW_EVENT_H
#define ATR_EBPF_FOLLOW_EVENT_H

/* follow_event: a call of a function that has returned, as the programs in the kernel tell it. */
#include <linux/types.h>

#define ATR_FOLLOW_RING_LEN (1024 * 1024)
#define ATR_FOLLOW_DEPTH 16 /* calls of a thread, one inside the other; those further in are lost */

struct atr_follow_event {
	__u64 trace[2], span;	/* ids, as bytes */
	__u64 parent;		/* the function around it, or the span that the thread was in */
	__u64 start_ns, end_ns; /* of CLOCK_MONOTONIC */
	__u32 function, unused;
};

struct atr_follow_told {
	__u64 lost; /* found no room, of a thread's calls or in the ring buffer */
	__u64 left; /* by a jump or an exception: what came after is not known */
};

#endif
