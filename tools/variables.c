/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/variables.h"

#include <string.h>

enum { NAME_LEN_MAX = 64, NEAR = 2 };

static const char *const known[] = {
	"AUTOTRACE_DEEPBIND",
	"AUTOTRACE_DISABLED",
	"AUTOTRACE_EXCLUDE",
	"AUTOTRACE_EXIT_FLUSH_MS",
	"AUTOTRACE_FILE",
	"AUTOTRACE_FILE_KEEP",
	"AUTOTRACE_FILE_MAX_BYTES",
	"AUTOTRACE_FLUSH_ON_SIGNAL",
	"AUTOTRACE_INCLUDE",
	"AUTOTRACE_LAMBDA_EXTENSION",
	"AUTOTRACE_LAMBDA_HONOUR_SAMPLED",
	"AUTOTRACE_LIBRARY",
	"AUTOTRACE_LOG",
	"AUTOTRACE_PROBES",
	"AUTOTRACE_STATS",
	"AUTOTRACE_XRAY_ANNOTATIONS",
	"BAGGAGE",
	"OTEL_ATTRIBUTE_COUNT_LIMIT",
	"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
	"OTEL_BLRP_EXPORT_TIMEOUT",
	"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
	"OTEL_BLRP_MAX_QUEUE_SIZE",
	"OTEL_BLRP_SCHEDULE_DELAY",
	"OTEL_BSP_EXPORT_TIMEOUT",
	"OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
	"OTEL_BSP_MAX_QUEUE_SIZE",
	"OTEL_BSP_SCHEDULE_DELAY",
	"OTEL_CONFIG_FILE",
	"OTEL_ENTITIES",
	"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
	"OTEL_EXPORTER_OTLP_CERTIFICATE",
	"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
	"OTEL_EXPORTER_OTLP_CLIENT_KEY",
	"OTEL_EXPORTER_OTLP_COMPRESSION",
	"OTEL_EXPORTER_OTLP_ENDPOINT",
	"OTEL_EXPORTER_OTLP_HEADERS",
	"OTEL_EXPORTER_OTLP_INSECURE",
	"OTEL_EXPORTER_OTLP_PROTOCOL",
	"OTEL_EXPORTER_OTLP_TIMEOUT",
	"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
	"OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
	"OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
	"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
	"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
	"OTEL_EXPORTER_OTLP_TRACES_HEADERS",
	"OTEL_EXPORTER_OTLP_TRACES_INSECURE",
	"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
	"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
	"OTEL_EXPORTER_ZIPKIN_ENDPOINT",
	"OTEL_EXPORTER_ZIPKIN_TIMEOUT",
	"OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS",
	"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
	"OTEL_LOGS_EXPORTER",
	"OTEL_LOG_LEVEL",
	"OTEL_METRICS_EXEMPLAR_FILTER",
	"OTEL_METRICS_EXPORTER",
	"OTEL_METRIC_EXPORT_INTERVAL",
	"OTEL_METRIC_EXPORT_TIMEOUT",
	"OTEL_PROPAGATORS",
	"OTEL_RESOURCE_ATTRIBUTES",
	"OTEL_SDK_DISABLED",
	"OTEL_SEMCONV_STABILITY_OPT_IN",
	"OTEL_SERVICE_NAME",
	"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
	"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
	"OTEL_SPAN_EVENT_COUNT_LIMIT",
	"OTEL_SPAN_LINK_COUNT_LIMIT",
	"OTEL_TRACES_EXPORTER",
	"OTEL_TRACES_SAMPLER",
	"OTEL_TRACES_SAMPLER_ARG",
	"TRACEPARENT",
	"TRACESTATE",
};

#define NR_KNOWN (sizeof(known) / sizeof(known[0]))

static bool is_name(const char *name, size_t len, const char *wanted)
{
	return strlen(wanted) == len && memcmp(name, wanted, len) == 0;
}

bool atr_variable_is_ours(const char *variable)
{
	size_t len = strcspn(variable, "=");

	return strncmp(variable, "OTEL_", 5) == 0 || strncmp(variable, "AUTOTRACE_", 10) == 0 ||
	       is_name(variable, len, "TRACEPARENT") || is_name(variable, len, "TRACESTATE") ||
	       is_name(variable, len, "BAGGAGE");
}

bool atr_variable_is_known(const char *name, size_t len)
{
	for (size_t i = 0; i < NR_KNOWN; i++) {
		if (is_name(name, len, known[i]))
			return true;
	}
	return false;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Levenshtein's distance: letters to add, take away or change. Both at most NAME_LEN_MAX long. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned row[NAME_LEN_MAX + 1];

	for (size_t k = 0; k <= b_len; k++)
		row[k] = (unsigned)k;
	for (size_t i = 0; i < a_len; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i + 1;
		for (size_t k = 0; k < b_len; k++) {
			unsigned above = row[k + 1];

			row[k + 1] = least(above + 1, row[k] + 1, diagonal + (a[i] != b[k]));
			diagonal = above;
		}
	}
	return row[b_len];
}

const char *atr_variable_meant(const char *name, size_t len)
{
	const char *nearest = NULL;
	unsigned best = NEAR + 1;

	if (len > NAME_LEN_MAX)
		return NULL;
	for (size_t i = 0; i < NR_KNOWN; i++) {
		unsigned d = distance(name, len, known[i], strlen(known[i]));

		if (d < best) {
			best = d;
			nearest = known[i];
		}
	}
	return nearest;
}

bool atr_variable_is_secret(const char *name, size_t len)
{
	static const char *const secret[] = { "OTEL_EXPORTER_OTLP_HEADERS",
					      "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "BAGGAGE" };

	for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++) {
		if (is_name(name, len, secret[i]))
			return true;
	}
	/* headers for other signals, and whatever else says so of itself */
	return len >= 8 && memcmp(name + len - 8, "_HEADERS", 8) == 0;
}
