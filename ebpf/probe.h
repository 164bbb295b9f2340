/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EBPF_PROBE_H
#define ATR_EBPF_PROBE_H

/*
 * probe: the programs of calls.bpf.c in the kernel, and who is watched by them. Who loads them
 * need not be who is watched: what they are held by are descriptors, which can be handed over.
 * One set of programs is enough for many processes: each has a seat, and memory of its own.
 */
#include "ebpf/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum atr_probe_fd {
	ATR_PROBE_SLOTS, /* what is mapped: sums.h */
	ATR_PROBE_TOLD,
	ATR_PROBE_SLOW,
	ATR_PROBE_ENTER, /* as long as these four are open, the programs run */
	ATR_PROBE_EXIT,
	ATR_PROBE_SWITCH,
	ATR_PROBE_WAKEUP,
	ATR_NR_PROBE_FDS
};
#define ATR_NR_PROBE_MAPS ATR_PROBE_ENTER
#define ATR_NR_PROBE_LINKS (ATR_NR_PROBE_FDS - ATR_PROBE_ENTER)

/* What one process is watched by. */
struct atr_probe {
	int fds[ATR_NR_PROBE_FDS];
	uint64_t token; /* who tells it is watched: atr_probe_arm */
};

struct atr_probe_options {
	uint64_t slow_ns; /* a call that takes as long is told by itself */
	uint32_t only;	  /* the process that may tell it, as the kernel counts them; 0: any */
	uint64_t token; /* of an agent: what the process was armed by before it asks; 0: nothing */
};

/*
 * Any thread, one at a time. Loads and attaches for one process; the descriptors are the
 * caller's, and close-on-exec. 0, and *why is NULL or says what of it the kernel does not have;
 * or -errno, and *why says in words what is missing. No memory but what is mapped for the while.
 */
int atr_probe_open(const struct atr_probe_options *options, struct atr_probe *probe,
		   const char **why);
void atr_probe_close(struct atr_probe *probe);

/* For several processes: the programs, and the memory by which they know who is watched. */
struct atr_watch {
	int maps[ATR_NR_PROBE_MAPS];   /* of the seats' own */
	int links[ATR_NR_PROBE_LINKS]; /* 0: let go of */
	int programs[ATR_NR_PROBE_LINKS];
	uint32_t link_ids[ATR_NR_PROBE_LINKS];
	struct atr_ebpf_shared *shared;
	const char *lacks; /* see atr_probe_open */
	bool is_open;
};

/* As atr_probe_open, and one thread. */
int atr_watch_open(struct atr_watch *watch, const char **why);
/*
 * Gives a seat that nobody has. What is its own, the first of probe->fds, is made where it is
 * not there (-1), else emptied; it is the caller's. The rest stays the watch's.
 */
int atr_watch_admit(struct atr_watch *watch, unsigned seat, const struct atr_probe_options *options,
		    struct atr_probe *probe, const char **why);
/* From here on nobody is watched on that seat. */
void atr_watch_dismiss(struct atr_watch *watch, unsigned seat);
/*
 * When nobody has a seat: closes it, unless somebody else holds the programs still; then they
 * are used again with the next seat, so that there is never a second set of them.
 */
void atr_watch_let_go(struct atr_watch *watch);
void atr_watch_close(struct atr_watch *watch);

/*
 * The process that is to be watched: from here on it is, and after an exec it is to tell it
 * again. By a system call that has no effect. `offset`: where its threads show their
 * spans, from a thread's pointer. That is by a pointer which each sets once, and leaves.
 */
static inline void atr_probe_arm(uint64_t token, int64_t offset)
{
	syscall(SYS_getpid, token, offset, __builtin_thread_pointer());
}

#endif
