/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_SANDBOX_H
#define ATR_TOOLS_SANDBOX_H

/*
 * sandbox: the processes of one execution environment.
 *
 * The program leads a session of its own; whatever it starts belongs to it, also
 * what has left its group or lost its parent: we are the reaper of all, so that
 * everything below us is the sandbox. Frozen, none of it runs.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct atr_sandbox {
	pid_t pid;	 /* of the program; 0: there is none */
	bool is_running; /* the program itself is */
	int wait_status; /* of waitpid, when it is not */
	uint64_t peak_kb;
};

/* Once, before the first start: makes us the reaper. */
bool atr_sandbox_prepare(void);

/*
 * Starts argv[0] with /dev/null as its input, after `prepare` has set the child's
 * environment and signals. Returns 0, or the errno of what failed; of exec, *is_exec.
 */
int atr_sandbox_start(struct atr_sandbox *sandbox, char **argv, void (*prepare)(void *owner),
		      void *owner, bool *is_exec);

/* Takes the news of those that ended. */
void atr_sandbox_reap(struct atr_sandbox *sandbox);

void atr_sandbox_freeze(struct atr_sandbox *sandbox);
void atr_sandbox_thaw(struct atr_sandbox *sandbox);

/* SIGTERM to the program, when it runs. */
void atr_sandbox_terminate(struct atr_sandbox *sandbox);

/* SIGKILL to everything, frozen or not, until nothing is left. */
void atr_sandbox_kill(struct atr_sandbox *sandbox);

/* Nothing of it runs any more. */
bool atr_sandbox_is_empty(const struct atr_sandbox *sandbox);

/*
 * Kilobytes: the peaks of the processes that live now, together, or the largest
 * seen so far. To be asked while they live.
 */
uint64_t atr_sandbox_peak_kb(struct atr_sandbox *sandbox);

#endif
