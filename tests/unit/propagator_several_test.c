/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/propagator.h"

/* Several formats at once: which is read, what of the others stays, what goes out. */

#define A "4e1c5b7a90d2f3681122334455667788"
#define B "66aa01800123456789abcdef00112233"
#define S "0a1b2c3d4e5f6071"
#define R "ffeeddccbbaa9988"
#define ALL "tracecontext,baggage,b3,b3multi,jaeger,xray,xray-lambda,ottrace,gcp,oneway-gcp"

TEST(several_formats_are_parsed_in_order_once_and_without_case)
{
	struct atr_propagators p;
	struct atr_str unknown;

	atr_propagators_parse(ATR_STR(ALL), &p, &unknown);
	CHECK(p.nr == ATR_NR_FORMATS && !unknown.at);
	for (int i = 0; i < p.nr; i++)
		CHECK(p.format[i] == i);
	atr_propagators_parse(ATR_STR(" XRay ,, b3,none,B3 ,datadog,xray,b3 multi,"), &p, &unknown);
	CHECK(p.nr == 2 && p.format[0] == ATR_FORMAT_XRAY && p.format[1] == ATR_FORMAT_B3);
	CHECK(is_str(unknown, "datadog"));
	atr_propagators_parse(ATR_STR("none"), &p, &unknown);
	CHECK(p.nr == 0 && !unknown.at && !atr_propagators_want(&p, ATR_STR("traceparent")));
	atr_propagators_parse(ATR_STR("b33"), &p, &unknown);
	CHECK(p.nr == 0 && is_str(unknown, "b33"));
	atr_propagators_parse(ATR_STR(" "), &p, &unknown);
	CHECK(p.nr == 2 && p.format[0] == ATR_FORMAT_TRACECONTEXT &&
	      p.format[1] == ATR_FORMAT_BAGGAGE);
}

TEST(several_formats_want_their_headers_and_no_others)
{
	static const struct {
		const char *format, *name;
	} own[] = {
		{ "tracecontext", "traceparent" },
		{ "tracecontext", "tracestate" },
		{ "baggage", "baggage" },
		{ "b3", "b3" },
		{ "b3", "x-b3-flags" },
		{ "jaeger", "uber-trace-id" },
		{ "jaeger", "uberctx-some-rather-long-name-of-a-member" },
		{ "jaeger", "jaeger-baggage" },
		{ "xray", "x-amzn-trace-id" },
		{ "ottrace", "ot-tracer-sampled" },
		{ "ottrace", "ot-baggage-x" },
		{ "gcp", "x-cloud-trace-context" },
	};
	size_t nr = sizeof(own) / sizeof(own[0]);

	for (size_t i = 0; i < nr; i++) {
		struct atr_propagators p = formats_of(own[i].format);

		for (size_t k = 0; k < nr; k++)
			CHECK(atr_propagators_want(&p, atr_str(own[k].name)) ==
			      !strcmp(own[i].format, own[k].format));
		CHECK(!atr_propagators_want(&p, (struct atr_str){ 0 }));
		CHECK(!atr_propagators_want(&p, ATR_STR("host")));
	}
}

static const char *found(const char *formats, const char *const fields[][2])
{
	struct atr_context c;

	return read_fields(formats, fields, &c) ? said(&c) : NULL;
}

TEST(several_formats_the_later_valid_one_is_taken)
{
	field_list both = { { "traceparent", "00-" A "-" S "-01" },
			    { "b3", B "-" R "-0" },
			    { NULL } };
	field_list bad_b3 = { { "traceparent", "00-" A "-" S "-01" }, { "b3", "no" }, { NULL } };
	field_list bad_w3c = { { "traceparent", "00-" A }, { "b3", B "-" R "-0" }, { NULL } };

	CHECK(is_text(found("tracecontext,b3", both), B " " R " 0 0"));
	CHECK(is_text(found("b3,tracecontext", both), A " " S " 1 0"));
	CHECK(is_text(found("tracecontext,b3", bad_b3), A " " S " 1 0"));
	CHECK(is_text(found("b3,tracecontext", bad_w3c), B " " R " 0 0"));
	CHECK(!found("jaeger,xray", both));
}

