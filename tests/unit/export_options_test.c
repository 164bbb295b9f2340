/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "export/diag.h"
#include "export/env.h"
#include "export/exporter.h"
#include "export/options.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct atr_options options;

static const struct atr_exporter_options *read_with(const char *one, const char *two)
{
	char *variables[] = { (char *)one, (char *)two, NULL };

	if (!one)
		variables[0] = NULL;
	atr_env_capture(variables);
	atr_options_read_queue(&options);
	atr_options_read(&options);
	return &options.exporter[0];
}

static bool same(struct atr_str text, const char *expected)
{
	return atr_str_equal(text, atr_str(expected));
}

TEST(options_defaults_are_the_specifications)
{
	const struct atr_exporter_options *e = read_with(NULL, NULL);

	CHECK(options.nr_exporters == 1);
	CHECK(e->way == ATR_WAY_HTTP && e->encoding == ATR_ENCODING_OTLP_PROTOBUF);
	CHECK(same(e->host, "localhost") && e->port == 4318 && same(e->path, "/v1/traces"));
	CHECK(e->timeout_ms == 10000 && e->nr_headers == 0);
	CHECK(options.schedule_delay_ms == 5000 && options.export_timeout_ms == 30000);
	CHECK(options.max_queue_size == 2048 && options.max_export_batch_size == 512);
	CHECK(options.attribute_value_length_limit >= INT32_MAX);
	CHECK(options.attribute_count_limit == 128 && options.event_count_limit == 128);
}

#define BASE "OTEL_EXPORTER_OTLP_ENDPOINT="
#define EXACT "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="

TEST(options_endpoint_rules)
{
	static const struct {
		const char *variable, *host, *path;
		uint16_t port;
	} rules[] = {
		{ BASE "http://c:4318", "c", "/v1/traces", 4318 },
		{ BASE "http://c:4318/", "c", "/v1/traces", 4318 },
		{ BASE "http://c/x", "c", "/x/v1/traces", 80 },
		{ BASE "http://c/x/", "c", "/x/v1/traces", 80 },
		{ BASE "HTTP://c:1/x", "c", "/x/v1/traces", 1 },
		{ EXACT "http://c:4318", "c", "/", 4318 },
		{ EXACT "http://c:4318/", "c", "/", 4318 },
		{ EXACT "http://c/x/y", "c", "/x/y", 80 },
		{ BASE "http://[::1]:4318", "::1", "/v1/traces", 4318 },
		{ BASE "http://[::1]/x", "::1", "/x/v1/traces", 80 },
		/* what is wrong is the default */
		{ BASE "c:4318", "localhost", "/v1/traces", 4318 },
		{ BASE "http://", "localhost", "/v1/traces", 4318 },
		{ BASE "http://c:0", "localhost", "/v1/traces", 4318 },
		{ BASE "http://c:65536", "localhost", "/v1/traces", 4318 },
		{ BASE "http://c:x", "localhost", "/v1/traces", 4318 },
		{ BASE "ftp://c", "localhost", "/v1/traces", 4318 },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct atr_exporter_options *e = read_with(rules[i].variable, NULL);

		CHECK(same(e->host, rules[i].host));
		CHECK(same(e->path, rules[i].path));
		CHECK(e->port == rules[i].port && !e->unix_path.len);
	}
}

TEST(options_endpoint_of_the_signal_wins)
{
	CHECK(same(read_with(BASE "http://a", EXACT "http://b")->host, "b"));
}

TEST(options_unix_endpoint_and_its_request_path)
{
	const struct atr_exporter_options *e = read_with(BASE "unix:/run/c.sock", NULL);

	CHECK(same(e->unix_path, "/run/c.sock") && same(e->path, "/v1/traces"));
	e = read_with(EXACT "unix:/run/c.sock:/p/q", NULL);
	CHECK(same(e->unix_path, "/run/c.sock") && same(e->path, "/p/q"));
	e = read_with(BASE "unix:/run/c.sock:/p/", NULL);
	CHECK(same(e->unix_path, "/run/c.sock") && same(e->path, "/p/v1/traces"));
}

TEST(options_unix_endpoint_has_a_path_for_each_signal)
{
	read_with(BASE "unix:/run/c.sock:/p", NULL);
	atr_options_read_others(&options, true, true);
	CHECK(same(options.metrics.path, "/p/v1/metrics") && same(options.logs.path, "/p/v1/logs"));
	CHECK(same(options.logs.unix_path, "/run/c.sock"));
	read_with(BASE "unix:/run/c.sock", NULL);
	atr_options_read_others(&options, true, true);
	CHECK(same(options.metrics.path, "/v1/metrics") && same(options.logs.path, "/v1/logs"));
}

TEST(options_https_is_tls_on_its_own_port)
{
	const struct atr_exporter_options *e = read_with(BASE "https://c:4318/x", NULL);

	CHECK(e->is_tls && same(e->host, "c") && e->port == 4318 && same(e->path, "/x/v1/traces"));
	e = read_with(EXACT "HTTPS://[::1]/x", NULL);
	CHECK(e->is_tls && same(e->host, "::1") && e->port == 443 && same(e->path, "/x"));
	CHECK(!read_with(BASE "http://c:4318", NULL)->is_tls);
	CHECK(!read_with(BASE "unix:/run/c.sock", NULL)->is_tls);
}

