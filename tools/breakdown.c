/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/breakdown.h"
#include "tools/text.h"

#include <inttypes.h>

#define SYSCALLS_MAX 5
#define CLIENT 3 /* as OTLP numbers the kinds */

static void put(FILE *out, struct atr_str text)
{
	if (text.len)
		fwrite(text.at, 1, text.len, out);
}

/* Below it is a time that a span can take. */
#define SECONDS_MAX 1e9

static bool nanoseconds_of(const struct atr_value *value, uint64_t *ns)
{
	double seconds;

	if (!value || (value->type != ATR_VALUE_DOUBLE && value->type != ATR_VALUE_INT))
		return false;
	seconds = value->type == ATR_VALUE_DOUBLE ? value->real : (double)value->integer;
	if (!(seconds >= 0 && seconds < SECONDS_MAX))
		return false;
	*ns = (uint64_t)(seconds * 1e9);
	return true;
}

static bool find(const struct atr_node *node, const char *key, uint64_t *ns)
{
	return nanoseconds_of(atr_fields_find(&node->attributes, key), ns);
}

/* Parts of a line, of which each but the first has something before it. */
struct line {
	FILE *out;
	bool has_part; /* anything at all */
	const char *before;
};

static void put_word(struct line *line, const char *word)
{
	fputs(line->has_part ? line->before : "", line->out);
	fputs(word, line->out);
	line->has_part = true;
	line->before = ", ";
}

static void put_time(struct line *line, const char *word, uint64_t ns)
{
	char text[ATR_TEXT_DURATION_MAX];

	put_word(line, word);
	atr_text_duration(ns, text);
	fprintf(line->out, " %s", text);
}

/* ---- the exchange ---- */

static void put_exchange(struct line *line, const struct atr_node *node)
{
	static const struct {
		const char *key, *word;
	} openings[] = {
		{ "autotrace.dns.lookup.duration", "lookup" },
		{ "autotrace.connect.duration", "connect" },
		{ "autotrace.tls.handshake.duration", "TLS" },
	};
	uint64_t opening = 0, first_byte = 0, took = atr_node_duration(node), ns;
	bool is_known = false;

	if (node->kind != CLIENT)
		return;
	for (size_t i = 0; i < sizeof(openings) / sizeof(openings[0]); i++) {
		if (!find(node, openings[i].key, &ns))
			continue;
		put_time(line, openings[i].word, ns);
		opening += ns;
		is_known = true;
	}
	if (find(node, "autotrace.http.response.first_byte", &first_byte)) {
		is_known = true;
	} else if (find(node, "autotrace.first_byte.duration", &first_byte)) {
		first_byte += opening;
		is_known = true;
	}
	/* of a response that was read in one go, all is waiting */
	if (!first_byte || first_byte > took)
		first_byte = took;
	if (is_known && first_byte > opening)
		put_time(line, "waiting", first_byte - opening);
	if (is_known && took > first_byte)
		put_time(line, "reading", took - first_byte);
}

/* ---- what the kernel saw ---- */

#define PREFIX "autotrace.syscall."
#define SUFFIX ".duration"

struct call {
	struct atr_str name;
	uint64_t ns;
};

static bool is_call(const struct atr_field *field, struct call *call)
{
	const size_t prefix = sizeof(PREFIX) - 1, suffix = sizeof(SUFFIX) - 1;
	struct atr_str key = field->key;

	if (key.len <= prefix + suffix || memcmp(key.at, PREFIX, prefix) ||
	    memcmp(key.at + key.len - suffix, SUFFIX, suffix))
		return false;
	call->name = (struct atr_str){ key.at + prefix, key.len - prefix - suffix };
	return nanoseconds_of(&field->value, &call->ns);
}

/* The longest first. How many. */
static size_t longest_calls(const struct atr_node *node, struct call calls[static SYSCALLS_MAX])
{
	size_t n = 0, at;
	struct call call;

	for (const struct atr_field *f = node->attributes.first; f; f = f->next) {
		if (!is_call(f, &call))
			continue;
		for (at = 0; at < n && calls[at].ns >= call.ns; at++)
			;
		if (at == SYSCALLS_MAX)
			continue;
		n += n < SYSCALLS_MAX;
		memmove(&calls[at + 1], &calls[at], (n - at - 1) * sizeof(call));
		calls[at] = call;
	}
	return n;
}

static void put_count(FILE *out, const struct atr_node *node, struct atr_str name)
{
	char key[128];
	int64_t count;

	snprintf(key, sizeof(key), PREFIX "%.*s.count", (int)(name.len < 64 ? name.len : 64),
		 name.at);
	if (atr_fields_integer(&node->attributes, key, &count))
		fprintf(out, " (%" PRId64 ")", count);
}

static void put_blocked(struct line *line, const struct atr_node *node, uint64_t ns)
{
	char text[ATR_TEXT_DURATION_MAX];

	put_time(line, "blocked", ns);
	if (!find(node, "autotrace.blocked.io.duration", &ns))
		return;
	atr_text_duration(ns, text);
	fprintf(line->out, " (disk %s)", text);
}

static void put_kernel(struct line *line, const struct atr_node *node)
{
	struct call calls[SYSCALLS_MAX];
	size_t n = longest_calls(node, calls);
	char text[ATR_TEXT_DURATION_MAX];
	uint64_t ns;

	if (find(node, "autotrace.cpu.duration", &ns))
		put_time(line, "on CPU", ns);
	if (find(node, "autotrace.runqueue.duration", &ns))
		put_time(line, "runnable", ns);
	if (find(node, "autotrace.blocked.duration", &ns))
		put_blocked(line, node, ns);
	else if (n)
		put_word(line, "system calls");
	for (size_t i = 0; i < n; i++) {
		fputs(i ? ", " : ": ", line->out);
		put(line->out, calls[i].name);
		atr_text_duration(calls[i].ns, text);
		fprintf(line->out, " %s", text);
		put_count(line->out, node, calls[i].name);
	}
}

static void put_number(struct line *line, const struct atr_node *node, const char *key,
		       const char *word)
{
	int64_t n;

	if (!atr_fields_integer(&node->attributes, key, &n))
		return;
	put_word(line, word);
	fprintf(line->out, " %" PRId64, n);
}

/* What the kernel counted beside that. */
static void put_counts(struct line *line, const struct atr_node *node)
{
	uint64_t ns;

	if (find(node, "autotrace.tcp.rtt", &ns))
		put_time(line, "round trip", ns);
	put_number(line, node, "autotrace.tcp.retransmits", "sent again");
	put_number(line, node, "autotrace.page_faults.minor", "page faults");
	put_number(line, node, "autotrace.page_faults.major", "from disk");
}

bool atr_breakdown_put(FILE *out, const struct atr_node *node)
{
	struct line line = { out, false, "" };

	put_exchange(&line, node);
	line.before = " | ";
	put_kernel(&line, node);
	line.before = " | ";
	put_counts(&line, node);
	return line.has_part;
}
