/* SPDX-License-Identifier: Apache-2.0 */
#include "propagator/format.h"

/*
 * W3C Baggage: carried on as it came. Members that are not of its grammar are
 * left out, one by one: the specification gives no reason to lose the others.
 * Of more than it must carry (64 members, 8192 bytes), the first are carried.
 */

#define MEMBERS_MAX 64

static bool is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_member(struct atr_str member)
{
	const char *equals = memchr(member.at, '=', member.len);
	struct atr_str key = { member.at, equals ? (size_t)(equals - member.at) : 0 };

	key = atr_str_trim(key);
	if (!key.len)
		return false;
	for (size_t i = 0; i < key.len; i++)
		if (!is_token(key.at[i]))
			return false;
	/* the value and its properties; a space or tab only beside = and ; is not looked at */
	for (const char *c = equals + 1; c < member.at + member.len; c++)
		if ((*c < 0x21 && *c != ' ' && *c != '\t') || *c > 0x7e || *c == '"' || *c == '\\')
			return false;
	return true;
}

static void extract(const struct atr_pair *headers, size_t nr_headers, bool is_env, char *store,
		    struct atr_context *out)
{
	char *to = store + ATR_TRACESTATE_MAX; /* the room's second half */
	size_t len = 0;
	unsigned nr = 0;

	for (size_t i = 0; i < nr_headers; i++) {
		struct atr_str text = headers[i].value;

		if (!atr_header_is(&atr_format_baggage.header[0], headers[i].name, is_env))
			continue;
		while (text.len) {
			const char *comma = memchr(text.at, ',', text.len);
			struct atr_str member = { text.at,
						  comma ? (size_t)(comma - text.at) : text.len };

			text.at += member.len + (comma ? 1 : 0);
			text.len -= member.len + (comma ? 1 : 0);
			member = atr_str_trim(member);
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

static size_t value(int which, const struct atr_context *context, unsigned except, char *out,
		    size_t cap)
{
	(void)which;
	if (except & ATR_EXCEPT_BAGGAGE || !context->baggage.len)
		return 0;
	return context->baggage.len > cap ? cap + 1 : atr_value_copy(context->baggage, out, cap);
}

const struct atr_format_of atr_format_baggage = {
	"baggage", { { "baggage", "BAGGAGE", false } }, 1, extract, value,
};
