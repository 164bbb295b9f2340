/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EBPF_PROBE_H
#define ATR_EBPF_PROBE_H

/*
 * probe: the programs of calls.bpf.c in the kernel, for one process. Who loads them need not
 * be that process: what they are held by are descriptors, which can be handed over.
 */
#include <stdbool.h>
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

struct atr_probe {
	int fds[ATR_NR_PROBE_FDS];
};

struct atr_probe_options {
	uint64_t token;	  /* who tells it is watched: atr_probe_arm */
	uint64_t slow_ns; /* a call that takes as long is told by itself */
	uint32_t only;	  /* the process that may tell it, as the kernel counts them; 0: any */
};

/*
 * Any thread, one at a time. Loads and attaches; the descriptors are the caller's, and
 * close-on-exec. 0, or -errno, and *why says in words what is missing. No memory but what is
 * mapped for the while.
 */
int atr_probe_open(const struct atr_probe_options *options, struct atr_probe *probe,
		   const char **why);
void atr_probe_close(struct atr_probe *probe);

/*
 * The process that is to be watched: from here on it is, and after an exec it is to tell it
 * again. By a system call that has no effect. `offset`: where its threads show their
 * spans, from a thread's pointer.
 */
static inline void atr_probe_arm(uint64_t token, int64_t offset)
{
	syscall(SYS_getpid, token, offset);
}

#endif
