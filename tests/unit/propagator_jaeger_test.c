/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/propagator.h"

/* Jaeger's uber-trace-id and its baggage, as the clients' documentation and the SDKs have them. */

#define T "4e1c5b7a90d2f3681122334455667788"
#define T64 "1122334455667788"
#define S "0a1b2c3d4e5f6071"
#define Z "0000000000000000"

static const char *id(const char *value)
{
	struct atr_context c;

	return read_one("jaeger", "uber-trace-id", value, &c) ? said(&c) : NULL;
}

TEST(jaeger_reads_ids_of_any_width_and_each_flag)
{
	CHECK(is_text(id(T ":" S ":0:1"), T " " S " 1 0"));
	CHECK(is_text(id(T ":" S ":0:01"), T " " S " 1 0"));
	CHECK(is_text(id(T ":" S ":0:0"), T " " S " 0 0"));
	CHECK(is_text(id(T ":" S "::1"), T " " S " 1 0"));
	CHECK(is_text(id(T ":" S ":ffeeddccbbaa9988:3"), T " " S " 1 1"));
	CHECK(is_text(id(T ":" S ":0:2"), T " " S " 1 1"));
	CHECK(is_text(id(T ":" S ":0:9"), T " " S " 1 2"));
	CHECK(is_text(id(T ":" S ":0:0b"), T " " S " 1 3"));
	CHECK(is_text(id(T ":" S ":0:f4"), T " " S " 0 0"));
	CHECK(is_text(id("1:2:0:1"), Z "0000000000000001 0000000000000002 1 0"));
	CHECK(is_text(id("abc:def:0:1"), Z "0000000000000abc 0000000000000def 1 0"));
	CHECK(is_text(id("ABC:DEF:0:1"), Z "0000000000000abc 0000000000000def 1 0"));
	CHECK(is_text(id(T64 ":" S ":0:1"), Z T64 " " S " 1 0"));
	CHECK(is_text(id(T "%3A" S "%3a0%3A1"), T " " S " 1 0"));
	CHECK(is_text(id("%61bc:def%3a0:1"), Z "0000000000000abc 0000000000000def 1 0"));
	CHECK(is_text(id(" " T ":" S ":0:1\t"), T " " S " 1 0"));
}

TEST(jaeger_takes_no_id_that_is_malformed)
{
	static const char *const values[] = {
		"",
		":",
		":::",
		T,
		T ":" S,
		T ":" S ":0",
		T ":" S ":0:",
		T ":" S ":0:1:2",
		T ":" S ":0:100",
		T ":" S ":0:x",
		T ":" S ":x:1",
		T ":" S ":00000000000000000:1",
		"0:" S ":0:1",
		Z Z ":" S ":0:1",
		T ":0:0:1",
		T ":" Z ":0:1",
		"0" T ":" S ":0:1",
		T ":0" S ":0:1",
		"g:" S ":0:1",
		T ":-1:0:1",
		T " :" S ":0:1",
		T "%3" S ":0:1",
		T ":" S ":0:1%",
		T ":" S ":0:1%0",
		T ":" S ":0:1%zz",
		T "%2d" S ":0:1",
		T "-" S "-1",
		NULL,
	};

	are_no_parents("jaeger", "uber-trace-id", values);
	is_read_safely("jaeger", "uber-trace-id", T ":" S ":0:1");
	is_read_safely("jaeger", "uber-trace-id", T "%3A" S "%3A0%3A01");
}

TEST(jaeger_oversized_id_is_none)
{
	char text[4096];
	struct atr_context c;

	for (size_t i = 0; i + 3 <= sizeof(text); i += 3)
		memcpy(text + i, "%30", 3);
	for (size_t len = 0; len < sizeof(text); len += 17)
		CHECK(!read_guarded("jaeger", "uber-trace-id", (struct atr_str){ text, len }, &c));
}

