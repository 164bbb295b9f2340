/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/propagator.h"

/* X-Cloud-Trace-Context, as Google's documentation and propagators have it. */

#define T "4e1c5b7a90d2f3681122334455667788"
#define NAME "X-Cloud-Trace-Context"

static const char *header(const char *value)
{
	struct atr_context c;

	return read_one("gcp", NAME, value, &c) ? said(&c) : NULL;
}

TEST(gcp_reads_a_decimal_span)
{
	CHECK(is_text(header(T "/1;o=1"), T " 0000000000000001 1 0"));
	CHECK(is_text(header(T "/81985529216486895;o=0"), T " 0123456789abcdef 0 0"));
	CHECK(is_text(header(T "/18446744073709551615;o=1"), T " ffffffffffffffff 1 0"));
	CHECK(is_text(header(T "/00000000000000000042;o=3"), T " 000000000000002a 1 0"));
	CHECK(is_text(header(T "/42;o=2"), T " 000000000000002a 0 0"));
	CHECK(is_text(header(T "/42"), T " 000000000000002a 0 4"));
	CHECK(is_text(header(T "/42;"), T " 000000000000002a 0 4"));
	CHECK(is_text(header(" " T "/42;o=1 "), T " 000000000000002a 1 0"));
}

TEST(gcp_takes_no_header_that_is_malformed)
{
	static const char *const values[] = {
		"",
		"/",
		T,
		T "/",
		T "/;o=1",
		T ";o=1",
		T "/0;o=1",
		T "/18446744073709551616;o=1",
		T "/99999999999999999999;o=1",
		T "/000000000000000000001;o=1",
		T "/2a;o=1",
		T "/-1;o=1",
		T "/ 42;o=1",
		T "/42;o=",
		T "/42;o=x",
		T "/42;o=-1",
		T "/42;p=1",
		T "/42;o=1;o=0",
		T "/42;o=11111111111",
		"00000000000000000000000000000000/42;o=1",
		"e1c5b7a90d2f3681122334455667788/42;o=1",
		"0" T "/42;o=1",
		"ge1c5b7a90d2f3681122334455667788/42;o=1",
		NULL,
	};

	are_no_parents("gcp", NAME, values);
	is_read_safely("gcp", NAME, T "/18446744073709551615;o=1");
}

TEST(gcp_writes_a_decimal_span)
{
	struct atr_context c;

	CHECK(read_one("tracecontext", "traceparent", "00-" T "-ffffffffffffffff-03", &c));
	CHECK(is_text(written("gcp", &c, 0),
		      "x-cloud-trace-context: " T "/18446744073709551615;o=1\r\n"));
	CHECK(is_text(written_env("gcp", &c),
		      "X_CLOUD_TRACE_CONTEXT=" T "/18446744073709551615;o=1\n"));
	CHECK(read_one("tracecontext", "traceparent", "00-" T "-000000000000000a-00", &c));
	CHECK(is_text(written("gcp", &c, 0), "x-cloud-trace-context: " T "/10;o=0\r\n"));
	CHECK(read_one("gcp", NAME, T "/10", &c));
	CHECK(is_text(written("gcp", &c, 0), "x-cloud-trace-context: " T "/10\r\n"));
	CHECK(is_text(written("oneway-gcp", &c, 0), ""));
}

TEST(gcp_yields_to_a_format_that_has_found_a_parent)
{
	struct atr_context c;

	CHECK(read_fields("tracecontext,gcp",
			  FIELDS({ NAME, T "/1;o=0" }, { "traceparent", "00-1122334455667788"
									"1122334455667788"
									"-00000000000000ff-01" }),
			  &c));
	CHECK(c.span_id[7] == 0xff && c.flags == ATR_FLAG_SAMPLED);
	CHECK(read_fields("tracecontext,oneway-gcp", FIELDS({ NAME, T "/1;o=1" }), &c));
	CHECK(is_text(said(&c), T " 0000000000000001 1 0"));
	CHECK(is_text(written("tracecontext,oneway-gcp", &c, 0),
		      "traceparent: 00-" T "-0000000000000001-01\r\n"));
}

TEST(gcp_oneway_header_does_not_make_a_request_a_traced_one)
{
	struct atr_propagators both = formats_of("gcp"), one = formats_of("oneway-gcp");

	CHECK(atr_propagators_is_trace(&both, ATR_STR(NAME)));
	CHECK(atr_propagators_want(&one, ATR_STR(NAME)));
	CHECK(!atr_propagators_is_trace(&one, ATR_STR(NAME)));
}