TEST(options_https_is_never_sent_in_the_clear)
{
	const struct atr_exporter_options *e = read_with(BASE "https://c:99999", NULL);

	CHECK(!e->host.len && !e->unix_path.len);
	e = read_with(EXACT "https://", NULL);
	CHECK(!e->host.len && !e->unix_path.len);
}

TEST(options_certificates_are_those_of_the_signal_first)
{
	const struct atr_exporter_options *e = read_with(
		"OTEL_EXPORTER_OTLP_CERTIFICATE=/a", "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE= /b ");

	CHECK(same(e->ca_file, "/b") && strlen(e->ca_file.at) == 2);
	CHECK(!e->client_certificate.at && !e->client_key.at);
	e = read_with("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=/c",
		      "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY=/k");
	CHECK(same(e->client_certificate, "/c") && same(e->client_key, "/k"));
	CHECK(!e->ca_file.at);
}

TEST(options_compression_is_gzip_or_none)
{
	CHECK(!read_with(NULL, NULL)->is_gzip);
	CHECK(read_with("OTEL_EXPORTER_OTLP_COMPRESSION=GZIP", NULL)->is_gzip);
	CHECK(!read_with("OTEL_EXPORTER_OTLP_COMPRESSION=gzip",
			 "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION=none")
		       ->is_gzip);
}

TEST(options_headers_are_trimmed_and_percent_decoded)
{
	const struct atr_exporter_options *e =
		read_with("OTEL_EXPORTER_OTLP_HEADERS= a = b%20c , d=e=f,g=%2", NULL);

	CHECK(e->nr_headers == 3);
	CHECK(same(e->headers[0].name, "a") && same(e->headers[0].value, "b c"));
	CHECK(same(e->headers[1].name, "d") && same(e->headers[1].value, "e=f"));
	CHECK(same(e->headers[2].value, "%2"));
}

TEST(options_header_with_a_line_break_is_left_out)
{
	CHECK(read_with("OTEL_EXPORTER_OTLP_HEADERS=a=b%0d%0ac: d", NULL)->nr_headers == 0);
}

TEST(options_exporter_names)
{
	CHECK(read_with("OTEL_TRACES_EXPORTER=none", NULL) && options.nr_exporters == 0);
	CHECK(read_with("OTEL_TRACES_EXPORTER=otlp/stdout", NULL)->way == ATR_WAY_STDOUT);
	CHECK(options.exporter[0].encoding == ATR_ENCODING_OTLP_JSON);
	CHECK(read_with("OTEL_TRACES_EXPORTER=OTLP", NULL)->way == ATR_WAY_HTTP);
	CHECK(read_with("OTEL_TRACES_EXPORTER=otlp/file", "AUTOTRACE_FILE=/x")->way ==
	      ATR_WAY_FILE);
	CHECK(same(options.exporter[0].file, "/x"));
	CHECK(read_with("OTEL_TRACES_EXPORTER=otlp,otlp/stdout", NULL) &&
	      options.nr_exporters == 2);
	CHECK(read_with("OTEL_TRACES_EXPORTER=zipkin,otlp", NULL) && options.nr_exporters == 2);
	CHECK(options.exporter[0].encoding == ATR_ENCODING_ZIPKIN);
	CHECK(options.exporter[1].encoding == ATR_ENCODING_OTLP_PROTOBUF);
	CHECK(read_with("OTEL_TRACES_EXPORTER=zipkin,otlp,otlp/stdout,otlp/file,xray,Zipkin",
			NULL) &&
	      options.nr_exporters == ATR_EXPORTERS_MAX);
	CHECK(read_with("OTEL_TRACES_EXPORTER=jaeger", NULL)->way == ATR_WAY_HTTP);
	CHECK(options.nr_exporters == 1);
}

TEST(options_file_has_no_limit_unless_one_is_set)
{
	const struct atr_exporter_options *e = read_with("OTEL_TRACES_EXPORTER=otlp/file", NULL);

	CHECK(e->file_max_bytes == 0 && e->file_keep == 1);
	atr_env_capture((char *[]){ "OTEL_TRACES_EXPORTER=otlp/file",
				    "AUTOTRACE_FILE_MAX_BYTES=1000", "AUTOTRACE_FILE_KEEP=3",
				    NULL });
	atr_options_read(&options);
	CHECK(e->file_max_bytes == 1000 && e->file_keep == 3);
}

