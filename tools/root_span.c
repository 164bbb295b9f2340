/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/root_span.h"

#include "export/version.h"
#include "propagator/ids.h"
#include "propagator/propagator.h"
#include "tools/program.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Those of our environment by which a context comes in one of these formats. */
static size_t context_variables(const struct atr_propagators *formats,
				struct atr_pair out[static ATR_ENV_VARIABLES_MAX])
{
	size_t nr = 0;

	for (char **v = environ; *v && nr < ATR_ENV_VARIABLES_MAX; v++) {
		const char *equals = strchr(*v, '=');

		if (equals && equals[1] && atr_propagators_env_name(formats, atr_str(*v)))
			out[nr++] = (struct atr_pair){ { *v, (size_t)(equals - *v) },
						       atr_str(equals + 1) };
	}
	return nr;
}

static void new_trace(struct atr_root_span *root, struct atr_ids *ids)
{
	uint8_t random[ATR_TRACE_ID_LEN];

	atr_ids_trace(ids, random);
	if (atr_propagators_want_epoch(&root->formats))
		atr_xray_trace_id((uint32_t)(root->start_ns / 1000000000), random,
				  root->context.trace_id);
	else
		memcpy(root->context.trace_id, random, sizeof(random));
	root->context.flags = ATR_FLAG_RANDOM;
}

void atr_root_span_export(const struct atr_root_span *root)
{
	static char text[ATR_INJECT_MAX], name[64];
	const char *at = text;
	unsigned nr = 0;

	for (char **v = environ; *v;) {
		size_t len = strcspn(*v, "=");

		if (len < sizeof(name) && atr_propagators_env_name(&root->formats, atr_str(*v))) {
			memcpy(name, *v, len);
			name[len] = 0;
			unsetenv(name);
			v = environ;
		} else {
			v++;
		}
	}
	atr_propagators_inject_env(&root->formats, &root->context, text, sizeof(text), &nr);
	for (; nr--; at += strlen(at) + 1) {
		size_t len = strcspn(at, "=");

		memcpy(name, at, len);
		name[len] = 0;
		setenv(name, at + len + 1, 1);
	}
}

void atr_root_span_begin(struct atr_root_span *root)
{
	static char store[ATR_CARRY_MAX];
	struct atr_pair variables[ATR_ENV_VARIABLES_MAX];
	struct atr_ids ids = { 0 };
	struct atr_str unknown;
	size_t nr;

	*root = (struct atr_root_span){ .start_ns = now_ns() };
	atr_propagators_parse(atr_str(getenv("OTEL_PROPAGATORS")), &root->formats, &unknown);
	nr = context_variables(&root->formats, variables);
	if (atr_propagators_extract_env(&root->formats, variables, nr, store, &root->context)) {
		memcpy(root->parent_id, root->context.span_id, sizeof(root->parent_id));
	} else {
		new_trace(root, &ids);
	}
	root->context.flags |= ATR_FLAG_SAMPLED;
	atr_ids_span(&ids, root->context.span_id);
}

void atr_root_span_stop(struct atr_root_span *root)
{
	root->end_ns = now_ns();
}

