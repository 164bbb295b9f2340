/* SPDX-License-Identifier: Apache-2.0 */
#include "propagator/ids.h"
#include "propagator/propagator.h"

#include "tests/test.h"

#include <stdio.h>

/* The W3C trace-context conformance suite's cases: what comes in, what must go out. */

#define T "12345678901234567890123456789012"
#define P "1234567890123456"
#define PARENT "00-" T "-" P "-01"
#define IN_MAX 8

static char store[ATR_CARRY_MAX];

static struct atr_propagators both(void)
{
	struct atr_propagators p;
	struct atr_str unknown;

	atr_propagators_parse((struct atr_str){ 0 }, &p, &unknown);
	return p;
}

/* What one field says alone is what it says to all formats. */
static void check_parent(const struct atr_propagators *p, const struct atr_pair *pairs, size_t n,
			 const struct atr_context *whole)
{
	struct atr_context c;

	memset(&c, 0xff, sizeof(c));
	if (!atr_propagators_extract_parent(p, pairs, n, &c))
		return;
	CHECK(!whole->tracestate.len && !whole->baggage.len && !whole->xray.len);
	CHECK(!c.tracestate.len && !c.baggage.len && !c.xray.len && !c.local);
	CHECK(c.flags == whole->flags && c.marks == whole->marks && c.remote == whole->remote);
	CHECK(!memcmp(c.trace_id, whole->trace_id, sizeof(c.trace_id)));
	CHECK(!memcmp(c.span_id, whole->span_id, sizeof(c.span_id)));
}

static bool extract(const char *const headers[][2], struct atr_context *out)
{
	struct atr_propagators p = both();
	struct atr_pair pairs[IN_MAX];
	size_t n = 0;
	bool is_valid;

	for (; n < IN_MAX && headers[n][0]; n++)
		pairs[n] = (struct atr_pair){ atr_str(headers[n][0]), atr_str(headers[n][1]) };
	is_valid = atr_propagators_extract(&p, pairs, n, store, out);
	check_parent(&p, pairs, n, out);
	return is_valid;
}

/* Whether one traceparent of this value continues trace T. */
static bool continues(const char *value)
{
	struct atr_context c;
	uint8_t t[16] = { 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56,
			  0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12 };

	return extract((const char *const[][2]){ { "traceparent", value }, { 0 } }, &c) &&
	       !memcmp(c.trace_id, t, 16);
}

/* The tracestate that goes on beside a valid parent; "" for none. */
static const char *state_of(const char *const headers[][2])
{
	static char text[ATR_TRACESTATE_MAX + 1];
	struct atr_context c;

	extract(headers, &c);
	memcpy(text, c.tracestate.len ? c.tracestate.at : "", c.tracestate.len);
	text[c.tracestate.len] = 0;
	return text;
}

TEST(w3c_continues_a_valid_parent)
{
	CHECK(continues(PARENT));
	CHECK(continues(" \t" PARENT "\t "));
	CHECK(continues("cc-" T "-" P "-01"));
	CHECK(continues("cc-" T "-" P "-01-what-the-future-will-be-like"));
}

