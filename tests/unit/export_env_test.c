/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "export/diag.h"
#include "export/env.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void capture(const char *one, const char *two)
{
	char *variables[] = { (char *)one, (char *)two, NULL };

	atr_env_capture(variables);
}

static bool is(const char *name, const char *value)
{
	return atr_str_equal(atr_env_get(name), atr_str(value)) && atr_env_get(name).at;
}

TEST(env_copies_ours_and_no_others)
{
	char *variables[] = { "PATH=/bin",    "OTEL_A=1",  "AUTOTRACE_B=2",  "TRACEPARENT=3",
			      "TRACESTATE=4", "BAGGAGE=5", "AWS_LAMBDA_C=6", "TRACEPARENTS=7",
			      "OTELX=8",      NULL };

	atr_env_capture(variables);
	CHECK(atr_env_count() == 6);
	CHECK(is("OTEL_A", "1") && is("AUTOTRACE_B", "2") && is("TRACEPARENT", "3"));
	CHECK(is("TRACESTATE", "4") && is("BAGGAGE", "5") && is("AWS_LAMBDA_C", "6"));
	CHECK(!atr_env_get("PATH").at && !atr_env_is_cut());
}

TEST(env_copy_stays_when_the_program_writes_over_its_own)
{
	char variable[] = "OTEL_SERVICE_NAME=shop";

	capture(variable, NULL);
	memset(variable, 'x', sizeof(variable) - 1);
	CHECK(is("OTEL_SERVICE_NAME", "shop"));
	CHECK(atr_env_get("OTEL_SERVICE_NAME").at[4] == 0);
}

TEST(env_empty_counts_as_unset)
{
	capture("OTEL_SERVICE_NAME=", NULL);
	CHECK(!atr_env_get("OTEL_SERVICE_NAME").at);
}

TEST(env_file_is_in_the_place_of_those_of_opentelemetry_and_of_no_others)
{
	char name[] = "OTEL_B", value[] = "two";

	capture("OTEL_A=1", "AUTOTRACE_C=3");
	atr_env_forget();
	CHECK(!atr_env_get("OTEL_A").at && is("AUTOTRACE_C", "3"));
	CHECK(atr_env_put(atr_str(name), atr_str(value)));
	memset(name, 'x', sizeof(name) - 1);
	memset(value, 'x', sizeof(value) - 1);
	CHECK(is("OTEL_B", "two") && atr_env_get("OTEL_B").at[3] == 0);
	CHECK(atr_env_was_put("OTEL_B") && !atr_env_was_put("AUTOTRACE_C"));
	CHECK(atr_env_count() == 2);
	CHECK(atr_env_put(ATR_STR("AUTOTRACE_C"), ATR_STR("4")) && is("AUTOTRACE_C", "4"));
	capture(NULL, NULL);
	CHECK(!atr_env_get("OTEL_B").at);
}

TEST(env_that_is_put_beyond_the_room_is_refused)
{
	static char large[200 * 1024];

	capture(NULL, NULL);
	memset(large, 'x', sizeof(large));
	CHECK(atr_env_put(ATR_STR("OTEL_A"), (struct atr_str){ large, sizeof(large) }));
	CHECK(!atr_env_put(ATR_STR("OTEL_B"), (struct atr_str){ large, sizeof(large) }));
	CHECK(!atr_env_get("OTEL_B").at && atr_env_get("OTEL_A").len == sizeof(large));
	for (int i = 1; i < 256; i++)
		CHECK(atr_env_put(ATR_STR("OTEL_C"), ATR_STR("x")));
	CHECK(!atr_env_put(ATR_STR("OTEL_C"), ATR_STR("x")));
	capture(NULL, NULL);
}

static char heard[256];

static void hear(const char *name, struct atr_str used)
{
	snprintf(heard, sizeof(heard), "%s=%.*s", name, (int)used.len, used.at);
}

TEST(env_tells_who_listens_what_is_used)
{
	capture("OTEL_X=TRUE", "OTEL_Y=-1");
	atr_env_heard = hear;
	atr_env_bool("OTEL_X", false);
	CHECK(!strcmp(heard, "OTEL_X=true"));
	atr_env_uint("OTEL_Y", 42, 1, 50);
	CHECK(!strcmp(heard, "OTEL_Y=42"));
	atr_env_uint("OTEL_Z", UINT32_MAX, 0, 50);
	CHECK(!strcmp(heard, "OTEL_Z=no limit"));
	atr_env_heard = NULL;
}

TEST(env_larger_than_the_limit_is_cut_and_told)
{
	size_t len = 300 * 1024;
	char *large = malloc(len + 1);

	memset(large, 'x', len);
	large[len] = 0;
	memcpy(large, "OTEL_LARGE=", 11);
	capture(large, "OTEL_SMALL=1");
	CHECK(atr_env_is_cut());
	CHECK(!atr_env_get("OTEL_LARGE").at && is("OTEL_SMALL", "1"));
	memset(large + 11 + 20000, 0, 1);
	capture(large, NULL);
	CHECK(!atr_env_is_cut());
	CHECK(atr_env_get("OTEL_LARGE").len == 20000);
	free(large);
	capture(NULL, NULL);
}

TEST(env_true_is_the_only_word_that_is_true)
{
	static const struct {
		const char *text;
		bool value;
	} rules[] = {
		{ "OTEL_X=true", true },   { "OTEL_X=TrUe", true },    { "OTEL_X=false", false },
		{ "OTEL_X=1", false },	   { "OTEL_X=yes", false },    { "OTEL_X=on", false },
		{ "OTEL_X=truex", false }, { "OTEL_X= true\t", true },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		capture(rules[i].text, NULL);
		CHECK(atr_env_bool("OTEL_X", false) == rules[i].value);
	}
	capture("OTEL_X=", NULL);
	CHECK(atr_env_bool("OTEL_X", true) && !atr_env_bool("OTEL_X", false));
}

TEST(env_numbers_out_of_range_or_form_leave_the_default)
{
	static const struct {
		const char *text;
		uint32_t value;
	} rules[] = {
		{ "OTEL_X=5", 5 },	     { "OTEL_X=2147483647", 2147483647 },
		{ "OTEL_X=2147483648", 42 }, { "OTEL_X=99999999999999999999", 42 },
		{ "OTEL_X=-1", 42 },	     { "OTEL_X=1.5", 42 },
		{ "OTEL_X=5s", 42 },	     { "OTEL_X=0", 42 },
		{ "OTEL_X=", 42 },	     { "OTEL_X= 5 ", 5 },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		capture(rules[i].text, NULL);
		CHECK(atr_env_uint("OTEL_X", 42, 1, INT32_MAX) == rules[i].value);
	}
	capture("OTEL_X=0", NULL);
	CHECK(atr_env_ms("OTEL_X", 42) == 0);
}

TEST(env_wrong_value_is_one_line_in_the_log_with_name_and_value)
{
	static const struct atr_io io = { .open = open, .write = write, .close = close };
	char path[] = "/tmp/export_env.XXXXXX", line[512] = "";
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	capture("OTEL_X=often", NULL);
	atr_log_setup(atr_str(path), &io);
	CHECK(!atr_env_bool("OTEL_X", false));
	atr_log_setup((struct atr_str){ 0 }, &io);
	CHECK(!atr_env_bool("OTEL_X", false)); /* and none when the log is off */
	CHECK(read(fd, line, sizeof(line) - 1) > 0);
	CHECK(strstr(line, "OTEL_X=often"));
	CHECK(strchr(line, '\n') && !strchr(line, '\n')[1]);
	close(fd);
	unlink(path);
}
