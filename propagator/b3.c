/* SPDX-License-Identifier: Apache-2.0 */
#include "propagator/format.h"

/*
 * B3, as openzipkin/b3-propagation has it: one header, or one for each part.
 * Both formats read both, the single header first, and the first of a repeated
 * header; they differ in what they write. An id of 64 bits is padded with zeros
 * and goes on as the 16 digits that it came with. The parent's own parent is
 * read over and never written: a span's two sides have not the same id here.
 *
 * A sampling state is Accept, Deny, Debug, or none: then it is left to the
 * receiver. Without ids it is a word about the trace that begins here.
 */

enum { SINGLE, TRACE_ID, SPAN_ID, SAMPLED, FLAGS, PARENT, NR_HEADERS };

static const struct atr_header headers[NR_HEADERS] = {
	[SINGLE] = { ATR_TEXT("b3"), ATR_TEXT("B3"), .is_trace = true },
	[TRACE_ID] = { ATR_TEXT("x-b3-traceid"), ATR_TEXT("X_B3_TRACEID"), .is_trace = true },
	[SPAN_ID] = { ATR_TEXT("x-b3-spanid"), ATR_TEXT("X_B3_SPANID"), .is_trace = true },
	[SAMPLED] = { ATR_TEXT("x-b3-sampled"), ATR_TEXT("X_B3_SAMPLED"), .is_trace = true },
	[FLAGS] = { ATR_TEXT("x-b3-flags"), ATR_TEXT("X_B3_FLAGS"), .is_trace = true },
	[PARENT] = { ATR_TEXT("x-b3-parentspanid"), ATR_TEXT("X_B3_PARENTSPANID"),
		     .is_trace = true },
};

static bool read_trace_id(struct atr_str text, uint8_t id[static ATR_TRACE_ID_LEN])
{
	if (text.len == 32)
		return atr_hex_read(text.at, id, 16);
	memset(id, 0, 8);
	return text.len == 16 && atr_hex_read(text.at, id + 8, 8);
}

static bool read_span_id(struct atr_str text, uint8_t id[static ATR_SPAN_ID_LEN])
{
	return text.len == 16 && atr_hex_read(text.at, id, 8);
}

/* The sampling state of the single header, one character. */
static bool read_state(struct atr_str text, struct atr_context *found)
{
	if (text.len != 1 || !strchr("01d", text.at[0]) || !text.at[0])
		return false;
	if (text.at[0] != '0')
		found->flags = ATR_FLAG_SAMPLED;
	if (text.at[0] == 'd')
		found->marks = ATR_MARK_DEBUG;
	return true;
}

/* Up to the next dash. */
static struct atr_str part(struct atr_str *rest)
{
	struct atr_str part = *rest;
	const char *dash = part.len ? memchr(part.at, '-', part.len) : NULL;

	if (dash) {
		part.len = (size_t)(dash - part.at);
		rest->at = dash + 1;
		rest->len -= part.len + 1;
	} else {
		rest->len = 0;
	}
	return part;
}

/* {trace}-{span}, {trace}-{span}-{state}, or these with -{parent} */
static bool read_single(struct atr_str text, struct atr_context *found)
{
	struct atr_str rest = text, last;
	uint8_t parent[ATR_SPAN_ID_LEN];

	if (text.len && text.at[text.len - 1] == '-')
		return false;
	*found = (struct atr_context){ .marks = 0 };
	if (!read_trace_id(part(&rest), found->trace_id) ||
	    !read_span_id(part(&rest), found->span_id) || !atr_context_is_valid(found))
		return false;
	last = part(&rest);
	if (last.len == 1) {
		if (!read_state(last, found))
			return false;
		last = part(&rest);
	} else {
		found->marks = ATR_MARK_UNDECIDED;
	}
	return !rest.len && (!last.len || read_span_id(last, parent));
}

/* X-B3-Sampled: what old tracers sent is understood too. */
static bool read_sampled(struct atr_str text, struct atr_context *found)
{
	if (!text.at)
		found->marks |= ATR_MARK_UNDECIDED;
	else if (atr_str_equal(text, ATR_STR("1")) || atr_str_equal_nocase(text, ATR_STR("true")))
		found->flags = ATR_FLAG_SAMPLED;
	else if (!atr_str_equal(text, ATR_STR("0")) &&
		 !atr_str_equal_nocase(text, ATR_STR("false")))
		return false;
	return true;
}

static bool read_decision(const struct atr_fields *in, struct atr_context *found)
{
	*found = (struct atr_context){ .marks = 0 };
	if (atr_str_equal(atr_fields_first(in, &headers[FLAGS]), ATR_STR("1"))) {
		found->flags = ATR_FLAG_SAMPLED;
		found->marks = ATR_MARK_DEBUG;
		return true;
	}
	return read_sampled(atr_fields_first(in, &headers[SAMPLED]), found);
}

/* A decision without ids, for a trace that begins here. */
static void found_alone(struct atr_context *out, const struct atr_context *decision)
{
	if (decision->marks & ATR_MARK_UNDECIDED || atr_context_is_valid(out))
		return;
	out->marks = decision->marks |
		     (decision->flags & ATR_FLAG_SAMPLED ? ATR_MARK_KEEP : ATR_MARK_DROP);
}

