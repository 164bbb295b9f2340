/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_LAMBDA_ENV_H
#define ATR_TOOLS_LAMBDA_ENV_H

/*
 * lambda_env: the environment of an OS-only runtime (provided.al2023).
 *
 * What the user has set stays, as a function's own variables; what Lambda sets is
 * set, and what it does not set on such a runtime (AWS_EXECUTION_ENV,
 * _X_AMZN_TRACE_ID) is taken out.
 */
#include "tools/lambda_options.h"

#include <stdint.h>

struct atr_lambda_env {
	const struct atr_lambda_options *options;
	const char *log_stream;
	uint16_t runtime_port, xray_port;
};

/* Of the user's variables, or us-east-1. */
const char *atr_lambda_region(void);

/* In the child, before exec; --env has the last word. */
void atr_lambda_env_set(const struct atr_lambda_env *env);

#endif
