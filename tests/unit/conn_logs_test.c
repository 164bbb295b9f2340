/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/logs.h"

#include "export/env.h"
#include "tests/unit/live.h"

#include <stdio.h>

#define T "07070707070707070707070707070707"
#define S "8787878787878787"
#define BEHIND " trace_id=" T " span_id=" S
#define MEMBERS "\"trace_id\":\"" T "\",\"span_id\":\"" S "\""

static struct atr_lines lines;

static bool becomes(const char *text, const char *expected)
{
	struct atr_context context = live_parent(7);
	char got[ATR_LOGS_MAX + 1];

	if (!atr_logs_put(&lines, atr_str(text), false, &context))
		return live_is(expected, text);
	memcpy(got, lines.text, lines.len);
	got[lines.len] = 0;
	/* all of the program's bytes, and no other, are counted; and never more than went out */
	for (size_t n = 0, before = 0; n <= lines.len; n++) {
		size_t count = atr_logs_count(&lines, n);

		CHECK(count <= n && (count == before || count == before + 1));
		before = count;
	}
	CHECK(atr_logs_count(&lines, lines.len) == strlen(text));
	return live_is(got, expected);
}

static void set_up(const char *lines_as, const char *exporter)
{
	char *variables[] = { (char *)lines_as, (char *)exporter, NULL };

	atr_env_capture(variables);
	atr_logs_setup();
}

TEST(logs_are_exported_where_both_variables_let_them)
{
	set_up("AUTOTRACE_LOGS=otlp", NULL);
	CHECK(atr_logs_are_on && atr_logs_are_exported);
	set_up("AUTOTRACE_LOGS=otlp", "OTEL_LOGS_EXPORTER=OTLP");
	CHECK(atr_logs_are_exported);
	set_up("AUTOTRACE_LOGS=otlp", "OTEL_LOGS_EXPORTER=none");
	CHECK(atr_logs_are_on && !atr_logs_are_exported);
	set_up("AUTOTRACE_LOGS=inject", "OTEL_LOGS_EXPORTER=otlp");
	CHECK(atr_logs_are_on && !atr_logs_are_exported);
	set_up("OTEL_LOGS_EXPORTER=otlp", NULL);
	CHECK(!atr_logs_are_on && !atr_logs_are_exported);
}

TEST(logs_lines_carry_the_ids)
{
	CHECK(becomes("hello\n", "hello" BEHIND "\n"));
	CHECK(becomes("hello\r\nyou\n", "hello" BEHIND "\r\nyou" BEHIND "\n"));
	CHECK(becomes("{\"a\":1}\n", "{\"a\":1," MEMBERS "}\n"));
	CHECK(becomes(" { \"a\" : \"}\\\"{\" } \n", " { \"a\" : \"}\\\"{\" ," MEMBERS "} \n"));
	CHECK(becomes("{}\n{ }\n", "{" MEMBERS "}\n{ " MEMBERS "}\n"));
	CHECK(becomes("{\"a\":{\"b\":[1]}}\nx\n",
		      "{\"a\":{\"b\":[1]}," MEMBERS "}\nx" BEHIND "\n"));
	/* what only looks like an object is text */
	CHECK(becomes("{a}\n", "{a}" BEHIND "\n"));
	CHECK(becomes("{\"a\":1} {\"b\":2}\n", "{\"a\":1} {\"b\":2}" BEHIND "\n"));
	CHECK(becomes("{\"a\":\"}\n", "{\"a\":\"}" BEHIND "\n"));
}

TEST(logs_lines_that_are_not_whole_or_have_one_stay)
{
	struct atr_context context = live_parent(7);
	char text[ATR_LOGS_MAX + 1];

	CHECK(becomes("hello", "hello") && becomes("\n\n", "\n\n") && becomes("", ""));
	CHECK(becomes(" \n", " \n") && becomes("\r\n", "\r\n"));
	CHECK(becomes("whole\npart", "whole" BEHIND "\npart"));
	CHECK(becomes("{\"trace_id\":1}\n", "{\"trace_id\":1}\n"));
	CHECK(becomes("x trace_id=1\n", "x trace_id=1\n"));
	/* the rest of one that was begun */
	CHECK(!atr_logs_put(&lines, ATR_STR("rest}\n"), true, &context));
	CHECK(atr_logs_put(&lines, ATR_STR("rest\nnew\n"), true, &context));
	CHECK(lines.nr_ours == 1 && lines.ours[0].at == 8);
	/* what would be too long, and too many */
	memset(text, 'x', sizeof(text));
	for (size_t len = ATR_LOGS_MAX - 100; len <= ATR_LOGS_MAX; len++) {
		text[len - 1] = '\n';
		CHECK(atr_logs_put(&lines, (struct atr_str){ text, len }, false, &context) ==
		      (len + strlen(BEHIND) <= ATR_LOGS_MAX));
		text[len - 1] = 'x';
	}
	for (size_t i = 0; i < 100; i++)
		memcpy(text + 2 * i, "x\n", 2);
	CHECK(atr_logs_put(&lines, (struct atr_str){ text, 200 }, false, &context));
	CHECK(lines.nr_ours == ATR_LOGS_LINES_MAX && atr_logs_count(&lines, lines.len) == 200);
}
