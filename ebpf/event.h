/* SPDX-License-Identifier: Apache-2.0 OR BSD-2-Clause OR GPL-2.0-only */
#ifndef ATR_EBPF_EVENT_H
#define ATR_EBPF_EVENT_H

/*
 * event: what the programs in the kernel and we both know: the sums of a span, the one
 * call that took long, and what was lost. It lies in memory that both have mapped.
 */
#include <linux/types.h>

/* A span's place is its id's hash, or one of the next few. A power of two. */
#define ATR_EBPF_SLOTS 4096
#define ATR_EBPF_PROBES 8
#define ATR_EBPF_CALLS 16 /* different ones of a span; the rest are summed as one */
#define ATR_EBPF_TCPS 4	  /* connections of a span that are told apart */
#define ATR_EBPF_RING_LEN (256 * 1024)

struct atr_ebpf_call {
	__u32 number; /* + 1; 0: free */
	__u32 count;
	__u64 ns;
};

/* A TCP connection that the span's threads read or wrote. */
struct atr_ebpf_tcp {
	__u32 ports; /* the peer's, and above it ours; 0: free */
	__u32 rtt_us;
	__u32 resent_before, resent; /* segments, as the kernel counts them for the connection */
};

struct atr_ebpf_slot {
	__u64 span; /* its id, as bytes; 0: free. Taken in the kernel, given back by us */
	__u64 touched_ns;
	__u64 cpu_ns, runqueue_ns, blocked_ns;
	__u64 others_ns;
	__u32 others, unused;
	__u64 io_ns; /* of what it was blocked, for a disk */
	__u32 minor_faults, major_faults;
	struct atr_ebpf_tcp tcp[ATR_EBPF_TCPS];
	struct atr_ebpf_call calls[ATR_EBPF_CALLS];
};

/*
 * A process that is watched has a seat. Programs find it by the process's number, by a bucket
 * of up to four seats' numbers + 1, 16 bits each; all others' calls cost a look into one.
 */
#define ATR_EBPF_SEATS 256
#define ATR_EBPF_BUCKETS 512

struct atr_ebpf_seat {
	__u64 token; /* who tells it takes the seat; 0: nobody can */
	__u64 slow_ns;
	__s64 offset; /* of the variable, from a thread's pointer */
	__u32 only;   /* the process that may tell it; 0: any */
	__u32 tgid;   /* that has told it */
};

struct atr_ebpf_shared {
	struct atr_ebpf_seat seats[ATR_EBPF_SEATS];
	__u64 buckets[ATR_EBPF_BUCKETS];
	/* without BTF: where in a thread's structure its numbers are, and its pointer; 0: not known */
	__u32 pid_at, base_at;
};

/* One record of the ring buffer. Times are of CLOCK_MONOTONIC. */
struct atr_ebpf_slow {
	__u64 span;
	__u64 start_ns, ns;
	__s64 result;
	__u32 number, unused;
};

/*
 * When something was lost, in pieces of 17 ms, for the last minute: of a span that lived at such
 * a time it may be some of its calls.
 */
#define ATR_EBPF_PIECES 4096
#define ATR_EBPF_PIECE_BITS 24

struct atr_ebpf_told {
	__u64 armed_ns;			/* since when it is watched; 0: not yet */
	__u64 calls_lost;		/* found no slot */
	__u64 slow_lost;		/* found no room in the ring buffer */
	__u32 lost_in[ATR_EBPF_PIECES]; /* the piece, where its remainder is its place */
};

static inline void atr_ebpf_lost_at(struct atr_ebpf_told *told, __u64 ns)
{
	__u32 piece = (__u32)(ns >> ATR_EBPF_PIECE_BITS);

	told->lost_in[piece & (ATR_EBPF_PIECES - 1)] = piece;
}

static inline __u32 atr_ebpf_hash(__u64 span)
{
	return (__u32)((span * 0x9e3779b97f4a7c15ull) >> 40) & (ATR_EBPF_SLOTS - 1);
}

#endif
