/* SPDX-License-Identifier: Apache-2.0 */
#include "propagator/format.h"

/*
 * W3C Trace Context, level 2. A traceparent that is absent, repeated or wrong
 * in any way restarts the trace, and takes the tracestate with it.
 */

#define VERSION_00_LEN ATR_TRACEPARENT_LEN
#define MEMBERS_MAX 32
#define KEY_MAX 256
#define VALUE_MAX 256
#define LONG_MEMBER 128 /* longer ones are the first to go when room is short */

enum { PARENT, STATE };

static const char digits[] = "0123456789abcdef";

/* A lower-case hexadecimal digit's value, or 16. */
static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a' + 10);
	return 16;
}

static bool read_hex(const char *text, uint8_t *out, size_t len)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		wrong |= (high | low) & 16;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return !wrong;
}

static char *write_hex(char *out, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	return out;
}

static bool read_traceparent(struct atr_str text, struct atr_context *out)
{
	struct atr_context c = *out;
	uint8_t version;

	text = atr_str_trim(text);
	if (text.len < VERSION_00_LEN || text.at[2] != '-' || text.at[35] != '-' ||
	    text.at[52] != '-')
		return false;
	if (!read_hex(text.at, &version, 1) || version == 0xff ||
	    !read_hex(text.at + 3, c.trace_id, sizeof(c.trace_id)) ||
	    !read_hex(text.at + 36, c.span_id, sizeof(c.span_id)) ||
	    !read_hex(text.at + 53, &c.flags, 1))
		return false;
	/* a later version may have more after a dash; this one has not */
	if (text.len > VERSION_00_LEN && (version == 0 || text.at[VERSION_00_LEN] != '-'))
		return false;
	c.flags &= ATR_FLAG_SAMPLED | ATR_FLAG_RANDOM;
	if (!atr_context_is_valid(&c))
		return false;
	*out = c;
	return true;
}

static bool is_key(struct atr_str key)
{
	if (!key.len || key.len > KEY_MAX)
		return false;
	for (size_t i = 0; i < key.len; i++) {
		char c = key.at[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (!plain && (i == 0 || !strchr("_-*/@", c) || !c))
			return false;
	}
	return true;
}

static bool is_value(struct atr_str value)
{
	if (!value.len || value.len > VALUE_MAX || value.at[value.len - 1] == ' ')
		return false;
	for (size_t i = 0; i < value.len; i++)
		if (value.at[i] < 0x20 || value.at[i] > 0x7e || value.at[i] == ',' ||
		    value.at[i] == '=')
			return false;
	return true;
}

static bool is_member(struct atr_str member)
{
	const char *equals = memchr(member.at, '=', member.len);
	size_t key_len = equals ? (size_t)(equals - member.at) : 0;

	return equals && is_key((struct atr_str){ member.at, key_len }) &&
	       is_value((struct atr_str){ equals + 1, member.len - key_len - 1 });
}

/* Adds a header's members; false when one is wrong, or they are too many. */
static bool add_members(struct atr_str text, struct atr_str *members, unsigned *nr)
{
	while (text.len) {
		const char *comma = memchr(text.at, ',', text.len);
		struct atr_str member = { text.at, comma ? (size_t)(comma - text.at) : text.len };

		text.at += member.len + (comma ? 1 : 0);
		text.len -= member.len + (comma ? 1 : 0);
		member = atr_str_trim(member);
		if (!member.len)
			continue;
		if (*nr == MEMBERS_MAX || !is_member(member))
			return false;
		members[(*nr)++] = member;
	}
	return true;
}

static size_t length_of(const struct atr_str *members, unsigned nr)
{
	size_t len = 0;

	for (unsigned i = 0; i < nr; i++)
		len += members[i].len + (members[i].len ? 1 : 0);
	return len;
}

/* What does not fit goes: first the long ones from the end, then the last ones. */
static void shorten(struct atr_str *members, unsigned nr)
{
	for (unsigned i = nr; i-- && length_of(members, nr) > ATR_TRACESTATE_MAX;)
		if (members[i].len > LONG_MEMBER)
			members[i].len = 0;
}

static struct atr_str read_tracestate(const struct atr_pair *headers, size_t nr_headers,
				      bool is_env, char *store)
{
	struct atr_str members[MEMBERS_MAX];
	unsigned nr = 0;
	size_t len = 0;

	for (size_t i = 0; i < nr_headers; i++)
		if (atr_header_is(&atr_format_w3c.header[STATE], headers[i].name, is_env) &&
		    !add_members(headers[i].value, members, &nr))
			return (struct atr_str){ 0 };
	shorten(members, nr);
	for (unsigned i = 0; i < nr; i++) {
		if (!members[i].len)
			continue;
		if (len)
			store[len++] = ',';
		memcpy(store + len, members[i].at, members[i].len);
		len += members[i].len;
	}
	return (struct atr_str){ len ? store : NULL, len };
}

static void extract(const struct atr_pair *headers, size_t nr, bool is_env, char *store,
		    struct atr_context *out)
{
	const struct atr_pair *parent = NULL;

	for (size_t i = 0; i < nr; i++) {
		if (!atr_header_is(&atr_format_w3c.header[PARENT], headers[i].name, is_env))
			continue;
		if (parent)
			return;
		parent = &headers[i];
	}
	if (parent && read_traceparent(parent->value, out))
		out->tracestate = read_tracestate(headers, nr, is_env, store);
}

void atr_traceparent_write(const struct atr_context *context, char out[static ATR_TRACEPARENT_LEN])
{
	uint8_t flags = context->flags & (ATR_FLAG_SAMPLED | ATR_FLAG_RANDOM);

	memcpy(out, "00-", 3);
	out = write_hex(out + 3, context->trace_id, ATR_TRACE_ID_LEN);
	*out++ = '-';
	out = write_hex(out, context->span_id, ATR_SPAN_ID_LEN);
	*out++ = '-';
	write_hex(out, &flags, 1);
}

static size_t value(int which, const struct atr_context *context, unsigned except, char *out,
		    size_t cap)
{
	if (!atr_context_is_valid(context))
		return 0;
	if (which == STATE) {
		if (except & ATR_EXCEPT_TRACESTATE || !context->tracestate.len)
			return 0;
		return context->tracestate.len > cap ?
			       cap + 1 :
			       atr_value_copy(context->tracestate, out, cap);
	}
	if (cap < ATR_TRACEPARENT_LEN)
		return cap + 1;
	atr_traceparent_write(context, out);
	return ATR_TRACEPARENT_LEN;
}

const struct atr_format_of atr_format_w3c = {
	"tracecontext",
	{ { "traceparent", "TRACEPARENT", true }, { "tracestate", "TRACESTATE", false } },
	2,
	extract,
	value,
};
