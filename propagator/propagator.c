/* SPDX-License-Identifier: Apache-2.0 */
#include "propagator/propagator.h"

#include "propagator/format.h"

static const struct atr_format_of *const formats[ATR_NR_FORMATS] = {
	[ATR_FORMAT_TRACECONTEXT] = &atr_format_w3c,
	[ATR_FORMAT_BAGGAGE] = &atr_format_baggage,
	[ATR_FORMAT_B3] = &atr_format_b3,
	[ATR_FORMAT_B3MULTI] = &atr_format_b3multi,
	[ATR_FORMAT_JAEGER] = &atr_format_jaeger,
	[ATR_FORMAT_XRAY] = &atr_format_xray,
	[ATR_FORMAT_XRAY_LAMBDA] = &atr_format_xray_lambda,
	[ATR_FORMAT_OTTRACE] = &atr_format_ottrace,
	[ATR_FORMAT_GCP] = &atr_format_gcp,
	[ATR_FORMAT_ONEWAY_GCP] = &atr_format_oneway_gcp,
};

#define LENGTH_LAST 31u

static uint32_t bit_of(size_t len)
{
	return UINT32_C(1) << (len < LENGTH_LAST ? len : LENGTH_LAST);
}

bool atr_propagators_use(const struct atr_propagators *p, enum atr_format format)
{
	for (int i = 0; i < p->nr; i++)
		if (p->format[i] == format)
			return true;
	return false;
}

static void use(struct atr_propagators *p, uint8_t format)
{
	const struct atr_format_of *of = formats[format];

	if (atr_propagators_use(p, format))
		return;
	p->format[p->nr++] = format;
	p->is_w3c = atr_propagators_use(p, ATR_FORMAT_TRACECONTEXT) &&
		    p->nr == 1 + atr_propagators_use(p, ATR_FORMAT_BAGGAGE);
	for (int i = 0; i < of->nr_headers; i++) {
		uint32_t bit = bit_of(of->headers[i].name.len);

		/* a prefix's own bit, and all above */
		p->lengths |= of->headers[i].is_prefix ? ~(bit - 1) : bit;
	}
}

static bool use_named(struct atr_propagators *p, struct atr_str name)
{
	for (uint8_t f = 0; f < ATR_NR_FORMATS; f++) {
		if (atr_str_equal_nocase(name, atr_str(formats[f]->name))) {
			use(p, f);
			return true;
		}
	}
	return atr_str_equal_nocase(name, ATR_STR("none"));
}

void atr_propagators_parse(struct atr_str text, struct atr_propagators *out,
			   struct atr_str *unknown)
{
	struct atr_str rest = atr_str_trim(text);

	*unknown = (struct atr_str){ 0 };
	*out = (struct atr_propagators){ 0 };
	if (!rest.len)
		rest = ATR_STR("tracecontext,baggage");
	while (rest.len) {
		const char *comma = memchr(rest.at, ',', rest.len);
		struct atr_str name = { rest.at, comma ? (size_t)(comma - rest.at) : rest.len };

		rest.at += name.len + (comma ? 1 : 0);
		rest.len -= name.len + (comma ? 1 : 0);
		name = atr_str_trim(name);
		if (name.len && !use_named(out, name) && !unknown->at)
			*unknown = name;
	}
}

bool atr_header_matches(const struct atr_header *header, struct atr_str name, bool is_env)
{
	if (is_env)
		return header->variable.at && atr_str_equal(name, header->variable);
	if (header->is_prefix) {
		if (name.len <= header->name.len)
			return false;
		name.len = header->name.len;
	}
	return atr_str_equal_nocase(name, header->name);
}

/* The header of a format in use that has this name, or NULL; and of which format. */
static const struct atr_header *find(const struct atr_propagators *p, struct atr_str name,
				     bool is_env, const struct atr_format_of **of)
{
	for (int i = 0; i < p->nr; i++) {
		const struct atr_format_of *format = formats[p->format[i]];

		for (int k = 0; k < format->nr_headers; k++) {
			if (atr_header_is(&format->headers[k], name, is_env)) {
				*of = format;
				return &format->headers[k];
			}
		}
	}
	return NULL;
}

static const struct atr_header *find_header(const struct atr_propagators *p, struct atr_str name)
{
	const struct atr_format_of *of;

	/* nearly all names of nearly all messages end here */
	if (!(p->lengths & bit_of(name.len)))
		return NULL;
	return find(p, name, false, &of);
}

