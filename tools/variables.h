/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_VARIABLES_H
#define ATR_TOOLS_VARIABLES_H

/* variables: which of those that are set concern tracing, and which are misspelt. */
#include <stdbool.h>
#include <stddef.h>

/* The name of "NAME=value" is OTEL_* or AUTOTRACE_*, or one that carries a context. */
bool atr_variable_is_ours(const char *variable);

/* It is one of the specification's, or one of ours. `len`: of the name. */
bool atr_variable_is_known(const char *name, size_t len);

/* The known name that an unknown one was probably meant to be; NULL: none is near. */
const char *atr_variable_meant(const char *name, size_t len);

/* Whether "NAME=value" looks like a mistake, and what to say of it. */
#define ATR_DOUBT_MAX 1024
bool atr_variable_is_doubtful(const char *variable, char text[static ATR_DOUBT_MAX]);

/* Its value may be a secret, not to be printed (headers carry tokens). */
bool atr_variable_is_secret(const char *name, size_t len);

#endif
