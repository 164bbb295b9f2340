/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/parents.h"

#include "export/diag.h"
#include "export/env.h"
#include "export/list.h"

#define BY_FLAG UINT64_MAX

/* In the order of the names below. */
static uint64_t share_of_kind[4] = { BY_FLAG, BY_FLAG, BY_FLAG, BY_FLAG };
static const char *const parents[] = { "remote_parent_not_sampled", "remote_parent_sampled",
				       "local_parent_not_sampled", "local_parent_sampled" };

bool atr_share_of(struct atr_str text, uint64_t *out)
{
	double value = 0, scale = 1;
	bool point = false, digit = false;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (c == '.' && !point) {
			point = true;
		} else if (c >= '0' && c <= '9') {
			digit = true;
			value = value * 10 + (c - '0');
			if (point)
				scale *= 10;
		} else {
			return false;
		}
	}
	value /= scale;
	if (!digit || value > 1)
		return false;
	*out = (uint64_t)(value * (double)ATR_SHARE_ALL);
	return true;
}

bool atr_share_keeps(uint64_t share, const uint8_t trace_id[static ATR_TRACE_ID_LEN])
{
	uint64_t number = 0;

	if (share >= ATR_SHARE_ALL)
		return true;
	for (int i = 9; i < 16; i++)
		number = number << 8 | trace_id[i];
	return ATR_SHARE_ALL - 1 - number < share;
}

/* "always_on", "always_off", "traceidratio:0.5". */
static bool read_share(struct atr_str text, uint64_t *out)
{
	static const char ratio[] = "traceidratio:";
	size_t len = sizeof(ratio) - 1;

	*out = atr_str_equal_nocase(text, ATR_STR("always_off")) ? 0 : ATR_SHARE_ALL;
	if (!*out || atr_str_equal_nocase(text, ATR_STR("always_on")))
		return true;
	return text.len > len &&
	       atr_str_equal_nocase((struct atr_str){ text.at, len }, ATR_STR("traceidratio:")) &&
	       atr_share_of((struct atr_str){ text.at + len, text.len - len }, out);
}

/* One member: kind=sampler. */
static bool read_parent(struct atr_str member)
{
	const char *equals = memchr(member.at, '=', member.len);
	size_t name_len = equals ? (size_t)(equals - member.at) : member.len;
	struct atr_str name = atr_str_trim((struct atr_str){ member.at, name_len }), value;
	uint64_t share;

	if (!equals)
		return false;
	value = (struct atr_str){ equals + 1, member.len - name_len - 1 };
	if (!read_share(atr_str_trim(value), &share))
		return false;
	for (int i = 0; i < 4; i++)
		if (atr_str_equal_nocase(name, atr_str(parents[i]))) {
			share_of_kind[i] = share;
			return true;
		}
	return false;
}

void atr_parents_setup(void)
{
	struct atr_str whole = atr_env_get("AUTOTRACE_SAMPLER_PARENTS"), list = whole, member;
	bool is_good = true;

	for (int i = 0; i < 4; i++)
		share_of_kind[i] = BY_FLAG;
	while (atr_list_next(&list, &member))
		is_good &= read_parent(member);
	if (!is_good)
		atr_log_bad_env("AUTOTRACE_SAMPLER_PARENTS", whole, "not all of it is kind=sampler",
				"what is not is left out");
}

bool atr_parents_decide(const struct atr_context *parent,
			const uint8_t trace_id[static ATR_TRACE_ID_LEN], bool *is_sampled)
{
	unsigned kind = 2 * !parent->remote + !!(parent->flags & ATR_FLAG_SAMPLED);

	if (share_of_kind[kind] == BY_FLAG)
		return false;
	*is_sampled = atr_share_keeps(share_of_kind[kind], trace_id);
	return true;
}
