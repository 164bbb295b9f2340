/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/propagator.h"

/* The OpenTracing headers, as the SDKs' ottrace has them. */

#define HIGH "4e1c5b7a90d2f368"
#define LOW "1122334455667788"
#define S "0a1b2c3d4e5f6071"
#define Z "0000000000000000"

static const char *ids(const char *const fields[][2])
{
	struct atr_context c;

	return read_fields("ottrace", fields, &c) ? said(&c) : NULL;
}

#define IDS                           \
	{ "ot-tracer-traceid", LOW }, \
	{                             \
		"ot-tracer-spanid", S \
	}

TEST(ottrace_reads_ids_and_each_decision)
{
	CHECK(is_text(ids(FIELDS(IDS, { "ot-tracer-sampled", "true" })), Z LOW " " S " 1 0"));
	CHECK(is_text(ids(FIELDS(IDS, { "OT-Tracer-Sampled", "1" })), Z LOW " " S " 1 0"));
	CHECK(is_text(ids(FIELDS(IDS, { "ot-tracer-sampled", "false" })), Z LOW " " S " 0 0"));
	CHECK(is_text(ids(FIELDS(IDS, { "ot-tracer-sampled", "yes" })), Z LOW " " S " 0 0"));
	CHECK(is_text(ids(FIELDS(IDS)), Z LOW " " S " 0 4"));
	CHECK(is_text(ids(FIELDS({ "ot-tracer-traceid", HIGH LOW }, { "ot-tracer-spanid", S },
				 { "ot-tracer-sampled", "true" })),
		      HIGH LOW " " S " 1 0"));
	CHECK(is_text(
		ids(FIELDS(IDS, { "ot-tracer-traceid", HIGH }, { "ot-tracer-spanid", HIGH },
			   { "ot-tracer-sampled", "true" }, { "ot-tracer-sampled", "false" })),
		Z LOW " " S " 1 0"));
}

TEST(ottrace_takes_no_ids_that_are_malformed)
{
	static const char *const wrong[] = {
		"", "1", Z, Z "0", LOW "0", "g122334455667788", "-122334455667788", LOW " " LOW
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		CHECK(!ids(FIELDS({ "ot-tracer-traceid", wrong[i] }, { "ot-tracer-spanid", S })));
		CHECK(!ids(FIELDS({ "ot-tracer-traceid", LOW }, { "ot-tracer-spanid", wrong[i] })));
	}
	CHECK(!ids(FIELDS({ "ot-tracer-traceid", LOW })));
	CHECK(!ids(FIELDS({ "ot-tracer-spanid", S })));
	CHECK(!ids(FIELDS({ "ot-tracer-traceid", LOW }, { "ot-tracer-spanid", HIGH LOW })));
	is_read_safely("ottrace", "ot-tracer-traceid", HIGH LOW);
}

TEST(ottrace_writes_the_lower_half)
{
	struct atr_context c;

	CHECK(read_one("tracecontext", "traceparent", "00-" HIGH LOW "-" S "-01", &c));
	CHECK(is_text(written("ottrace", &c, 0),
		      "ot-tracer-traceid: " LOW "\r\not-tracer-spanid: " S
		      "\r\not-tracer-sampled: true\r\n"));
	CHECK(is_text(written_env("ottrace", &c), "OT_TRACER_TRACEID=" LOW "\nOT_TRACER_SPANID=" S
						  "\nOT_TRACER_SAMPLED=true\n"));
	c.flags = 0;
	CHECK(is_text(written("ottrace", &c, 0),
		      "ot-tracer-traceid: " LOW "\r\not-tracer-spanid: " S
		      "\r\not-tracer-sampled: false\r\n"));
	/* a half that is zero would be no id to anybody */
	CHECK(read_one("tracecontext", "traceparent", "00-" HIGH Z "-" S "-01", &c));
	CHECK(is_text(written("ottrace", &c, 0), ""));
}

TEST(ottrace_does_not_shorten_what_another_format_has_whole)
{
	static const char *const formats[] = { "tracecontext,ottrace", "ottrace,tracecontext" };
	struct atr_context c;

	for (int i = 0; i < 2; i++) {
		CHECK(read_fields(formats[i],
				  FIELDS({ "traceparent", "00-" HIGH LOW "-" S "-03" },
					 { "tracestate", "a=1" }, IDS,
					 { "ot-tracer-sampled", "true" }),
				  &c));
		CHECK(is_text(said(&c), HIGH LOW " " S " 3 0"));
		CHECK(is_str(c.tracestate, "a=1"));
	}
}

TEST(ottrace_baggage_is_plain_on_the_wire)
{
	struct atr_context c;

	CHECK(read_fields("ottrace",
			  FIELDS(IDS, { "ot-baggage-k", "a b%41,\xc3\xa9" },
				 { "OT-Baggage-User", "x" }, { "ot-baggage-", "y" }),
			  &c));
	CHECK(is_str(c.baggage, "k=a%20b%2541%2C%C3%A9,User=x"));
	/* what cannot stand in a header stays out of it */
	CHECK(is_text(written("ottrace", &c, 0),
		      "ot-tracer-traceid: " LOW "\r\not-tracer-spanid: " S
		      "\r\not-baggage-User: x\r\n"));
	c.baggage = ATR_STR("a=%0d%0aX-Evil:1,b=1%2C2;p,c=%00,d=%7f,e=,f=%,g=%20h,h=%09,i=x%20y");
	CHECK(is_text(written("ottrace", &c, 0),
		      "ot-tracer-traceid: " LOW "\r\not-tracer-spanid: " S
		      "\r\not-baggage-b: 1,2\r\not-baggage-i: x y\r\n"));
	CHECK(is_text(written("ottrace", &c, ATR_EXCEPT_BAGGAGE),
		      "ot-tracer-traceid: " LOW "\r\not-tracer-spanid: " S "\r\n"));
	CHECK(!read_one("ottrace", "ot-baggage-k", "v", &c));
	CHECK(!c.baggage.len);
}

static bool go_together(const char *trace, const char *sampled, const struct atr_context *c)
{
	struct atr_propagators p;
	struct atr_pair headers[] = {
		{ ATR_STR("ot-tracer-traceid"), atr_str(trace) },
		{ ATR_STR("OT-Tracer-SpanId"), ATR_STR("00f067aa0ba902b7") },
		{ ATR_STR("ot-tracer-sampled"), atr_str(sampled) },
	};
	struct atr_str unknown;

	atr_propagators_parse(ATR_STR("ottrace"), &p, &unknown);
	return atr_propagators_rewrite_whole(&p, ATR_STR("ot-tracer-spanid"), headers, 3, c);
}

TEST(ottrace_span_is_rewritten_where_all_goes_together)
{
	struct atr_context c = { .trace_id = { 9, [8] = 0x81 }, .span_id = { 0x88 }, .flags = 1 };

	CHECK(is_text(rewritten("ottrace", "ot-tracer-spanid", "00f067aa0ba902b7", &c),
		      "8800000000000000"));
	CHECK(!rewritten("ottrace", "ot-tracer-traceid", "8100000000000000", &c));
	CHECK(!rewritten("ottrace", "ot-tracer-sampled", "true", &c));
	CHECK(go_together("8100000000000000", "true", &c) &&
	      go_together("8100000000000000", "1", &c));
	CHECK(!go_together("8100000000000000", "false", &c));
	CHECK(!go_together("8100000000000000", "", &c));
	CHECK(!go_together("8200000000000000", "true", &c));
	c.flags = 0;
	CHECK(go_together("8100000000000000", "false", &c));
}
