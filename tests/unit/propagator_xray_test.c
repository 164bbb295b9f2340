/* SPDX-License-Identifier: Apache-2.0 */
#include "propagator/ids.h"

#include "tests/unit/propagator.h"

/* X-Ray's tracing header, as the developer guide and the SDKs have it. */

#define EPOCH "66aa0180"
#define UNIQUE "0123456789abcdef00112233"
#define ROOT "Root=1-" EPOCH "-" UNIQUE
#define T EPOCH UNIQUE
#define S "0a1b2c3d4e5f6071"
#define NEW "ffeeddccbbaa9988"
#define NAME "X-Amzn-Trace-Id"
#define LINEAGE "Lineage=a87bd80c:1|68fd508a:5|c512fbe3:2"

static const char *header(const char *value)
{
	struct atr_context c;

	return read_one("xray", NAME, value, &c) ? said(&c) : NULL;
}

TEST(xray_reads_each_decision_in_any_order)
{
	CHECK(is_text(header(ROOT ";Parent=" S ";Sampled=1"), T " " S " 1 0"));
	CHECK(is_text(header(ROOT ";Parent=" S ";Sampled=0"), T " " S " 0 0"));
	CHECK(is_text(header(ROOT ";Parent=" S ";Sampled=?"), T " " S " 0 c"));
	CHECK(is_text(header(ROOT ";Parent=" S), T " " S " 0 4"));
	CHECK(is_text(header("Sampled=1;Parent=" S ";" ROOT), T " " S " 1 0"));
	CHECK(is_text(header(" " ROOT " ; Parent=" S "\t;\tSampled=1 "), T " " S " 1 0"));
	CHECK(is_text(
		header("Self=1-66aa0181-ffffffffffffffffffffffff;" ROOT ";Parent=" S ";Sampled=1"),
		T " " S " 1 0"));
	CHECK(is_text(header(";;" ROOT ";;word;=x;Parent=" S ";Sampled=1;"), T " " S " 1 0"));
	CHECK(is_text(header("root=1-" EPOCH "-" UNIQUE ";parent=" S ";sampled=1"),
		      T " " S " 1 0"));
	CHECK(is_text(header("Root=1-66AA0180-0123456789ABCDEF00112233;Parent=0A1B2C3D4E5F6071;"
			     "Sampled=1"),
		      T " " S " 1 0"));
}

TEST(xray_takes_no_header_that_is_malformed)
{
	static const char *const values[] = {
		"",
		";",
		"Root",
		"Root=",
		ROOT,
		ROOT ";Sampled=1",
		"Parent=" S ";Sampled=1",
		ROOT ";Parent=;Sampled=1",
		ROOT ";Parent=" S ";Sampled=",
		ROOT ";Parent=" S ";Sampled=2",
		ROOT ";Parent=" S ";Sampled=10",
		ROOT ";Parent=" S ";Sampled=true",
		ROOT ";Parent=" S "0;Sampled=1",
		ROOT ";Parent=0a1b2c3d4e5f607;Sampled=1",
		ROOT ";Parent=0000000000000000;Sampled=1",
		ROOT ";Parent=ga1b2c3d4e5f6071;Sampled=1",
		ROOT "0;Parent=" S ";Sampled=1",
		"Root=1-" EPOCH "-0123456789abcdef0011223;Parent=" S ";Sampled=1",
		"Root=2-" EPOCH "-" UNIQUE ";Parent=" S ";Sampled=1",
		"Root=1_" EPOCH "-" UNIQUE ";Parent=" S ";Sampled=1",
		"Root=1-" EPOCH "_" UNIQUE ";Parent=" S ";Sampled=1",
		"Root=1-66aa018-00123456789abcdef00112233;Parent=" S ";Sampled=1",
		"Root=1-00000000-000000000000000000000000;Parent=" S ";Sampled=1",
		"Root=" T ";Parent=" S ";Sampled=1",
		ROOT ",Parent=" S ",Sampled=1",
		ROOT ";Parent = " S ";Sampled=1",
		NULL,
	};

	are_no_parents("xray", NAME, values);
	is_read_safely("xray", NAME, ROOT ";Parent=" S ";Sampled=1;" LINEAGE);
}

TEST(xray_first_of_a_repeated_header_is_taken)
{
	struct atr_context c;

	CHECK(read_fields("xray",
			  FIELDS({ NAME, ROOT ";Parent=" S ";Sampled=1" },
				 { NAME, ROOT ";Parent=" NEW ";Sampled=0;k=v" }),
			  &c));
	CHECK(is_text(said(&c), T " " S " 1 0"));
	CHECK(!c.xray.len);
}