static void extract(const struct atr_fields *in, char *store, struct atr_context *out)
{
	struct atr_str single = atr_fields_first(in, &headers[SINGLE]), trace_id;
	struct atr_context found;

	(void)store;
	if (read_single(single, &found)) {
		atr_context_found(out, &found);
		return;
	}
	found = (struct atr_context){ .marks = 0 };
	if (read_state(single, &found)) {
		found_alone(out, &found);
		return;
	}
	if (!read_decision(in, &found))
		return;
	trace_id = atr_fields_first(in, &headers[TRACE_ID]);
	if (!trace_id.at)
		found_alone(out, &found);
	else if (read_trace_id(trace_id, found.trace_id) &&
		 read_span_id(atr_fields_first(in, &headers[SPAN_ID]), found.span_id) &&
		 atr_context_is_valid(&found))
		atr_context_found(out, &found);
}

static struct atr_str put_trace_id(const struct atr_context *context, char text[static 32])
{
	size_t from = atr_context_is_short(context) ? 8 : 0;
	char *end = atr_hex_write(text, context->trace_id + from, ATR_TRACE_ID_LEN - from);

	return (struct atr_str){ text, (size_t)(end - text) };
}

static char state_of(const struct atr_context *context)
{
	if (context->marks & ATR_MARK_DEBUG)
		return 'd';
	return context->flags & ATR_FLAG_SAMPLED ? '1' : '0';
}

static void write_single(struct atr_lines *lines, const struct atr_context *context)
{
	char text[32 + 1 + 16 + 2], *end;
	struct atr_str id = put_trace_id(context, text);

	if (!atr_context_is_valid(context))
		return;
	end = text + id.len;
	*end++ = '-';
	end = atr_hex_write(end, context->span_id, ATR_SPAN_ID_LEN);
	if (!(context->marks & ATR_MARK_UNDECIDED)) {
		*end++ = '-';
		*end++ = state_of(context);
	}
	atr_line_of(lines, &headers[SINGLE], (struct atr_str){ text, (size_t)(end - text) });
}

static void write_multi(struct atr_lines *lines, const struct atr_context *context)
{
	char text[32], state = state_of(context);
	struct atr_str id = put_trace_id(context, text);

	if (!atr_context_is_valid(context))
		return;
	atr_line_of(lines, &headers[TRACE_ID], id);
	atr_hex_write(text, context->span_id, ATR_SPAN_ID_LEN);
	atr_line_of(lines, &headers[SPAN_ID], (struct atr_str){ text, 16 });
	if (state == 'd')
		atr_line_of(lines, &headers[FLAGS], ATR_STR("1"));
	else if (!(context->marks & ATR_MARK_UNDECIDED))
		atr_line_of(lines, &headers[SAMPLED], (struct atr_str){ &state, 1 });
}

/* The span's id, and the state where there is one; a parent in it would be a wrong one then. */
static bool rewrite(struct atr_str value, const struct atr_context *context, char *out)
{
	struct atr_context there;
	char *dash;

	if (!read_single(value, &there) ||
	    memcmp(there.trace_id, context->trace_id, ATR_TRACE_ID_LEN) ||
	    there.marks & ATR_MARK_UNDECIDED)
		return false;
	dash = memchr(out, '-', value.len);
	if (dash + 19 != out + value.len)
		return false;
	dash = atr_hex_write(dash + 1, context->span_id, ATR_SPAN_ID_LEN);
	dash[1] = state_of(context);
	return true;
}

static bool rewrite_part(const struct atr_header *header, struct atr_str value,
			 const struct atr_context *context, char *out)
{
	if (header == &headers[SPAN_ID] && value.len == 16) {
		atr_hex_write(out, context->span_id, ATR_SPAN_ID_LEN);
		return true;
	}
	if (header != &headers[SAMPLED] || value.len != 1)
		return false;
	*out = context->flags & ATR_FLAG_SAMPLED ? '1' : '0';
	return true;
}

/* A parent in them would be a wrong one then, and a state that is not there stays so. */
static bool is_whole(const struct atr_fields *in, const struct atr_context *context)
{
	struct atr_str sampled = atr_fields_first(in, &headers[SAMPLED]);
	struct atr_context there;

	if (atr_fields_first(in, &headers[PARENT]).at || !read_decision(in, &there) ||
	    there.marks & ATR_MARK_UNDECIDED ||
	    !read_trace_id(atr_fields_first(in, &headers[TRACE_ID]), there.trace_id) ||
	    !read_span_id(atr_fields_first(in, &headers[SPAN_ID]), there.span_id) ||
	    !atr_context_is_of_trace(&there, context))
		return false;
	if (there.marks & ATR_MARK_DEBUG)
		return context->marks & ATR_MARK_DEBUG;
	return sampled.len == 1 || !((there.flags ^ context->flags) & ATR_FLAG_SAMPLED);
}

const struct atr_format_of atr_format_b3 = {
	"b3", headers, NR_HEADERS, extract, write_single, rewrite, rewrite_part, is_whole,
};

const struct atr_format_of atr_format_b3multi = {
	"b3multi", headers, NR_HEADERS, extract, write_multi, rewrite, rewrite_part, is_whole,
};