TEST(several_formats_of_one_trace_keep_what_only_one_can_say)
{
	struct atr_context c;

	CHECK(read_fields("tracecontext,b3",
			  FIELDS({ "traceparent", "00-" A "-" S "-03" },
				 { "tracestate", "ot=th:8,a=1" }, { "b3", A "-" R "-d" }),
			  &c));
	CHECK(is_text(said(&c), A " " R " 3 1"));
	CHECK(is_str(c.tracestate, "ot=th:8,a=1"));
	CHECK(is_text(written("b3,tracecontext", &c, 0),
		      "b3: " A "-" R "-d\r\ntraceparent: 00-" A "-" R "-03\r\n"
		      "tracestate: ot=th:8,a=1\r\n"));
	/* debug stays with the trace while it is sampled */
	CHECK(is_text(found("b3,tracecontext",
			    FIELDS({ "traceparent", "00-" A "-" S "-01" }, { "b3", A "-" R "-d" })),
		      A " " S " 1 1"));
	CHECK(is_text(found("b3,tracecontext",
			    FIELDS({ "traceparent", "00-" A "-" S "-00" }, { "b3", A "-" R "-d" })),
		      A " " S " 0 0"));
	/* no decision is none against one that was made */
	CHECK(is_text(found("tracecontext,b3",
			    FIELDS({ "traceparent", "00-" A "-" S "-01" }, { "b3", A "-" R })),
		      A " " R " 1 0"));
	CHECK(is_text(found("b3,xray",
			    FIELDS({ "b3", B "-" S },
				   { "x-amzn-trace-id", "Root=1-66aa0180-0123456789abcdef00112233;"
							"Parent=" R ";Sampled=?" })),
		      B " " R " 0 c"));
}

TEST(several_formats_of_two_traces_keep_the_later_ones_alone)
{
	struct atr_context c;

	CHECK(read_fields("tracecontext,b3",
			  FIELDS({ "traceparent", "00-" A "-" S "-03" }, { "tracestate", "a=1" },
				 { "b3", B "-" R "-1" }),
			  &c));
	CHECK(is_text(said(&c), B " " R " 1 0"));
	CHECK(!c.tracestate.at);
	CHECK(read_fields("b3,tracecontext",
			  FIELDS({ "traceparent", "00-" A "-" S "-02" }, { "tracestate", "a=1" },
				 { "b3", B "-" R "-d" }),
			  &c));
	CHECK(is_text(said(&c), A " " S " 2 0"));
	CHECK(is_str(c.tracestate, "a=1"));
}

TEST(several_formats_tracestate_goes_with_a_parent_of_another_format)
{
	static const char *const formats[] = { "tracecontext,b3", "b3,tracecontext" };
	char state[2048] = "ot=th:c;rv:0123456789abcd";
	struct atr_context c;

	for (int i = 0; i < 12; i++)
		sprintf(state + strlen(state), ",key%d=%0100d", i, i);
	CHECK(strlen(state) > 1024);
	for (int i = 0; i < 2; i++) {
		CHECK(read_fields(formats[i],
				  FIELDS({ "tracestate", state }, { "b3", A "-" S "-1" }), &c));
		CHECK(is_str(c.tracestate, state));
		CHECK(strstr(written(formats[i], &c, 0), state));
		/* but not with a traceparent that is wrong, or there twice, or with no parent */
		CHECK(read_fields(formats[i],
				  FIELDS({ "tracestate", "a=1" }, { "b3", A "-" S "-1" },
					 { "traceparent", "ff-" A "-" S "-01" }),
				  &c));
		CHECK(!c.tracestate.at);
		CHECK(read_fields(formats[i],
				  FIELDS({ "tracestate", "a=1" }, { "b3", A "-" S "-1" },
					 { "traceparent", "00-" A "-" S "-01" },
					 { "traceparent", "00-" A "-" S "-01" }),
				  &c));
		CHECK(!c.tracestate.at);
		CHECK(!read_fields(formats[i], FIELDS({ "tracestate", "a=1" }, { "b3", "1" }), &c));
		CHECK(!c.tracestate.at);
	}
}

