/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "export/config.h"
#include "export/config/reading.h"
#include "export/diag.h"
#include "export/env.h"
#include "export/options.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAIL(what) assert_true_at(false, what, __FILE__, __LINE__)

static char said[8192];

static const struct atr_io io = { .open = open, .read = read, .write = write, .close = close };

/* Reads a file that is at this path, with these variables for ${}; what the log says of it. */
static bool use_path(const char *path, char *const *environment)
{
	char variable[200], log[] = "/tmp/export_config.XXXXXX";
	char *captured[] = { variable, "OTEL_SERVICE_NAME=of-the-environment", NULL };
	int fd = mkstemp(log);
	bool is_usable;
	ssize_t n;

	CHECK(fd >= 0);
	snprintf(variable, sizeof(variable), "OTEL_CONFIG_FILE=%s", path);
	atr_env_capture(captured);
	atr_log_setup(atr_str(log), &io);
	is_usable = atr_config_use(&atr_config_object, &io, environment);
	atr_log_setup((struct atr_str){ 0 }, &io);
	n = read(fd, said, sizeof(said) - 1);
	CHECK(n >= 0);
	said[n] = 0;
	close(fd);
	unlink(log);
	return is_usable;
}

static bool use_bytes(const char *text, size_t len, char *const *environment)
{
	char path[] = "/tmp/export_config.XXXXXX";
	int fd = mkstemp(path);
	bool is_usable;

	CHECK(fd >= 0 && write(fd, text, len) == (ssize_t)len);
	close(fd);
	is_usable = use_path(path, environment);
	unlink(path);
	return is_usable;
}

static bool use(const char *text)
{
	return use_bytes(text, strlen(text), NULL);
}

static bool is(const char *name, const char *value)
{
	struct atr_str found = atr_env_get(name);

	return value ? found.at && atr_str_equal(found, atr_str(value)) : !found.at;
}

static int lines(void)
{
	int n = 0;

	for (const char *at = said; (at = strchr(at, '\n')); at++)
		n++;
	return n;
}

/* ---- ${}: the table of OpenTelemetry's data model -------------------------------------------- */

static char *table[] = { "STRING_VALUE=value",
			 "BOOL_VALUE=true",
			 "INT_VALUE=1",
			 "FLOAT_VALUE=1.1",
			 "HEX_VALUE=0xdeadbeef",
			 "INVALID_MAP_VALUE=value\nkey:value",
			 "DO_NOT_REPLACE_ME=Never use this value",
			 "REPLACE_ME=${DO_NOT_REPLACE_ME}",
			 "VALUE_WITH_ESCAPE=value$$",
			 "EMPTY=",
			 NULL };

static const char *substituted(const char *in)
{
	static char out[400];
	struct atr_print t = { out, 0, sizeof(out) - 1, false };

	if (!atr_substitute(atr_str(in), table, &t))
		return "(none)";
	out[t.len] = 0;
	return out;
}

