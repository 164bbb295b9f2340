/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_LAMBDA_OPTIONS_H
#define ATR_TOOLS_LAMBDA_OPTIONS_H

/* lambda_options: what `autotrace lambda` was asked for. */
#include "propagator/propagator.h"
#include "tools/outputs.h"

enum atr_sampled { ATR_SAMPLED_NO, ATR_SAMPLED_YES, ATR_SAMPLED_NOT_TOLD };

struct atr_lambda_options {
	char **program; /* and its arguments */
	struct atr_outputs outputs;
	const char *trace_header; /* of who invokes it; NULL: nobody that we know */
	struct atr_context caller;
	const char *probes, *responses, *name, *extension, *client_context, *cognito;
	const char **events; /* files, in order; of malloc */
	const char **env;    /* NAME=VALUE, or NAME to take it out; of malloc */
	size_t nr_events, nr_env;
	unsigned invocations; /* 0: one for each event */
	unsigned concurrency;
	unsigned memory_mb;
	double timeout_s, init_timeout_s;
	enum atr_sampled sampled;
	bool freezes, is_snapstart, uses_otlp, is_chunked, closes;
	unsigned freeze_ms;
};

/* False: an option was wrong, and that has been told. --help does not come back. */
bool atr_lambda_options_read(int argc, char **argv, struct atr_lambda_options *options);
void atr_lambda_options_free(struct atr_lambda_options *options);

#endif
