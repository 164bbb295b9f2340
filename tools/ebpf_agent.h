/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_EBPF_AGENT_H
#define ATR_TOOLS_EBPF_AGENT_H

/*
 * ebpf_agent: loads programs into the kernel for processes that may not, and tells each that
 * asks of itself and no other. What it hands over lives as long as that process does, and not as
 * long as we do.
 *
 * There is one set of programs, however many ask, and as often as they do: who says good-bye and
 * keeps what he was given has the memory of his seat, which the next of his user gets, and holds
 * the programs that the next one uses too.
 */
#include "ebpf/agent.h"

#include <sys/types.h>

#define ATR_AGENT_USERS_MAX 32
#define ATR_AGENT_PEERS_MAX 256

struct atr_ebpf_agent {
	uid_t users[ATR_AGENT_USERS_MAX]; /* who may ask, beside root and who we are */
	unsigned nr_users, peers_most;
	int listener;
	bool knows_pids; /* we see processes by the kernel's own numbers */
	struct {
		int fd;
		pid_t pid;
		uid_t uid;
		int seat; /* -1: not served yet */
		long long since_ms;
	} peers[ATR_AGENT_PEERS_MAX];
	unsigned nr_peers;
	bool serves_all; /* whatever user: the socket is where no other can reach it */
	struct atr_watch watch;
	struct atr_agent_seat {
		int fds[ATR_NR_PROBE_MAPS]; /* the memory of whoever was the last here; 0: none */
		uid_t uid;		    /* whose that is */
		bool is_taken;
	} seats[ATR_AGENT_PEERS_MAX];
	/* the first seat is kept for one process, that was to be watched before it asks */
	struct atr_probe ready; /* its token is 0: none is */
	pid_t ready_for;
	void (*say)(const char *what, pid_t pid, uid_t uid); /* what was done; NULL: not told */
};

/* 0 or -errno; `agent` was zeroed before. `path` is made, and must not be there unless as a socket that nobody has. */
int atr_ebpf_agent_open(struct atr_ebpf_agent *agent, const char *path);
/* Keeps a seat for the process that tells the token of `ready`, and then asks; as atr_probe_open. */
int atr_ebpf_agent_prepare(struct atr_ebpf_agent *agent, const struct atr_probe_options *options,
			   const char **why);
/* What is to be polled for reading: as many as fit into `fds`, at least two. */
struct pollfd;
unsigned atr_ebpf_agent_poll(const struct atr_ebpf_agent *agent, struct pollfd *fds, unsigned cap);
/* Answers what has come; never waits. To be called at least once a second while peers wait. */
void atr_ebpf_agent_serve(struct atr_ebpf_agent *agent);
void atr_ebpf_agent_close(struct atr_ebpf_agent *agent, const char *path);

#endif
