/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/sampler.h"

#include "export/diag.h"
#include "export/env.h"

static bool parent_based = true;
static bool makes_spans = true;
static uint64_t keep_below = UINT64_MAX; /* of 2^56: traces whose number is lower are kept */

#define ALL (UINT64_C(1) << 56)

/* A number from 0 to 1 in plain decimal notation, as a share of 2^56; false when it is not one. */
static bool share_of(struct atr_str text, uint64_t *out)
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
	*out = (uint64_t)(value * (double)ALL);
	return true;
}

void atr_sampler_setup(void)
{
	static const char prefix[] = "parentbased_";
	struct atr_str name = atr_env_get("OTEL_TRACES_SAMPLER"), rest = name;
	struct atr_str arg = atr_env_get("OTEL_TRACES_SAMPLER_ARG");

	makes_spans = !atr_env_bool("OTEL_SDK_DISABLED", false);
	keep_below = ALL;
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
		if (arg.at && !share_of(arg, &keep_below))
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
	uint64_t number = 0;

	/* what the parent left open is decided as for a root */
	if (parent_based && parent && !(parent->marks & ATR_MARK_UNDECIDED))
		return parent->flags & ATR_FLAG_SAMPLED;
	if (keep_below >= ALL)
		return true;
	for (int i = 9; i < 16; i++)
		number = number << 8 | trace_id[i];
	return ALL - 1 - number < keep_below;
}
