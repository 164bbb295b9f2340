/* SPDX-License-Identifier: Apache-2.0 */
#include "propagator/format.h"

/*
 * Jaeger's own format, as its clients' documentation has it:
 * {trace}:{span}:{parent}:{flags}, which may be percent-encoded. Ids may have
 * lost the zeros on their left; what is written has 16 or 32 digits. Flags: 1
 * sampled, 2 debug, 8 firehose. The parent is deprecated: read over, written 0.
 *
 * Baggage: a header for each member, and jaeger-baggage, which people add to a
 * request by hand.
 */

enum { ID, MEMBER, BY_HAND, NR_HEADERS };

static const struct atr_header headers[NR_HEADERS] = {
	[ID] = { ATR_TEXT("uber-trace-id"), ATR_TEXT("UBER_TRACE_ID"), .is_trace = true },
	[MEMBER] = { .name = ATR_TEXT("uberctx-"),
		     .is_prefix = true,
		     .except = ATR_EXCEPT_BAGGAGE },
	[BY_HAND] = { .name = ATR_TEXT("jaeger-baggage"), .except = ATR_EXCEPT_BAGGAGE },
};

#define SAMPLED 1u
#define DEBUG 2u
#define FIREHOSE 8u

/* Longer than any value, each character as three. */
#define DECODED_MAX 128

/* Up to the next colon. */
static struct atr_str part(struct atr_str *rest)
{
	struct atr_str part = *rest;
	const char *colon = part.len ? memchr(part.at, ':', part.len) : NULL;

	if (colon) {
		part.len = (size_t)(colon - part.at);
		rest->at = colon + 1;
		rest->len -= part.len + 1;
	} else {
		rest->len = 0;
	}
	return part;
}

static bool read_parts(struct atr_str text, struct atr_context *found)
{
	struct atr_str rest = text;
	uint8_t flags, parent[ATR_SPAN_ID_LEN];
	struct atr_str parent_text;

	*found = (struct atr_context){ .marks = 0 };
	if (!atr_hex_read_short(part(&rest), found->trace_id, ATR_TRACE_ID_LEN) ||
	    !atr_hex_read_short(part(&rest), found->span_id, ATR_SPAN_ID_LEN))
		return false;
	parent_text = part(&rest);
	if (parent_text.len && !atr_hex_read_short(parent_text, parent, ATR_SPAN_ID_LEN))
		return false;
	if (!atr_hex_read_short(rest, &flags, 1) || !atr_context_is_valid(found))
		return false;
	if (flags & (SAMPLED | DEBUG))
		found->flags = ATR_FLAG_SAMPLED;
	if (flags & DEBUG)
		found->marks |= ATR_MARK_DEBUG;
	if (flags & FIREHOSE)
		found->marks |= ATR_MARK_FIREHOSE;
	return true;
}

static bool read_id(struct atr_str text, struct atr_context *found)
{
	char decoded[DECODED_MAX];
	size_t len = 0;
	int c;

	if (!text.len || !memchr(text.at, '%', text.len))
		return text.len && read_parts(text, found);
	while ((c = atr_percent_next(&text)) >= 0 && len < sizeof(decoded))
		decoded[len++] = (char)c;
	return c == -1 && read_parts((struct atr_str){ decoded, len }, found);
}

static void extract(const struct atr_fields *in, char *store, struct atr_context *out)
{
	struct atr_str rest = atr_fields_first(in, &headers[BY_HAND]), key, value;
	struct atr_context found;

	if (read_id(atr_fields_first(in, &headers[ID]), &found))
		atr_context_found(out, &found);
	while (atr_baggage_next(&rest, &key, &value))
		atr_baggage_put(out, store, key, value, true);
	atr_baggage_put_prefixed(in, &headers[MEMBER], store, out, true);
}

/* A value as it stands in W3C's header, if it is one that reads back as the same. */
static bool is_encoded(struct atr_str value)
{
	struct atr_str rest = value;
	int c;

	if (memchr(value.at, ' ', value.len) || memchr(value.at, '\t', value.len))
		return false;
	while ((c = atr_percent_next(&rest)) >= 0)
		;
	return c == -1;
}

static void write_members(struct atr_lines *lines, struct atr_str rest)
{
	struct atr_str key, value;
	char *at;

	while (!lines->is_env && atr_baggage_next(&rest, &key, &value)) {
		if (!value.len || !is_encoded(value))
			continue;
		at = atr_line(lines, &headers[MEMBER], key, value.len);
		if (at)
			memcpy(at, value.at, value.len);
	}
}

static uint8_t flags_of(const struct atr_context *context)
{
	return (context->flags & ATR_FLAG_SAMPLED ? SAMPLED : 0) |
	       (context->marks & ATR_MARK_DEBUG ? DEBUG : 0) |
	       (context->marks & ATR_MARK_FIREHOSE ? FIREHOSE : 0);
}

static void write(struct atr_lines *lines, const struct atr_context *context)
{
	size_t from = atr_context_is_short(context) ? 8 : 0;
	char text[32 + 1 + 16 + 3 + 2], *end;
	uint8_t flags = flags_of(context);

	if (atr_context_is_valid(context)) {
		end = atr_hex_write(text, context->trace_id + from, ATR_TRACE_ID_LEN - from);
		*end++ = ':';
		end = atr_hex_write(end, context->span_id, ATR_SPAN_ID_LEN);
		memcpy(end, ":0:", 3);
		end = atr_hex_write(end + 3, &flags, 1);
		atr_line_of(lines, &headers[ID], (struct atr_str){ text, (size_t)(end - text) });
	}
	write_members(lines, context->baggage);
}

/* Where the span has all of its digits, and the parent and the flags what is written here. */
static bool rewrite(struct atr_str value, const struct atr_context *context, char *out)
{
	struct atr_context there;
	struct atr_str rest = value, span;
	uint8_t flags = flags_of(context);

	if (!read_parts(value, &there) ||
	    memcmp(there.trace_id, context->trace_id, ATR_TRACE_ID_LEN))
		return false;
	part(&rest);
	span = part(&rest);
	if (span.len != 16 || !atr_str_equal(part(&rest), ATR_STR("0")) || rest.len > 2)
		return false;
	atr_hex_write(out + (span.at - value.at), context->span_id, ATR_SPAN_ID_LEN);
	if (rest.len == 2)
		out[rest.at - value.at] = '0';
	out[value.len - 1] = "0123456789abcdef"[flags];
	return true;
}

const struct atr_format_of atr_format_jaeger = {
	"jaeger", headers, NR_HEADERS, extract, write, rewrite, NULL, NULL,
};