TEST(jaeger_writes_16_or_32_digits_and_no_parent)
{
	struct atr_context c;

	CHECK(read_one("jaeger", "uber-trace-id", T ":" S ":77:1", &c));
	CHECK(is_text(written("jaeger", &c, 0), "uber-trace-id: " T ":" S ":0:01\r\n"));
	CHECK(is_text(written_env("jaeger", &c), "UBER_TRACE_ID=" T ":" S ":0:01\n"));
	CHECK(read_one("jaeger", "uber-trace-id", "abc:def:77:0", &c));
	CHECK(is_text(written("jaeger", &c, 0),
		      "uber-trace-id: 0000000000000abc:0000000000000def:0:00\r\n"));
	CHECK(read_one("jaeger", "uber-trace-id", T ":" S ":0:b", &c));
	CHECK(is_text(written("jaeger", &c, 0), "uber-trace-id: " T ":" S ":0:0b\r\n"));
	CHECK(is_text(written("b3", &c, 0), "b3: " T "-" S "-d\r\n"));
}

static const char *baggage(const char *formats, const char *const fields[][2])
{
	static char text[ATR_BAGGAGE_MAX + 1];
	struct atr_context c;

	read_fields(formats, fields, &c);
	CHECK(c.baggage.len || !c.baggage.at);
	memcpy(text, c.baggage.len ? c.baggage.at : "", c.baggage.len);
	text[c.baggage.len] = 0;
	return text;
}

TEST(jaeger_baggage_is_read_into_the_form_of_w3c)
{
	CHECK(is_text(
		baggage("jaeger", FIELDS({ "uberctx-user", "alice" }, { "Uberctx-Tier", "a%20b" })),
		"user=alice,Tier=a%20b"));
	/* in the form in which it may stand there: a comma, a quote, a space, bytes beyond ASCII */
	CHECK(is_text(baggage("jaeger", FIELDS({ "uberctx-k", "a,b\"c d;\xc3\xa9=%25" })),
		      "k=a%2Cb%22c%20d%3B%C3%A9=%25"));
	CHECK(is_text(baggage("jaeger", FIELDS({ "uberctx-k", "%41%2c" })), "k=A%2C"));
	CHECK(is_text(baggage("jaeger", FIELDS({ "uberctx-", "1" }, { "uberctx", "2" },
					       { "uberctx-k%", "3" }, { "uberctx-a b", "4" },
					       { "uberctx-m", "%4" }, { "uberctx-n", "%zz" })),
		      "k%=3"));
	CHECK(is_text(baggage("jaeger", FIELDS({ "jaeger-baggage", "a=1, b = 2 ,=3,c" })),
		      "a=1,b=2,c="));
}

TEST(jaeger_baggage_adds_to_what_is_there_and_the_last_of_a_key_stays)
{
	CHECK(is_text(
		baggage("baggage,jaeger", FIELDS({ "uberctx-b", "2" }, { "baggage", "a=1;p=q" })),
		"a=1;p=q,b=2"));
	CHECK(is_text(baggage("baggage,jaeger",
			      FIELDS({ "uberctx-a", "2" }, { "baggage", "a=1,z=9,a=0,y=8" })),
		      "z=9,y=8,a=2"));
	/* the same value: as W3C has it, with its properties */
	CHECK(is_text(baggage("baggage,jaeger",
			      FIELDS({ "uberctx-a", "x y" }, { "baggage", "a=x%20y;p,b=1" })),
		      "a=x%20y;p,b=1"));
	/* W3C's own takes the place of all */
	CHECK(is_text(baggage("jaeger,baggage", FIELDS({ "uberctx-b", "2" }, { "baggage", "a=1" })),
		      "a=1"));
	CHECK(is_text(baggage("jaeger,baggage", FIELDS({ "uberctx-b", "2" }, { "baggage", "?" })),
		      "b=2"));
}