TEST(w3c_restarts_at_anything_else)
{
	static const char *const wrong[] = {
		"",
		PARENT ".",
		PARENT "-what-the-future-will-be-like",
		"cc-" T "-" P "-01.what-the-future-will-be-like",
		"ff-" T "-" P "-01",
		".0-" T "-" P "-01",
		"0.-" T "-" P "-01",
		"000-" T "-" P "-01",
		"0000-" T "-" P "-01",
		"0-" T "-" P "-01",
		"00-00000000000000000000000000000000-" P "-01",
		"00-.2345678901234567890123456789012-" P "-01",
		"00-1234567890123456789012345678901.-" P "-01",
		"00-" T "3-" P "-01",
		"00-1234567890123456789012345678901-" P "-01",
		"00-" T "-0000000000000000-01",
		"00-" T "-.234567890123456-01",
		"00-" T "-12345678901234567-01",
		"00-" T "-123456789012345-01",
		"00-" T "-" P "-.0",
		"00-" T "-" P "-0.",
		"00-" T "-" P "-001",
		"00-" T "-" P "-1",
		"00-" "1234567890ABCDEF1234567890ABCDEF" "-" P "-01",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(!continues(wrong[i]));
}

TEST(w3c_header_names_match_without_case_and_no_others)
{
	struct atr_context c;

	CHECK(extract((const char *const[][2]){ { "TraceParent", PARENT }, { 0 } }, &c));
	CHECK(extract((const char *const[][2]){ { "TRACEPARENT", PARENT }, { 0 } }, &c));
	CHECK(!extract((const char *const[][2]){ { "trace-parent", PARENT }, { 0 } }, &c));
	CHECK(!extract((const char *const[][2]){ { "trace.parent", PARENT }, { 0 } }, &c));
}

TEST(w3c_parent_alone_is_read_without_room_for_text_where_its_format_is_in_use)
{
	struct atr_pair in[2] = { { ATR_STR("TraceParent"), ATR_STR(PARENT) },
				  { ATR_STR("baggage"), ATR_STR("a=b") } };
	struct atr_propagators p = both();
	struct atr_str unknown;
	struct atr_context c;

	CHECK(atr_propagators_extract_parent(&p, in, 1, &c) && c.remote && c.trace_id[0] == 0x12);
	CHECK(!atr_propagators_extract_parent(&p, in, 2, &c));
	CHECK(!atr_propagators_extract_parent(&p, in + 1, 1, &c));
	CHECK(!atr_propagators_extract_parent(&p, in, 0, &c));
	atr_propagators_parse(ATR_STR("b3"), &p, &unknown);
	CHECK(!atr_propagators_extract_parent(&p, in, 1, &c));
}

TEST(w3c_two_parents_are_none)
{
	struct atr_context c;

	CHECK(!extract((const char *const[][2]){ { "traceparent", PARENT },
						 { "traceparent", PARENT },
						 { "tracestate", "foo=1" },
						 { 0 } },
		       &c));
	CHECK(!c.tracestate.len);
}

#define STATE(...) state_of((const char *const[][2]){ { "traceparent", PARENT }, __VA_ARGS__, { 0 } })
#define ST(value) { "tracestate", value }

TEST(w3c_tracestate_goes_on_with_its_parent_alone)
{
	CHECK(!strcmp(STATE(ST("foo=1,bar=2")), "foo=1,bar=2"));
	CHECK(!strcmp(STATE({ "TraceState", "foo=1" }), "foo=1"));
	CHECK(!strcmp(STATE({ "trace-state", "foo=1" }), ""));
	CHECK(!strcmp(state_of((const char *const[][2]){ ST("foo=1"), { 0 } }), ""));
	CHECK(!strcmp(STATE(ST("")), ""));
	CHECK(!strcmp(STATE(ST("foo=1"), ST("")), "foo=1"));
	CHECK(!strcmp(STATE(ST("foo=1,"), ST("bar=2,rojo=1"), ST("congo=2,baz=3")),
		      "foo=1,bar=2,rojo=1,congo=2,baz=3"));
	CHECK(!strcmp(STATE(ST("foo=1 \t , \t bar=2, \t baz=3")), "foo=1,bar=2,baz=3"));
	CHECK(!strcmp(STATE(ST("foo=1,foo=1")), "foo=1,foo=1"));
}

TEST(w3c_tracestate_allows_what_level_2_allows)
{
	CHECK(!strcmp(STATE(ST("0aA=1")), ""));
	CHECK(!strcmp(STATE(ST("0a_-*/@b= !\"#$%&'()*+-./~")), "0a_-*/@b= !\"#$%&'()*+-./~"));
	CHECK(!strcmp(STATE(ST("foo =1")), ""));
	CHECK(!strcmp(STATE(ST("FOO=1")), ""));
	CHECK(!strcmp(STATE(ST("foo.bar=1")), ""));
	CHECK(!strcmp(STATE(ST("@foo=1,bar=2")), ""));
	CHECK(!strcmp(STATE(ST("foo=bar=baz")), ""));
	CHECK(!strcmp(STATE(ST("foo=,bar=3")), ""));
}

static void members(char *out, int nr)
{
	*out = 0;
	for (int i = 0; i < nr; i++)
		sprintf(out + strlen(out), "%sbar%02d=%02d", i ? "," : "", i, i);
}

TEST(w3c_32_members_are_carried_and_33_are_not)
{
	char text[1024];

	members(text, 32);
	CHECK(!strcmp(STATE(ST(text)), text));
	members(text, 33);
	CHECK(!strcmp(STATE(ST(text)), ""));
}

TEST(w3c_a_key_has_at_most_256_characters)
{
	char text[300];

	memset(text, 'z', sizeof(text));
	memcpy(text + 256, "=1", 3);
	CHECK(!strcmp(STATE(ST(text)), text));
	memset(text, 'z', 257);
	memcpy(text + 257, "=1", 3);
	CHECK(!strcmp(STATE(ST(text)), ""));
}

TEST(w3c_flags_keep_random_and_drop_what_is_unknown)
{
	struct atr_context c;
	char out[ATR_TRACEPARENT_LEN];

	CHECK(extract((const char *const[][2]){ { "traceparent", "00-" T "-" P "-02" }, { 0 } }, &c));
	CHECK(c.flags == ATR_FLAG_RANDOM);
	CHECK(extract((const char *const[][2]){ { "traceparent", "00-" T "-" P "-ff" }, { 0 } }, &c));
	atr_traceparent_write(&c, out);
	CHECK(!memcmp(out + 53, "03", 2));
}

TEST(w3c_what_is_injected_is_extracted_again)
{
	struct atr_propagators p = both();
	struct atr_context in;
	char text[512];
	size_t len;

	extract((const char *const[][2]){ { "traceparent", PARENT }, ST("a=1"), { "baggage", "k=v;p" },
					  { 0 } },
		&in);
	len = atr_propagators_inject(&p, &in, 0, text, sizeof(text));
	CHECK(len == strlen("traceparent: " PARENT "\r\ntracestate: a=1\r\nbaggage: k=v;p\r\n"));
	CHECK(!memcmp(text, "traceparent: " PARENT "\r\ntracestate: a=1\r\nbaggage: k=v;p\r\n", len));
	CHECK(atr_propagators_inject(&p, &in, ATR_EXCEPT_BAGGAGE | ATR_EXCEPT_TRACESTATE, text,
				     sizeof(text)) == strlen("traceparent: " PARENT "\r\n"));
}

TEST(w3c_injects_all_or_nothing)
{
	struct atr_propagators p = both();
	struct atr_context c;
	char text[512];

	extract((const char *const[][2]){ { "traceparent", PARENT }, ST("a=1"), { 0 } }, &c);
	for (size_t cap = 0; cap < strlen("traceparent: " PARENT "\r\ntracestate: a=1\r\n"); cap++)
		CHECK(atr_propagators_inject(&p, &c, 0, text, cap) == 0);
}

TEST(baggage_goes_on_without_a_trace_and_without_what_is_malformed)
{
	struct atr_context c;

	CHECK(!extract((const char *const[][2]){ { "baggage", "a=1, b c=2 ,d=3;x=y" },
						 { "baggage", "e=%41" },
						 { 0 } },
		       &c));
	CHECK(atr_str_equal(c.baggage, ATR_STR("a=1,d=3;x=y,e=%41")));
}

TEST(baggage_keeps_64_whole_members)
{
	char text[1024] = "";
	struct atr_context c;
	int commas = 0;

	for (int i = 0; i < 70; i++)
		sprintf(text + strlen(text), "%sk%d=1", i ? "," : "", i);
	extract((const char *const[][2]){ { "baggage", text }, { 0 } }, &c);
	for (size_t i = 0; i < c.baggage.len; i++)
		commas += c.baggage.at[i] == ',';
	CHECK(commas == 63);
}

TEST(env_is_read_by_exact_names_and_written_as_strings)
{
	struct atr_propagators p = both();
	struct atr_pair lower = { ATR_STR("traceparent"), ATR_STR(PARENT) };
	struct atr_pair upper = { ATR_STR("TRACEPARENT"), ATR_STR(PARENT) };
	struct atr_context c;
	char text[256];
	unsigned nr;

	CHECK(!atr_propagators_extract_env(&p, &lower, 1, store, &c));
	CHECK(atr_propagators_extract_env(&p, &upper, 1, store, &c));
	CHECK(atr_propagators_inject_env(&p, &c, text, sizeof(text), &nr) ==
	      strlen("TRACEPARENT=" PARENT) + 1);
	CHECK(nr == 1 && !strcmp(text, "TRACEPARENT=" PARENT));
	CHECK(atr_propagators_env_name(&p, ATR_STR("TRACESTATE=x")));
	CHECK(!atr_propagators_env_name(&p, ATR_STR("TRACES")));
}

TEST(propagators_are_named_once_in_order_and_the_unknown_told)
{
	struct atr_propagators p;
	struct atr_str unknown;

	atr_propagators_parse(ATR_STR("Baggage, tracecontext,baggage,b9"), &p, &unknown);
	CHECK(p.nr == 2 && p.format[0] == ATR_FORMAT_BAGGAGE && p.format[1] == ATR_FORMAT_TRACECONTEXT);
	CHECK(atr_str_equal(unknown, ATR_STR("b9")));
	atr_propagators_parse(ATR_STR("none"), &p, &unknown);
	CHECK(p.nr == 0 && !unknown.at);
}

TEST(ids_differ_and_are_never_zero)
{
	struct atr_ids ids = { { 0 } }, other = { { 0 } };

	for (int i = 0; i < 1000; i++) {
		uint64_t a = atr_ids_next(&ids), b = atr_ids_next(&other);

		CHECK(a && b && a != b);
	}
}
