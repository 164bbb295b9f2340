/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/preload.h"
#include "tools/commands.h"
#include "tools/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool atr_preload_find(char library[static PATH_MAX])
{
	if (!atr_program_library(library)) {
		fprintf(stderr,
			"autotrace: no library at %s; install it there or beside this command, "
			"or set AUTOTRACE_LIBRARY to its path\n",
			library);
		return false;
	}
	if (strpbrk(library, ": \t")) {
		fprintf(stderr, "autotrace: LD_PRELOAD cannot name %s: a space or colon is in it\n",
			library);
		return false;
	}
	return true;
}

void atr_preload_set(const char *library)
{
	const char *others = getenv("LD_PRELOAD");
	char *list = NULL;

	if (others && *others && asprintf(&list, "%s:%s", library, others) < 0)
		_exit(ATR_EXIT_OURS);
	setenv("LD_PRELOAD", list ? list : library, 1);
}

void atr_preload_endpoint(const struct atr_receiver *receiver)
{
	static const char *const overriding[] = {
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",	  "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
		"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",  "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
		"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL",	  "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION",
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",	  "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
		"OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION",
	};
	char endpoint[PATH_MAX];

	for (size_t i = 0; i < sizeof(overriding) / sizeof(overriding[0]); i++)
		unsetenv(overriding[i]);
	snprintf(endpoint, sizeof(endpoint), "unix:%s", atr_receiver_path(receiver));
	setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint, 1);
	setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", 1);
	setenv("OTEL_BSP_SCHEDULE_DELAY", "100", 0);
}