bool atr_propagators_want(const struct atr_propagators *p, struct atr_str name)
{
	return find_header(p, name) != NULL;
}

/* Two formats may have the same header, and only one of them write it. */
bool atr_propagators_is_trace(const struct atr_propagators *p, struct atr_str name)
{
	for (int i = 0; i < p->nr && p->lengths & bit_of(name.len); i++) {
		const struct atr_format_of *format = formats[p->format[i]];

		for (int k = 0; k < format->nr_headers; k++)
			if (format->headers[k].is_trace &&
			    atr_header_is(&format->headers[k], name, false))
				return true;
	}
	return false;
}

unsigned atr_propagators_except(const struct atr_propagators *p, struct atr_str name)
{
	const struct atr_header *header = find_header(p, name);

	return header ? header->except : 0;
}

bool atr_propagators_want_epoch(const struct atr_propagators *p)
{
	return atr_propagators_use(p, ATR_FORMAT_XRAY) ||
	       atr_propagators_use(p, ATR_FORMAT_XRAY_LAMBDA);
}

struct atr_str atr_fields_first(const struct atr_fields *in, const struct atr_header *header)
{
	for (size_t i = 0; i < in->nr; i++)
		if (atr_header_is(header, in->at[i].name, in->is_env))
			return atr_str_trim(in->at[i].value);
	return (struct atr_str){ 0 };
}

bool atr_context_is_of_trace(const struct atr_context *a, const struct atr_context *b)
{
	return !memcmp(a->trace_id + 8, b->trace_id + 8, 8) &&
	       (atr_context_is_short(a) || atr_context_is_short(b) ||
		!memcmp(a->trace_id, b->trace_id, 8));
}

void atr_context_found(struct atr_context *out, const struct atr_context *found)
{
	uint8_t flags = found->flags, marks = found->marks;
	bool is_first = !atr_context_is_valid(out);

	if (!is_first && atr_context_is_of_trace(out, found)) {
		flags |= out->flags & ATR_FLAG_RANDOM;
		/* a format that leaves it open does not take back what another has decided */
		if (marks & ATR_MARK_UNDECIDED && !(out->marks & ATR_MARK_UNDECIDED)) {
			flags |= out->flags & ATR_FLAG_SAMPLED;
			marks &= (uint8_t) ~(ATR_MARK_UNDECIDED | ATR_MARK_ASKED);
		}
		if (flags & ATR_FLAG_SAMPLED)
			marks |= out->marks & (ATR_MARK_DEBUG | ATR_MARK_FIREHOSE);
		if (atr_context_is_short(out))
			memcpy(out->trace_id, found->trace_id, ATR_TRACE_ID_LEN);
	} else {
		/* with the first, a tracestate that came without its traceparent; see w3c.c */
		if (!is_first)
			out->tracestate = (struct atr_str){ 0 };
		memcpy(out->trace_id, found->trace_id, ATR_TRACE_ID_LEN);
	}
	memcpy(out->span_id, found->span_id, ATR_SPAN_ID_LEN);
	out->flags = flags;
	out->marks = marks;
}

static bool extract(const struct atr_propagators *p, const struct atr_pair *headers, size_t nr,
		    bool is_env, char *store, struct atr_context *out)
{
	const struct atr_fields in = { headers, nr, is_env };

	memset(out, 0, sizeof(*out));
	out->remote = true;
	if (!nr)
		return false;
	for (int i = 0; i < p->nr; i++)
		formats[p->format[i]]->extract(&in, store, out);
	if (atr_context_is_valid(out))
		return true;
	out->tracestate = out->xray = (struct atr_str){ 0 };
	return false;
}

bool atr_propagators_extract(const struct atr_propagators *p, const struct atr_pair *headers,
			     size_t nr_headers, char store[static ATR_CARRY_MAX],
			     struct atr_context *out)
{
	return extract(p, headers, nr_headers, false, store, out);
}

bool atr_propagators_extract_parent(const struct atr_propagators *p, const struct atr_pair *headers,
				    size_t nr_headers, struct atr_context *out)
{
	static const struct atr_context none;

	/* no other format reads it */
	if (nr_headers != 1 || !atr_str_equal_nocase(headers->name, ATR_STR("traceparent")) ||
	    !atr_propagators_use(p, ATR_FORMAT_TRACECONTEXT))
		return false;
	*out = none;
	if (!atr_traceparent_read(headers->value, out))
		*out = none;
	out->remote = true;
	return true;
}

