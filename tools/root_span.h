/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_ROOT_SPAN_H
#define ATR_TOOLS_ROOT_SPAN_H

/*
 * root_span: the span of the run itself, by the conventions for command line
 * programs. It is what ties everything the program does, and whatever it starts,
 * into one trace.
 */
#include "propagator/propagator.h"
#include "tools/trace.h"

#include <sys/types.h>

struct atr_root_span {
	struct atr_context context;
	struct atr_propagators formats;	    /* of OTEL_PROPAGATORS */
	uint8_t parent_id[ATR_SPAN_ID_LEN]; /* all zero: there is none */
	uint64_t start_ns, end_ns;
};

/*
 * Begins now, below the context of our own environment (TRACEPARENT, or what other
 * formats in use have for it) when it holds one. The span is sampled whatever that says: somebody is asking to see it.
 */
void atr_root_span_begin(struct atr_root_span *root);

/* Its context in our environment, for the program: in place of the one it came with. */
void atr_root_span_export(const struct atr_root_span *root);

void atr_root_span_stop(struct atr_root_span *root);

/*
 * Adds the span, begun and stopped, to the trace. `command` is the program as it was
 * given, `executable` the path of what it comes to, or empty; `wait_status` is of waitpid.
 */
void atr_root_span_add(const struct atr_root_span *root, struct atr_trace *trace,
		       const char *command, const char *executable, pid_t pid, int wait_status);

/* What describes a process of the run, whose program is `executable`. */
struct atr_resource *atr_root_span_resource(struct atr_trace *trace, const char *executable,
					    pid_t pid);

/* What a shell would say: the exit code, or 128 and the signal. */
int atr_root_span_exit_code(int wait_status);

#endif
