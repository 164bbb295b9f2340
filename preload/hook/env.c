/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/lambda.h"
#include "preload/hook/real.h"

/*
 * Called by other libraries before anything of ours is set up, an allocator's for one,
 * which must not be asked for memory then, as a lookup of names might: until the real
 * one is known the environment is read here.
 */
extern char **environ;

static char *find(const char *name)
{
	size_t len = strlen(name);

	for (char **v = environ; v && *v; v++)
		if (!strncmp(*v, name, len) && (*v)[len] == '=')
			return *v + len + 1;
	return NULL;
}

/* Of an invocation without a header there is no variable. */
static bool is_shown(const char *name, char **value)
{
	const char *text = atomic_load_explicit(&atr_lambda_trace_variable, memory_order_acquire);

	if (!text || !name || strcmp(name, "_X_AMZN_TRACE_ID"))
		return false;
	*value = *text ? (char *)text : NULL;
	return true;
}

HOOK char *getenv(const char *name)
{
	__typeof__(getenv) *real = __atomic_load_n(&atr_real[ATR_REAL_getenv], __ATOMIC_ACQUIRE);
	char *value;

	if (is_shown(name, &value))
		return value;
	return real ? real(name) : find(name);
}