bool atr_propagators_extract_env(const struct atr_propagators *p, const struct atr_pair *variables,
				 size_t nr_variables, char store[static ATR_CARRY_MAX],
				 struct atr_context *out)
{
	return extract(p, variables, nr_variables, true, store, out);
}

char *atr_line(struct atr_lines *lines, const struct atr_header *header, struct atr_str key,
	       size_t value_len)
{
	struct atr_str name = lines->is_env ? header->variable : header->name;
	struct atr_str between = lines->is_env ? ATR_STR("=") : ATR_STR(": ");
	size_t end_len = lines->is_env ? 1 : 2;
	char *at = lines->at + lines->len, *value;

	if (!name.at || header->except & lines->except)
		return NULL;
	lines->nr++;
	if (lines->is_short_of_room)
		return NULL;
	if (name.len + key.len + between.len + value_len + end_len > lines->cap - lines->len) {
		lines->is_short_of_room = true;
		return NULL;
	}
	memcpy(at, name.at, name.len);
	if (key.len)
		memcpy(at + name.len, key.at, key.len);
	value = at + name.len + key.len;
	memcpy(value, between.at, between.len);
	value += between.len;
	memcpy(value + value_len, lines->is_env ? "" : "\r\n", end_len);
	lines->len = (size_t)(value - lines->at) + value_len + end_len;
	return value;
}

void atr_line_of(struct atr_lines *lines, const struct atr_header *header, struct atr_str value)
{
	char *at = atr_line(lines, header, (struct atr_str){ 0 }, value.len);

	if (at)
		memcpy(at, value.at, value.len);
}

/* All or nothing: a part of a context is not a context. */
static size_t inject(const struct atr_propagators *p, const struct atr_context *context,
		     struct atr_lines *lines)
{
	for (int i = 0; i < p->nr; i++) {
		size_t len = lines->len;
		unsigned nr = lines->nr;

		formats[p->format[i]]->write(lines, context);
		if (lines->is_env && lines->nr > ATR_ENV_VARIABLES_MAX) {
			lines->len = len;
			lines->nr = nr;
			lines->is_short_of_room = false;
		}
		if (lines->is_short_of_room)
			return 0;
	}
	return lines->len;
}

size_t atr_propagators_inject(const struct atr_propagators *p, const struct atr_context *context,
			      unsigned except, char *out, size_t cap)
{
	struct atr_lines lines = { .at = out, .cap = cap, .except = except };

	if (p->is_w3c && !(context->tracestate.len | context->baggage.len) &&
	    atr_context_is_valid(context) && cap >= ATR_TRACEPARENT_LINE)
		return atr_traceparent_line(context, out);
	return inject(p, context, &lines);
}

size_t atr_propagators_inject_env(const struct atr_propagators *p,
				  const struct atr_context *context, char *out, size_t cap,
				  unsigned *nr)
{
	struct atr_lines lines = { .at = out, .cap = cap, .is_env = true };
	size_t len = inject(p, context, &lines);

	*nr = len ? lines.nr : 0;
	return len;
}

bool atr_propagators_env_name(const struct atr_propagators *p, struct atr_str variable)
{
	const char *equals = memchr(variable.at, '=', variable.len);
	const struct atr_format_of *of;

	if (equals)
		variable.len = (size_t)(equals - variable.at);
	return find(p, variable, true, &of) != NULL;
}

bool atr_propagators_rewrite(const struct atr_propagators *p, struct atr_str name,
			     struct atr_str value, const struct atr_context *context, char *out)
{
	struct atr_str inner = atr_str_trim(value);
	const struct atr_format_of *of;
	const struct atr_header *header;

	if (!value.len || !(p->lengths & bit_of(name.len)))
		return false;
	header = find(p, name, false, &of);
	if (!header)
		return false;
	memcpy(out, value.at, value.len);
	out += inner.at - value.at;
	if (header == of->headers && of->rewrite)
		return of->rewrite(inner, context, out);
	return of->rewrite_part && of->rewrite_part(header, inner, context, out);
}

bool atr_propagators_rewrite_whole(const struct atr_propagators *p, struct atr_str name,
				   const struct atr_pair *headers, size_t nr_headers,
				   const struct atr_context *context)
{
	const struct atr_fields in = { headers, nr_headers, false };
	const struct atr_format_of *of;
	const struct atr_header *header = find(p, name, false, &of);

	if (!header || (header == of->headers && of->rewrite))
		return true;
	return !of->is_whole || of->is_whole(&in, context);
}
