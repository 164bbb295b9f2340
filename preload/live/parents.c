/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/parents.h"

#include "export/diag.h"
#include "export/env.h"
#include "export/list.h"
#include "propagator/ot.h"

#define BY_FLAG UINT64_MAX

/* In the order of the names below. */
static uint64_t threshold_of[4] = { BY_FLAG, BY_FLAG, BY_FLAG, BY_FLAG };
static const char *const parents[] = { "remote_parent_not_sampled", "remote_parent_sampled",
				       "local_parent_not_sampled", "local_parent_sampled" };

/* "always_on", "always_off", "traceidratio:0.5". */
static bool read_threshold(struct atr_str text, uint64_t *out)
{
	const struct atr_str named = ATR_STR("traceidratio:");
	struct atr_str rest = { text.at + named.len, text.len - named.len };
	double ratio;

	*out = atr_str_equal_nocase(text, ATR_STR("always_off")) ? ATR_OT_ALL : 0;
	if (*out || atr_str_equal_nocase(text, ATR_STR("always_on")))
		return true;
	if (text.len <= named.len ||
	    !atr_str_equal_nocase((struct atr_str){ text.at, named.len }, named) ||
	    !atr_decimal_of(rest, &ratio) || ratio > 1)
		return false;
	*out = atr_ot_threshold(ratio);
	return true;
}

/* One member: kind=sampler. */
static bool read_parent(struct atr_str member)
{
	const char *equals = memchr(member.at, '=', member.len);
	size_t name_len = equals ? (size_t)(equals - member.at) : member.len;
	struct atr_str name = atr_str_trim((struct atr_str){ member.at, name_len }), value;
	uint64_t threshold;

	if (!equals)
		return false;
	value = (struct atr_str){ equals + 1, member.len - name_len - 1 };
	if (!read_threshold(atr_str_trim(value), &threshold))
		return false;
	for (int i = 0; i < 4; i++)
		if (atr_str_equal_nocase(name, atr_str(parents[i]))) {
			threshold_of[i] = threshold;
			return true;
		}
	return false;
}

void atr_parents_setup(void)
{
	struct atr_str whole = atr_env_get("AUTOTRACE_SAMPLER_PARENTS"), list = whole, member;
	bool is_good = true;

	for (int i = 0; i < 4; i++)
		threshold_of[i] = BY_FLAG;
	while (atr_list_next(&list, &member))
		is_good &= read_parent(member);
	if (!is_good)
		atr_log_bad_env("AUTOTRACE_SAMPLER_PARENTS", whole, "not all of it is kind=sampler",
				"what is not is left out");
}

bool atr_parents_threshold(const struct atr_context *parent, uint64_t *out)
{
	unsigned kind = 2 * !parent->remote + !!(parent->flags & ATR_FLAG_SAMPLED);

	*out = threshold_of[kind];
	return *out != BY_FLAG;
}

bool atr_parents_are_told_apart(void)
{
	for (int i = 0; i < 4; i++)
		if (threshold_of[i] != BY_FLAG)
			return true;
	return false;
}
