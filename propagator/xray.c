/* SPDX-License-Identifier: Apache-2.0 */
#include "propagator/format.h"

/*
 * AWS X-Ray's tracing header, as its developer guide has it: fields key=value,
 * joined by ';', in any order, with spaces around them or not.
 *
 *	Root=1-{8 digits: seconds since 1970}-{24 digits};Parent={16};Sampled={0, 1, ?}
 *
 * Without Sampled the receiver decides; with ?, it is also asked for the answer.
 * Self is a load balancer's note about itself and ends here. All other fields
 * go on as they came, Lineage above all: the services count by it how
 * often an event has come around, and stop what never ends.
 *
 * xray-lambda (semantic conventions, AWS Lambda) is the same in messages; in the
 * environment it reads _X_AMZN_TRACE_ID, where no other format has found a parent.
 */

static const struct atr_header headers[] = {
	{ ATR_TEXT("x-amzn-trace-id"), ATR_TEXT("X_AMZN_TRACE_ID"), .is_trace = true,
	  .except = ATR_EXCEPT_XRAY },
};

static const struct atr_header lambda_headers[] = {
	{ ATR_TEXT("x-amzn-trace-id"), ATR_TEXT("_X_AMZN_TRACE_ID"), .is_trace = true,
	  .except = ATR_EXCEPT_XRAY },
};

#define ROOT_LEN 35
#define OTHERS_MAX (ATR_XRAY_MAX / 2) /* as much is kept for Lineage */

struct reading {
	struct atr_context found;
	struct atr_str parent, sampled; /* where they stand in the text; absent: they do not */
	size_t lineage_len, others_len; /* of what is put aside, joints included */
	char *to;
	size_t len;
};

/* Up to the next semicolon: a field's key and value. */
static bool next_field(struct atr_str *rest, struct atr_str *key, struct atr_str *value)
{
	const char *end = memchr(rest->at, ';', rest->len), *equals;
	struct atr_str field = { rest->at, end ? (size_t)(end - rest->at) : rest->len };

	rest->at += field.len + (end ? 1 : 0);
	rest->len -= field.len + (end ? 1 : 0);
	field = atr_str_trim(field);
	equals = field.len ? memchr(field.at, '=', field.len) : NULL;
	if (!equals || equals == field.at)
		return false;
	*key = (struct atr_str){ field.at, (size_t)(equals - field.at) };
	*value = (struct atr_str){ equals + 1, field.len - key->len - 1 };
	return true;
}

static bool read_root(struct atr_str text, uint8_t id[static ATR_TRACE_ID_LEN])
{
	return text.len == ROOT_LEN && !memcmp(text.at, "1-", 2) && text.at[10] == '-' &&
	       atr_hex_read_short((struct atr_str){ text.at + 2, 8 }, id, 4) &&
	       atr_hex_read_short((struct atr_str){ text.at + 11, 24 }, id + 4, 12);
}

static bool read_sampled(struct atr_str text, struct atr_context *found)
{
	if (text.len != 1 || !text.at[0] || !strchr("01?", text.at[0]))
		return false;
	found->flags = text.at[0] == '1' ? ATR_FLAG_SAMPLED : 0;
	found->marks = text.at[0] == '?' ? ATR_MARK_UNDECIDED | ATR_MARK_ASKED : 0;
	return true;
}

static bool is_printable(struct atr_str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] < 0x20 || text.at[i] > 0x7e)
			return false;
	return true;
}

/* A field that is not ours to read. Whole or not at all. */
static void put_aside(struct reading *r, struct atr_str key, struct atr_str value)
{
	size_t len = key.len + 1 + value.len + 1;
	bool is_lineage = atr_str_equal_nocase(key, ATR_STR("Lineage"));
	size_t *used = is_lineage ? &r->lineage_len : &r->others_len;

	if (!r->to || *used + len > OTHERS_MAX ||
	    !is_printable((struct atr_str){ key.at, len - 1 }))
		return;
	*used += len;
	if (r->len)
		r->to[r->len++] = ';';
	memcpy(r->to + r->len, key.at, len - 1);
	r->len += len - 1;
}

static bool read_field(struct reading *r, struct atr_str key, struct atr_str value)
{
	if (atr_str_equal_nocase(key, ATR_STR("Root")))
		return read_root(value, r->found.trace_id);
	if (atr_str_equal_nocase(key, ATR_STR("Parent"))) {
		r->parent = value;
		return value.len == 16 &&
		       atr_hex_read_short(value, r->found.span_id, ATR_SPAN_ID_LEN);
	}
	if (atr_str_equal_nocase(key, ATR_STR("Sampled"))) {
		r->sampled = value;
		return read_sampled(value, &r->found);
	}
	if (!atr_str_equal_nocase(key, ATR_STR("Self")))
		put_aside(r, key, value);
	return true;
}

