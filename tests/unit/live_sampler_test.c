/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/sampler.h"

#include "export/env.h"
#include "tests/test.h"

#include <stdio.h>

/* What a sampler says: of a root, of a child of a sampled span, of one of an unsampled span. */
static char said[4];

static const char *says(const char *sampler, const char *arg)
{
	static char name[128], value[128];
	char *variables[] = { name, value, NULL };
	uint8_t trace_id[16] = { [0] = 1, [9] = 0x80 }; /* in the middle of the range */
	struct atr_context sampled = { .flags = ATR_FLAG_SAMPLED }, unsampled = { .flags = 0 };

	snprintf(name, sizeof(name), "OTEL_TRACES_SAMPLER=%s", sampler);
	snprintf(value, sizeof(value), "OTEL_TRACES_SAMPLER_ARG=%s", arg);
	atr_env_capture(variables);
	atr_sampler_setup();
	said[0] = atr_sampler_keeps(NULL, trace_id) ? 'y' : 'n';
	said[1] = atr_sampler_keeps(&sampled, trace_id) ? 'y' : 'n';
	said[2] = atr_sampler_keeps(&unsampled, trace_id) ? 'y' : 'n';
	return said;
}

TEST(sampler_means_what_the_specification_says)
{
	CHECK(!strcmp(says("always_on", ""), "yyy"));
	CHECK(!strcmp(says("always_off", ""), "nnn"));
	CHECK(!strcmp(says("traceidratio", "1"), "yyy"));
	CHECK(!strcmp(says("traceidratio", "0"), "nnn"));
	CHECK(!strcmp(says("parentbased_always_on", ""), "yyn"));
	CHECK(!strcmp(says("parentbased_always_off", ""), "nyn"));
	CHECK(!strcmp(says("parentbased_traceidratio", "1"), "yyn"));
	CHECK(!strcmp(says("parentbased_traceidratio", "0"), "nyn"));
}

TEST(sampler_names_are_known_in_any_case)
{
	CHECK(!strcmp(says("ALWAYS_OFF", ""), "nnn"));
	CHECK(!strcmp(says("ParentBased_Always_Off", ""), "nyn"));
}

TEST(sampler_that_is_unknown_is_parentbased_always_on)
{
	static const char *const unknown[] = {
		"never", "parentbased_", "parentbased", "alwayson", "parentbased_jaeger_remote",
		"xray"
	};

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		says("always_off", "");
		CHECK(!strcmp(says(unknown[i], "0"), "yyn"));
	}
}

TEST(sampler_argument_that_is_no_ratio_is_1)
{
	static const char *const wrong[] = { "2",    "-0.1", "1.0000001", "abc",  ".",
					     "0.5x", "1e-3", "0,5",	  "0.5.5" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		says("traceidratio", "0");
		CHECK(!strcmp(says("traceidratio", wrong[i]), "yyy"));
	}
	CHECK(!strcmp(says("traceidratio", ""), "yyy"));
}

/* Whether a trace is kept whose last 7 bytes are this number. */
static bool keeps(uint64_t number)
{
	uint8_t trace_id[16] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	for (int i = 0; i < 7; i++)
		trace_id[15 - i] = (uint8_t)(number >> 8 * i);
	return atr_sampler_keeps(NULL, trace_id);
}

/* The specification keeps the numbers from (1 - ratio) * 2^56 on. */
static bool begins_at(const char *ratio, uint64_t number)
{
	says("traceidratio", ratio);
	return keeps(number) && (number == 0 || !keeps(number - 1)) &&
	       keeps((UINT64_C(1) << 56) - 1);
}

TEST(sampler_ratio_keeps_the_upper_part_of_the_numbers)
{
	CHECK(begins_at("1", 0));
	CHECK(begins_at("1.0", 0));
	CHECK(begins_at("0.5", UINT64_C(1) << 55));
	CHECK(begins_at(".5", UINT64_C(1) << 55));
	CHECK(begins_at("0.25", UINT64_C(3) << 54));
	CHECK(begins_at("0.75", UINT64_C(1) << 54));
	CHECK(begins_at("0.00000000000000001387778780781445675529539585113525390625",
			(UINT64_C(1) << 56) - 1)); /* 2^-56 */
	says("traceidratio", "0");
	CHECK(!keeps((UINT64_C(1) << 56) - 1) && !keeps(0));
}

TEST(sampler_ratio_looks_at_nothing_but_the_last_7_bytes)
{
	uint8_t low[16] = { 0 }, high[16];

	says("traceidratio", "0.5");
	memset(high, 0xff, sizeof(high));
	high[9] = 0x7f;
	CHECK(!atr_sampler_keeps(NULL, high));
	low[9] = 0x80;
	CHECK(atr_sampler_keeps(NULL, low));
}

TEST(sampler_makes_spans_unless_the_sdk_is_disabled)
{
	char *disabled[] = { "OTEL_SDK_DISABLED=true", NULL };
	char *enabled[] = { "OTEL_SDK_DISABLED=1", NULL };

	atr_env_capture(disabled);
	atr_sampler_setup();
	CHECK(!atr_sampler_makes_spans());
	atr_env_capture(enabled);
	atr_sampler_setup();
	CHECK(atr_sampler_makes_spans());
}

TEST(sampler_may_have_spaces_around_it)
{
	CHECK(!strcmp(says(" traceidratio ", " 0.4\t"), "nnn"));
}

/* Of a root, and of children of the four kinds of parents, in the order of the rules' names. */
static const char *parents_say(const char *parents)
{
	static char of[6];
	char variable[200];
	char *variables[] = { "OTEL_TRACES_SAMPLER=parentbased_always_off", variable, NULL };
	uint8_t trace_id[16] = { [0] = 1, [9] = 0x80 };

	snprintf(variable, sizeof(variable), "AUTOTRACE_SAMPLER_PARENTS=%s", parents);
	atr_env_capture(variables);
	atr_sampler_setup();
	of[0] = atr_sampler_keeps(NULL, trace_id) ? 'y' : 'n';
	for (int i = 0; i < 4; i++) {
		struct atr_context parent = { .flags = i & 1 ? 0 : ATR_FLAG_SAMPLED,
					      .remote = i < 2 };

		of[i + 1] = atr_sampler_keeps(&parent, trace_id) ? 'y' : 'n';
	}
	return of;
}

TEST(sampler_of_each_kind_of_parent_is_what_is_said_of_it)
{
	CHECK(!strcmp(parents_say(""), "nynyn"));
	CHECK(!strcmp(parents_say("remote_parent_sampled=always_off"), "nnnyn"));
	CHECK(!strcmp(parents_say("remote_parent_not_sampled = always_on"), "nyyyn"));
	CHECK(!strcmp(parents_say("local_parent_sampled=traceidratio:0.4"), "nynnn"));
	CHECK(!strcmp(parents_say("LOCAL_PARENT_NOT_SAMPLED=traceidratio:0.6,x=y"), "nynyy"));
	CHECK(!strcmp(parents_say("local_parent_sampled=never,remote_parent_sampled"), "nynyn"));
	atr_env_capture(NULL);
	atr_sampler_setup();
}