TEST(several_formats_all_at_once_write_each_header_once)
{
	struct atr_context c;

	CHECK(read_fields(
		"tracecontext,baggage,xray",
		FIELDS({ "traceparent", "00-" B "-" S "-03" },
		       { "tracestate", "ot=rv:0123456789abcd" },
		       { "x-amzn-trace-id", "Root=1-66aa0180-0123456789abcdef00112233;Parent=" S
					    ";Sampled=1;Lineage=a87bd80c:1" },
		       { "baggage", "k=v%20w" }),
		&c));
	CHECK(is_text(written(ALL, &c, 0),
		      "traceparent: 00-" B "-" S "-03\r\n"
		      "tracestate: ot=rv:0123456789abcd\r\n"
		      "baggage: k=v%20w\r\n"
		      "b3: " B "-" S "-1\r\n"
		      "x-b3-traceid: " B "\r\nx-b3-spanid: " S "\r\nx-b3-sampled: 1\r\n"
		      "uber-trace-id: " B ":" S ":0:01\r\nuberctx-k: v%20w\r\n"
		      "x-amzn-trace-id: Root=1-66aa0180-0123456789abcdef00112233;Parent=" S
		      ";Sampled=1;Lineage=a87bd80c:1\r\n"
		      "ot-tracer-traceid: 89abcdef00112233\r\not-tracer-spanid: " S
		      "\r\not-tracer-sampled: true\r\not-baggage-k: v w\r\n"
		      "x-cloud-trace-context: " B "/728224406569967729;o=1\r\n"));
	CHECK(!strstr(written(ALL, &c, ATR_EXCEPT_BAGGAGE | ATR_EXCEPT_TRACESTATE), "k: "));
	CHECK(!strstr(written(ALL, &c, ATR_EXCEPT_BAGGAGE | ATR_EXCEPT_TRACESTATE), "tracestate"));
	CHECK(is_text(written_env(ALL, &c),
		      "TRACEPARENT=00-" B "-" S "-03\nTRACESTATE=ot=rv:0123456789abcd\n"
		      "BAGGAGE=k=v%20w\nB3=" B "-" S "-1\n"
		      "X_B3_TRACEID=" B "\nX_B3_SPANID=" S "\nX_B3_SAMPLED=1\n"
		      "UBER_TRACE_ID=" B ":" S ":0:01\n"
		      "X_AMZN_TRACE_ID=Root=1-66aa0180-0123456789abcdef00112233;Parent=" S
		      ";Sampled=1;Lineage=a87bd80c:1\n"
		      "_X_AMZN_TRACE_ID=Root=1-66aa0180-0123456789abcdef00112233;Parent=" S
		      ";Sampled=1;Lineage=a87bd80c:1\n"
		      "OT_TRACER_TRACEID=89abcdef00112233\nOT_TRACER_SPANID=" S
		      "\nOT_TRACER_SAMPLED=true\n"
		      "X_CLOUD_TRACE_CONTEXT=" B "/728224406569967729;o=1\n"));
	c.tracestate = c.xray = (struct atr_str){ 0 };
	CHECK(is_text(written_env("tracecontext,ottrace,xray-lambda", &c),
		      "TRACEPARENT=00-" B "-" S "-03\nOT_TRACER_TRACEID=89abcdef00112233\n"
		      "OT_TRACER_SPANID=" S "\nOT_TRACER_SAMPLED=true\n"
		      "_X_AMZN_TRACE_ID=Root=1-66aa0180-0123456789abcdef00112233;Parent=" S
		      ";Sampled=1\n"));
}

TEST(several_formats_are_all_written_to_the_environment_or_none_is)
{
	struct atr_propagators p = formats_of("tracecontext,b3multi,b3");
	static const char expected[] = "TRACEPARENT=00-" A "-" S "-01\0X_B3_TRACEID=" A
				       "\0X_B3_SPANID=" S "\0X_B3_SAMPLED=1\0B3=" A "-" S "-1";
	char text[512];
	struct atr_context c;
	unsigned nr;

	CHECK(read_one("b3", "b3", A "-" S "-1", &c));
	for (size_t cap = 0; cap < sizeof(expected); cap++)
		CHECK(!atr_propagators_inject_env(&p, &c, text, cap, &nr) && nr == 0);
	CHECK(atr_propagators_inject_env(&p, &c, text, sizeof(expected), &nr) == sizeof(expected));
	CHECK(nr == 5 && !memcmp(text, expected, sizeof(expected)));
}

