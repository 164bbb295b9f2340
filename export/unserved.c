/* SPDX-License-Identifier: Apache-2.0 */
#include "export/diag.h"
#include "export/env.h"
#include "export/options.h"

/*
 * Variables that the specification has, of which some values, or all, ask for what is not
 * here. `good` are those that ask for what is done anyway.
 */
static const struct {
	const char *name, *good, *why, *instead;
} unserved[] = {
	{ "OTEL_ENTITIES", "", "entities are not in this version", "it is left out" },
	{ "OTEL_METRICS_EXEMPLAR_FILTER", "trace_based,always_off",
	  "metrics of ours have no exemplars", "it is left out" },
	{ "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "explicit_bucket_histogram",
	  "not explicit_bucket_histogram", "that is used" },
	{ "OTEL_EXPORTER_OTLP_SPAN_INSECURE", "",
	  "an old name of OTEL_EXPORTER_OTLP_TRACES_INSECURE", "it is left out" },
	{ "OTEL_EXPORTER_OTLP_METRIC_INSECURE", "",
	  "an old name of OTEL_EXPORTER_OTLP_METRICS_INSECURE", "it is left out" },
	{ "OTEL_EXPORTER_ZIPKIN_PROTOCOL", "http/json", "not http/json", "that is used" },
	{ "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN", "", "exceptions are events of their span here",
	  "it is left out" },
};

void atr_options_tell_unserved(void)
{
	for (size_t i = 0; i < sizeof(unserved) / sizeof(unserved[0]); i++) {
		struct atr_str value = atr_str_trim(atr_env_get(unserved[i].name));
		struct atr_str good = atr_str(unserved[i].good), member;
		bool is_good = !value.len;

		while (!is_good && atr_list_next(&good, &member))
			is_good = atr_str_equal_nocase(value, member);
		if (!is_good)
			atr_log_bad_env(unserved[i].name, value, unserved[i].why,
					unserved[i].instead);
	}
}
