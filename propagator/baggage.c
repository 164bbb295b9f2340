/* SPDX-License-Identifier: Apache-2.0 */
#include "propagator/format.h"

/*
 * W3C Baggage: carried on as it came. Members that are not of its grammar are
 * left out, one by one: the specification gives no reason to lose the others.
 * Of more than it must carry (64 members, 8192 bytes), the first are carried.
 *
 * The baggage of other formats is kept in the same form, so that there is one
 * baggage, whichever formats it goes on in. What W3C says takes the place of
 * what was read before, as the SDKs do; the others add to it.
 */

#define MEMBERS_MAX 64

static const struct atr_header headers[] = {
	{ ATR_TEXT("baggage"), ATR_TEXT("BAGGAGE"), .except = ATR_EXCEPT_BAGGAGE },
};

/* The room's second part. */
static char *room(char *store)
{
	return store + ATR_TRACESTATE_MAX;
}

static bool is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_key(struct atr_str key)
{
	for (size_t i = 0; i < key.len; i++)
		if (!is_token(key.at[i]))
			return false;
	return key.len != 0;
}

static bool is_value_byte(int c)
{
	return c > 0x20 && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\';
}

static bool is_member(struct atr_str member)
{
	const char *equals = memchr(member.at, '=', member.len);
	struct atr_str key = { member.at, equals ? (size_t)(equals - member.at) : 0 };

	if (!is_key(atr_str_trim(key)))
		return false;
	/* the value and its properties; a space or tab only beside = and ; is not looked at */
	for (const char *c = equals + 1; c < member.at + member.len; c++)
		if ((*c < 0x21 && *c != ' ' && *c != '\t') || *c > 0x7e || *c == '"' || *c == '\\')
			return false;
	return true;
}

/* Up to the next comma, without spaces around it; may be empty. */
static struct atr_str next_member(struct atr_str *rest)
{
	const char *comma = memchr(rest->at, ',', rest->len);
	struct atr_str member = { rest->at, comma ? (size_t)(comma - rest->at) : rest->len };

	rest->at += member.len + (comma ? 1 : 0);
	rest->len -= member.len + (comma ? 1 : 0);
	return atr_str_trim(member);
}

static void extract(const struct atr_fields *in, char *store, struct atr_context *out)
{
	char *to = room(store);
	size_t len = 0;
	unsigned nr = 0;

	for (size_t i = 0; i < in->nr; i++) {
		struct atr_str text = in->at[i].value;

		if (!atr_header_is(&headers[0], in->at[i].name, in->is_env))
			continue;
		while (text.len) {
			struct atr_str member = next_member(&text);

			if (nr == MEMBERS_MAX || !member.len || !is_member(member) ||
			    len + member.len + 1 > ATR_BAGGAGE_MAX)
				continue;
			if (len)
				to[len++] = ',';
			memcpy(to + len, member.at, member.len);
			len += member.len;
			nr++;
		}
	}
	if (len)
		out->baggage = (struct atr_str){ to, len };
}

static void write(struct atr_lines *lines, const struct atr_context *context)
{
	if (context->baggage.len)
		atr_line_of(lines, &headers[0], context->baggage);
}

bool atr_baggage_next(struct atr_str *rest, struct atr_str *key, struct atr_str *value)
{
	struct atr_str member;
	const char *end;

	if (!rest->len)
		return false;
	member = next_member(rest);
	end = memchr(member.at, '=', member.len);
	*key = (struct atr_str){ member.at, end ? (size_t)(end - member.at) : member.len };
	*value = (struct atr_str){ member.at + key->len, member.len - key->len };
	if (end)
		value->at++, value->len--;
	end = memchr(value->at, ';', value->len);
	if (end)
		value->len = (size_t)(end - value->at);
	*key = atr_str_trim(*key);
	*value = atr_str_trim(*value);
	return true;
}

