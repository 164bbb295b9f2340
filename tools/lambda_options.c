/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lambda_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

enum {
	INVOCATIONS_MAX = 1000000,
	CONCURRENCY_MAX = 64,
	MEMORY_MAX = 10240,
	TIMEOUT_MAX_S = 900,
	FREEZE_MAX_MS = 3600 * 1000,
	FREEZE_MS = 500,
};

static const char usage[] =
	"Usage: autotrace lambda [OPTION...] [--] BOOTSTRAP [ARGUMENT...]\n"
	"Plays AWS Lambda's Runtime API for a custom runtime, with libautotrace preloaded. Tells\n"
	"on standard error of each invocation what Lambda's log has, and draws the trace.\n\n"
	"      --event FILE         what the function is given (default: {}); - is standard "
	"input;\n"
	"                           several take turns\n"
	"      --invocations N      how often (default: once for each event)\n"
	"      --freeze[=MS]        stop its processes between two invocations, for MS (500)\n"
	"      --sampled 0|1|none   what the trace header says (1); none: there is no header\n"
	"      --trace-header TEXT  the caller's X-Amzn-Trace-Id: the invocations are in its "
	"trace\n"
	"      --otlp               have spans exported by OTLP instead of to the X-Ray daemon\n"
	"      --timeout S          of an invocation, in seconds (3)\n"
	"      --init-timeout S     of Init (10)\n"
	"      --memory MB          what it is told it has (128)\n"
	"      --env NAME=VALUE     a variable of the function; NAME alone takes it out\n"
	"      --name NAME          the function's name (function)\n"
	"      --concurrency N      as on managed instances: N invocations at once\n"
	"      --snapstart          as with SnapStart: restore/next is there to be asked\n"
	"      --extension NAME     the extension of this name is an external one\n"
	"      --client-context JSON, --cognito JSON\n"
	"                           send these with each event\n"
	"      --chunked            send events in the chunked coding\n"
	"      --no-keep-alive      close the connection behind each answer\n"
	"      --responses FILE     write what the function answers, a line each\n"
	"      --html FILE          also write the trace as one HTML page\n"
	"      --json FILE          also write it as OTLP JSON lines, for autotrace show\n"
	"      --all-probes         switch every probe on\n"
	"      --probes LIST        switch these on (AUTOTRACE_PROBES), as in libautotrace(7)\n"
	"  -h, --help               this text\n";

static bool complain(const char *option, const char *text)
{
	fprintf(stderr, "autotrace lambda: --%s cannot be '%s'; see autotrace lambda --help\n",
		option, text);
	return false;
}

static bool read_count(const char *option, const char *text, unsigned least, unsigned most,
		       unsigned *out)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || n < least || n > most)
		return complain(option, text);
	*out = (unsigned)n;
	return true;
}

static bool read_seconds(const char *option, const char *text, double *out)
{
	char *end;
	double n = strtod(text, &end);

	if (end == text || *end || !(n > 0 && n <= TIMEOUT_MAX_S))
		return complain(option, text);
	*out = n;
	return true;
}

static bool read_sampled(const char *text, enum atr_sampled *out)
{
	static const char *const words[] = { "0", "1", "none" };

	for (unsigned i = 0; i < 3; i++) {
		if (strcmp(text, words[i]) == 0) {
			*out = (enum atr_sampled)i;
			return true;
		}
	}
	return complain("sampled", text);
}

/* The caller decides on sampling too. */
static bool read_trace_header(struct atr_lambda_options *o, const char *text)
{
	static char store[ATR_CARRY_MAX];

	if (!atr_xray_extract(atr_str(text), store, &o->caller))
		return complain("trace-header", text);
	o->trace_header = text;
	o->sampled = o->caller.flags & ATR_FLAG_SAMPLED ? ATR_SAMPLED_YES : ATR_SAMPLED_NO;
	return true;
}

static bool add(const char ***list, size_t *nr, const char *text)
{
	const char **grown = realloc(*list, (*nr + 1) * sizeof(**list));

	if (!grown)
		return false;
	*list = grown;
	grown[(*nr)++] = text;
	return true;
}

enum {
	EVENT = 256,
	INVOCATIONS,
	FREEZE,
	SAMPLED,
	TRACE_HEADER,
	OTLP,
	TIMEOUT,
	INIT_TIMEOUT,
	MEMORY,
	ENV,
	NAME,
	CONCURRENCY,
	SNAPSTART,
	EXTENSION,
	CLIENT_CONTEXT,
	COGNITO,
	CHUNKED,
	NO_KEEP_ALIVE,
	RESPONSES,
	HTML,
	JSON,
	ALL_PROBES,
	PROBES,
};

