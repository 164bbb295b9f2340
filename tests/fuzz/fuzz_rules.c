/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first line is a request, "METHOD target host"; the others are the text of a variable,
 * which is read as AUTOTRACE_ROUTES, as AUTOTRACE_SAMPLING_RULES and as AUTOTRACE_REDACT.
 * Claims: all is read within its bounds; a route that fits is a piece of the text, a guess
 * within its room; what is told of a query is no longer than what stands for it may be.
 */
#include "export/env.h"
#include "export/span.h"
#include "preload/conn/redact.h"
#include "preload/conn/routes.h"
#include "preload/live/rules.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#define TEXT_MAX 60000

/* No file is read. */
static int open_nothing(const char *path, int flags, ...)
{
	(void)path;
	(void)flags;
	errno = ENOENT;
	return -1;
}

static const struct atr_io io = { .open = open_nothing };
static const struct atr_process process = { .executable_path = { "/usr/bin/shop", 13 } };
static char text[TEXT_MAX + 1];

static void set(const char *name)
{
	static char variable[TEXT_MAX + 64], key[] = "AUTOTRACE_REDACT_KEY=k",
					     guess[] = "AUTOTRACE_ROUTES_GUESS=true";
	char *environment[] = { variable, key, guess, NULL };

	snprintf(variable, sizeof(variable), "%s=%s", name, text);
	atr_env_capture(environment);
}

static struct atr_str word(struct atr_str *line)
{
	const char *space = line->len ? memchr(line->at, ' ', line->len) : NULL;
	struct atr_str out = { line->at, space ? (size_t)(space - line->at) : line->len };

	line->at += out.len + (space ? 1 : 0);
	line->len -= out.len + (space ? 1 : 0);
	return out;
}

static void check_routes(struct atr_str method, struct atr_str target)
{
	char room[ATR_ROUTE_MAX];
	struct atr_str route;

	set("AUTOTRACE_ROUTES");
	atr_routes_setup(&io);
	route = atr_routes_match(method, target);
	CLAIM(route.len <= ATR_ROUTE_MAX && (!route.at || route.len));
	CLAIM(!route.len || memmem(text, strlen(text), route.at, route.len));
	route = atr_routes_guess(target, room);
	CLAIM(route.len <= ATR_ROUTE_MAX);
}

static void check_rules(struct atr_str method, struct atr_str target, struct atr_str host)
{
	static const uint8_t trace_id[ATR_TRACE_ID_LEN] = { 1, [15] = 7 };
	struct atr_decision decision = { .is_sampled = false };
	struct atr_request request;
	struct atr_beginning span = { .trace_id = trace_id, .start_ns = 1, .request = &request };

	set("AUTOTRACE_SAMPLING_RULES");
	atr_sampler_setup();
	atr_rules_setup(&io, &process);
	atr_request_of(method, target, host, &request);
	for (span.kind = ATR_KIND_INTERNAL; span.kind <= ATR_KIND_CLIENT; span.kind++)
		if (atr_rules_decide(&span, &decision))
			CLAIM(decision.th == ATR_TH_NONE || decision.th <= ATR_OT_ALL);
}

static void check_redaction(struct atr_str target, struct atr_str host)
{
	size_t cap = 64 + 24 * (target.len + 1);
	char *room = malloc(cap);
	struct atr_print to = { room, 0, cap, false };

	set("AUTOTRACE_REDACT");
	atr_redact_setup(&io);
	atr_redact_path(&to, target);
	CLAIM(!to.is_cut);
	to.len = 0;
	atr_redact_query(&to, target);
	CLAIM(!to.is_cut);
	CLAIM(atr_redact_header(host) <= ATR_REDACT_DROP);
	CLAIM(atr_redact_attribute(host) <= ATR_REDACT_DROP);
	free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
	size_t head_len = end ? (size_t)(end - data) : size, len = end ? size - head_len - 1 : 0;
	char *head;
	struct atr_str line, method, target;

	if (len > TEXT_MAX || head_len > 4096)
		return 0;
	if (len)
		memcpy(text, end + 1, len);
	text[len] = 0;
	head = malloc(head_len ? head_len : 1);
	memcpy(head, data, head_len);
	line = (struct atr_str){ head, head_len };
	method = word(&line);
	target = word(&line);
	check_routes(method, target);
	check_rules(method, target, line);
	check_redaction(target, line);
	free(head);
	return 0;
}