TEST(options_zipkin_endpoint_is_used_as_it_is)
{
	const struct atr_exporter_options *e = read_with("OTEL_TRACES_EXPORTER=zipkin", NULL);

	CHECK(e->way == ATR_WAY_HTTP && same(e->host, "localhost") && e->port == 9411);
	CHECK(same(e->path, "/api/v2/spans") && e->timeout_ms == 10000 && !e->is_tls);
	atr_env_capture((char *[]){ "OTEL_TRACES_EXPORTER=zipkin",
				    "OTEL_EXPORTER_ZIPKIN_ENDPOINT=https://z/spans?x=y",
				    "OTEL_EXPORTER_ZIPKIN_TIMEOUT=7",
				    "OTEL_EXPORTER_OTLP_HEADERS=api-key=secret", NULL });
	atr_options_read(&options);
	CHECK(same(e->host, "z") && e->port == 443 && same(e->path, "/spans?x=y") && e->is_tls);
	CHECK(e->timeout_ms == 7 && !e->nr_headers);
	read_with("OTEL_TRACES_EXPORTER=zipkin", "OTEL_EXPORTER_ZIPKIN_ENDPOINT=nonsense");
	CHECK(same(e->host, "localhost") && same(e->path, "/api/v2/spans"));
	read_with("OTEL_TRACES_EXPORTER=zipkin", "OTEL_EXPORTER_ZIPKIN_ENDPOINT=https://z:x/");
	CHECK(!e->host.len);
}

TEST(options_grpc_has_an_endpoint_of_its_own)
{
	const struct atr_exporter_options *e = read_with("OTEL_EXPORTER_OTLP_PROTOCOL=gRPC", NULL);

	CHECK(e->is_grpc && e->encoding == ATR_ENCODING_OTLP_PROTOBUF && e->way == ATR_WAY_HTTP);
	CHECK(same(e->host, "localhost") && e->port == 4317 && !e->is_tls);
	read_with("OTEL_EXPORTER_OTLP_PROTOCOL=grpc", BASE "c:4444");
	CHECK(same(e->host, "c") && e->port == 4444 && e->is_tls);
	atr_env_capture((char *[]){ "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc", BASE "c:4444",
				    "OTEL_EXPORTER_OTLP_INSECURE=true", NULL });
	atr_options_read(&options);
	CHECK(same(e->host, "c") && e->port == 4444 && !e->is_tls && e->is_grpc);
	/* the scheme is stronger */
	atr_env_capture((char *[]){ "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", BASE "https://c",
				    "OTEL_EXPORTER_OTLP_INSECURE=true", NULL });
	atr_options_read(&options);
	CHECK(same(e->host, "c") && e->port == 443 && e->is_tls);
	read_with("OTEL_EXPORTER_OTLP_PROTOCOL=grpc", BASE "unix:/run/c.sock");
	CHECK(same(e->unix_path, "/run/c.sock") && !e->is_tls);
	CHECK(!read_with("OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", NULL)->is_grpc);
}

TEST(options_protocol_is_one_of_three)
{
	CHECK(read_with("OTEL_EXPORTER_OTLP_PROTOCOL=http", NULL)->encoding ==
	      ATR_ENCODING_OTLP_PROTOBUF);
	CHECK(read_with("OTEL_EXPORTER_OTLP_PROTOCOL=http/json", NULL)->encoding ==
	      ATR_ENCODING_OTLP_JSON);
}

TEST(options_batch_is_never_larger_than_the_queue)
{
	read_with("OTEL_BSP_MAX_QUEUE_SIZE=16", NULL);
	CHECK(options.max_export_batch_size == 16);
}