TEST(config_references_are_replaced_as_the_specification_says)
{
	static const char *const rules[][2] = {
		{ "${STRING_VALUE}", "value" },
		{ "${env:STRING_VALUE}", "value" },
		{ "foo ${STRING_VALUE} ${FLOAT_VALUE}", "foo value 1.1" },
		{ "${UNDEFINED_KEY}", "" },
		{ "${UNDEFINED_KEY:-fallback}", "fallback" },
		{ "${EMPTY:-fallback}", "fallback" },
		{ "${UNDEFINED_KEY:-}", "" },
		{ "${STRING_VALUE:-fallback}", "value" },
		{ "${REPLACE_ME}", "${DO_NOT_REPLACE_ME}" },
		{ "${UNDEFINED_KEY:-${STRING_VALUE}}", "${STRING_VALUE}" },
		{ "$${STRING_VALUE}", "${STRING_VALUE}" },
		{ "$$${STRING_VALUE}", "$value" },
		{ "$$$${STRING_VALUE}", "$${STRING_VALUE}" },
		{ "$${STRING_VALUE:-fallback}", "${STRING_VALUE:-fallback}" },
		{ "$${STRING_VALUE:-${STRING_VALUE}}", "${STRING_VALUE:-value}" },
		{ "${UNDEFINED_KEY:-$${UNDEFINED_KEY}}", "${UNDEFINED_KEY:-${UNDEFINED_KEY}}" },
		{ "${VALUE_WITH_ESCAPE}", "value$$" },
		{ "a $$ b", "a $ b" },
		{ "a $ b", "a $ b" },
		{ "$", "$" },
		{ "${", "${" },
		{ "${}", "${}" },
		{ "${}${INT_VALUE}", "${}1" },
		{ "${STRING_VALUE", "${STRING_VALUE" },
		/* no reference, and so no file */
		{ "${STRING_VALUE:?error}", "(none)" },
		{ "${1API_KEY}", "(none)" },
		{ "${API_$KEY}", "(none)" },
		{ "${sys:os.name}", "(none)" },
		{ "${STRING_VALUE-x}", "(none)" },
		{ "${ STRING_VALUE}", "(none)" },
		{ "x ${A:} y", "(none)" },
		{ "${env:1}", "(none)" },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (strcmp(substituted(rules[i][0]), rules[i][1]) != 0)
			FAIL(rules[i][0]);
}

TEST(config_scalars_are_of_the_core_schema)
{
	static const struct {
		const char *text;
		int type;
		int64_t number;
	} rules[] = {
		{ "", ATR_SCALAR_NULL, 0 },
		{ "~", ATR_SCALAR_NULL, 0 },
		{ "null", ATR_SCALAR_NULL, 0 },
		{ "NULL", ATR_SCALAR_NULL, 0 },
		{ "nULL", ATR_SCALAR_TEXT, 0 },
		{ "true", ATR_SCALAR_BOOL, 1 },
		{ "False", ATR_SCALAR_BOOL, 0 },
		{ "yes", ATR_SCALAR_TEXT, 0 },
		{ "on", ATR_SCALAR_TEXT, 0 },
		{ "1", ATR_SCALAR_INT, 1 },
		{ "-1", ATR_SCALAR_INT, -1 },
		{ "+7", ATR_SCALAR_INT, 7 },
		{ "0o17", ATR_SCALAR_INT, 15 },
		{ "017", ATR_SCALAR_INT, 17 },
		{ "0xdeadbeef", ATR_SCALAR_INT, 3735928559 },
		{ "0x", ATR_SCALAR_TEXT, 0 },
		{ "-", ATR_SCALAR_TEXT, 0 },
		{ "1_000", ATR_SCALAR_TEXT, 0 },
		{ "1.1", ATR_SCALAR_FLOAT, 0 },
		{ ".5", ATR_SCALAR_FLOAT, 0 },
		{ "1.", ATR_SCALAR_FLOAT, 0 },
		{ ".", ATR_SCALAR_TEXT, 0 },
		{ "1e3", ATR_SCALAR_FLOAT, 0 },
		{ "1e", ATR_SCALAR_TEXT, 0 },
		{ "-.inf", ATR_SCALAR_FLOAT, 0 },
		{ "1.1.1", ATR_SCALAR_TEXT, 0 },
		{ ".NaN", ATR_SCALAR_FLOAT, 0 },
		{ "99999999999999999999", ATR_SCALAR_INT, INT64_MAX },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct atr_scalar got = atr_scalar_of(atr_str(rules[i].text), false);

		if ((int)got.type != rules[i].type || got.number != rules[i].number)
			FAIL(rules[i].text);
		CHECK(atr_scalar_of(atr_str(rules[i].text), true).type == ATR_SCALAR_TEXT);
	}
}

/* ---- what a file says -------------------------------------------------------------------------- */

#define HEAD "file_format: \"1.1\"\n"
#define CONSOLE "tracer_provider: { processors: [ { simple: { exporter: { console: } } } ] }\n"

TEST(config_of_all_that_concerns_us_is_in_the_variables)
{
	static const char text[] = HEAD
		"disabled: false\n"
		"log_level: warn2\n"
		"resource:\n"
		"  attributes:\n"
		"  - { name: service.name, value: shop }\n"
		"  - { name: a key, value: 'x,y=z', type: string }\n"
		"  - { name: n, value: 7, type: int }\n"
		"  - { name: ignored, value: null }\n"
		"  attributes_list: n=5,m=%20\n"
		"attribute_limits: { attribute_value_length_limit: 99, attribute_count_limit: }\n"
		"propagator:\n"
		"  composite: [ b3: , tracecontext: ]\n"
		"  composite_list: baggage,b3\n"
		"tracer_provider:\n"
		"  processors:\n"
		"  - batch:\n"
		"      schedule_delay: 0x10\n"
		"      export_timeout: 20\n"
		"      max_queue_size: 30\n"
		"      max_export_batch_size: 10\n"
		"      exporter:\n"
		"        otlp_http:\n"
		"          endpoint: http://c:4318/v1/traces\n"
		"          tls: { ca_file: /ca, key_file: /key, cert_file: /cert }\n"
		"          headers: [ { name: api-key, value: '12 34' }, { name: gone, value: } ]\n"
		"          headers_list: API-KEY=2,other=3\n"
		"          compression: gzip\n"
		"          timeout: 0\n"
		"          max_request_size: 5\n"
		"          max_response_size: 5\n"
		"          encoding: json\n"
		"  - batch: { exporter: { otlp_file/development: { output_stream: file:///x.jsonl "
		"} } }\n"
		"  limits: { attribute_count_limit: 1, attribute_value_length_limit: 2,\n"
		"    event_count_limit: 3, link_count_limit: 4, event_attribute_count_limit: 5,\n"
		"    link_attribute_count_limit: 6, attribute_value_depth_limit: 64 }\n"
		"  sampler: { trace_id_ratio_based: { ratio: 0.25 } }\n"
		"  id_generator: { random: }\n"
		"meter_provider: { readers: [ nonsense ] }\n"
		"logger_provider: 5\n"
		"instrumentation/development:\n"
		"  general: { http: { client: { known_methods: [ GET, BREW ] } } }\n"
		"  java: { any: thing }\n";
	static const char *const rules[][2] = {
		{ "OTEL_SDK_DISABLED", "false" },
		{ "OTEL_LOG_LEVEL", "warn" },
		{ "OTEL_SERVICE_NAME", NULL },
		{ "OTEL_RESOURCE_ATTRIBUTES", "n=5,m=%20,service.name=shop,a%20key=x%2Cy%3Dz" },
		{ "file: resource.attributes", "in=7" },
		{ "AUTOTRACE_RESOURCE_DETECTORS", "none" },
		{ "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "99" },
		{ "OTEL_ATTRIBUTE_COUNT_LIMIT", NULL },
		{ "OTEL_PROPAGATORS", "b3,tracecontext,baggage" },
		{ "OTEL_BSP_SCHEDULE_DELAY", "16" },
		{ "OTEL_BSP_EXPORT_TIMEOUT", "20" },
		{ "OTEL_BSP_MAX_QUEUE_SIZE", "30" },
		{ "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10" },
		{ "OTEL_TRACES_EXPORTER", "otlp,otlp/file" },
		{ "AUTOTRACE_FILE", "/x.jsonl" },
		{ "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4318/v1/traces" },
		{ "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "/ca" },
		{ "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "/key" },
		{ "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "/cert" },
		{ "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "api-key=12%2034,other=3" },
		{ "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip" },
		{ "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0" },
		{ "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json" },
		{ "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1" },
		{ "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "2" },
		{ "OTEL_SPAN_EVENT_COUNT_LIMIT", "3" },
		{ "OTEL_SPAN_LINK_COUNT_LIMIT", "4" },
		{ "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "5" },
		{ "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "6" },
		{ "OTEL_TRACES_SAMPLER", "traceidratio" },
		{ "OTEL_TRACES_SAMPLER_ARG", "0.25" },
		{ "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "GET,BREW" },
	};

	CHECK(use(text));
	if (*said)
		FAIL(said);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (!is(rules[i][0], rules[i][1]))
			FAIL(rules[i][0]);
}

TEST(config_is_in_the_place_of_every_variable_and_what_it_leaves_out_is_none)
{
	CHECK(use(HEAD) && !*said);
	CHECK(is("OTEL_SERVICE_NAME", NULL) && is("OTEL_CONFIG_FILE", NULL));
	CHECK(is("OTEL_PROPAGATORS", "none") && is("OTEL_SDK_DISABLED", "true"));
	CHECK(use(HEAD CONSOLE) && !*said);
	CHECK(is("OTEL_TRACES_EXPORTER", "console") && is("OTEL_SDK_DISABLED", NULL));
	CHECK(is("OTEL_BSP_SCHEDULE_DELAY", "0") && is("AUTOTRACE_RESOURCE_DETECTORS", "none"));
}

TEST(config_references_are_replaced_before_types_are_known)
{
	static const char text[] =
		HEAD "disabled: ${BOOL_VALUE}\n"
		     "attribute_limits:\n  attribute_count_limit: ${HEX_VALUE:-x}\n" CONSOLE;
	static const char other[] =
		HEAD "${STRING_VALUE}: x\n"
		     "propagator: { composite_list: \"${UNDEFINED_KEY:-b3}\" }\n"
		     "resource:\n  attributes:\n  - name: x\n    value: ${INVALID_MAP_VALUE}\n"
		     "  - name: y\n    value: ${UNDEFINED_KEY}\n"
		     "attribute_limits:\n  attribute_count_limit: ${INT_VALUE}\n" CONSOLE;

	CHECK(!use_bytes(text, strlen(text), table)); /* 3735928559 is too large */
	CHECK(lines() == 1 && strstr(said, "attribute_limits.attribute_count_limit: not a whole"));
	CHECK(use_bytes(other, strlen(other), table));
	CHECK(lines() == 1 && strstr(said, ": ${STRING_VALUE}: not known here; it is left out"));
	CHECK(is("OTEL_PROPAGATORS", "b3") && is("OTEL_ATTRIBUTE_COUNT_LIMIT", "1"));
	CHECK(is("OTEL_RESOURCE_ATTRIBUTES", "x=value%0Akey:value"));
}

TEST(config_in_quotes_is_text_and_no_number)
{
	CHECK(!use(HEAD "attribute_limits: { attribute_count_limit: '5' }\n"));
	CHECK(!use(HEAD "disabled: \"true\"\n"));
	CHECK(strstr(said, "disabled: neither true nor false; nothing is traced"));
}

#define SAMPLER(text)                                                                  \
	HEAD "tracer_provider: { processors: [ simple: { exporter: { console: } } ], " \
	     "sampler: " text " }\n"
#define PARENTS(rs, rn, ls, ln)                                                                  \
	"remote_parent_sampled=" rs ",remote_parent_not_sampled=" rn ",local_parent_sampled=" ls \
	",local_parent_not_sampled=" ln

#define COMPOSED(text) SAMPLER("{ composite/development: { " text " } }")
#define RULED(text) COMPOSED("rule_based: { rules: [ " text " ] }")

TEST(config_composed_samplers_without_rules_come_to_the_same)
{
	static const struct {
		const char *text, *sampler, *arg;
	} of[] = {
		{ COMPOSED("always_on: "), "always_on", NULL },
		{ COMPOSED("always_off: "), "always_off", NULL },
		{ COMPOSED("probability: { ratio: 0.25 }"), "traceidratio", "0.25" },
		{ COMPOSED("probability: "), "traceidratio", "1.0" },
		{ COMPOSED("parent_threshold: { root: { probability: { ratio: 0.25 } } }"),
		  "parentbased_traceidratio", "0.25" },
		{ SAMPLER("{ parent_based: { root: { composite/development: { probability: "
			  "{ ratio: 0.5 } } } } }"),
		  "parentbased_traceidratio", "0.5" },
	};

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		CHECK(use(of[i].text));
		if (*said || !is("OTEL_TRACES_SAMPLER", of[i].sampler) ||
		    !is("OTEL_TRACES_SAMPLER_ARG", of[i].arg) ||
		    !is("AUTOTRACE_SAMPLING_RULES", NULL))
			FAIL(of[i].text);
	}
	CHECK(!use(COMPOSED("trace_id_ratio_based: ")) && strstr(said, "there is no such sampler"));
	CHECK(!use(COMPOSED("parent_threshold: { }")) && strstr(said, "its root is missing"));
}

TEST(config_samplers_by_rules_come_to_rules)
{
	static const struct {
		const char *text, *rules;
	} of[] = {
		{ COMPOSED("rule_based: "), "parent=any ratio=0" },
		{ RULED("{ sampler: { always_on: } }"), "parent=any ratio=1; parent=any ratio=0" },
		{ RULED("{ parent: [ none ], span_kinds: [ client, internal ], sampler: { "
			"probability: { ratio: 0.05 } } }"),
		  "parent=none kind=client,internal ratio=0.05; parent=any ratio=0" },
		{ RULED("{ attribute_values: { key: http.route, values: [ /healthz, /livez ] }, "
			"sampler: { always_off: } }, { sampler: { parent_threshold: { root: { "
			"always_on: } } } }"),
		  "parent=any kind=server path=/healthz ratio=0; "
		  "parent=any kind=server path=/livez ratio=0; "
		  "parent=none ratio=1; parent=remote,local ratio=parent; parent=any ratio=0" },
		{ RULED("{ attribute_patterns: { key: server.address, included: [ '*.a', b? ], "
			"excluded: [ x.a, y.a ] }, attribute_values: { key: http.request.method, "
			"values: [ GET ] }, span_kinds: [ client ], sampler: { always_on: } }"),
		  "parent=any kind=client method=GET host=*.a host!=x.a host!=y.a ratio=1; "
		  "parent=any kind=client method=GET host=b? host!=x.a host!=y.a ratio=1; "
		  "parent=any ratio=0" },
		{ RULED("{ attribute_patterns: { key: url.path, excluded: [ /a ] }, sampler: { "
			"always_on: } }"),
		  "parent=any kind=server path=* path!=/a ratio=1; parent=any ratio=0" },
		/* what can be nobody's is no rule */
		{ RULED("{ span_kinds: [ producer ], sampler: { always_on: } }, { parent: [ remote "
			"], sampler: { rule_based: { rules: [ { parent: [ local ], sampler: { "
			"always_on: } }, { sampler: { always_on: } } ] } } }"),
		  "parent=remote ratio=1; parent=remote ratio=0; parent=any ratio=0" },
		{ SAMPLER("{ parent_based: { root: { composite/development: { rule_based: { rules: "
			  "[ { sampler: { always_on: } } ] } } }, local_parent_not_sampled: { "
			  "trace_id_ratio_based: { ratio: 0.5 } } } }"),
		  "parent=none ratio=1; parent=none ratio=0; parent=local_not_sampled ratio=0.5; "
		  "parent=remote,local_sampled ratio=parent" },
	};

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		CHECK(use(of[i].text));
		if (*said || !is("OTEL_TRACES_SAMPLER", "parentbased_always_off") ||
		    !is("AUTOTRACE_SAMPLING_RULES", of[i].rules))
			FAIL(of[i].text);
	}
}

TEST(config_rules_that_cannot_be_served_are_told_by_their_node)
{
	static char *const set[] = { "AUTOTRACE_SAMPLING_RULES=ratio=0", NULL };
	static const char twice[] =
		RULED("{ attribute_values: { key: http.route, values: [ /a, /b ] }, sampler: { "
		      "rule_based: { rules: [ { attribute_values: { key: user.id, values: [ x ] }, "
		      "sampler: { always_on: } } ] } } }");

	CHECK(use(RULED("{ attribute_values: { key: user.id, values: [ x ] }, sampler: { "
			"always_on: } }")));
	CHECK(strstr(said, "rules[0].attribute_values: this attribute is not known when a span"));
	CHECK(is("AUTOTRACE_SAMPLING_RULES", "parent=any ratio=0"));
	CHECK(use(RULED("{ attribute_values: { key: url.path, values: [ '/a b', /c ] }, sampler: { "
			"always_on: } }")));
	CHECK(strstr(said, "it is left out") && strchr(said, '\n') == said + strlen(said) - 1);
	CHECK(is("AUTOTRACE_SAMPLING_RULES",
		 "parent=any kind=server path=/c ratio=1; parent=any ratio=0"));
	CHECK(use(twice) && strchr(said, '\n') == said + strlen(said) - 1);
	CHECK(use_bytes(twice, strlen(twice), set) && strstr(said, "the variable is left out"));
	CHECK(use(RULED("{ colour: red, sampler: { always_on: } }")) &&
	      strstr(said, "colour: not"));
	CHECK(!use(RULED("{ parent: [ none ] }")) && strstr(said, "sampler: it is missing"));
	CHECK(!use(RULED("{ parent: [ mother ], sampler: { always_on: } }")) &&
	      strstr(said, "no such kind or parent"));
	CHECK(!use(RULED("{ attribute_values: { values: [ x ] }, sampler: { always_on: } }")) &&
	      strstr(said, "its key is missing"));
}

/* Each sampler of fifteen is one that has the former thrice. */
static bool use_thrice(const char *thrice, const char *whole)
{
	char text[4096], *at = text;

	at += sprintf(at, "%s", HEAD "a0: &a0 { always_on: }\n");
	for (int i = 1; i < 15; i++) {
		at += sprintf(at, "a%d: &a%d ", i, i);
		at += sprintf(at, thrice, i - 1, i - 1, i - 1);
	}
	sprintf(at,
		"tracer_provider: { processors: [ simple: { exporter: { console: } } ],"
		" sampler: %s }\n",
		whole);
	return use(text);
}

TEST(config_rules_of_anchors_are_bounded)
{
	CHECK(!use_thrice("{ rule_based: { rules: [ { sampler: *a%d }, { sampler: *a%d }, "
			  "{ sampler: *a%d } ] } }\n",
			  "{ composite/development: *a14 }") &&
	      strstr(said, "its rules come to more than 128"));
	CHECK(!use_thrice("{ parent_based: { root: *a%d, local_parent_sampled: *a%d, "
			  "remote_parent_sampled: *a%d } }\n",
			  "*a14") &&
	      strstr(said, "there are too many samplers in it"));
}

TEST(config_samplers_come_to_what_each_situation_is_decided_by)
{
	static const struct {
		const char *text, *sampler, *arg, *parents;
	} rules[] = {
		{ SAMPLER("{ always_on: }"), "always_on", NULL, NULL },
		{ SAMPLER("{ always_off: {} }"), "always_off", NULL, NULL },
		{ SAMPLER("{ trace_id_ratio_based: }"), "traceidratio", "1.0", NULL },
		{ SAMPLER("{ jaeger_remote/development: { endpoint: 'http://c:14250', interval: 5, "
			  "initial_sampler: { always_off: } } }"),
		  "jaeger_remote",
		  "endpoint=http://c:14250,pollingIntervalMs=5,initialSamplingRate=0", NULL },
		{ SAMPLER("{ parent_based: { root: { jaeger_remote/development: { endpoint: c, "
			  "initial_sampler: { trace_id_ratio_based: { ratio: 0.5 } } } } } }"),
		  "parentbased_jaeger_remote", "endpoint=c,initialSamplingRate=0.5", NULL },
		{ SAMPLER("{ probability/development: { ratio: 1e-3 } }"), "traceidratio", ".001",
		  NULL },
		{ SAMPLER("{ parent_based: }"), "parentbased_always_on", NULL, NULL },
		{ SAMPLER("{ parent_based: { root: { trace_id_ratio_based: { ratio: 0.1 } } } }"),
		  "parentbased_traceidratio", "0.1", NULL },
		{ SAMPLER("{ always_record: { root: { parent_based: { root: { always_off: } } } } "
			  "}"),
		  "parentbased_always_off", NULL, NULL },
		{ SAMPLER("{ parent_based: { remote_parent_sampled: { always_off: } } }"),
		  "parentbased_always_on", NULL,
		  PARENTS("always_off", "always_off", "always_on", "always_off") },
		{ SAMPLER("{ parent_based: { root: { parent_based: { root: { always_off: } } },"
			  " local_parent_not_sampled: { parent_based: { local_parent_not_sampled:"
			  " { trace_id_ratio_based: { ratio: 0.5 } }, root: { always_on: } } } } "
			  "}"),
		  "parentbased_always_off", NULL,
		  PARENTS("always_on", "always_off", "always_on", "traceidratio:0.5") },
		{ SAMPLER("{ parent_based: { remote_parent_not_sampled: { always_on: },"
			  " local_parent_not_sampled: { always_on: } } }"),
		  "always_on", NULL, NULL },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		CHECK(use(rules[i].text));
		if (*said || !is("OTEL_TRACES_SAMPLER", rules[i].sampler) ||
		    !is("OTEL_TRACES_SAMPLER_ARG", rules[i].arg) ||
		    !is("AUTOTRACE_SAMPLER_PARENTS", rules[i].parents))
			FAIL(rules[i].text);
	}
	CHECK(use(SAMPLER("{ trace_id_ratio_based: { ratio: 0.25e+0 } }")));
	CHECK(is("OTEL_TRACES_SAMPLER_ARG", "0.25"));
	CHECK(use(SAMPLER("{ trace_id_ratio_based: { ratio: 50E-2 } }")));
	CHECK(is("OTEL_TRACES_SAMPLER_ARG", ".50"));
	CHECK(use(SAMPLER("{ trace_id_ratio_based: { ratio: .1e1 } }")));
	CHECK(is("OTEL_TRACES_SAMPLER_ARG", "1"));
	CHECK(use(SAMPLER("{ own/development: { always_on: } }")) && lines() == 1);
	CHECK(strstr(said, "not in this version") && is("OTEL_TRACES_SAMPLER", "always_on"));
}

TEST(config_schema_of_the_resource_is_that_of_what_is_sent)
{
	char text[400];

	CHECK(use(HEAD "resource: { schema_url: 'https://example.com/schemas/1.2' }\n") && !*said);
	CHECK(atr_str_equal(atr_resource_schema(), ATR_STR("https://example.com/schemas/1.2")));
	CHECK(use(HEAD "resource: { schema_url: }\n") && !*said && !atr_resource_schema().at);
	CHECK(use(HEAD "resource: { schema_url: 'a\"b' }\n") && strstr(said, "not a URL"));
	CHECK(!atr_resource_schema().at);
	snprintf(text, sizeof(text), HEAD "resource: { schema_url: '%0250d' }\n", 1);
	CHECK(use(text) && strstr(said, "not a URL") && !atr_resource_schema().at);
	CHECK(use(HEAD) && !atr_resource_schema().at);
}

TEST(config_of_two_processors_with_one_queue_says_which_counts)
{
	CHECK(use(HEAD "tracer_provider:\n  processors:\n"
		       "  - batch: { schedule_delay: 1, exporter: { otlp_grpc: } }\n"
		       "  - batch: { schedule_delay: 2, exporter: { console: } }\n"
		       "  - batch: { exporter: { otlp_http: } }\n"));
	CHECK(lines() == 2 && strstr(said, "processors[1].batch.schedule_delay: another is said"));
	CHECK(strstr(said, "processors[2].batch.exporter.otlp_http: there is one OTLP exporter"));
	CHECK(is("OTEL_BSP_SCHEDULE_DELAY", "1") && is("OTEL_TRACES_EXPORTER", "otlp,console"));
	CHECK(is("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"));
}

TEST(config_detects_what_is_asked_for)
{
	static char *environment[] = { "OTEL_SERVICE_NAME=by-detector", NULL };
	static const char text[] =
		HEAD CONSOLE "resource:\n  attributes_list: ${OTEL_RESOURCE_ATTRIBUTES}\n"
			     "  detection/development: { detectors: [ service: , host: , "
			     "container: , teapot: ] }\n";
	static const char named[] =
		HEAD CONSOLE "resource:\n  attributes: [ { name: service.name, value: x } ]\n"
			     "  detection/development: { detectors: [ service: ] }\n";

	CHECK(use_bytes(text, strlen(text), environment));
	CHECK(lines() == 1 && strstr(said, "no such detector; it is left out"));
	CHECK(is("AUTOTRACE_RESOURCE_DETECTORS", "service,host"));
	CHECK(is("OTEL_SERVICE_NAME", "by-detector"));
	CHECK(use_bytes(named, strlen(named), environment) && is("OTEL_SERVICE_NAME", NULL));
}

TEST(config_keys_that_are_not_known_are_one_warning_each)
{
	CHECK(use(HEAD CONSOLE
		  "colour: red\nattribute_limits: { depth: 3, attribute_count_limit: 4 }\n"));
	CHECK(lines() == 2 && is("OTEL_ATTRIBUTE_COUNT_LIMIT", "4"));
	CHECK(strstr(said, ": colour: not known here; it is left out"));
	CHECK(strstr(said, ": attribute_limits.depth: not known here; it is left out"));
}

TEST(config_of_another_version_is_refused_and_of_a_newer_one_warned_about)
{
	CHECK(use("file_format: 1.0\n" CONSOLE) && !*said);
	CHECK(use("file_format: '1.0-rc.2'\n" CONSOLE) && !*said);
	CHECK(use("file_format: '1.7'\n" CONSOLE) && lines() == 1 &&
	      strstr(said, "newer than 1.1"));
	CHECK(!use("file_format: '0.4'\n" CONSOLE) && lines() == 1);
	CHECK(!use("file_format: '2.0'\n" CONSOLE) && lines() == 1);
	CHECK(!use(CONSOLE) && strstr(said, "file_format: it is missing; nothing is traced"));
}

TEST(config_that_is_wrong_is_one_warning_and_nothing_is_traced)
{
	static const char *const rules[][2] = {
		{ "", "there is nothing in it" },
		{ "# only this\n", "there is nothing in it" },
		{ "just text", "not a mapping" },
		{ "- a\n- b\n", "not a mapping" },
		{ HEAD "a: [", "not YAML" },
		{ HEAD "a: b: c\n", "not YAML" },
		{ HEAD "\tx: y\n", "not YAML" },
		{ HEAD "a: *nobody\n", "not YAML" },
		{ HEAD "a: \"\xff\"\n", "not YAML" },
		{ HEAD HEAD, "file_format: it is there twice" },
		{ HEAD "disabled: 1\n", "disabled: neither true nor false" },
		{ HEAD "disabled: [ true ]\n", "disabled: neither" },
		{ HEAD "log_level: loud\n", "log_level: not a level" },
		{ HEAD "meter_provider: ${1}\n", "a ${} in it is no reference" },
		{ HEAD "attribute_limits: 5\n", "attribute_limits: not a mapping" },
		{ HEAD "attribute_limits: { attribute_count_limit: -1 }\n", "from 0 to" },
		{ HEAD "attribute_limits: { attribute_count_limit: 1.5 }\n", "from 0 to" },
		{ HEAD "attribute_limits: { attribute_value_depth_limit: 0 }\n", "from 1 to" },
		{ HEAD "propagator: { composite: tracecontext }\n", "not a list" },
		{ HEAD "propagator: { composite: [ tracecontext ] }\n", "one name" },
		{ HEAD "tracer_provider: {}\n", "tracer_provider.processors: it is missing" },
		{ HEAD "tracer_provider:\n", "tracer_provider.processors: it is missing" },
		{ HEAD "tracer_provider: { processors: [] }\n", "there is none" },
		{ HEAD "tracer_provider: { processors: [ { batch: } ] }\n",
		  "batch.exporter: it is missing" },
		{ HEAD "tracer_provider: { processors: [ { own: } ] }\n", "no such processor" },
		{ HEAD "tracer_provider: { processors: [ simple: { exporter: { own: } } ] }\n",
		  "simple.exporter.own: there is no such exporter" },
		{ HEAD "tracer_provider: { processors: [ simple: { exporter: { console: , own: } } "
		       "] }\n",
		  "one name" },
		{ HEAD "tracer_provider: { processors: [ batch: { max_queue_size: 0, exporter: { "
		       "console: } } ] }\n",
		  "max_queue_size: not a whole number from 1" },
		{ HEAD "tracer_provider: { processors: [ simple: { exporter: { otlp_http: { "
		       "encoding: xml } } } ] }\n",
		  "neither protobuf nor json" },
		{ HEAD "tracer_provider: { processors: [ simple: { exporter: { otlp_http: { tls: { "
		       "ca_file: ca.pem } } } } ] }\n",
		  "tls.ca_file: not an absolute path" },
		{ HEAD "tracer_provider: { processors: [ simple: { exporter: { "
		       "otlp_file/development: { output_stream: x } } } ] }\n",
		  "neither stdout nor file" },
		{ HEAD "tracer_provider: { processors: [ simple: { exporter: { otlp_http: { "
		       "headers: [ { name: x } ] } } } ] }\n",
		  "a name or a value is missing" },
		{ SAMPLER("always_on"), "one name" },
		{ SAMPLER("{ own: }"), "there is no such sampler" },
		{ SAMPLER("{ jaeger_remote/development: { initial_sampler: { always_on: } } }"),
		  "its endpoint is missing, or no URL" },
		{ SAMPLER("{ jaeger_remote/development: { endpoint: c } }"),
		  "its initial_sampler is missing" },
		{ SAMPLER("{ jaeger_remote/development: { endpoint: c, interval: x, "
			  "initial_sampler: { always_on: } } }"),
		  "its interval is no number of milliseconds" },
		{ SAMPLER("{ always_record: }"), "its root is missing" },
		{ SAMPLER("{ trace_id_ratio_based: { ratio: -0.5 } }"), "no number from 0 to 1" },
		{ SAMPLER("{ trace_id_ratio_based: { ratio: half } }"),
		  "its ratio is no number from 0 to 1" },
		{ SAMPLER("&a { parent_based: { root: *a } }"), "nested too deep" },
		{ HEAD "resource: { attributes: [ { name: x } ] }\n",
		  "a name or a value is missing" },
		{ HEAD "resource: { attributes: [ { name: x, value: y, type: int } ] }\n",
		  "resource.attributes[0]: its value is not of its type" },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (use(rules[i][0]) || lines() != 1 || !strstr(said, rules[i][1]) ||
		    !strstr(said, "; nothing is traced"))
			FAIL(*said ? said : rules[i][0]);
}

TEST(config_that_is_no_file_is_one_warning_and_is_not_waited_for)
{
	char pipe[] = "/tmp/export_config.XXXXXX";

	CHECK(!use_path("/none/of/it.yaml", NULL) && lines() == 1);
	CHECK(strstr(said,
		     "OTEL_CONFIG_FILE=/none/of/it.yaml: it cannot be opened; nothing is traced"));
	CHECK(!use_path("/tmp", NULL) && strstr(said, "it cannot be read"));
	CHECK(!use_path("/dev/zero", NULL) && strstr(said, "larger than 256 KiB"));
	CHECK(!use_path("/dev/null", NULL) && strstr(said, "there is nothing in it"));
	CHECK(mkdtemp(pipe) && rmdir(pipe) == 0 && mkfifo(pipe, 0600) == 0);
	CHECK(!use_path(pipe, NULL) && strstr(said, "there is nothing in it"));
	unlink(pipe);
}

TEST(config_reader_that_is_missing_or_of_another_build_is_said)
{
	static const struct atr_config_object other = { "0.0.0", NULL };
	char *captured[] = { "OTEL_CONFIG_FILE=/x.yaml", NULL };

	atr_env_capture(captured);
	CHECK(atr_str_equal(atr_config_path(), ATR_STR("/x.yaml")));
	CHECK(!atr_config_use(NULL, &io, NULL));
	atr_env_capture(captured);
	CHECK(!atr_config_use(&other, &io, NULL));
	captured[0] = "OTEL_EXPERIMENTAL_CONFIG_FILE=/y.yaml";
	atr_env_capture(captured);
	CHECK(atr_str_equal(atr_config_path(), ATR_STR("/y.yaml")));
	atr_env_capture(NULL);
	CHECK(!atr_config_path().at);
}

/* Whatever is between: it ends, within its memory, and says one thing of a file that is wrong. */
TEST(config_cut_or_changed_anywhere_does_no_harm)
{
	static const char text[] =
		SAMPLER("{ parent_based: { root: { trace_id_ratio_based: { ratio: 0.1 } } "
			"} }") "resource: { attributes: [ { name: \"x\", value: '${A:-b}' "
			       "} ], attributes_list: &l a=b }\n"
			       "distribution: { x: *l, ? [ y ] : | \n  text\n }\n";
	static const char marks[] = "[]{}:,-#&*!|>'\"%@`$\n\t \xff\\?";
	static char changed[sizeof(text)];

	for (size_t len = 0; len < sizeof(text) - 1; len++)
		use_bytes(text, len, table);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		memcpy(changed, text, sizeof(text));
		changed[i] = marks[i % (sizeof(marks) - 1)];
		if (!use_bytes(changed, sizeof(text) - 1, table) && lines() < 1)
			FAIL(changed);
	}
}

TEST(config_nested_deep_or_wide_is_refused_in_time)
{
	static char large[200 * 1024];

	memset(large, '[', sizeof(large) - 1);
	CHECK(!use(large) && lines() == 1 && strstr(said, "more than 4096 brackets"));
	large[4096] = 0;
	CHECK(!use(large) && lines() == 1 && strstr(said, "not YAML"));
	memset(large, 0, sizeof(large));
	for (size_t i = 0; i + 4 < sizeof(large); i += 4)
		memcpy(large + i, "a: \n", 4);
	CHECK(!use(large) && strstr(said, "more than 1000 keys"));
	/* each names the one before it twice */
	strcpy(large, HEAD CONSOLE "distribution:\n  a0: &a0 x\n");
	for (int i = 1; i < 200; i++)
		sprintf(large + strlen(large), "  a%d: &a%d [ *a%d, *a%d ]\n", i, i, i - 1, i - 1);
	CHECK(use(large) && !*said);
}

/* ---- types of the resource's attributes ------------------------------------------------------ */

static struct atr_resource_attr resource[ATR_RESOURCE_MAX];
static size_t nr_resource;

static const struct atr_resource_attr *attribute(const char *key)
{
	for (size_t i = 0; i < nr_resource; i++)
		if (atr_str_equal(resource[i].key, atr_str(key)))
			return &resource[i];
	FAIL(key);
	return NULL;
}

static bool resource_of(const char *attributes)
{
	static const struct atr_process process = { { "/bin/shop", 9 }, { "shop", 4 } };
	char text[4096];

	snprintf(text, sizeof(text), HEAD CONSOLE "resource:\n  attributes:\n%s", attributes);
	if (!use(text))
		return false;
	nr_resource = atr_resource_read(&process, &io, resource);
	return true;
}

TEST(config_attributes_of_the_resource_have_their_types)
{
	const struct atr_resource_attr *a;

	CHECK(resource_of("  - { name: i, value: 0x1f, type: int }\n"
			  "  - { name: n, value: -12, type: int }\n"
			  "  - { name: d, value: -1.5e-3, type: double }\n"
			  "  - { name: whole, value: 7, type: double }\n"
			  "  - { name: 'b,=', value: true, type: bool }\n"
			  "  - { name: plain, value: 1.10 }\n"
			  "  - { name: s, value: 1.10, type: string }\n"));
	a = attribute("i");
	CHECK(a->type == ATR_RESOURCE_INT && a->number == 31);
	CHECK(attribute("n")->number == -12);
	a = attribute("d");
	CHECK(a->type == ATR_RESOURCE_DOUBLE && a->real == -1.5e-3);
	a = attribute("whole");
	CHECK(a->type == ATR_RESOURCE_DOUBLE && a->real == 7);
	a = attribute("b,=");
	CHECK(a->type == ATR_RESOURCE_BOOL && a->number == 1);
	a = attribute("plain");
	CHECK(a->type == ATR_RESOURCE_TEXT && atr_str_equal(a->value, ATR_STR("1.10")));
	CHECK(attribute("s")->type == ATR_RESOURCE_TEXT);
	CHECK(!lines());
}

TEST(config_attributes_of_the_resource_may_be_lists)
{
	const struct atr_resource_attr *a;

	CHECK(resource_of(
		"  - { name: s, value: [ 'a;b,c', '', \"\\u00e4=%\" ], type: string_array }\n"
		"  - { name: i, value: [ 1, -2 ], type: int_array }\n"
		"  - { name: d, value: [ 1, .inf, 0.25 ], type: double_array }\n"
		"  - { name: b, value: [ true, false ], type: bool_array }\n"));
	a = attribute("s");
	CHECK(a->type == ATR_RESOURCE_LIST && a->nr_items == 3);
	CHECK(atr_str_equal(a->items[0].value, ATR_STR("a;b,c")) && !a->items[1].value.len);
	CHECK(atr_str_equal(a->items[2].value, ATR_STR("\xc3\xa4=%")));
	a = attribute("i");
	CHECK(a->nr_items == 2 && a->items[1].type == ATR_RESOURCE_INT && a->items[1].number == -2);
	a = attribute("d");
	CHECK(a->nr_items == 3 && a->items[1].real > 1e300 && a->items[2].real == 0.25);
	a = attribute("b");
	CHECK(a->items[0].number == 1 && a->items[1].number == 0 &&
	      a->items[0].type == ATR_RESOURCE_BOOL);
}

TEST(config_attributes_of_the_wrong_type_leave_nothing)
{
	static const char *const wrong[] = {
		"{ name: x, value: 1.5, type: int }",
		"{ name: x, value: 'true', type: bool }",
		"{ name: x, value: [ 1 ], type: int }",
		"{ name: x, value: 1, type: int_array }",
		"{ name: x, value: [ 1, a ], type: int_array }",
		"{ name: x, value: a, type: text }",
		"{ name: x, value: [ [ 1 ] ], type: int_array }",
		"{ name: x, value: [ a ] }",
	};
	char text[200];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "  - %s\n", wrong[i]);
		if (resource_of(text))
			FAIL(wrong[i]);
	}
}

TEST(config_headers_to_capture_and_secrets_of_urls_are_taken)
{
	CHECK(use(HEAD CONSOLE
		  "instrumentation/development:\n"
		  "  general:\n"
		  "    http:\n"
		  "      client: { request_captured_headers: [ a, b ], response_captured_headers: "
		  "[ c ] }\n"
		  "      server: { request_captured_headers: [ d ], response_captured_headers: [ e "
		  "] }\n"
		  "    sanitization: { url: { sensitive_query_parameters: [ token, Key ] } }\n"));
	CHECK(!lines());
	CHECK(is("OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_REQUEST_HEADERS", "a,b"));
	CHECK(is("OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_RESPONSE_HEADERS", "c"));
	CHECK(is("OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_REQUEST_HEADERS", "d"));
	CHECK(is("OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_RESPONSE_HEADERS", "e"));
	CHECK(is("file: sensitive_query_parameters", "token,Key"));
	CHECK(use(HEAD CONSOLE "instrumentation/development: { general: { sanitization: "
			       "{ url: { sensitive_query_parameters: [] } } } }\n"));
	CHECK(is("file: sensitive_query_parameters", ","));
}

TEST(config_key_with_the_end_of_a_line_in_it_is_told_in_one)
{
	CHECK(use(HEAD CONSOLE "\"a\\nautotrace: b\\e\": 1\n") && lines() == 1);
	CHECK(strstr(said, "a?autotrace: b?: not known here"));
}
