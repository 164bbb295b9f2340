/* SPDX-License-Identifier: Apache-2.0 */
#include "export/list.h"

bool atr_list_next(struct atr_str *list, struct atr_str *member)
{
	const char *comma;

	while (list->len) {
		comma = memchr(list->at, ',', list->len);
		*member = *list;
		if (comma)
			member->len = (size_t)(comma - list->at);
		list->at += member->len + (comma ? 1 : 0);
		list->len -= member->len + (comma ? 1 : 0);
		*member = atr_str_trim(*member);
		if (member->len)
			return true;
	}
	return false;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool is_percent_encoded(struct atr_str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] == '%' &&
		    (text.len - i < 3 || !is_hex(text.at[i + 1]) || !is_hex(text.at[i + 2])))
			return false;
	return true;
}

bool atr_list_is_pairs(struct atr_str list)
{
	struct atr_str member;

	while (atr_list_next(&list, &member)) {
		const char *equals = memchr(member.at, '=', member.len);

		if (!equals || equals == member.at || !is_percent_encoded(member) ||
		    memchr(equals + 1, '=', member.len - (size_t)(equals + 1 - member.at)))
			return false;
	}
	return true;
}
