/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/propagator.h"

/* B3, single and multi. Cases follow b3-propagation's README and what the SDKs' own tests ask. */

#define T "4e1c5b7a90d2f3681122334455667788"
#define T64 "1122334455667788"
#define S "0a1b2c3d4e5f6071"
#define P "ffeeddccbbaa9988"
#define PADDED "0000000000000000" T64

static const char *single(const char *value)
{
	struct atr_context c;

	return read_one("b3", "b3", value, &c) ? said(&c) : NULL;
}

TEST(b3_reads_each_state_of_the_single_header)
{
	CHECK(is_text(single(T "-" S "-1"), T " " S " 1 0"));
	CHECK(is_text(single(T "-" S "-0"), T " " S " 0 0"));
	CHECK(is_text(single(T "-" S "-d"), T " " S " 1 1"));
	CHECK(is_text(single(T "-" S), T " " S " 0 4"));
	CHECK(is_text(single(T "-" S "-1-" P), T " " S " 1 0"));
	CHECK(is_text(single(T "-" S "-d-" P), T " " S " 1 1"));
	CHECK(is_text(single(T "-" S "-" P), T " " S " 0 4"));
	CHECK(is_text(single(T64 "-" S "-1"), PADDED " " S " 1 0"));
	CHECK(is_text(single(" \t" T "-" S "-1 "), T " " S " 1 0"));
}

TEST(b3_takes_no_single_header_that_is_malformed)
{
	static const char *const values[] = {
		"",
		"-",
		"--",
		"b3",
		T,
		T "-",
		T "-" S "-",
		T "-" S "-2",
		T "-" S "-D",
		T "-" S "-01",
		T "-" S "-true",
		T "-" S "-1-",
		T "-" S "-1-" S "0",
		T "-" S "-1-" P "-1",
		T "-" S "--" P,
		T "--1",
		"-" S "-1",
		T "0-" S "-1",
		"0" T64 "-" S "-1",
		"112233445566778-" S "-1",
		T "-0a1b2c3d4e5f607-1",
		T "-0a1b2c3d4e5f60711-1",
		"4E1C5B7A90D2F3681122334455667788-" S "-1",
		T "-0A1B2C3D4E5F6071-1",
		"00000000000000000000000000000000-" S "-1",
		"0000000000000000-" S "-1",
		T "-0000000000000000-1",
		"ge1c5b7a90d2f3681122334455667788-" S "-1",
		T " - " S "-1",
		T "-" S "-1," T "-" S "-1",
		NULL,
	};

	are_no_parents("b3", "b3", values);
	is_read_safely("b3", "b3", T "-" S "-1-" P);
}

TEST(b3_state_alone_is_a_decision_for_a_new_trace)
{
	static const struct {
		const char *name, *value;
		uint8_t marks;
	} cases[] = {
		{ "b3", "0", ATR_MARK_DROP },
		{ "b3", "1", ATR_MARK_KEEP },
		{ "b3", "d", ATR_MARK_KEEP | ATR_MARK_DEBUG },
		{ "b3", "x", 0 },
		{ "X-B3-Sampled", "0", ATR_MARK_DROP },
		{ "X-B3-Sampled", "1", ATR_MARK_KEEP },
		{ "X-B3-Sampled", "no", 0 },
		{ "X-B3-Flags", "1", ATR_MARK_KEEP | ATR_MARK_DEBUG },
		{ "X-B3-Flags", "0", 0 },
	};
	struct atr_context c;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK(!read_one("b3", cases[i].name, cases[i].value, &c));
		CHECK(c.marks == cases[i].marks && !c.flags);
		CHECK(is_text(written("b3,b3multi", &c, 0), ""));
	}
	/* and none where another format has found a trace, before or after it */
	CHECK(read_fields("tracecontext,b3",
			  FIELDS({ "traceparent", "00-" T "-" S "-01" }, { "b3", "0" }), &c));
	CHECK(c.flags == ATR_FLAG_SAMPLED && !c.marks);
	CHECK(read_fields("b3,tracecontext",
			  FIELDS({ "b3", "0" }, { "traceparent", "00-" T "-" S "-01" }), &c));
	CHECK(c.flags == ATR_FLAG_SAMPLED && !c.marks);
}

static const char *multi(const char *const fields[][2])
{
	struct atr_context c;

	return read_fields("b3multi", fields, &c) ? said(&c) : NULL;
}

#define IDS                      \
	{ "X-B3-TraceId", T },   \
	{                        \
		"X-B3-SpanId", S \
	}

