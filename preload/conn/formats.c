/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/formats.h"

#include "export/diag.h"
#include "export/env.h"
#include "export/list.h"

struct atr_propagators atr_formats;

/* It names `none` beside others. */
static bool has_none(struct atr_str list)
{
	struct atr_str member;

	while (atr_list_next(&list, &member))
		if (atr_str_equal_nocase(member, ATR_STR("none")))
			return true;
	return false;
}

void atr_formats_setup(void)
{
	struct atr_str text = atr_env_get("OTEL_PROPAGATORS"), unknown;

	/* AWS's services carry their own; what a caller elsewhere wrote is heard too */
	if (!text.at && atr_env_get("AWS_LAMBDA_RUNTIME_API").at)
		text = ATR_STR("xray,tracecontext,baggage");

	atr_propagators_parse(text, &atr_formats, &unknown);
	if (unknown.at)
		atr_log_bad_env("OTEL_PROPAGATORS", text, "a propagator in it is not known here",
				atr_formats.nr ? "it is left out" : "no header is written");
	else if (atr_formats.nr && has_none(text))
		atr_log_bad_env("OTEL_PROPAGATORS", text, "none, and others",
				"the others are used");
}