TEST(xray_writes_root_parent_sampled_and_what_else_came)
{
	struct atr_context c;

	CHECK(read_one("xray", NAME,
		       LINEAGE ";Sampled=1;" ROOT ";CalledFrom=app;Parent=" S ";Self=1-x", &c));
	CHECK(is_str(c.xray, LINEAGE ";CalledFrom=app"));
	memset(c.span_id, 0x11, 8);
	CHECK(is_text(written("xray", &c, 0),
		      "x-amzn-trace-id: " ROOT ";Parent=1111111111111111;Sampled=1;" LINEAGE
		      ";CalledFrom=app\r\n"));
	c.flags = 0;
	c.xray = (struct atr_str){ 0 };
	CHECK(is_text(written("xray", &c, 0),
		      "x-amzn-trace-id: " ROOT ";Parent=1111111111111111;Sampled=0\r\n"));
	CHECK(is_text(written_env("xray", &c),
		      "X_AMZN_TRACE_ID=" ROOT ";Parent=1111111111111111;Sampled=0\n"));
}

TEST(xray_undecided_goes_on_as_it_came)
{
	struct atr_context c;

	CHECK(read_one("xray", NAME, ROOT ";Parent=" S ";Sampled=?", &c));
	CHECK(is_text(written("xray", &c, 0),
		      "x-amzn-trace-id: " ROOT ";Parent=" S ";Sampled=?\r\n"));
	CHECK(is_text(written("b3", &c, 0), "b3: " T "-" S "\r\n"));
	CHECK(read_one("xray", NAME, ROOT ";Parent=" S, &c));
	CHECK(is_text(written("xray", &c, 0), "x-amzn-trace-id: " ROOT ";Parent=" S "\r\n"));
}

TEST(xray_other_fields_are_bounded_and_leave_room_for_lineage)
{
	char text[2048], big[600];
	struct atr_context c;

	memset(big, 'v', sizeof(big));
	big[250] = 0; /* k= and the joint: 253 of 256 */
	sprintf(text, ROOT ";k=%s;m=1234;n=;" LINEAGE ";Parent=" S ";Sampled=1", big);
	CHECK(read_guarded("xray", NAME, atr_str(text), &c));
	sprintf(text, "k=%s;n=;" LINEAGE, big);
	CHECK(is_str(c.xray, text));
	CHECK(strstr(written("xray", &c, 0), LINEAGE "\r\n"));
	/* a lineage beyond its bounds goes whole, and so does what cannot stand in a header */
	big[250] = 'v';
	big[260] = 0;
	sprintf(text, ROOT ";Lineage=%s;a=\x01;b=\xc3;c=d e;Parent=" S ";Sampled=1", big);
	CHECK(read_guarded("xray", NAME, atr_str(text), &c));
	CHECK(is_str(c.xray, "c=d e"));
}

TEST(xray_lambda_is_xray_in_messages_and_writes_no_second_header)
{
	struct atr_context c;

	CHECK(read_one("xray-lambda", NAME, ROOT ";Parent=" S ";Sampled=1;" LINEAGE, &c));
	CHECK(is_text(written("xray-lambda", &c, 0),
		      "x-amzn-trace-id: " ROOT ";Parent=" S ";Sampled=1;" LINEAGE "\r\n"));
	CHECK(is_text(written("xray,xray-lambda", &c, 0),
		      "x-amzn-trace-id: " ROOT ";Parent=" S ";Sampled=1;" LINEAGE "\r\n"));
	c.xray = (struct atr_str){ 0 };
	CHECK(is_text(written_env("xray-lambda,xray", &c),
		      "_X_AMZN_TRACE_ID=" ROOT ";Parent=" S ";Sampled=1\n"
		      "X_AMZN_TRACE_ID=" ROOT ";Parent=" S ";Sampled=1\n"));
}

static const char *env(const char *formats, const char *const fields[][2])
{
	struct atr_propagators p = formats_of(formats);
	struct atr_pair pairs[8];
	struct atr_context c;
	size_t n = 0;

	for (; fields[n][0]; n++)
		pairs[n] = (struct atr_pair){ atr_str(fields[n][0]), atr_str(fields[n][1]) };
	return atr_propagators_extract_env(&p, pairs, n, carried, &c) ? said(&c) : NULL;
}

#define OTHER "00-4e1c5b7a90d2f3681122334455667788-" NEW "-00"