TEST(b3_reads_each_state_of_the_multiple_headers)
{
	CHECK(is_text(multi(FIELDS(IDS, { "X-B3-Sampled", "1" })), T " " S " 1 0"));
	CHECK(is_text(multi(FIELDS(IDS, { "X-B3-Sampled", "0" })), T " " S " 0 0"));
	CHECK(is_text(multi(FIELDS(IDS, { "X-B3-Sampled", "true" })), T " " S " 1 0"));
	CHECK(is_text(multi(FIELDS(IDS, { "X-B3-Sampled", "False" })), T " " S " 0 0"));
	CHECK(is_text(multi(FIELDS(IDS, { "X-B3-Flags", "1" })), T " " S " 1 1"));
	CHECK(is_text(multi(FIELDS(IDS, { "X-B3-Flags", "0" })), T " " S " 0 4"));
	CHECK(is_text(multi(FIELDS(IDS, { "X-B3-Flags", "1" }, { "X-B3-Sampled", "0" })),
		      T " " S " 1 1"));
	CHECK(is_text(multi(FIELDS(IDS)), T " " S " 0 4"));
	CHECK(is_text(multi(FIELDS(IDS, { "X-B3-ParentSpanId", P }, { "X-B3-Sampled", "1" })),
		      T " " S " 1 0"));
	CHECK(is_text(multi(FIELDS({ "x-b3-spanid", S }, { "X-B3-SAMPLED", "1" },
				   { "x-B3-traceID", T64 })),
		      PADDED " " S " 1 0"));
}

TEST(b3_takes_no_multiple_headers_that_are_malformed)
{
	CHECK(!multi(FIELDS({ "X-B3-TraceId", T })));
	CHECK(!multi(FIELDS({ "X-B3-SpanId", S })));
	CHECK(!multi(FIELDS({ "X-B3-TraceId", T }, { "X-B3-SpanId", "" })));
	CHECK(!multi(FIELDS({ "X-B3-TraceId", T "00" }, { "X-B3-SpanId", S })));
	CHECK(!multi(FIELDS({ "X-B3-TraceId", "1" }, { "X-B3-SpanId", S })));
	CHECK(!multi(FIELDS({ "X-B3-TraceId", "00000000000000000000000000000000" },
			    { "X-B3-SpanId", S })));
	CHECK(!multi(FIELDS({ "X-B3-TraceId", T }, { "X-B3-SpanId", "0000000000000000" })));
	CHECK(!multi(FIELDS(IDS, { "X-B3-Sampled", "2" })));
	CHECK(!multi(FIELDS(IDS, { "X-B3-Sampled", "d" })));
	CHECK(!multi(FIELDS(IDS, { "X-B3-Sampled", "" })));
	CHECK(!multi(FIELDS({ "X-B3-Trace-Id", T }, { "X-B3-Span-Id", S })));
}

TEST(b3_first_of_a_repeated_header_is_taken)
{
	CHECK(is_text(multi(FIELDS(IDS, { "X-B3-TraceId", P P }, { "X-B3-Sampled", "1" },
				   { "X-B3-SpanId", P }, { "X-B3-Sampled", "0" })),
		      T " " S " 1 0"));
	CHECK(is_text(multi(FIELDS({ "b3", T "-" S "-1" }, { "b3", P P "-" P "-0" })),
		      T " " S " 1 0"));
	CHECK(!multi(FIELDS({ "b3", "bad" }, { "b3", T "-" S "-1" })));
}

TEST(b3_single_header_comes_before_the_multiple_ones_in_both_formats)
{
	static const char *const formats[] = { "b3", "b3multi", "b3multi,b3" };
	struct atr_context c;

	for (int i = 0; i < 3; i++) {
		CHECK(read_fields(formats[i],
				  FIELDS(IDS, { "X-B3-Sampled", "0" }, { "b3", P P "-" P "-1" }),
				  &c));
		CHECK(is_text(said(&c), P P " " P " 1 0"));
		CHECK(read_fields(formats[i],
				  FIELDS(IDS, { "X-B3-Sampled", "1" }, { "b3", "broken" }), &c));
		CHECK(is_text(said(&c), T " " S " 1 0"));
	}
}

static struct atr_context context_of(const char *b3)
{
	struct atr_context c;

	CHECK(read_one("b3", "b3", b3, &c));
	return c;
}

TEST(b3_writes_one_header_without_a_parent)
{
	struct atr_context c = context_of(T "-" S "-1-" P);

	CHECK(is_text(written("b3", &c, 0), "b3: " T "-" S "-1\r\n"));
	c = context_of(T "-" S "-0");
	CHECK(is_text(written("b3", &c, 0), "b3: " T "-" S "-0\r\n"));
	c = context_of(T "-" S);
	CHECK(is_text(written("b3", &c, 0), "b3: " T "-" S "\r\n"));
	CHECK(is_text(written_env("b3", &c), "B3=" T "-" S "\n"));
}

TEST(b3_debug_goes_on_and_an_id_of_64_bits_as_it_came)
{
	struct atr_context c = context_of(T64 "-" S "-d");

	CHECK(is_text(written("b3", &c, 0), "b3: " T64 "-" S "-d\r\n"));
	CHECK(is_text(written("b3multi", &c, 0),
		      "x-b3-traceid: " T64 "\r\nx-b3-spanid: " S "\r\nx-b3-flags: 1\r\n"));
	CHECK(is_text(written("tracecontext", &c, 0), "traceparent: 00-" PADDED "-" S "-01\r\n"));
}