TEST(jaeger_baggage_is_bounded_in_members_and_bytes)
{
	static char names[FIELDS_MAX][24], big[ATR_BAGGAGE_MAX];
	const char *fields[FIELDS_MAX][2] = { { NULL } };
	struct atr_context c;
	size_t commas = 0;

	for (int i = 0; i < 70; i++) {
		sprintf(names[i], "uberctx-k%d", i);
		fields[i][0] = names[i];
		fields[i][1] = "1";
	}
	read_fields("jaeger", (const char *const(*)[2])fields, &c);
	for (size_t i = 0; i < c.baggage.len; i++)
		commas += c.baggage.at[i] == ',';
	CHECK(commas == 63);
	/* bytes that become three each */
	for (size_t len = ATR_BAGGAGE_MAX / 3 - 8; len < ATR_BAGGAGE_MAX / 3 + 8; len++) {
		memset(big, ',', len);
		big[len] = 0;
		read_one("jaeger", "uberctx-k", big, &c);
		CHECK(c.baggage.len == (len * 3 + 3 <= ATR_BAGGAGE_MAX ? len * 3 + 2 : 0));
	}
}

TEST(jaeger_baggage_is_written_one_header_a_member)
{
	struct atr_context c;

	CHECK(read_fields("tracecontext,baggage",
			  FIELDS({ "traceparent", "00-" T "-" S "-01" },
				 { "baggage", "a=1;p=q, b = x%20y ,c=,d=%4,e=p q,f=g=h" }),
			  &c));
	CHECK(is_text(written("jaeger", &c, 0),
		      "uber-trace-id: " T ":" S ":0:01\r\n"
		      "uberctx-a: 1\r\nuberctx-b: x%20y\r\nuberctx-f: g=h\r\n"));
	CHECK(is_text(written("jaeger", &c, ATR_EXCEPT_BAGGAGE),
		      "uber-trace-id: " T ":" S ":0:01\r\n"));
	CHECK(is_text(written_env("jaeger", &c), "UBER_TRACE_ID=" T ":" S ":0:01\n"));
	/* as with W3C's, also where no trace is */
	CHECK(!read_one("jaeger", "uberctx-k", "v", &c));
	CHECK(is_text(written("jaeger", &c, 0), "uberctx-k: v\r\n"));
}

TEST(jaeger_headers_are_known_by_prefix)
{
	struct atr_propagators p = formats_of("jaeger");
	char name[300];

	memset(name, 'x', sizeof(name));
	memcpy(name, "UberCtx-", 8);
	for (size_t len = 9; len < sizeof(name); len++)
		CHECK(atr_propagators_want(&p, (struct atr_str){ name, len }));
	CHECK(!atr_propagators_want(&p, (struct atr_str){ name, 8 }));
	CHECK(!atr_propagators_is_trace(&p, (struct atr_str){ name, 20 }));
	CHECK(atr_propagators_except(&p, (struct atr_str){ name, 20 }) == ATR_EXCEPT_BAGGAGE);
	CHECK(atr_propagators_is_trace(&p, ATR_STR("Uber-Trace-Id")));
	CHECK(!atr_propagators_except(&p, ATR_STR("Uber-Trace-Id")));
	CHECK(!atr_propagators_env_name(&p, ATR_STR("UBERCTX_K=1")));
}

TEST(jaeger_id_is_rewritten_in_place)
{
	struct atr_context c;

	CHECK(read_one("jaeger", "uber-trace-id", T ":ffeeddccbbaa9988:0:3", &c));
	CHECK(is_text(rewritten("jaeger", "uber-trace-id", T ":" S ":0:0", &c),
		      T ":ffeeddccbbaa9988:0:3"));
	CHECK(is_text(rewritten("jaeger", "uber-trace-id", T ":" S ":0:01", &c),
		      T ":ffeeddccbbaa9988:0:03"));
	CHECK(!rewritten("jaeger", "uber-trace-id", T ":" S ":9:1", &c));
	CHECK(!rewritten("jaeger", "uber-trace-id", T ":abc:0:1", &c));
	CHECK(!rewritten("jaeger", "uber-trace-id", T64 ":" S ":0:1", &c));
	CHECK(!rewritten("jaeger", "uber-trace-id", T "%3A" S ":0:1", &c));
	CHECK(!rewritten("jaeger", "uberctx-k", "v", &c));
}