TEST(options_span_limit_beats_the_general_one)
{
	read_with("OTEL_ATTRIBUTE_COUNT_LIMIT=5", NULL);
	CHECK(options.attribute_count_limit == 5);
	read_with("OTEL_ATTRIBUTE_COUNT_LIMIT=5", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=9");
	CHECK(options.attribute_count_limit == 9);
}

static const struct atr_io io = { .open = open, .read = read, .close = close };
static struct atr_resource_attr resource[ATR_RESOURCE_MAX];
static size_t nr_resource;

static struct atr_str resource_of(const char *key)
{
	for (size_t i = 0; i < nr_resource; i++)
		if (same(resource[i].key, key))
			return resource[i].value;
	return (struct atr_str){ 0 };
}

static void read_resource(const char *one, const char *two)
{
	struct atr_process process = { ATR_STR("/usr/bin/shop"), ATR_STR("shop") };

	read_with(one, two);
	nr_resource = atr_resource_read(&process, &io, resource);
}

TEST(resource_service_name_by_precedence)
{
	read_resource(NULL, NULL);
	CHECK(same(resource_of("service.name"), "unknown_service:shop"));
	read_resource("OTEL_RESOURCE_ATTRIBUTES=service.name=a%20b,x=y", NULL);
	CHECK(same(resource_of("service.name"), "a b") && same(resource_of("x"), "y"));
	read_resource("OTEL_RESOURCE_ATTRIBUTES=service.name=a,x=y", "OTEL_SERVICE_NAME=c");
	CHECK(same(resource_of("service.name"), "c") && same(resource_of("x"), "y"));
}

TEST(resource_attributes_may_be_empty)
{
	read_resource("OTEL_RESOURCE_ATTRIBUTES=x=,host.name=", NULL);
	CHECK(resource_of("x").at && !resource_of("x").len && !resource_of("host.name").len);
}

TEST(resource_is_detected_by_what_is_asked_for)
{
	read_resource("AUTOTRACE_RESOURCE_DETECTORS=none", "OTEL_RESOURCE_ATTRIBUTES=x=y");
	CHECK(nr_resource == 5 && same(resource_of("service.name"), "unknown_service:shop"));
	CHECK(same(resource_of("x"), "y") && same(resource_of("telemetry.sdk.name"), "autotrace"));
	read_resource("AUTOTRACE_RESOURCE_DETECTORS=Host, service", NULL);
	CHECK(resource_of("os.type").at && resource_of("service.instance.id").at);
	CHECK(!resource_of("process.executable.name").at);
	read_resource("AUTOTRACE_RESOURCE_DETECTORS=process", NULL);
	CHECK(resource_of("process.executable.name").at && !resource_of("os.type").at);
}

TEST(resource_attributes_with_any_error_are_all_discarded)
{
	read_resource("OTEL_RESOURCE_ATTRIBUTES=x=y,broken", NULL);
	CHECK(!resource_of("x").at);
	CHECK(same(resource_of("service.name"), "unknown_service:shop"));
}

TEST(resource_names_the_sdk_and_has_each_key_once)
{
	read_resource("OTEL_RESOURCE_ATTRIBUTES=host.name=h,host.name=i", NULL);
	CHECK(same(resource_of("telemetry.sdk.name"), "autotrace"));
	CHECK(same(resource_of("telemetry.sdk.language"), "c"));
	CHECK(resource_of("telemetry.sdk.version").len &&
	      resource_of("service.instance.id").len == 36);
	for (size_t i = 0; i < nr_resource; i++)
		for (size_t j = 0; j < i; j++)
			CHECK(!atr_str_equal(resource[i].key, resource[j].key));
}

/* ---- what is wrong: one line that names the variable, its value and what is done instead ---- */

static char said[8192];

/* Everything that this room reads, with these variables; what the log says of it. */
static void read_all(char *const *variables)
{
	static const struct atr_io files = {
		.open = open, .read = read, .write = write, .close = close
	};
	struct atr_process process = { ATR_STR("/usr/bin/shop"), ATR_STR("shop") };
	char path[] = "/tmp/export_options.XXXXXX";
	int fd = mkstemp(path);
	ssize_t n;

	CHECK(fd >= 0);
	atr_env_capture(variables);
	atr_log_setup(atr_str(path), &files);
	atr_options_read_log_level();
	if (atr_options_say_none())
		memset(&options, 0, sizeof(options));
	atr_options_read_queue(&options);
	atr_options_read(&options);
	nr_resource = atr_resource_read(&process, &files, resource);
	atr_options_read_others(&options, atr_options_export_metrics(), false);
	atr_env_ms("AUTOTRACE_EXIT_FLUSH_MS", 500);
	atr_log_setup((struct atr_str){ 0 }, &files);
	n = read(fd, said, sizeof(said) - 1);
	CHECK(n >= 0);
	said[n] = 0;
	close(fd);
	unlink(path);
}

static void read_these(const char *one, const char *two)
{
	char *variables[] = { (char *)one, (char *)two, NULL };

	read_all(variables);
}

static int lines(void)
{
	int n = 0;

	for (const char *at = said; (at = strchr(at, '\n')); at++)
		n++;
	return n;
}

/* One line, and it has all of these. */
static bool says(const char *what, const char *instead)
{
	return lines() == 1 && strstr(said, what) && strstr(said, instead);
}

static const char *const all_names[] = {
	"OTEL_TRACES_EXPORTER",
	"OTEL_EXPORTER_OTLP_ENDPOINT",
	"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
	"OTEL_EXPORTER_OTLP_PROTOCOL",
	"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
	"OTEL_EXPORTER_OTLP_COMPRESSION",
	"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
	"OTEL_EXPORTER_OTLP_HEADERS",
	"OTEL_EXPORTER_OTLP_TRACES_HEADERS",
	"OTEL_EXPORTER_OTLP_TIMEOUT",
	"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
	"OTEL_BSP_SCHEDULE_DELAY",
	"OTEL_BSP_EXPORT_TIMEOUT",
	"OTEL_BSP_MAX_QUEUE_SIZE",
	"OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
	"OTEL_ATTRIBUTE_COUNT_LIMIT",
	"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
	"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
	"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
	"OTEL_SPAN_EVENT_COUNT_LIMIT",
	"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
	"OTEL_RESOURCE_ATTRIBUTES",
	"OTEL_SERVICE_NAME",
	"OTEL_LOG_LEVEL",
	"AUTOTRACE_RESOURCE_DETECTORS",
	"AUTOTRACE_EXIT_FLUSH_MS",
	"AUTOTRACE_FILE",
};
#define NR_NAMES (sizeof(all_names) / sizeof(all_names[0]))

static bool is_one_of(const char *name, const char *const *names)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names;
}

