/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lambda_env.h"
#include "tools/program.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

const char *atr_lambda_region(void)
{
	static const char *const names[] = { "AWS_REGION", "AWS_DEFAULT_REGION" };

	for (size_t i = 0; i < 2; i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return value;
	}
	return "us-east-1";
}

static void set_number(const char *name, unsigned value)
{
	char digits[16];

	snprintf(digits, sizeof(digits), "%u", value);
	setenv(name, digits, 1);
}

static void set_loopback(const char *name, uint16_t port)
{
	char address[32];

	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	setenv(name, address, 1);
}

/* Its code is where we stand, as it would be in /var/task; the runtime is where the bootstrap is. */
static void set_directories(const char *program)
{
	char here[PATH_MAX], path[PATH_MAX], real[PATH_MAX];

	if (getcwd(here, sizeof(here)))
		setenv("LAMBDA_TASK_ROOT", here, 1);
	if (atr_program_find(program, path) != 0 || !realpath(path, real))
		return;
	*strrchr(real, '/') = '\0';
	setenv("LAMBDA_RUNTIME_DIR", real[0] ? real : "/", 1);
}

static const char *initialization_type(const struct atr_lambda_options *o)
{
	if (o->is_snapstart)
		return "snap-start";
	return o->concurrency > 1 ? "lambda-managed-instances" : "on-demand";
}

static void set_function(const struct atr_lambda_env *env)
{
	const struct atr_lambda_options *o = env->options;
	char group[512], region[64];

	snprintf(group, sizeof(group), "/aws/lambda/%s", o->name);
	snprintf(region, sizeof(region), "%s", atr_lambda_region());
	setenv("AWS_REGION", region, 1);
	setenv("AWS_DEFAULT_REGION", region, 1);
	setenv("AWS_LAMBDA_FUNCTION_NAME", o->name, 1);
	setenv("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST", 1);
	set_number("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", o->memory_mb);
	setenv("AWS_LAMBDA_INITIALIZATION_TYPE", initialization_type(o), 1);
	setenv("AWS_LAMBDA_LOG_GROUP_NAME", group, 1);
	setenv("AWS_LAMBDA_LOG_STREAM_NAME", env->log_stream, 1);
	setenv("AWS_LAMBDA_LOG_FORMAT", "Text", 1);
	setenv("_HANDLER", "function.handler", 1);
	setenv("TZ", ":UTC", 1);
	if (o->concurrency > 1)
		set_number("AWS_LAMBDA_MAX_CONCURRENCY", o->concurrency);
}

static void set_users(const struct atr_lambda_options *o)
{
	for (size_t i = 0; i < o->nr_env; i++) {
		char name[256];
		size_t len = strcspn(o->env[i], "=");

		if (len >= sizeof(name))
			continue;
		memcpy(name, o->env[i], len);
		name[len] = '\0';
		if (o->env[i][len])
			setenv(name, o->env[i] + len + 1, 1);
		else
			unsetenv(name);
	}
}

void atr_lambda_env_set(const struct atr_lambda_env *env)
{
	static const char *const not_there[] = {
		"AWS_EXECUTION_ENV", "_X_AMZN_TRACE_ID",	   "TRACEPARENT",
		"TRACESTATE",	     "AWS_LAMBDA_MAX_CONCURRENCY", "BAGGAGE",
	};

	for (size_t i = 0; i < sizeof(not_there) / sizeof(not_there[0]); i++)
		unsetenv(not_there[i]);
	set_function(env);
	set_directories(env->options->program[0]);
	set_loopback("AWS_LAMBDA_RUNTIME_API", env->runtime_port);
	set_loopback("AWS_XRAY_DAEMON_ADDRESS", env->xray_port);
	setenv("_AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1", 1);
	set_number("_AWS_XRAY_DAEMON_PORT", env->xray_port);
	setenv("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR", 1);
	set_users(env->options);
}