int atr_root_span_exit_code(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

static void put_text(struct atr_trace *trace, struct atr_field_list *list, struct atr_str key,
		     const char *text)
{
	struct atr_field *field = atr_trace_add_field(trace, list);

	field->key = key;
	field->value.type = ATR_VALUE_STR;
	field->value.str = atr_trace_copy(trace, atr_str(text));
}

static void put_integer(struct atr_trace *trace, struct atr_field_list *list, struct atr_str key,
			int64_t value)
{
	struct atr_field *field = atr_trace_add_field(trace, list);

	field->key = key;
	field->value.type = ATR_VALUE_INT;
	field->value.integer = value;
}

/* service.name out of OTEL_RESOURCE_ATTRIBUTES (k=v,k=v); 0: it is not there. */
static int service_among(const char *attributes, const char **name)
{
	static const char key[] = "service.name=";

	while (attributes && *attributes) {
		attributes += strspn(attributes, " ,");
		if (strncmp(attributes, key, strlen(key)) == 0) {
			*name = attributes + strlen(key);
			return (int)strcspn(*name, ",");
		}
		attributes += strcspn(attributes, ",");
	}
	return 0;
}

/* The program's own name for itself, so that it and its root are one service. */
static void put_service(struct atr_trace *trace, struct atr_field_list *list,
			const char *executable)
{
	const char *told = getenv("OTEL_SERVICE_NAME"), *among = "";
	int among_len = service_among(getenv("OTEL_RESOURCE_ATTRIBUTES"), &among);
	char name[PATH_MAX + 32];

	if (told && *told)
		snprintf(name, sizeof(name), "%s", told);
	else if (among_len)
		snprintf(name, sizeof(name), "%.*s", among_len, among);
	else
		snprintf(name, sizeof(name), "unknown_service:%s",
			 atr_program_base_name(executable));
	put_text(trace, list, ATR_STR("service.name"), name);
}

struct atr_resource *atr_root_span_resource(struct atr_trace *trace, const char *executable,
					    pid_t pid)
{
	struct atr_resource *resource = atr_trace_add_resource(trace);

	put_service(trace, &resource->attributes, executable);
	put_integer(trace, &resource->attributes, ATR_STR("process.pid"), pid);
	put_text(trace, &resource->attributes, ATR_STR("telemetry.sdk.name"), "autotrace");
	put_text(trace, &resource->attributes, ATR_STR("telemetry.sdk.language"), "c");
	put_text(trace, &resource->attributes, ATR_STR("telemetry.sdk.version"), ATR_VERSION);
	atr_resource_complete(resource);
	return resource;
}

/* Those that end programs; sigabbrev_np, which knows all, is younger than some of our hosts. */
static const char *signal_name(int number)
{
	static const struct {
		int number;
		const char *name;
	} names[] = {
		{ SIGHUP, "SIGHUP" },	{ SIGINT, "SIGINT" },	{ SIGQUIT, "SIGQUIT" },
		{ SIGILL, "SIGILL" },	{ SIGTRAP, "SIGTRAP" }, { SIGABRT, "SIGABRT" },
		{ SIGBUS, "SIGBUS" },	{ SIGFPE, "SIGFPE" },	{ SIGKILL, "SIGKILL" },
		{ SIGUSR1, "SIGUSR1" }, { SIGSEGV, "SIGSEGV" }, { SIGUSR2, "SIGUSR2" },
		{ SIGPIPE, "SIGPIPE" }, { SIGALRM, "SIGALRM" }, { SIGTERM, "SIGTERM" },
		{ SIGXCPU, "SIGXCPU" }, { SIGXFSZ, "SIGXFSZ" }, { SIGSYS, "SIGSYS" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].number == number)
			return names[i].name;
	}
	return NULL;
}

/* error.type: the signal's name, else the exit code's digits. */
static void put_outcome(struct atr_trace *trace, struct atr_node *node, int wait_status)
{
	int code = atr_root_span_exit_code(wait_status);
	const char *signal = WIFSIGNALED(wait_status) ? signal_name(WTERMSIG(wait_status)) : NULL;
	char digits[16];

	put_integer(trace, &node->attributes, ATR_STR("process.exit.code"), code);
	if (!code)
		return;
	node->status = 2;
	snprintf(digits, sizeof(digits), "%d", code);
	put_text(trace, &node->attributes, ATR_STR("error.type"), signal ? signal : digits);
}

void atr_root_span_add(const struct atr_root_span *root, struct atr_trace *trace,
		       const char *command, const char *executable, pid_t pid, int wait_status)
{
	const char *known = *executable ? executable : command;
	struct atr_resource *resource = atr_root_span_resource(trace, known, pid);
	struct atr_scope *scope = atr_trace_add_scope(trace, resource);
	struct atr_node *node = atr_trace_add_node(trace, resource, scope);

	scope->name = ATR_STR("autotrace");
	scope->version = ATR_STR(ATR_VERSION);
	memcpy(node->trace_id, root->context.trace_id, sizeof(node->trace_id));
	memcpy(node->span_id, root->context.span_id, sizeof(node->span_id));
	memcpy(node->parent_id, root->parent_id, sizeof(node->parent_id));
	node->kind = 1;
	node->flags = root->context.flags;
	node->start_ns = root->start_ns;
	node->end_ns = root->end_ns;
	node->name = atr_trace_copy(trace, atr_str(atr_program_base_name(command)));
	put_text(trace, &node->attributes, ATR_STR("process.executable.name"),
		 atr_program_base_name(known));
	if (*executable)
		put_text(trace, &node->attributes, ATR_STR("process.executable.path"), executable);
	put_integer(trace, &node->attributes, ATR_STR("process.pid"), pid);
	put_outcome(trace, node, wait_status);
}