TEST(xray_lambda_reads_its_variable_where_no_other_has_found)
{
	static const char *const text = ROOT ";Parent=" S ";Sampled=1";

	CHECK(is_text(env("xray-lambda", FIELDS({ "_X_AMZN_TRACE_ID", text })), T " " S " 1 0"));
	CHECK(!env("xray", FIELDS({ "_X_AMZN_TRACE_ID", text })));
	CHECK(!env("xray-lambda", FIELDS({ "_x_amzn_trace_id", text })));
	CHECK(!env("xray-lambda", FIELDS({ "X-Amzn-Trace-Id", text })));
	CHECK(is_text(env("xray", FIELDS({ "X_AMZN_TRACE_ID", text })), T " " S " 1 0"));
	CHECK(is_text(env("tracecontext,xray-lambda",
			  FIELDS({ "_X_AMZN_TRACE_ID", text }, { "TRACEPARENT", OTHER })),
		      "4e1c5b7a90d2f3681122334455667788 " NEW " 0 0"));
	CHECK(is_text(env("tracecontext,xray-lambda",
			  FIELDS({ "_X_AMZN_TRACE_ID", text }, { "TRACEPARENT", "00" })),
		      T " " S " 1 0"));
}

TEST(xray_text_is_read_wherever_it_comes_from)
{
	struct atr_context c;

	CHECK(atr_xray_extract(ATR_STR(ROOT ";Parent=" S ";Sampled=0;" LINEAGE), carried, &c));
	CHECK(is_text(said(&c), T " " S " 0 0"));
	CHECK(is_str(c.xray, LINEAGE));
	CHECK(c.remote);
	CHECK(!atr_xray_extract(ATR_STR(ROOT), carried, &c));
	CHECK(!atr_xray_extract((struct atr_str){ 0 }, carried, &c));
	CHECK(!atr_context_is_valid(&c) && !c.xray.at);
}

TEST(xray_header_is_rewritten_in_place)
{
	struct atr_context c;

	CHECK(read_one("xray", NAME, ROOT ";Parent=" NEW ";Sampled=1", &c));
	CHECK(is_text(
		rewritten("xray", NAME, " Sampled=0 ;" LINEAGE ";Parent=" S ";" ROOT "; k=v", &c),
		" Sampled=1 ;" LINEAGE ";Parent=" NEW ";" ROOT "; k=v"));
	CHECK(is_text(rewritten("tracecontext,xray-lambda", "x-amzn-trace-id",
				ROOT ";Parent=" S ";Sampled=?", &c),
		      ROOT ";Parent=" NEW ";Sampled=1"));
	CHECK(is_text(rewritten("xray", NAME, ROOT ";Parent=" S, &c), ROOT ";Parent=" NEW));
	CHECK(!rewritten("xray", NAME, ROOT ";Sampled=1", &c));
	CHECK(!rewritten("xray", NAME,
			 "Root=1-" EPOCH "-0123456789abcdef00112234;Parent=" S ";Sampled=1", &c));
	CHECK(!rewritten("tracecontext", NAME, ROOT ";Parent=" S ";Sampled=1", &c));
}

TEST(xray_trace_ids_begin_with_the_second)
{
	static const uint8_t random[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
	struct atr_context c = { .flags = ATR_FLAG_SAMPLED | ATR_FLAG_RANDOM, .span_id = { 1 } };
	struct atr_propagators p = formats_of("tracecontext,xray-lambda");

	atr_xray_trace_id(0x66aa0180, random, c.trace_id);
	CHECK(is_text(written("xray", &c, 0),
		      "x-amzn-trace-id: Root=1-66aa0180-0102030405060708090a0b0c;"
		      "Parent=0100000000000000;Sampled=1\r\n"));
	CHECK(atr_propagators_want_epoch(&p));
	p = formats_of("tracecontext,b3");
	CHECK(!atr_propagators_want_epoch(&p));
}

TEST(ids_can_begin_with_the_second_and_are_random_else)
{
	struct atr_ids ids = { { 0 } };
	uint8_t a[ATR_TRACE_ID_LEN], b[ATR_TRACE_ID_LEN];

	atr_ids_trace_at(&ids, 0x66aa0180, a);
	atr_ids_trace_at(&ids, 0x66aa0180, b);
	CHECK(!memcmp(a, "\x66\xaa\x01\x80", 4) && !memcmp(b, a, 4));
	CHECK(memcmp(a + 4, b + 4, 4) && memcmp(a + 8, b + 8, 8));
}
