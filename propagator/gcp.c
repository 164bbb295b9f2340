/* SPDX-License-Identifier: Apache-2.0 */
#include "propagator/format.h"

/*
 * Google Cloud's X-Cloud-Trace-Context: {trace, 32 digits}/{span, DECIMAL}, and
 * ;o={0 or 1} where it has been decided. The names are those of Google's
 * propagator for the SDKs' automatic configuration: gcp, and oneway-gcp, which
 * reads and does not write. Like it, we take this header only where no other
 * format has found a parent: Google's front ends add it to requests that have one.
 */

static const struct atr_header headers[] = {
	{ ATR_TEXT("x-cloud-trace-context"), ATR_TEXT("X_CLOUD_TRACE_CONTEXT"), .is_trace = true },
};

/* Read, but a message with it is not traced by that: we would not write it. */
static const struct atr_header read_only[] = {
	{ ATR_TEXT("x-cloud-trace-context"), ATR_TEXT("X_CLOUD_TRACE_CONTEXT"), .is_trace = false },
};

#define TRACE_LEN 32
#define SPAN_MAX 20 /* digits of 2^64 - 1 */

static bool read_decimal(struct atr_str text, uint8_t out[static ATR_SPAN_ID_LEN])
{
	uint64_t number;

	if (text.len > SPAN_MAX || !atr_str_decimal(text, UINT64_MAX, &number))
		return false;
	for (int i = ATR_SPAN_ID_LEN; i--; number >>= 8)
		out[i] = (uint8_t)number;
	return true;
}

/* o=N, of which the lowest bit is the decision. */
static bool read_options(struct atr_str text, struct atr_context *found)
{
	char last;

	if (text.len < 3 || text.len > 12 || memcmp(text.at, "o=", 2))
		return false;
	for (size_t i = 2; i < text.len; i++)
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
	last = text.at[text.len - 1];
	found->flags = (last - '0') & 1 ? ATR_FLAG_SAMPLED : 0;
	return true;
}

static bool read_value(struct atr_str text, struct atr_context *found)
{
	struct atr_str span;
	const char *semicolon;

	*found = (struct atr_context){ .marks = ATR_MARK_UNDECIDED };
	if (text.len < TRACE_LEN + 2 || text.at[TRACE_LEN] != '/' ||
	    !atr_hex_read_short((struct atr_str){ text.at, TRACE_LEN }, found->trace_id,
				ATR_TRACE_ID_LEN))
		return false;
	span = (struct atr_str){ text.at + TRACE_LEN + 1, text.len - TRACE_LEN - 1 };
	semicolon = memchr(span.at, ';', span.len);
	if (semicolon) {
		struct atr_str options = { semicolon + 1, 0 };

		options.len = (size_t)(text.at + text.len - options.at);
		span.len = (size_t)(semicolon - span.at);
		if (options.len && !read_options(options, found))
			return false;
		if (options.len)
			found->marks = 0;
	}
	return read_decimal(span, found->span_id) && atr_context_is_valid(found);
}

static void extract(const struct atr_fields *in, char *store, struct atr_context *out)
{
	struct atr_context found;

	(void)store;
	if (!atr_context_is_valid(out) && read_value(atr_fields_first(in, &headers[0]), &found))
		atr_context_found(out, &found);
}

static char *put_decimal(char *out, const uint8_t id[static ATR_SPAN_ID_LEN])
{
	char digits[SPAN_MAX];
	uint64_t number = 0;
	size_t n = 0;

	for (int i = 0; i < ATR_SPAN_ID_LEN; i++)
		number = number << 8 | id[i];
	do {
		digits[n++] = (char)('0' + number % 10);
	} while (number /= 10);
	while (n)
		*out++ = digits[--n];
	return out;
}

static void write(struct atr_lines *lines, const struct atr_context *context)
{
	char text[TRACE_LEN + 1 + SPAN_MAX + 4], *end;

	if (!atr_context_is_valid(context))
		return;
	end = atr_hex_write(text, context->trace_id, ATR_TRACE_ID_LEN);
	*end++ = '/';
	end = put_decimal(end, context->span_id);
	if (!(context->marks & ATR_MARK_UNDECIDED)) {
		memcpy(end, ";o=", 3);
		end += 3;
		*end++ = context->flags & ATR_FLAG_SAMPLED ? '1' : '0';
	}
	atr_line_of(lines, &headers[0], (struct atr_str){ text, (size_t)(end - text) });
}

static void write_nothing(struct atr_lines *lines, const struct atr_context *context)
{
	(void)lines;
	(void)context;
}

const struct atr_format_of atr_format_gcp = {
	"gcp", headers, 1, extract, write, NULL, NULL, NULL,
};

const struct atr_format_of atr_format_oneway_gcp = {
	"oneway-gcp", read_only, 1, extract, write_nothing, NULL, NULL, NULL,
};
