/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EBPF_AGENT_H
#define ATR_EBPF_AGENT_H

/*
 * agent: a process that may load the programs does so for one that may not, and hands it the
 * descriptors, over a unix socket (SOCK_SEQPACKET). One question, one answer; the connection
 * stays open as long as who asked lives.
 */
#include "ebpf/probe.h"

#define ATR_AGENT_MAGIC 0x42464541u
#define ATR_AGENT_VERSION 2 /* of these two, and of event.h */
#define ATR_AGENT_WHY_MAX 160

struct atr_agent_question {
	uint32_t magic, version;
	uint64_t token; /* what the process was armed by already; 0: nothing */
	uint64_t slow_ns;
};

struct atr_agent_answer {
	uint32_t magic, version;
	int32_t error; /* 0, and then as many descriptors as a probe has; or -errno */
	uint32_t unused;
	uint64_t token; /* which the process is to tell: atr_probe_arm */
	char why[ATR_AGENT_WHY_MAX];
};

/*
 * The exporter's thread: asks the agent at `path`. 0, and the probe is ours, and loaded for
 * us alone, and *why is NULL or says what of it the kernel does not have; or -errno, and
 * *why says why not. The words lie here until the next time.
 * Waits no longer than a few seconds.
 */
int atr_agent_ask(const char *path, const struct atr_probe_options *options,
		  struct atr_probe *probe, const char **why);

/*
 * The agent. Answers on a connection: with the probe's descriptors and what they lack, or
 * with what went wrong; *why as above.
 * False: it is gone.
 */
bool atr_agent_answer(int fd, const struct atr_probe *probe, int error, const char *why);

#endif