int atr_percent_next(struct atr_str *rest)
{
	unsigned high, low;
	char c;

	if (!rest->len)
		return -1;
	c = *rest->at++;
	rest->len--;
	if (c != '%')
		return (unsigned char)c;
	if (rest->len < 2)
		return -2;
	high = atr_hex_digit(rest->at[0]);
	low = atr_hex_digit(rest->at[1]);
	rest->at += 2;
	rest->len -= 2;
	return (high | low) & 16 ? -2 : (int)(high << 4 | low);
}

/* The next byte of a value in either form. */
static int next_byte(struct atr_str *rest, bool is_encoded)
{
	if (is_encoded)
		return atr_percent_next(rest);
	if (!rest->len)
		return -1;
	rest->len--;
	return (unsigned char)*rest->at++;
}

static bool is_same_value(struct atr_str ours, struct atr_str value, bool is_encoded)
{
	for (;;) {
		int a = atr_percent_next(&ours), b = next_byte(&value, is_encoded);

		if (a != b || a == -2)
			return false;
		if (a == -1)
			return true;
	}
}

/* Room that the value takes in W3C's form; 0: it is malformed. */
static size_t encoded_len(struct atr_str value, bool is_encoded, bool *is_good)
{
	size_t len = 0;
	int c;

	while ((c = next_byte(&value, is_encoded)) >= 0)
		len += is_value_byte(c) && c != '%' ? 1 : 3;
	*is_good = c == -1;
	return len;
}

static void encode(struct atr_str value, bool is_encoded, char *to)
{
	static const char digits[] = "0123456789ABCDEF";
	int c;

	while ((c = next_byte(&value, is_encoded)) >= 0) {
		if (is_value_byte(c) && c != '%') {
			*to++ = (char)c;
			continue;
		}
		*to++ = '%';
		*to++ = digits[c >> 4];
		*to++ = digits[c & 15];
	}
}

/* Without the members of this key; the others keep their order. */
static struct atr_str without(struct atr_str list, char *to, struct atr_str unwanted)
{
	struct atr_str rest = list, key, value;
	size_t len = 0;

	for (;;) {
		const char *from = rest.at;
		size_t member_len;

		if (!atr_baggage_next(&rest, &key, &value))
			return (struct atr_str){ len ? to : NULL, len };
		member_len = (size_t)(rest.at - from) - (rest.len ? 1 : 0);
		if (atr_str_equal(key, unwanted))
			continue;
		if (len)
			to[len++] = ',';
		memmove(to + len, from, member_len);
		len += member_len;
	}
}

void atr_baggage_put(struct atr_context *out, char *store, struct atr_str key, struct atr_str value,
		     bool is_encoded)
{
	struct atr_str rest = out->baggage, at, is;
	char *to = room(store);
	bool is_good, is_there = false;
	size_t value_len = encoded_len(value, is_encoded, &is_good), len;
	unsigned nr = 0;

	if (!is_good || !is_key(key))
		return;
	while (atr_baggage_next(&rest, &at, &is)) {
		nr++;
		if (!atr_str_equal(at, key))
			continue;
		if (is_same_value(is, value, is_encoded))
			return;
		is_there = true;
	}
	if (out->baggage.len + key.len + value_len + 2 > ATR_BAGGAGE_MAX ||
	    (nr == MEMBERS_MAX && !is_there))
		return;
	if (is_there)
		out->baggage = without(out->baggage, to, key);
	len = out->baggage.len;
	if (len)
		to[len++] = ',';
	memcpy(to + len, key.at, key.len);
	len += key.len;
	to[len++] = '=';
	encode(value, is_encoded, to + len);
	out->baggage = (struct atr_str){ to, len + value_len };
}

void atr_baggage_put_prefixed(const struct atr_fields *in, const struct atr_header *header,
			      char *store, struct atr_context *out, bool is_encoded)
{
	for (size_t i = 0; i < in->nr && !in->is_env; i++) {
		struct atr_str key = in->at[i].name;

		if (!atr_header_is(header, key, false))
			continue;
		key.at += header->name.len;
		key.len -= header->name.len;
		atr_baggage_put(out, store, key, atr_str_trim(in->at[i].value), is_encoded);
	}
}

const struct atr_format_of atr_format_baggage = {
	"baggage", headers, 1, extract, write, NULL, NULL, NULL,
};
