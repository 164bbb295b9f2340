/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/sampler.h"

#include "export/env.h"
#include "tests/test.h"

#include <stdio.h>

static bool keeps_trace(const struct atr_context *parent, const uint8_t *trace_id)
{
	struct atr_beginning span = { .parent = parent, .trace_id = trace_id, .start_ns = 1 };
	struct atr_decision decision;

	atr_sampler_decide(&span, &decision);
	return decision.is_sampled;
}

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
	said[0] = keeps_trace(NULL, trace_id) ? 'y' : 'n';
	said[1] = keeps_trace(&sampled, trace_id) ? 'y' : 'n';
	said[2] = keeps_trace(&unsampled, trace_id) ? 'y' : 'n';
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
	static const char *const unknown[] = { "never", "parentbased_", "parentbased", "alwayson",
					       "parentbased_jaeger" };

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
	return keeps_trace(NULL, trace_id);
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
	CHECK(!keeps_trace(NULL, high));
	low[9] = 0x80;
	CHECK(keeps_trace(NULL, low));
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

static struct atr_decision decide(struct atr_context *parent, const char *tracestate)
{
	static const uint8_t trace_id[16] = { [0] = 1, [9] = 0x80 };
	struct atr_beginning span = { .parent = parent,
				      .tracestate = atr_str(tracestate),
				      .trace_id = trace_id,
				      .start_ns = 1 };
	struct atr_decision decision;

	atr_sampler_decide(&span, &decision);
	return decision;
}

static bool tells(struct atr_decision d, bool is_sampled, uint64_t th)
{
	return d.is_sampled == is_sampled && d.tells && d.th == th;
}

#define HALF (UINT64_C(1) << 55)

TEST(sampler_tells_the_threshold_that_it_kept_a_trace_by)
{
	struct atr_context sampled = { .flags = ATR_FLAG_SAMPLED, .remote = true };

	says("traceidratio", "0.5");
	CHECK(tells(decide(NULL, ""), true, HALF));
	CHECK(tells(decide(&sampled, "ot=th:0"), true, HALF));
	says("traceidratio", "0.25");
	CHECK(tells(decide(NULL, ""), false, ATR_TH_NONE));
	CHECK(tells(decide(&sampled, "foo=1,ot=th:0"), false, ATR_TH_NONE));
	says("traceidratio", "1");
	CHECK(tells(decide(NULL, ""), true, 0));
}

TEST(sampler_looks_at_rv_before_the_trace_id)
{
	says("traceidratio", "0.5");
	CHECK(tells(decide(NULL, "ot=rv:80000000000000"), true, HALF));
	CHECK(tells(decide(NULL, "ot=rv:7fffffffffffff"), false, ATR_TH_NONE));
}

TEST(sampler_that_follows_its_parent_changes_no_tracestate)
{
	struct atr_context sampled = { .flags = ATR_FLAG_SAMPLED, .remote = true };
	struct atr_context unsampled = { .remote = true };

	says("parentbased_traceidratio", "0.5");
	CHECK(decide(&sampled, "ot=th:c").is_sampled && !decide(&sampled, "ot=th:c").tells);
	CHECK(!decide(&unsampled, "ot=th:c").is_sampled && !decide(&unsampled, "ot=th:c").tells);
	CHECK(tells(decide(NULL, ""), true, HALF));
	unsampled.marks = ATR_MARK_UNDECIDED;
	CHECK(tells(decide(&unsampled, "foo=1"), true, HALF));
}

TEST(sampler_that_always_says_the_same_mends_a_threshold_and_makes_none)
{
	struct atr_context sampled = { .flags = ATR_FLAG_SAMPLED, .remote = true };

	says("always_on", "");
	CHECK(!decide(NULL, "").tells && !decide(&sampled, "foo=1").tells);
	CHECK(tells(decide(&sampled, "ot=th:c"), true, 0));
	says("always_off", "");
	CHECK(!decide(NULL, "").tells);
	CHECK(tells(decide(&sampled, "ot=th:c"), false, ATR_TH_NONE));
}

#define SECOND UINT64_C(1000000000)

static unsigned sampled_of(unsigned tries, const struct atr_context *parent, uint64_t start_ns)
{
	static const uint8_t trace_id[16] = { 1 };
	struct atr_beginning span = { .parent = parent,
				      .trace_id = trace_id,
				      .start_ns = start_ns };
	struct atr_decision decision;
	unsigned nr = 0;

	while (tries--) {
		atr_sampler_decide(&span, &decision);
		nr += decision.is_sampled;
		CHECK(decision.th == ATR_TH_NONE || !decision.tells);
	}
	return nr;
}

static void limited(const char *limit, const char *sampler)
{
	static char a[64], b[64];
	char *variables[] = { a, b, NULL };

	snprintf(a, sizeof(a), "AUTOTRACE_RATE_LIMIT=%s", limit);
	snprintf(b, sizeof(b), "OTEL_TRACES_SAMPLER=%s", sampler);
	atr_env_capture(variables);
	atr_sampler_setup();
}

TEST(sampler_limits_the_traces_that_it_decides_on)
{
	struct atr_context sampled = { .flags = ATR_FLAG_SAMPLED, .remote = true };
	uint64_t now = 100 * SECOND;

	limited("5", "parentbased_always_on");
	CHECK(sampled_of(20, NULL, now) == 5);
	CHECK(sampled_of(20, NULL, now + SECOND) == 5);
	/* who was told to is not counted, and not refused */
	CHECK(sampled_of(20, &sampled, now + SECOND) == 20);
	limited("5", "always_on");
	CHECK(sampled_of(20, &sampled, now) == 5);
	limited("0", "parentbased_always_on");
	CHECK(sampled_of(20, NULL, now) == 0);
	limited("0.5", "parentbased_always_on");
	CHECK(sampled_of(20, NULL, now) == 1 && sampled_of(20, NULL, now + 2 * SECOND - 1) == 0);
}

TEST(sampler_limit_counts_a_request_once)
{
	struct atr_context local = { .flags = ATR_FLAG_SAMPLED }, unsampled = { .flags = 0 };
	uint64_t now = 100 * SECOND;

	limited("1", "always_on");
	CHECK(sampled_of(20, NULL, now) == 1);
	CHECK(sampled_of(20, &local, now) == 20);
	CHECK(sampled_of(20, &unsampled, now) == 0);
}

TEST(sampler_limit_takes_nothing_from_what_is_not_sampled_anyway)
{
	limited("1", "always_off");
	CHECK(sampled_of(20, NULL, 1) == 0);
	limited("nonsense", "always_on");
	CHECK(sampled_of(20, NULL, 1) == 20);
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

	snprintf(variable, sizeof(variable), "AUTOTRACE_SAMPLER_PARENTS=%s", parents);
	atr_env_capture(variables);
	atr_sampler_setup();
	of[0] = decide(NULL, "").is_sampled ? 'y' : 'n';
	for (int i = 0; i < 4; i++) {
		struct atr_context parent = { .flags = i & 1 ? 0 : ATR_FLAG_SAMPLED,
					      .remote = i < 2 };

		of[i + 1] = decide(&parent, "").is_sampled ? 'y' : 'n';
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