/* `to`: where the other fields go, ATR_XRAY_MAX bytes; or NULL. */
static bool read_text(struct atr_str text, char *to, struct reading *r)
{
	struct atr_str key, value;

	*r = (struct reading){ .to = to, .found.marks = ATR_MARK_UNDECIDED };
	while (text.len)
		if (next_field(&text, &key, &value) && !read_field(r, key, value))
			return false;
	return atr_context_is_valid(&r->found);
}

static void found_text(struct atr_str text, char *store, struct atr_context *out)
{
	char *to = store + ATR_TRACESTATE_MAX + ATR_BAGGAGE_MAX;
	struct reading r;

	if (!read_text(text, to, &r))
		return;
	out->xray = (struct atr_str){ r.len ? to : NULL, r.len };
	atr_context_found(out, &r.found);
}

static void extract(const struct atr_fields *in, char *store, struct atr_context *out)
{
	found_text(atr_fields_first(in, &headers[0]), store, out);
}

static void extract_lambda(const struct atr_fields *in, char *store, struct atr_context *out)
{
	if (!in->is_env || !atr_context_is_valid(out))
		found_text(atr_fields_first(in, &lambda_headers[0]), store, out);
}

static void write_as(struct atr_lines *lines, const struct atr_header *header,
		     const struct atr_context *context)
{
	char text[5 + ROOT_LEN + 8 + 16 + 10 + ATR_XRAY_MAX], *end = text;

	if (!atr_context_is_valid(context) || (lines->has_xray && !lines->is_env))
		return;
	lines->has_xray = true;
	memcpy(end, "Root=1-", 7);
	end = atr_hex_write(end + 7, context->trace_id, 4);
	*end++ = '-';
	end = atr_hex_write(end, context->trace_id + 4, 12);
	memcpy(end, ";Parent=", 8);
	end = atr_hex_write(end + 8, context->span_id, ATR_SPAN_ID_LEN);
	if (!(context->marks & ATR_MARK_UNDECIDED) || context->marks & ATR_MARK_ASKED) {
		memcpy(end, ";Sampled=", 9);
		end += 9;
		*end++ = context->marks & ATR_MARK_UNDECIDED ? '?' :
			 context->flags & ATR_FLAG_SAMPLED   ? '1' :
							       '0';
	}
	if (context->xray.len && context->xray.len < ATR_XRAY_MAX) {
		*end++ = ';';
		memcpy(end, context->xray.at, context->xray.len);
		end += context->xray.len;
	}
	atr_line_of(lines, header, (struct atr_str){ text, (size_t)(end - text) });
}

static void write(struct atr_lines *lines, const struct atr_context *context)
{
	write_as(lines, &headers[0], context);
}

static void write_lambda(struct atr_lines *lines, const struct atr_context *context)
{
	write_as(lines, &lambda_headers[0], context);
}

/* Parent and Sampled, where they stand; Root, Lineage and all else stays, also a decision left open. */
static bool rewrite(struct atr_str value, const struct atr_context *context, char *out)
{
	struct reading r;

	if (!read_text(value, NULL, &r) ||
	    memcmp(r.found.trace_id, context->trace_id, ATR_TRACE_ID_LEN))
		return false;
	atr_hex_write(out + (r.parent.at - value.at), context->span_id, ATR_SPAN_ID_LEN);
	if (r.sampled.at)
		out[r.sampled.at - value.at] = context->flags & ATR_FLAG_SAMPLED ? '1' : '0';
	return true;
}

bool atr_xray_extract(struct atr_str text, char store[static ATR_CARRY_MAX],
		      struct atr_context *out)
{
	memset(out, 0, sizeof(*out));
	out->remote = true;
	found_text(text, store, out);
	return atr_context_is_valid(out);
}

void atr_xray_trace_id(uint32_t seconds, const uint8_t random[static 12],
		       uint8_t out[static ATR_TRACE_ID_LEN])
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(seconds >> (24 - 8 * i));
	memcpy(out + 4, random, 12);
}

const struct atr_format_of atr_format_xray = {
	"xray", headers, 1, extract, write, rewrite, NULL, NULL,
};

const struct atr_format_of atr_format_xray_lambda = {
	"xray-lambda", lambda_headers, 1, extract_lambda, write_lambda, rewrite, NULL, NULL,
};
