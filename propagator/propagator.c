/* SPDX-License-Identifier: Apache-2.0 */
#include "propagator/propagator.h"

#include "propagator/format.h"

static const struct atr_format_of *const formats[ATR_NR_FORMATS] = {
	[ATR_FORMAT_TRACECONTEXT] = &atr_format_w3c,
	[ATR_FORMAT_BAGGAGE] = &atr_format_baggage,
};

static void use(struct atr_propagators *p, uint8_t format)
{
	for (int i = 0; i < p->nr; i++)
		if (p->format[i] == format)
			return;
	p->format[p->nr++] = format;
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
	out->nr = 0;
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

bool atr_header_is(const struct atr_header *header, struct atr_str name, bool is_env)
{
	return is_env ? atr_str_equal(name, atr_str(header->variable)) :
			atr_str_equal_nocase(name, atr_str(header->name));
}

/* The header of a format in use that has this name, or NULL. */
static const struct atr_header *find(const struct atr_propagators *p, struct atr_str name,
				     bool is_env)
{
	for (int i = 0; i < p->nr; i++) {
		const struct atr_format_of *format = formats[p->format[i]];

		for (int k = 0; k < format->nr_headers; k++)
			if (atr_header_is(&format->header[k], name, is_env))
				return &format->header[k];
	}
	return NULL;
}

bool atr_propagators_want(const struct atr_propagators *p, struct atr_str name)
{
	/* nearly all names of nearly all messages end here */
	if (name.len != 11 && name.len != 10 && name.len != 7)
		return false;
	return find(p, name, false) != NULL;
}

bool atr_propagators_is_trace(const struct atr_propagators *p, struct atr_str name)
{
	const struct atr_header *header = find(p, name, false);

	return header && header->is_trace;
}

static bool extract(const struct atr_propagators *p, const struct atr_pair *headers, size_t nr,
		    bool is_env, char *store, struct atr_context *out)
{
	memset(out, 0, sizeof(*out));
	out->remote = true;
	for (int i = 0; i < p->nr; i++)
		formats[p->format[i]]->extract(headers, nr, is_env, store, out);
	return atr_context_is_valid(out);
}

bool atr_propagators_extract(const struct atr_propagators *p, const struct atr_pair *headers,
			     size_t nr_headers, char store[static ATR_CARRY_MAX],
			     struct atr_context *out)
{
	return extract(p, headers, nr_headers, false, store, out);
}

bool atr_propagators_extract_env(const struct atr_propagators *p, const struct atr_pair *variables,
				 size_t nr_variables, char store[static ATR_CARRY_MAX],
				 struct atr_context *out)
{
	return extract(p, variables, nr_variables, true, store, out);
}

size_t atr_value_copy(struct atr_str text, char *out, size_t cap)
{
	if (!text.len || text.len > cap)
		return 0;
	memcpy(out, text.at, text.len);
	return text.len;
}

/*
 * One after the other: name, `between`, value, `end`. 0 when one of them finds
 * no room: a part of a context is not a context.
 */
static size_t inject(const struct atr_propagators *p, const struct atr_context *context,
		     unsigned except, bool is_env, char *out, size_t cap, unsigned *nr)
{
	struct atr_str between = is_env ? ATR_STR("=") : ATR_STR(": ");
	struct atr_str end = is_env ? (struct atr_str){ "", 1 } : ATR_STR("\r\n");
	size_t len = 0;

	for (int i = 0; i < p->nr; i++) {
		const struct atr_format_of *format = formats[p->format[i]];

		for (int k = 0; k < format->nr_headers; k++) {
			const struct atr_header *header = &format->header[k];
			struct atr_str name = atr_str(is_env ? header->variable : header->name);
			size_t at = len + name.len + between.len, n;

			if (at + end.len > cap)
				return 0;
			n = format->value(k, context, except, out + at, cap - at - end.len);
			if (!n)
				continue;
			if (n > cap - at - end.len)
				return 0;
			memcpy(out + len, name.at, name.len);
			memcpy(out + len + name.len, between.at, between.len);
			memcpy(out + at + n, end.at, end.len);
			len = at + n + end.len;
			++*nr;
		}
	}
	return len;
}

size_t atr_propagators_inject(const struct atr_propagators *p, const struct atr_context *context,
			      unsigned except, char *out, size_t cap)
{
	unsigned nr = 0;

	return inject(p, context, except, false, out, cap, &nr);
}

size_t atr_propagators_inject_env(const struct atr_propagators *p,
				  const struct atr_context *context, char *out, size_t cap,
				  unsigned *nr)
{
	size_t len;

	*nr = 0;
	len = inject(p, context, 0, true, out, cap, nr);
	if (!len)
		*nr = 0;
	return len;
}

bool atr_propagators_env_name(const struct atr_propagators *p, struct atr_str variable)
{
	const char *equals = memchr(variable.at, '=', variable.len);

	if (equals)
		variable.len = (size_t)(equals - variable.at);
	return find(p, variable, true) != NULL;
}
