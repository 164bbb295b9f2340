/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/sampler.h"

#include "export/diag.h"
#include "export/env.h"
#include "preload/live/parents.h"

static bool parent_based = true;
static bool makes_spans = true;
static uint64_t keep_below = UINT64_MAX; /* of 2^56: traces whose number is lower are kept */

void atr_sampler_setup(void)
{
	static const char prefix[] = "parentbased_";
	struct atr_str name = atr_str_trim(atr_env_get("OTEL_TRACES_SAMPLER")), rest = name;
	struct atr_str arg = atr_str_trim(atr_env_get("OTEL_TRACES_SAMPLER_ARG"));

	makes_spans = !atr_env_bool("OTEL_SDK_DISABLED", false);
	parent_based = true;
	keep_below = ATR_SHARE_ALL;
	atr_parents_setup();
	if (!name.at)
		return;
	parent_based = name.len > sizeof(prefix) - 1 &&
		       atr_str_equal_nocase((struct atr_str){ name.at, sizeof(prefix) - 1 },
					    ATR_STR("parentbased_"));
	if (parent_based)
		rest = (struct atr_str){ name.at + sizeof(prefix) - 1,
					 name.len - sizeof(prefix) + 1 };
	if (atr_str_equal_nocase(rest, ATR_STR("always_on")))
		return;
	if (atr_str_equal_nocase(rest, ATR_STR("always_off"))) {
		keep_below = 0;
	} else if (atr_str_equal_nocase(rest, ATR_STR("traceidratio"))) {
		if (arg.at && !atr_share_of(arg, &keep_below))
			atr_log_bad_env("OTEL_TRACES_SAMPLER_ARG", arg, "not a number from 0 to 1",
					"1.0 is used");
	} else {
		parent_based = true;
		atr_log_bad_env("OTEL_TRACES_SAMPLER", name, "not a sampler known here",
				"parentbased_always_on is used");
	}
}

bool atr_sampler_makes_spans(void)
{
	return makes_spans;
}

bool atr_sampler_keeps(const struct atr_context *parent,
		       const uint8_t trace_id[static ATR_TRACE_ID_LEN])
{
	bool is_sampled;

	/* what the parent left open is decided as for a root */
	if (parent_based && parent && !(parent->marks & ATR_MARK_UNDECIDED)) {
		if (atr_parents_decide(parent, trace_id, &is_sampled))
			return is_sampled;
		return parent->flags & ATR_FLAG_SAMPLED;
	}
	return atr_share_keeps(keep_below, trace_id);
}
