/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EBPF_FOLLOW_H
#define ATR_EBPF_FOLLOW_H

/*
 * follow: calls of the program's functions, by breakpoints that the kernel sets (uprobes) in this
 * process alone: where a function is entered, and at each place where it is left (exits.h).
 * All of it is of one thread, whose descriptors are its own.
 */
#include "ebpf/follow_event.h"
#include "ebpf/kernel_ring.h"

struct atr_follow {
	struct atr_kernel_ring ring;
	struct atr_follow_told *told;
	/* ATR_FOLLOW_PLACES of them, for any thread; a forked child unmaps it */
	const struct atr_follow_place *places;
	int entered_fd, left_fd; /* the programs */
	unsigned type;		 /* of the kernel's uprobes */
};

/* What is followed, and by which number it is told. */
struct atr_followed {
	uint32_t number;
	const char *path;    /* its file, */
	uint64_t offset;     /* and where in that it begins */
	const uint8_t *code; /* as it is in the file, without breakpoints */
	size_t len;
};

/* `offset`: where threads show their spans, from a thread's pointer. False: *why in words. */
bool atr_follow_open(struct atr_follow *follow, int64_t offset, const char **why);

/* From here on, as long as the thread lives. False: it cannot be, and nothing is left of it. */
bool atr_follow_add(struct atr_follow *follow, const struct atr_followed *function,
		    const char **why);

/* The next call that has returned; false: none for now. */
bool atr_follow_next(struct atr_follow *follow, struct atr_follow_event *out);

#endif
