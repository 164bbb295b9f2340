/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/logs.h"

#include "export/diag.h"
#include "export/env.h"
#include "export/exporter.h"
#include "export/kernel.h"
#include "export/log_record.h"
#include "preload/live/function.h"
#include "preload/live/readable.h"
#include "preload/live/work.h"
#include "propagator/hex.h"

#include <errno.h>

bool atr_logs_are_on, atr_logs_are_exported;

/* Of descriptors 1 and 2: the last byte written was not a line's end. */
static _Atomic bool in_line[3];

#define IDS_LEN (2 * (ATR_TRACE_ID_LEN + ATR_SPAN_ID_LEN))

/* Lines that are to be exported have somewhere to go. */
static bool are_sent(void)
{
	static const char name[] = "OTEL_LOGS_EXPORTER";
	struct atr_str value = atr_str_trim(atr_env_get(name));

	if (atr_str_equal_nocase(value, ATR_STR("none")))
		return false;
	if (value.len && !atr_str_equal_nocase(value, ATR_STR("otlp")))
		atr_log_bad_env(name, value, "neither otlp nor none", "otlp is used");
	return true;
}

void atr_logs_setup(void)
{
	static const char name[] = "AUTOTRACE_LOGS";
	struct atr_str value = atr_str_trim(atr_env_get(name));

	atr_logs_are_exported = atr_str_equal_nocase(value, ATR_STR("otlp"));
	atr_logs_are_on = atr_logs_are_exported || atr_str_equal_nocase(value, ATR_STR("inject"));
	if (value.len && !atr_logs_are_on && !atr_str_equal_nocase(value, ATR_STR("none")))
		atr_log_bad_env(name, value, "not inject, otlp or none", "none is used");
	atr_logs_are_exported &= are_sent();
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* Whether it is an object as far as its braces and strings say; *is_empty: without a member. */
static bool is_object(struct atr_str line, bool *is_empty)
{
	bool in_string = false;
	size_t depth = 0;

	if (line.len < 2 || line.at[0] != '{' || line.at[line.len - 1] != '}')
		return false;
	*is_empty = !atr_str_trim((struct atr_str){ line.at + 1, line.len - 2 }).len;
	if (!*is_empty && atr_str_trim((struct atr_str){ line.at + 1, line.len - 2 }).at[0] != '"')
		return false;
	for (size_t i = 0; i < line.len; i++) {
		char c = line.at[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '['))
			depth++;
		else if (!in_string && (c == '}' || c == ']') && --depth == 0)
			return i + 1 == line.len;
	}
	return false;
}

static bool add(struct atr_lines *lines, const char *text, size_t len)
{
	if (len > sizeof(lines->text) - lines->len)
		return false;
	if (len)
		memcpy(lines->text + lines->len, text, len);
	lines->len += len;
	return true;
}

/* Ours: with the ids between three pieces of text. */
static bool add_ids(struct atr_lines *lines, const char *before, const char *between,
		    const char *behind, const struct atr_context *context)
{
	char text[64 + IDS_LEN], *at = text;
	size_t len;

	at = stpcpy(at, before);
	at = atr_hex_write(at, context->trace_id, ATR_TRACE_ID_LEN);
	at = stpcpy(at, between);
	at = atr_hex_write(at, context->span_id, ATR_SPAN_ID_LEN);
	at = stpcpy(at, behind);
	len = (size_t)(at - text);
	lines->ours[lines->nr_ours].at = (uint32_t)lines->len;
	lines->ours[lines->nr_ours++].len = (uint32_t)len;
	return add(lines, text, len);
}

/* A line without its end. */
static bool put_line(struct atr_lines *lines, struct atr_str line,
		     const struct atr_context *context)
{
	struct atr_str shown = atr_str_trim(line);
	bool is_empty;

	if (lines->nr_ours < ATR_LOGS_LINES_MAX)
		lines->ours[lines->nr_ours].line_at = (uint32_t)lines->len;

	if (!shown.len || memmem(line.at, line.len, "trace_id", 8) ||
	    lines->nr_ours == ATR_LOGS_LINES_MAX)
		return add(lines, line.at, line.len);
	if (is_object(shown, &is_empty)) {
		size_t len = (size_t)(shown.at + shown.len - 1 - line.at);

		return add(lines, line.at, len) &&
		       add_ids(lines, is_empty ? "\"trace_id\":\"" : ",\"trace_id\":\"",
			       "\",\"span_id\":\"", "\"", context) &&
		       add(lines, line.at + len, line.len - len);
	}
	return add(lines, line.at, line.len) &&
	       add_ids(lines, " trace_id=", " span_id=", "", context);
}

bool atr_logs_put(struct atr_lines *lines, struct atr_str text, bool goes_on,
		  const struct atr_context *context)
{
	lines->len = 0;
	lines->nr_ours = 0;
	while (text.len) {
		const char *end = memchr(text.at, '\n', text.len);
		struct atr_str line = { text.at, end ? (size_t)(end - text.at) : text.len };
		size_t all = line.len + (end ? 1 : 0);

		if (end && line.len && line.at[line.len - 1] == '\r')
			line.len--;
		if (goes_on || !end ? !add(lines, text.at, all) :
				      !put_line(lines, line, context) ||
					      !add(lines, line.at + line.len, all - line.len))
			return false;
		goes_on = false;
		text.at += all;
		text.len -= all;
	}
	return lines->nr_ours;
}

