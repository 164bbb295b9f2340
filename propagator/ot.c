/* SPDX-License-Identifier: Apache-2.0 */
#include "propagator/ot.h"

#define DIGITS 14
#define VALUE_MAX 256
#define MEMBERS_MAX 32

/* The next part up to `end`, which is passed over. */
static struct atr_str next_part(struct atr_str *rest, char end)
{
	const char *at = memchr(rest->at, end, rest->len);
	struct atr_str part = { rest->at, at ? (size_t)(at - rest->at) : rest->len };

	rest->at += part.len + (at ? 1 : 0);
	rest->len -= part.len + (at ? 1 : 0);
	return part;
}

static bool is_ot(struct atr_str member)
{
	return member.len >= 3 && !memcmp(member.at, "ot=", 3);
}

static bool is_small(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "key:value" in its parts; false when it is none. */
static bool split(struct atr_str pair, struct atr_str *key, struct atr_str *value)
{
	size_t i = 0;

	while (i < pair.len && (is_small(pair.at[i]) || (i && is_digit(pair.at[i]))))
		i++;
	if (!i || i == pair.len || pair.at[i] != ':')
		return false;
	*key = (struct atr_str){ pair.at, i };
	*value = (struct atr_str){ pair.at + i + 1, pair.len - i - 1 };
	for (i = 0; i < value->len; i++) {
		char c = value->at[i];

		if (!is_digit(c) && !is_small((char)(c | 0x20)) && !(c && strchr("._-", c)))
			return false;
	}
	return true;
}

/* What the first such member says, if every part of it is well-formed; else empty. */
static struct atr_str value_of(struct atr_str tracestate)
{
	struct atr_str key, value, whole = { 0 }, rest;

	while (tracestate.len && !whole.len) {
		struct atr_str member = next_part(&tracestate, ',');

		if (is_ot(member))
			whole = (struct atr_str){ member.at + 3, member.len - 3 };
	}
	for (rest = whole; rest.len;)
		if (!split(next_part(&rest, ';'), &key, &value))
			return (struct atr_str){ 0 };
	return whole.len <= VALUE_MAX ? whole : (struct atr_str){ 0 };
}

/* Up to 14 lower-case digits, and zeros after them. */
static bool read_digits(struct atr_str text, uint64_t *out)
{
	uint64_t n = 0;

	if (!text.len || text.len > DIGITS)
		return false;
	for (size_t i = 0; i < DIGITS; i++) {
		char c = i < text.len ? text.at[i] : '0';

		if (!is_digit(c) && !(c >= 'a' && c <= 'f'))
			return false;
		n = n << 4 | (uint64_t)(is_digit(c) ? c - '0' : c - 'a' + 10);
	}
	*out = n;
	return true;
}

void atr_ot_read(struct atr_str tracestate, struct atr_ot *out)
{
	struct atr_str rest = value_of(tracestate), key, value;
	uint64_t n;

	*out = (struct atr_ot){ .th = ATR_TH_NONE };
	while (rest.len) {
		if (!split(next_part(&rest, ';'), &key, &value) || !read_digits(value, &n))
			continue;
		if (atr_str_equal(key, ATR_STR("th")))
			out->th = n;
		else if (atr_str_equal(key, ATR_STR("rv")) && value.len == DIGITS) {
			out->rv = n;
			out->has_rv = true;
		}
	}
}

uint64_t atr_ot_randomness(struct atr_str tracestate,
			   const uint8_t trace_id[static ATR_TRACE_ID_LEN])
{
	struct atr_ot ot = { .has_rv = false };
	uint64_t number = 0;

	if (tracestate.len)
		atr_ot_read(tracestate, &ot);
	if (ot.has_rv)
		return ot.rv;
	for (int i = 9; i < 16; i++)
		number = number << 8 | trace_id[i];
	return number;
}

static char *put(char *at, struct atr_str text)
{
	memcpy(at, text.at, text.len);
	return at + text.len;
}

static char *put_threshold(char *at, uint64_t th)
{
	int nr = DIGITS;

	while (nr > 1 && !(th >> 4 * (DIGITS - nr) & 15))
		nr--;
	for (int i = DIGITS - 1; i >= DIGITS - nr; i--)
		*at++ = "0123456789abcdef"[th >> 4 * i & 15];
	return at;
}

/* The member, "ot=...", with all else that it said; its length, 0: nothing is left of it. */
static size_t build(struct atr_str was, uint64_t th, char out[static VALUE_MAX + 32])
{
	char *at = put(out, ATR_STR("ot="));
	struct atr_str key, value;

	while (was.len) {
		struct atr_str pair = next_part(&was, ';');

		if (!split(pair, &key, &value) || atr_str_equal(key, ATR_STR("th")))
			continue;
		if (at != out + 3)
			*at++ = ';';
		at = put(at, pair);
	}
	if (th != ATR_TH_NONE) {
		at = put(at, at == out + 3 ? ATR_STR("th:") : ATR_STR(";th:"));
		at = put_threshold(at, th);
	}
	return at == out + 3 ? 0 : (size_t)(at - out);
}

struct atr_str atr_ot_tell(struct atr_str tracestate, uint64_t th, char *room)
{
	char own[VALUE_MAX + 32];
	struct atr_str rest = tracestate;
	struct atr_ot is;
	size_t len;
	unsigned nr = 1;

	atr_ot_read(tracestate, &is);
	if (is.th == th)
		return tracestate;
	len = build(value_of(tracestate), th, own);
	if (len > VALUE_MAX + 3)
		return tracestate;
	memcpy(room, own, len);
	while (rest.len) {
		struct atr_str member = next_part(&rest, ',');

		if (is_ot(member) || !member.len)
			continue;
		/* the right-most ones give way */
		if (nr++ == MEMBERS_MAX || len + 1 + member.len > ATR_TRACESTATE_MAX)
			break;
		if (len)
			room[len++] = ',';
		memcpy(room + len, member.at, member.len);
		len += member.len;
	}
	return (struct atr_str){ len ? room : NULL, len };
}

#define TELLING 4

uint64_t atr_ot_threshold(double share)
{
	uint64_t th = share >= 1 ? 0 : ATR_OT_ALL - (uint64_t)(share * (double)ATR_OT_ALL);
	int first = DIGITS - 1, drop;
	uint64_t step;

	if (!th || th >= ATR_OT_ALL)
		return th;
	while (first > 0 && ((th >> 4 * first & 15) == 15 || !(th >> 4 * first & 15)))
		first--;
	drop = first + 1 - TELLING;
	if (drop <= 0)
		return th;
	step = UINT64_C(1) << 4 * drop;
	th = (th + step / 2) & ~(step - 1);
	return th < ATR_OT_ALL ? th : ATR_OT_ALL - 1;
}
