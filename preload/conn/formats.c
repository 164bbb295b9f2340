/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/formats.h"

#include "export/diag.h"
#include "export/env.h"

struct atr_propagators atr_formats;

void atr_formats_setup(void)
{
	struct atr_str text = atr_env_get("OTEL_PROPAGATORS"), unknown;

	/* AWS's services carry their own; what a caller elsewhere wrote is heard too */
	if (!text.at && atr_env_get("AWS_LAMBDA_RUNTIME_API").at)
		text = ATR_STR("xray,tracecontext,baggage");

	atr_propagators_parse(text, &atr_formats, &unknown);
	if (unknown.at)
		atr_log_bad_env("OTEL_PROPAGATORS", text, "a propagator in it is not known here",
				"it is left out");
}