TEST(b3multi_writes_the_state_once)
{
	struct atr_context c = context_of(T "-" S "-1");

	CHECK(is_text(written("b3multi", &c, 0),
		      "x-b3-traceid: " T "\r\nx-b3-spanid: " S "\r\nx-b3-sampled: 1\r\n"));
	CHECK(is_text(written_env("b3multi", &c),
		      "X_B3_TRACEID=" T "\nX_B3_SPANID=" S "\nX_B3_SAMPLED=1\n"));
	c = context_of(T "-" S "-0");
	CHECK(is_text(written("b3multi", &c, 0),
		      "x-b3-traceid: " T "\r\nx-b3-spanid: " S "\r\nx-b3-sampled: 0\r\n"));
	c = context_of(T "-" S);
	CHECK(is_text(written("b3multi", &c, 0), "x-b3-traceid: " T "\r\nx-b3-spanid: " S "\r\n"));
}

TEST(b3_headers_name_a_trace_also_those_that_it_never_writes)
{
	struct atr_propagators p = formats_of("b3");

	CHECK(atr_propagators_is_trace(&p, ATR_STR("B3")));
	CHECK(atr_propagators_is_trace(&p, ATR_STR("X-B3-TraceId")));
	CHECK(atr_propagators_is_trace(&p, ATR_STR("X-B3-Sampled")));
	CHECK(atr_propagators_is_trace(&p, ATR_STR("X-B3-ParentSpanId")));
	CHECK(!atr_propagators_want(&p, ATR_STR("X-B3-Other")));
	CHECK(!atr_propagators_want(&p, ATR_STR("traceparent")));
	CHECK(atr_propagators_env_name(&p, ATR_STR("X_B3_FLAGS=1")));
}

TEST(b3_single_header_is_rewritten_in_place)
{
	struct atr_context c = context_of(T "-" P "-0");

	CHECK(is_text(rewritten("b3", "B3", T "-" S "-1", &c), T "-" P "-0"));
	CHECK(is_text(rewritten("b3", "b3", " " T "-" S "-1\t", &c), " " T "-" P "-0\t"));
	CHECK(!rewritten("b3", "b3", T "-" S "-1-" P, &c));
	CHECK(!rewritten("b3", "b3", T "-" S, &c));
	CHECK(!rewritten("b3", "b3", P P "-" S "-1", &c));
	CHECK(!rewritten("b3", "b3", "0", &c));
	CHECK(is_text(rewritten("b3", "X-B3-SpanId", " " S, &c), " " P));
	CHECK(is_text(rewritten("b3multi", "x-b3-sampled", "1", &c), "0"));
	CHECK(!rewritten("b3multi", "X-B3-TraceId", T, &c) &&
	      !rewritten("b3", "X-B3-Flags", "1", &c));
	CHECK(!rewritten("b3multi", "X-B3-ParentSpanId", S, &c));
	CHECK(!rewritten("b3multi", "X-B3-Sampled", "true", &c));
	CHECK(!rewritten("tracecontext", "b3", T "-" S "-1", &c));
	c = context_of(T64 "-" P "-d");
	CHECK(is_text(rewritten("b3", "b3", T64 "-" S "-1", &c), T64 "-" P "-d"));
}

/* Five headers at most, NULL: it is not there. */
static bool go_together(const char *trace, const char *span, const char *sampled, const char *flags,
			const char *parent, const struct atr_context *c)
{
	const char *names[] = { "X-B3-TraceId", "X-B3-SpanId", "X-B3-Sampled", "X-B3-Flags",
				"X-B3-ParentSpanId" };
	const char *values[] = { trace, span, sampled, flags, parent };
	struct atr_propagators p;
	struct atr_pair headers[5];
	struct atr_str unknown;
	size_t n = 0;

	atr_propagators_parse(ATR_STR("b3multi"), &p, &unknown);
	for (int i = 0; i < 5; i++)
		if (values[i])
			headers[n++] = (struct atr_pair){ atr_str(names[i]), atr_str(values[i]) };
	return atr_propagators_rewrite_whole(&p, ATR_STR("x-b3-spanid"), headers, n, c);
}

TEST(b3_multiple_headers_are_rewritten_where_they_go_together)
{
	struct atr_context c = context_of(T "-" P "-1"), debug = context_of(T "-" P "-d");

	CHECK(go_together(T, S, "1", NULL, NULL, &c) && go_together(T, S, "0", NULL, NULL, &c));
	CHECK(go_together(T, S, "true", NULL, NULL, &c) &&
	      !go_together(T, S, "false", NULL, NULL, &c));
	CHECK(go_together(T, S, NULL, "1", NULL, &debug) &&
	      !go_together(T, S, NULL, "1", NULL, &c));
	/* another trace, none, what cannot be taken back, a parent that would be a wrong one */
	CHECK(!go_together(P P, S, "1", NULL, NULL, &c) &&
	      !go_together(NULL, S, "1", NULL, NULL, &c));
	CHECK(!go_together(T, S, NULL, NULL, NULL, &c) &&
	      !go_together(T, NULL, "1", NULL, NULL, &c));
	CHECK(!go_together(T, S, "1", NULL, P, &c));
}
