/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/variables.h"

#include <stdio.h>
#include <string.h>

enum { NAME_LEN_MAX = 64, NEAR = 2 };

/* The command's own variable is in no table of the library's. */
static const char *const known[] = {
	"AUTOTRACE_LIBRARY",
#define ATR_VARIABLE(name, stronger, otherwise) #name, #stronger,
#define ATR_VARIABLE_KNOWN(name) #name,
#include "export/variables.def"
#undef ATR_VARIABLE
#undef ATR_VARIABLE_KNOWN
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

/* Names of OpenTelemetry's that are far from all of ours are for others: SDKs, agents. */
bool atr_variable_is_doubtful(const char *variable, char text[static ATR_DOUBT_MAX])
{
	size_t len = strcspn(variable, "=");
	const char *meant;

	if (!atr_variable_is_ours(variable) || atr_variable_is_known(variable, len))
		return false;
	meant = atr_variable_meant(variable, len);
	if (meant)
		snprintf(text, ATR_DOUBT_MAX,
			 "%.*s is not a variable that is known; is it meant to be %s?", (int)len,
			 variable, meant);
	else if (strncmp(variable, "AUTOTRACE_", 10) == 0)
		snprintf(text, ATR_DOUBT_MAX, "%.*s is not a variable that is known.", (int)len,
			 variable);
	else
		return false;
	return true;
}

bool atr_variable_is_secret(const char *name, size_t len)
{
	static const char *const secret[] = { "OTEL_EXPORTER_OTLP_HEADERS",
					      "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
					      "AUTOTRACE_REDACT_KEY", "BAGGAGE" };

	for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++) {
		if (is_name(name, len, secret[i]))
			return true;
	}
	/* names of headers, and no more */
	if (len >= 21 && memcmp(name, "OTEL_INSTRUMENTATION_", 21) == 0)
		return false;
	/* headers for other signals, and whatever else says so of itself */
	return len >= 8 && memcmp(name + len - 8, "_HEADERS", 8) == 0;
}