static const struct option known[] = {
	{ "event", required_argument, NULL, EVENT },
	{ "invocations", required_argument, NULL, INVOCATIONS },
	{ "freeze", optional_argument, NULL, FREEZE },
	{ "sampled", required_argument, NULL, SAMPLED },
	{ "trace-header", required_argument, NULL, TRACE_HEADER },
	{ "otlp", no_argument, NULL, OTLP },
	{ "timeout", required_argument, NULL, TIMEOUT },
	{ "init-timeout", required_argument, NULL, INIT_TIMEOUT },
	{ "memory", required_argument, NULL, MEMORY },
	{ "env", required_argument, NULL, ENV },
	{ "name", required_argument, NULL, NAME },
	{ "concurrency", required_argument, NULL, CONCURRENCY },
	{ "snapstart", no_argument, NULL, SNAPSTART },
	{ "extension", required_argument, NULL, EXTENSION },
	{ "client-context", required_argument, NULL, CLIENT_CONTEXT },
	{ "cognito", required_argument, NULL, COGNITO },
	{ "chunked", no_argument, NULL, CHUNKED },
	{ "no-keep-alive", no_argument, NULL, NO_KEEP_ALIVE },
	{ "responses", required_argument, NULL, RESPONSES },
	{ "html", required_argument, NULL, HTML },
	{ "json", required_argument, NULL, JSON },
	{ "all-probes", no_argument, NULL, ALL_PROBES },
	{ "probes", required_argument, NULL, PROBES },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

/* Those that are text as it stands. */
static const char **place_of(struct atr_lambda_options *o, int c)
{
	switch (c) {
	case NAME:
		return &o->name;
	case EXTENSION:
		return &o->extension;
	case CLIENT_CONTEXT:
		return &o->client_context;
	case COGNITO:
		return &o->cognito;
	case RESPONSES:
		return &o->responses;
	case HTML:
		return &o->outputs.html;
	case JSON:
		return &o->outputs.json;
	case PROBES:
		return &o->probes;
	}
	return NULL;
}

static bool *switch_of(struct atr_lambda_options *o, int c)
{
	switch (c) {
	case OTLP:
		return &o->uses_otlp;
	case SNAPSTART:
		return &o->is_snapstart;
	case CHUNKED:
		return &o->is_chunked;
	case NO_KEEP_ALIVE:
		return &o->closes;
	case FREEZE:
		return &o->freezes;
	}
	return NULL;
}

static bool take(struct atr_lambda_options *o, int c)
{
	switch (c) {
	case EVENT:
		return add(&o->events, &o->nr_events, optarg);
	case ENV:
		return add(&o->env, &o->nr_env, optarg);
	case INVOCATIONS:
		return read_count("invocations", optarg, 1, INVOCATIONS_MAX, &o->invocations);
	case CONCURRENCY:
		return read_count("concurrency", optarg, 1, CONCURRENCY_MAX, &o->concurrency);
	case MEMORY:
		return read_count("memory", optarg, 1, MEMORY_MAX, &o->memory_mb);
	case TIMEOUT:
		return read_seconds("timeout", optarg, &o->timeout_s);
	case INIT_TIMEOUT:
		return read_seconds("init-timeout", optarg, &o->init_timeout_s);
	case SAMPLED:
		return read_sampled(optarg, &o->sampled);
	case TRACE_HEADER:
		return read_trace_header(o, optarg);
	case ALL_PROBES:
		o->probes = "all";
		return true;
	}
	if (switch_of(o, c)) {
		*switch_of(o, c) = true;
		return c != FREEZE || !optarg ||
		       read_count("freeze", optarg, 0, FREEZE_MAX_MS, &o->freeze_ms);
	}
	if (!place_of(o, c))
		return false;
	*place_of(o, c) = optarg;
	return true;
}

bool atr_lambda_options_read(int argc, char **argv, struct atr_lambda_options *o)
{
	int c;

	*o = (struct atr_lambda_options){
		.name = "function",
		.concurrency = 1,
		.memory_mb = 128,
		.timeout_s = 3,
		.init_timeout_s = 10,
		.sampled = ATR_SAMPLED_YES,
		.freeze_ms = FREEZE_MS,
	};
	while ((c = getopt_long(argc, argv, "+h", known, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			exit(0);
		}
		if (!take(o, c))
			return false;
	}
	o->program = argv + optind;
	if (!o->invocations)
		o->invocations = o->nr_events ? (unsigned)o->nr_events : 1;
	if (o->freezes && o->concurrency > 1) {
		fputs("autotrace lambda: what runs several invocations at once is never frozen\n",
		      stderr);
		return false;
	}
	if (optind == argc)
		fputs("autotrace lambda: a bootstrap is missing; see autotrace lambda --help\n",
		      stderr);
	return optind < argc;
}

void atr_lambda_options_free(struct atr_lambda_options *o)
{
	free(o->events);
	free(o->env);
}