size_t atr_logs_count(const struct atr_lines *lines, size_t n)
{
	size_t count = n;

	for (unsigned i = 0; i < lines->nr_ours && lines->ours[i].at < n; i++) {
		size_t ours = n - lines->ours[i].at;

		count -= ours < lines->ours[i].len ? ours : lines->ours[i].len;
	}
	return count;
}

/* ---- writes ---------------------------------------------------------------------------------- */

/* The context of the recorded work that the thread is known to do. */
static bool doing(struct atr_context *context)
{
	struct atr_thread *self = atr_enter();
	struct atr_shown shown;
	bool found = self && atr_live_shown(atr_function_or(self, atr_work_doing(self)), &shown) &&
		     shown.flags & ATR_FLAG_SAMPLED;

	atr_leave(self);
	if (!found)
		return false;
	memcpy(context->trace_id, shown.trace_id, sizeof(context->trace_id));
	memcpy(context->span_id, shown.span_id, sizeof(context->span_id));
	return true;
}

/* Kept off the stack that the program's call is made on. */
__attribute__((noinline)) static bool put_gathered(int fd, const struct iovec *iov, int nr,
						   size_t total, struct atr_lines *lines,
						   const struct atr_context *context)
{
	char room[ATR_LOGS_MAX];
	size_t len = 0;

	for (int i = 0; i < nr; i++) {
		if (iov[i].iov_len && !atr_is_readable(iov[i].iov_base, iov[i].iov_len))
			return false;
		if (iov[i].iov_len)
			memcpy(room + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	return len == total &&
	       atr_logs_put(lines, (struct atr_str){ room, len },
			    atomic_load_explicit(&in_line[fd], memory_order_relaxed), context);
}

static void note_ids(struct atr_lines *lines, const struct atr_context *context)
{
	memcpy(lines->trace_id, context->trace_id, sizeof(lines->trace_id));
	memcpy(lines->span_id, context->span_id, sizeof(lines->span_id));
}

bool atr_logs_plan_text(struct atr_str text, bool goes_on, struct atr_lines *lines)
{
	struct atr_context context;
	int saved = errno;
	bool planned = text.len && text.len <= ATR_LOGS_MAX && doing(&context) &&
		       atr_logs_put(lines, text, goes_on, &context);

	if (planned)
		note_ids(lines, &context);
	errno = saved;
	return planned;
}

bool atr_logs_plan(int fd, const struct iovec *iov, int nr, struct atr_lines *lines)
{
	struct atr_context context;
	int saved = errno;
	size_t total = 0;
	bool planned;

	if (nr < 1 || nr > 64 || (nr > 1 && !atr_is_readable(iov, (size_t)nr * sizeof(*iov))))
		return false;
	for (int i = 0; i < nr; i++) {
		if (iov[i].iov_len > ATR_LOGS_MAX - total)
			return false;
		total += iov[i].iov_len;
	}
	planned = total && doing(&context) && put_gathered(fd, iov, nr, total, lines, &context);
	if (planned)
		note_ids(lines, &context);
	errno = saved;
	return planned;
}

void atr_logs_export(int fd, const struct atr_lines *lines, ssize_t n)
{
	struct atr_log_record head = { .flags = ATR_FLAG_SAMPLED, .fd = (uint8_t)fd };

	if (n <= 0 || !atr_logs_are_exported || !atr_exporter_takes_logs())
		return;
	head.time_ns = atr_kernel_ns(CLOCK_REALTIME);
	memcpy(head.trace_id, lines->trace_id, sizeof(head.trace_id));
	memcpy(head.span_id, lines->span_id, sizeof(head.span_id));
	for (unsigned i = 0; i < lines->nr_ours; i++) {
		size_t at = lines->ours[i].line_at, ours = lines->ours[i].at;
		size_t rest = ours + lines->ours[i].len, end = rest;

		while (end < lines->len && lines->text[end] != '\n')
			end++;
		if (end > (size_t)n)
			break;
		if (end > rest && lines->text[end - 1] == '\r')
			end--;
		atr_exporter_offer_log(&head, (struct atr_str){ lines->text + at, ours - at },
				       (struct atr_str){ lines->text + rest, end - rest });
	}
}

void atr_logs_written(int fd, const struct iovec *iov, int nr, ssize_t n)
{
	size_t left = n > 0 ? (size_t)n : 0;

	/* what the kernel took can be read */
	for (int i = 0; left && i < nr; i++) {
		if (left <= iov[i].iov_len) {
			atomic_store_explicit(&in_line[fd],
					      ((const char *)iov[i].iov_base)[left - 1] != '\n',
					      memory_order_relaxed);
			return;
		}
		left -= iov[i].iov_len;
	}
}