static const char *variable(const char *name, const char *value)
{
	static char made[64 * 1024];

	snprintf(made, sizeof(made), "%s=%s", name, value);
	return made;
}

/* The one variable with this value, and what it takes for it to be read. */
static void read_one(const char *name, const char *value)
{
	read_these(variable(name, value),
		   strcmp(name, "AUTOTRACE_FILE") ? NULL : "OTEL_TRACES_EXPORTER=otlp/file");
}

TEST(options_of_empty_variables_are_the_defaults_and_nothing_is_said)
{
	for (size_t i = 0; i < NR_NAMES; i++) {
		read_one(all_names[i], "");
		CHECK(!*said);
		CHECK(options.nr_exporters == 1);
		CHECK(!strcmp(all_names[i], "AUTOTRACE_FILE") ?
			      same(options.exporter[0].file, "autotrace.jsonl") :
			      same(options.exporter[0].host, "localhost"));
		CHECK(options.schedule_delay_ms == 5000 && options.max_queue_size == 2048);
		CHECK(same(resource_of("service.name"), "unknown_service:shop"));
	}
}

/* What takes any text; headers do, of what is not a control character. */
static const char *const free_text[] = { "OTEL_SERVICE_NAME", "AUTOTRACE_FILE", NULL };
static const char *const secrets[] = { "OTEL_EXPORTER_OTLP_HEADERS",
				       "OTEL_EXPORTER_OTLP_TRACES_HEADERS", NULL };

TEST(options_that_are_nonsense_are_one_warning_each)
{
	for (size_t i = 0; i < NR_NAMES; i++) {
		read_one(all_names[i], "non%sense");
		if (is_one_of(all_names[i], free_text)) {
			CHECK(!*said);
			continue;
		}
		CHECK(says(all_names[i], "; "));
		CHECK(!strstr(said, "non%sense") == is_one_of(all_names[i], secrets));
		CHECK(options.nr_exporters == 1 && same(options.exporter[0].host, "localhost"));
	}
}

TEST(options_that_are_no_utf8_are_one_warning_each_in_clean_text)
{
	static const char *const any_bytes[] = { "AUTOTRACE_FILE", NULL };

	for (size_t i = 0; i < NR_NAMES; i++) {
		read_one(all_names[i], "\xff\x1b\xc0\nx");
		if (is_one_of(all_names[i], any_bytes)) {
			CHECK(!*said);
			continue;
		}
		CHECK(says(all_names[i], "; "));
		CHECK(!strchr(said, '\x1b') && !strchr(said, '\xff'));
	}
}

TEST(options_that_are_huge_are_one_short_warning_each)
{
	static char huge[60 * 1024];

	memset(huge, '7', sizeof(huge) - 1);
	for (size_t i = 0; i < NR_NAMES; i++) {
		read_one(all_names[i], huge);
		if (!strcmp(all_names[i], "OTEL_SERVICE_NAME")) {
			CHECK(!*said && resource_of("service.name").len == sizeof(huge) - 1);
			continue;
		}
		CHECK(says(all_names[i], "; ") && strlen(said) < 500);
		CHECK(options.max_queue_size == 2048 && options.max_export_batch_size == 512);
	}
}

TEST(options_numbers_say_what_is_allowed_and_what_is_used)
{
	static const struct {
		const char *variable, *why, *instead;
	} rules[] = {
		{ "OTEL_BSP_MAX_QUEUE_SIZE=0", "=0: not a whole number from 1 to 1048576",
		  "2048 is used" },
		{ "OTEL_BSP_MAX_QUEUE_SIZE=-1", "from 1 to 1048576", "2048 is used" },
		{ "OTEL_BSP_MAX_QUEUE_SIZE=1048577", "from 1 to 1048576", "2048 is used" },
		{ "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=0", "from 1 to 2048", "512 is used" },
		{ "OTEL_BSP_SCHEDULE_DELAY=-5", "from 0 to 2147483647", "5000 is used" },
		{ "OTEL_BSP_EXPORT_TIMEOUT=5s", "from 0 to 2147483647", "30000 is used" },
		{ "OTEL_EXPORTER_OTLP_TIMEOUT=1.5", "from 0 to", "10000 is used" },
		{ "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=x", "from 0 to", "10000 is used" },
		{ "AUTOTRACE_EXIT_FLUSH_MS=soon", "from 0 to", "500 is used" },
		{ "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=-1", "from 0 to", "128 is used" },
		{ "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT=x", "from 0 to", "no limit is used" },
		{ "OTEL_SPAN_EVENT_COUNT_LIMIT=x", "from 0 to", "128 is used" },
		{ "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT=x", "from 0 to", "128 is used" },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		read_these(rules[i].variable, NULL);
		CHECK(says(rules[i].variable, rules[i].why));
		CHECK(strstr(said, rules[i].instead));
	}
}

