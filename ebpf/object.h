/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EBPF_OBJECT_H
#define ATR_EBPF_OBJECT_H

/*
 * object: libautotrace-ebpf.so beside the library, which the exporter's thread loads where
 * AUTOTRACE_EBPF asks for it. The two know this table of each other. The object allocates
 * nothing, and calls nothing of libc's but what copies memory, maps it, and `syscall`.
 */
#include "ebpf/follow.h"
#include "ebpf/sums.h"

#define ATR_EBPF_FILE "libautotrace-ebpf.so"
#define ATR_EBPF_VERSION 3 /* of the table; another one is not taken */

struct atr_ebpf_asked {
	uint64_t slow_ns;
	int64_t offset;	   /* see atr_probe_arm */
	const char *agent; /* who is asked where we may not; NULL: nobody */
	uint64_t
		token; /* the process is armed by it, and the agent has what it armed; 0: it is not */
};

struct atr_ebpf {
	uint32_t version;
	/* False, and *why says what is missing; true, and it is NULL or says what of it is. Its own thread's, whose descriptors are its own. */
	bool (*start)(const struct atr_ebpf_asked *asked, struct atr_sums *sums, const char **why);
	bool (*take)(struct atr_sums *sums, uint64_t span, struct atr_ebpf_slot *out);
	uint32_t (*rtt_us)(const struct atr_sums *sums, const struct atr_ebpf_slot *taken,
			   uint64_t parent, uint16_t peer_port);
	uint32_t (*resent)(const struct atr_ebpf_slot *slot);
	bool (*are_partial)(const struct atr_sums *sums, uint64_t start_ns, uint64_t end_ns);
	unsigned (*sweep)(struct atr_sums *sums, uint64_t since_ns);
	bool (*next_slow)(struct atr_sums *sums, struct atr_ebpf_slow *out);
	unsigned (*top)(const struct atr_ebpf_slot *slot,
			struct atr_ebpf_call out[static ATR_SUMS_TOP]);
	const char *(*name)(uint32_t number); /* NULL: it has none that was known here */
	/* functions: follow.h */
	bool (*follow_open)(struct atr_follow *follow, int64_t offset, const char **why);
	bool (*follow_add)(struct atr_follow *follow, const struct atr_followed *function,
			   const char **why);
	bool (*follow_next)(struct atr_follow *follow, struct atr_follow_event *out);
};

/* The one name that the object has. */
#define ATR_EBPF_NAME "atr_ebpf_table"
const struct atr_ebpf *atr_ebpf_table(void);

#endif