/* What was written by all formats is read by each of them as the same. */
TEST(several_formats_read_back_what_they_wrote)
{
	static const char *const contexts[] = { A "-" S "-1", A "-" S "-0", A "-" S "-d", A "-" S,
						"1122334455667788-" S "-1" };
	struct atr_propagators p = formats_of(ALL);

	for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++) {
		struct atr_pair pairs[FIELDS_MAX];
		char lines[4096], store[ATR_CARRY_MAX], *at = lines;
		struct atr_context c, again;
		size_t n = 0, len;

		CHECK(read_one("b3", "b3", contexts[i], &c));
		c.baggage = ATR_STR("a=1;p,b=x%20y,c=%2C=");
		len = atr_propagators_inject(&p, &c, 0, lines, sizeof(lines) - 1);
		CHECK(len);
		lines[len] = 0;
		while (*at) {
			char *colon = strstr(at, ": "), *end = strstr(at, "\r\n");

			pairs[n].name = (struct atr_str){ at, (size_t)(colon - at) };
			pairs[n++].value = (struct atr_str){ colon + 2, (size_t)(end - colon - 2) };
			at = end + 2;
		}
		CHECK(atr_propagators_extract(&p, pairs, n, store, &again));
		/* a decision that is open is one for those who must say something */
		if (!(c.marks & ATR_MARK_UNDECIDED))
			CHECK(c.flags == again.flags && c.marks == again.marks);
		CHECK(!memcmp(c.trace_id, again.trace_id, 16) &&
		      !memcmp(c.span_id, again.span_id, 8));
		CHECK(is_str(again.baggage, "a=1;p,b=x%20y,c=%2C="));
	}
}

TEST(several_formats_find_room_for_all_that_can_be_carried)
{
	static char state[ATR_TRACESTATE_MAX + 1], bag[ATR_BAGGAGE_MAX + 1], room[ATR_INJECT_MAX];
	struct atr_propagators p = formats_of(ALL);
	struct atr_context c;
	size_t len;

	CHECK(read_one("b3", "b3", A "-" S "-1", &c));
	for (size_t at = 0; at < ATR_TRACESTATE_MAX; at++)
		state[at] = at % 256 == 255 ? ',' : at % 256 == 2 ? '=' : 'a';
	for (size_t at = 0; at < ATR_BAGGAGE_MAX; at++)
		bag[at] = at % 128 == 127 ? ',' : at % 128 == 1 ? '=' : 'b';
	bag[ATR_BAGGAGE_MAX - 1] = 'b';
	c.tracestate = (struct atr_str){ state, ATR_TRACESTATE_MAX };
	c.baggage = (struct atr_str){ bag, ATR_BAGGAGE_MAX };
	c.xray = (struct atr_str){ state, ATR_XRAY_MAX - 1 };
	len = atr_propagators_inject(&p, &c, 0, room, sizeof(room));
	CHECK(len > ATR_TRACESTATE_MAX + 3 * ATR_BAGGAGE_MAX && len <= sizeof(room));
}

TEST(w3c_parent_is_rewritten_in_place)
{
	struct atr_context c;

	CHECK(read_one("tracecontext", "traceparent", "00-" A "-" R "-03", &c));
	CHECK(is_text(rewritten("b3,tracecontext", "TraceParent", "00-" A "-" S "-00", &c),
		      "00-" A "-" R "-03"));
	CHECK(!rewritten("tracecontext", "traceparent", "00-" B "-" S "-00", &c));
	CHECK(!rewritten("tracecontext", "traceparent", "cc-" A "-" S "-00-x", &c));
	CHECK(!rewritten("tracecontext", "tracestate", "a=1", &c));
	CHECK(!rewritten("baggage", "baggage", "a=1", &c));
}