TEST(options_timeout_of_the_signal_that_is_wrong_leaves_the_general_one)
{
	read_these("OTEL_EXPORTER_OTLP_TIMEOUT=7", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=-1");
	CHECK(says("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=-1", "7 is used"));
	CHECK(options.exporter[0].timeout_ms == 7);
	read_these("OTEL_EXPORTER_OTLP_TIMEOUT=7", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=0");
	CHECK(!*said && options.exporter[0].timeout_ms == 0);
}

TEST(options_log_level_above_warnings_leaves_them_out)
{
	static const struct {
		const char *level;
		int nr_lines;
	} rules[] = {
		{ "OTEL_LOG_LEVEL=", 1 },	{ "OTEL_LOG_LEVEL=warn", 1 },
		{ "OTEL_LOG_LEVEL=DEBUG", 1 },	{ "OTEL_LOG_LEVEL=Error", 0 },
		{ "OTEL_LOG_LEVEL= none ", 0 }, { "OTEL_LOG_LEVEL=loud", 2 },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		read_these(rules[i].level, "OTEL_BSP_SCHEDULE_DELAY=x");
		CHECK(lines() == rules[i].nr_lines);
	}
	read_these(NULL, NULL);
}

TEST(options_that_contradict_each_other_are_one_warning)
{
	read_these("OTEL_BSP_MAX_QUEUE_SIZE=16", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=512");
	CHECK(says("OTEL_BSP_MAX_EXPORT_BATCH_SIZE=512: not a whole number from 1 to 16",
		   "16 is used"));
	CHECK(options.max_export_batch_size == 16);
	read_these("OTEL_TRACES_EXPORTER=none,otlp", NULL);
	CHECK(says("OTEL_TRACES_EXPORTER=none,otlp", "the others are used"));
	CHECK(options.nr_exporters == 1);
	read_these("OTEL_TRACES_EXPORTER=otlp,OTLP,console,otlp/stdout", NULL);
	CHECK(says("there twice", "it is left out") && options.nr_exporters == 2);
	read_these("OTEL_TRACES_EXPORTER=jaeger", NULL);
	CHECK(says("OTEL_TRACES_EXPORTER=jaeger", "otlp is used") && options.nr_exporters == 1);
	read_these("OTEL_TRACES_EXPORTER=jaeger,otlp/stdout", NULL);
	CHECK(says("not known here", "it is left out") && options.nr_exporters == 1);
	read_these("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=x", "OTEL_ATTRIBUTE_COUNT_LIMIT=5");
	CHECK(says("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=x", "5 is used"));
	CHECK(options.attribute_count_limit == 5);
	/* where the specification says which one wins there is nothing to warn of */
	read_these(BASE "http://a", EXACT "http://b");
	CHECK(!*said);
	read_these("OTEL_RESOURCE_ATTRIBUTES=service.name=a", "OTEL_SERVICE_NAME=b");
	CHECK(!*said);
}

TEST(options_none_alone_is_none)
{
	read_these("OTEL_TRACES_EXPORTER= None ", NULL);
	CHECK(!*said && options.nr_exporters == 0 && atr_options_say_none());
	read_these("OTEL_TRACES_EXPORTER=none,jaeger", NULL);
	CHECK(says("none,jaeger", "none is used") && options.nr_exporters == 0);
}

TEST(options_endpoint_that_is_none_says_what_is_used)
{
	static const struct {
		const char *variable, *why;
	} rules[] = {
		{ BASE "c:4317", "not an http://, https:// or unix: URL" },
		{ BASE "http://c/a b", "characters that no URL has" },
		{ BASE "http://c/\r\nX: y", "characters that no URL has" },
		{ BASE "http://c?x=y", "not an http://" },
		{ BASE "unix:", "not the path of a socket" },
		{ EXACT "unix:/run/c.sock:no-slash", "not the path of a socket" },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		read_these(rules[i].variable, NULL);
		CHECK(says(rules[i].why, "http://localhost:4318 is used"));
		CHECK(same(options.exporter[0].host, "localhost") &&
		      options.exporter[0].port == 4318);
	}
	read_these(BASE "https://c:x", NULL);
	CHECK(says("not an http://", "spans are not sent"));
	read_these("OTEL_EXPORTER_OTLP_PROTOCOL=grpc", BASE "UNIX:/run/c.sock");
	CHECK(!*said && same(options.exporter[0].unix_path, "/run/c.sock"));
	read_these(EXACT "http://c/x?y=z#part", NULL);
	CHECK(!*said && same(options.exporter[0].path, "/x?y=z"));
	read_these(EXACT "http://c?y=z", NULL);
	CHECK(!*said && same(options.exporter[0].path, "/?y=z"));
}

TEST(options_endpoint_with_a_password_is_never_shown)
{
	static const char *const rules[] = { BASE "http://me:hunter2@c:4318", BASE "me:hunter2@c",
					     BASE "https://me:hunter2@c" };

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		read_these(rules[i], NULL);
		CHECK(says("OTEL_EXPORTER_OTLP_ENDPOINT: ", "; ") && !strstr(said, "hunter2"));
	}
	read_these(rules[0], NULL);
	CHECK(same(options.exporter[0].host, "c") && options.exporter[0].port == 4318);
}

TEST(options_headers_that_are_wrong_are_left_out_and_never_shown)
{
	static const struct {
		const char *list, *why;
		unsigned nr;
	} rules[] = {
		{ "hunter2", "not key=value", 0 },
		{ "a=1,hunter2,hunter2", "not key=value", 1 },
		{ "=hunter2", "the name of a header", 0 },
		{ "a b=hunter2", "the name of a header", 0 },
		{ "a=hunter2%0d%0ab: c", "characters that no header has", 0 },
		{ "a=hunter2%00", "characters that no header has", 0 },
		{ "Content-Length=1,hunter=2", "not the user's to set", 1 },
		{ "a=hunter2,A=hunter2", "there twice", 1 },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		read_these(variable("OTEL_EXPORTER_OTLP_TRACES_HEADERS", rules[i].list), NULL);
		CHECK(says("OTEL_EXPORTER_OTLP_TRACES_HEADERS: ", "it is left out"));
		CHECK(strstr(said, rules[i].why) && !strstr(said, "hunter2"));
		CHECK(options.exporter[0].nr_headers == rules[i].nr);
	}
}

TEST(options_headers_beyond_what_a_request_holds_are_left_out)
{
	static char list[20000];
	size_t len = 0;

	for (int i = 0; i < 40; i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "h%d=v,", i);
	read_these(variable("OTEL_EXPORTER_OTLP_HEADERS", list), NULL);
	CHECK(says("too many headers", "it is left out"));
	CHECK(options.exporter[0].nr_headers == ATR_OTLP_HEADERS_MAX);
	memset(list, 'v', 9000);
	memcpy(list, "a=", 2);
	list[9000] = 0;
	read_these(variable("OTEL_EXPORTER_OTLP_HEADERS", list), NULL);
	CHECK(!*said && options.exporter[0].nr_headers == 1); /* a token can be long */
}

TEST(options_of_what_is_not_in_this_version_say_so)
{
	read_these("OTEL_EXPORTER_OTLP_PROTOCOL=thrift", NULL);
	CHECK(says("OTEL_EXPORTER_OTLP_PROTOCOL=thrift", "http/protobuf is used"));
	read_these("OTEL_EXPORTER_OTLP_COMPRESSION=zstd", NULL);
	CHECK(says("OTEL_EXPORTER_OTLP_COMPRESSION=zstd: not gzip or none", "none is used"));
	read_these("OTEL_EXPORTER_OTLP_CLIENT_KEY=/k", NULL);
	CHECK(says("OTEL_EXPORTER_OTLP_CLIENT_KEY=/k: a certificate and its key", "left out"));
}

#define HISTOGRAMS "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION="

TEST(options_that_ask_for_what_is_not_here_are_told)
{
	static const struct {
		const char *good, *bad, *instead;
	} of[] = {
		{ "OTEL_ENTITIES=", "OTEL_ENTITIES=host{host.id=1}", "entities are not" },
		{ "OTEL_METRICS_EXEMPLAR_FILTER=Trace_Based",
		  "OTEL_METRICS_EXEMPLAR_FILTER=always_on", "no exemplars" },
		{ "OTEL_METRICS_EXEMPLAR_FILTER=always_off", "OTEL_METRICS_EXEMPLAR_FILTER=1",
		  "no exemplars" },
		{ HISTOGRAMS "explicit_bucket_histogram",
		  HISTOGRAMS "base2_exponential_bucket_histogram", "that is used" },
		{ "OTEL_EXPORTER_OTLP_SPAN_INSECURE=", "OTEL_EXPORTER_OTLP_SPAN_INSECURE=true",
		  "OTEL_EXPORTER_OTLP_TRACES_INSECURE" },
		{ "OTEL_EXPORTER_OTLP_METRIC_INSECURE=", "OTEL_EXPORTER_OTLP_METRIC_INSECURE=true",
		  "OTEL_EXPORTER_OTLP_METRICS_INSECURE" },
		{ "OTEL_EXPORTER_ZIPKIN_PROTOCOL=http/json",
		  "OTEL_EXPORTER_ZIPKIN_PROTOCOL=http/protobuf", "not http/json" },
		{ "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN=",
		  "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN=logs/dup", "events of their span" },
	};

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		read_these(of[i].good, NULL);
		CHECK(lines() == 0);
		read_these(of[i].bad, NULL);
		CHECK(lines() == 1 && says(of[i].bad, of[i].instead));
	}
}

TEST(options_grpc_endpoint_has_no_path)
{
	static const char grpc[] = "OTEL_EXPORTER_OTLP_PROTOCOL=grpc";

	read_these(grpc, BASE "http://c:4317/v1/traces");
	CHECK(lines() == 1 && says(BASE "http://c:4317/v1/traces", "the path in it is left out"));
	read_these(grpc, BASE "c:4317/x");
	CHECK(lines() == 1 && says(BASE "c:4317/x", "the path in it is left out"));
	read_these(grpc, BASE "http://c:4317/");
	CHECK(lines() == 0);
	read_these(grpc, BASE "unix:/a/b.sock");
	CHECK(lines() == 0);
	read_these(NULL, BASE "http://c:4317/x");
	CHECK(lines() == 0);
}

TEST(options_limits_of_links_and_events)
{
	read_these("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT=3", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT=4");
	CHECK(options.link_attribute_count_limit == 3 && options.event_attribute_count_limit == 4);
	read_these("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT=many", NULL);
	CHECK(options.link_attribute_count_limit == 128 && lines() == 1);
}

TEST(resource_detector_that_is_not_known_is_left_out)
{
	read_these("AUTOTRACE_RESOURCE_DETECTORS=host,moon", NULL);
	CHECK(says("moon: a detector in it is not known here", "left out"));
	CHECK(resource_of("os.type").at);
}

TEST(resource_attributes_that_are_wrong_say_what_becomes_of_them)
{
	static char many[8000];
	size_t len = 0;

	read_these("OTEL_RESOURCE_ATTRIBUTES=x=y,z=%zz", NULL);
	CHECK(says("x=y,z=%zz", "the whole of it is discarded") && !resource_of("x").at);
	read_these("OTEL_RESOURCE_ATTRIBUTES=x=%ff", NULL);
	CHECK(says("OTEL_RESOURCE_ATTRIBUTES=x=%ff", "replaced by U+FFFD") && resource_of("x").at);
	read_these("OTEL_SERVICE_NAME=caf\xe9", NULL);
	CHECK(says("OTEL_SERVICE_NAME=caf", "replaced by U+FFFD"));
	read_these("OTEL_SERVICE_NAME=caf\xc3\xa9", NULL);
	CHECK(!*said && same(resource_of("service.name"), "caf\xc3\xa9"));
	for (int i = 0; i < 200; i++)
		len += (size_t)snprintf(many + len, sizeof(many) - len, "key%d=v,", i);
	read_these(variable("OTEL_RESOURCE_ATTRIBUTES", many), NULL);
	CHECK(says("more attributes than there is room for", "left out"));
	CHECK(same(resource_of("telemetry.sdk.name"), "autotrace") && resource_of("key50").at);
}

TEST(options_of_an_environment_beyond_the_limit_say_so)
{
	static char large[300 * 1024];

	memset(large, 'x', sizeof(large) - 1);
	memcpy(large, "OTEL_LARGE=", 11);
	read_these(large, "OTEL_SERVICE_NAME=shop");
	CHECK(lines() == 1 && strstr(said, "256 KiB") && same(resource_of("service.name"), "shop"));
	read_these(NULL, NULL);
}

TEST(options_of_other_signals_are_their_own_or_everybody_s)
{
	read_with("OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318/x",
		  "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://l:1/");
	atr_options_read_log_queue(&options);
	atr_options_read_others(&options, true, true);
	CHECK(same(options.metrics.host, "c") && same(options.metrics.path, "/x/v1/metrics"));
	CHECK(same(options.logs.host, "l") && same(options.logs.path, "/"));
	CHECK(options.metrics.signal == ATR_METRICS && options.logs.signal == ATR_LOGS);
	CHECK(options.metric_interval_ms == 60000 && options.metric_timeout_ms == 30000);
	CHECK(options.log_delay_ms == 1000 && options.log_batch_size == 512);
	read_with("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=http/json", "OTEL_BLRP_MAX_QUEUE_SIZE=100");
	atr_options_read_log_queue(&options);
	atr_options_read_others(&options, true, true);
	CHECK(options.exporter[0].encoding == ATR_ENCODING_OTLP_PROTOBUF);
	CHECK(options.metrics.encoding == ATR_ENCODING_OTLP_JSON);
	CHECK(options.logs.encoding == ATR_ENCODING_OTLP_PROTOBUF && options.log_batch_size == 100);
	CHECK(same(options.logs.path, "/v1/logs") && options.logs.port == 4318);
}

TEST(options_metrics_are_exported_only_when_asked_for)
{
	read_with(NULL, NULL);
	CHECK(!atr_options_export_metrics());
	read_with("OTEL_METRICS_EXPORTER=OTLP", NULL);
	CHECK(atr_options_export_metrics());
	read_with("OTEL_METRICS_EXPORTER=prometheus", NULL);
	CHECK(!atr_options_export_metrics());
}

#define TEMPORALITY "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="

TEST(options_temporality_of_metrics)
{
	static const char exporter[] = "OTEL_METRICS_EXPORTER=otlp";

	read_these(TEMPORALITY "Delta", exporter);
	CHECK(lines() == 0 && options.metrics_are_delta);
	read_these(TEMPORALITY "lowmemory", exporter);
	CHECK(lines() == 0 && options.metrics_are_delta);
	read_these(TEMPORALITY "cumulative", exporter);
	CHECK(lines() == 0 && !options.metrics_are_delta);
	read_these(TEMPORALITY "none", exporter);
	CHECK(says(TEMPORALITY "none", "cumulative is used") && !options.metrics_are_delta);
}
