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

static const struct atr_header headers[] = {
	[PARENT] = { ATR_TEXT("traceparent"), ATR_TEXT("TRACEPARENT"), .is_trace = true },
	[STATE] = { ATR_TEXT("tracestate"), ATR_TEXT("TRACESTATE"),
		    .except = ATR_EXCEPT_TRACESTATE },
};

bool atr_traceparent_read(struct atr_str text, struct atr_context *out)
{
	uint8_t version = 0;

	text = atr_str_trim(text);
	if (text.len < VERSION_00_LEN || text.at[2] != '-' || text.at[35] != '-' ||
	    text.at[52] != '-')
		return false;
	if (memcmp(text.at, "00", 2) != 0 &&
	    (!atr_hex_read(text.at, &version, 1) || version == 0xff))
		return false;
	if (!atr_hex_read(text.at + 3, out->trace_id, sizeof(out->trace_id)) ||
	    !atr_hex_read(text.at + 36, out->span_id, sizeof(out->span_id)) ||
	    !atr_hex_read(text.at + 53, &out->flags, 1))
		return false;
	/* a later version may have more after a dash; this one has not */
	if (text.len > VERSION_00_LEN && (version == 0 || text.at[VERSION_00_LEN] != '-'))
		return false;
	out->flags &= ATR_FLAG_SAMPLED | ATR_FLAG_RANDOM;
	out->marks = 0;
	return atr_context_is_valid(out);
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

static struct atr_str read_tracestate(const struct atr_fields *in, char *store)
{
	struct atr_str members[MEMBERS_MAX];
	unsigned nr = 0;
	size_t len = 0;

	for (size_t i = 0; i < in->nr; i++)
		if (atr_header_is(&headers[STATE], in->at[i].name, in->is_env) &&
		    !add_members(in->at[i].value, members, &nr))
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

/*
 * A tracestate without any traceparent is of no use to W3C, but another format
 * may say whose it is: it waits in *out for a parent, and is dropped in the end
 * when none comes.
 */
static void extract(const struct atr_fields *in, char *store, struct atr_context *out)
{
	const struct atr_pair *parent = NULL;
	struct atr_context found;

	for (size_t i = 0; i < in->nr; i++) {
		if (!atr_header_is(&headers[PARENT], in->at[i].name, in->is_env))
			continue;
		if (parent)
			return;
		parent = &in->at[i];
	}
	if (parent) {
		if (!atr_traceparent_read(parent->value, &found))
			return;
		atr_context_found(out, &found);
	}
	out->tracestate = read_tracestate(in, store);
}

void atr_traceparent_write(const struct atr_context *context, char out[static ATR_TRACEPARENT_LEN])
{
	uint8_t flags = context->flags & (ATR_FLAG_SAMPLED | ATR_FLAG_RANDOM);

	memcpy(out, "00-", 3);
	out = atr_hex_write(out + 3, context->trace_id, ATR_TRACE_ID_LEN);
	*out++ = '-';
	out = atr_hex_write(out, context->span_id, ATR_SPAN_ID_LEN);
	*out++ = '-';
	atr_hex_write(out, &flags, 1);
}

size_t atr_traceparent_line(const struct atr_context *context,
			    char out[static ATR_TRACEPARENT_LINE])
{
	static const char name[] = "traceparent: ", end[] = "\r\n";
	const size_t name_len = sizeof(name) - 1, end_len = sizeof(end) - 1;

	memcpy(out, name, name_len);
	atr_traceparent_write(context, out + name_len);
	memcpy(out + name_len + ATR_TRACEPARENT_LEN, end, end_len);
	return ATR_TRACEPARENT_LINE;
}

/* What nearly every message gets, in one go; false: it is another's, or there is no room. */
static bool write_parent(struct atr_lines *lines, const struct atr_context *context)
{
	if (lines->is_env || lines->is_short_of_room ||
	    lines->cap - lines->len < ATR_TRACEPARENT_LINE)
		return false;
	lines->len += atr_traceparent_line(context, lines->at + lines->len);
	lines->nr++;
	return true;
}

static void write(struct atr_lines *lines, const struct atr_context *context)
{
	char *at;

	if (!atr_context_is_valid(context))
		return;
	if (!write_parent(lines, context)) {
		at = atr_line(lines, &headers[PARENT], (struct atr_str){ 0 }, ATR_TRACEPARENT_LEN);
		if (at)
			atr_traceparent_write(context, at);
	}
	if (context->tracestate.len)
		atr_line_of(lines, &headers[STATE], context->tracestate);
}

static bool rewrite(struct atr_str value, const struct atr_context *context, char *out)
{
	struct atr_context there;

	if (value.len != ATR_TRACEPARENT_LEN || !atr_traceparent_read(value, &there) ||
	    memcmp(there.trace_id, context->trace_id, ATR_TRACE_ID_LEN))
		return false;
	atr_traceparent_write(context, out);
	return true;
}

const struct atr_format_of atr_format_w3c = {
	"tracecontext", headers, 2, extract, write, rewrite, NULL, NULL,
};
