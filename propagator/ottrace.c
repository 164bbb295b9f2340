/* SPDX-License-Identifier: Apache-2.0 */
#include "propagator/format.h"

/*
 * The OpenTracing basic tracer's headers, as the SDKs' ottrace has them: ids of
 * 64 bits, so that of a longer trace id only its lower half is sent; and the
 * baggage with plain values, read only where there is a parent.
 */

enum { TRACE_ID, SPAN_ID, SAMPLED, MEMBER, NR_HEADERS };

static const struct atr_header headers[NR_HEADERS] = {
	[TRACE_ID] = { ATR_TEXT("ot-tracer-traceid"), ATR_TEXT("OT_TRACER_TRACEID"),
		       .is_trace = true },
	[SPAN_ID] = { ATR_TEXT("ot-tracer-spanid"), ATR_TEXT("OT_TRACER_SPANID"),
		      .is_trace = true },
	[SAMPLED] = { ATR_TEXT("ot-tracer-sampled"), ATR_TEXT("OT_TRACER_SAMPLED"),
		      .is_trace = true },
	[MEMBER] = { .name = ATR_TEXT("ot-baggage-"),
		     .is_prefix = true,
		     .except = ATR_EXCEPT_BAGGAGE },
};

static bool read_ids(const struct atr_fields *in, struct atr_context *found)
{
	struct atr_str trace_id = atr_fields_first(in, &headers[TRACE_ID]);
	struct atr_str span_id = atr_fields_first(in, &headers[SPAN_ID]);

	*found = (struct atr_context){ .marks = 0 };
	return (trace_id.len == 16 || trace_id.len == 32) && span_id.len == 16 &&
	       atr_hex_read_short(trace_id, found->trace_id, ATR_TRACE_ID_LEN) &&
	       atr_hex_read_short(span_id, found->span_id, ATR_SPAN_ID_LEN) &&
	       atr_context_is_valid(found);
}

static void extract(const struct atr_fields *in, char *store, struct atr_context *out)
{
	struct atr_str sampled = atr_fields_first(in, &headers[SAMPLED]);
	struct atr_context found;

	if (!read_ids(in, &found))
		return;
	if (!sampled.len)
		found.marks = ATR_MARK_UNDECIDED;
	else if (atr_str_equal_nocase(sampled, ATR_STR("true")) ||
		 atr_str_equal(sampled, ATR_STR("1")))
		found.flags = ATR_FLAG_SAMPLED;
	atr_context_found(out, &found);
	atr_baggage_put_prefixed(in, &headers[MEMBER], store, out, false);
}

/* The length of a value that may stand in a header as it is; 0: it may not. */
static size_t plain_len(struct atr_str value)
{
	size_t len = 0;
	int c, first = -1, last = -1;

	while ((c = atr_percent_next(&value)) >= 0) {
		if ((c < 0x20 && c != '\t') || c > 0x7e)
			return 0;
		first = len++ ? first : c;
		last = c;
	}
	/* spaces at the ends would not arrive */
	if (c != -1 || first == ' ' || first == '\t' || last == ' ' || last == '\t')
		return 0;
	return len;
}

static void write_members(struct atr_lines *lines, struct atr_str rest)
{
	struct atr_str key, value;

	while (!lines->is_env && atr_baggage_next(&rest, &key, &value)) {
		size_t len = plain_len(value);
		char *at = len ? atr_line(lines, &headers[MEMBER], key, len) : NULL;

		while (at && len--)
			*at++ = (char)atr_percent_next(&value);
	}
}

static void write(struct atr_lines *lines, const struct atr_context *context)
{
	static const uint8_t zero[8];
	char text[16];

	/* half of an id that is nothing: no receiver could take it */
	if (!atr_context_is_valid(context) || !memcmp(context->trace_id + 8, zero, 8))
		return;
	atr_hex_write(text, context->trace_id + 8, 8);
	atr_line_of(lines, &headers[TRACE_ID], (struct atr_str){ text, 16 });
	atr_hex_write(text, context->span_id, ATR_SPAN_ID_LEN);
	atr_line_of(lines, &headers[SPAN_ID], (struct atr_str){ text, 16 });
	if (!(context->marks & ATR_MARK_UNDECIDED))
		atr_line_of(lines, &headers[SAMPLED],
			    context->flags & ATR_FLAG_SAMPLED ? ATR_STR("true") : ATR_STR("false"));
	write_members(lines, context->baggage);
}

static bool rewrite_part(const struct atr_header *header, struct atr_str value,
			 const struct atr_context *context, char *out)
{
	if (header != &headers[SPAN_ID] || value.len != 16)
		return false;
	atr_hex_write(out, context->span_id, ATR_SPAN_ID_LEN);
	return true;
}

/* The two words of the decision have not the same length. */
static bool is_whole(const struct atr_fields *in, const struct atr_context *context)
{
	struct atr_str sampled = atr_fields_first(in, &headers[SAMPLED]);
	struct atr_context there;
	bool is_sampled = atr_str_equal_nocase(sampled, ATR_STR("true")) ||
			  atr_str_equal(sampled, ATR_STR("1"));

	return sampled.len && is_sampled == !!(context->flags & ATR_FLAG_SAMPLED) &&
	       read_ids(in, &there) && atr_context_is_of_trace(&there, context);
}

const struct atr_format_of atr_format_ottrace = {
	"ottrace", headers, NR_HEADERS, extract, write, NULL, rewrite_part, is_whole,
};
