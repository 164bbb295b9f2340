/* SPDX-License-Identifier: Apache-2.0 */
#include "propagator/ot.h"

#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

#define RV "0123456789abcd"

static struct atr_ot read_of(const char *tracestate)
{
	struct atr_ot ot;

	atr_ot_read(atr_str(tracestate), &ot);
	return ot;
}

TEST(ot_thresholds_are_read_as_the_specification_has_them)
{
	static const struct {
		const char *text;
		uint64_t th;
	} samples[] = {
		{ "ot=th:0", 0 },
		{ "ot=th:8", UINT64_C(1) << 55 },
		{ "ot=th:c", UINT64_C(3) << 54 },
		{ "foo=1,ot=th:e666", UINT64_C(0xe6660000000000) },
		{ "ot=th:fd70a,bar=2", UINT64_C(0xfd70a000000000) },
		{ "ot=rv:" RV ";th:ffffffffffffff", UINT64_C(0xffffffffffffff) },
		{ "ot=a:b;th:8;c:D.-_9", UINT64_C(1) << 55 },
	};

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		CHECK(read_of(samples[i].text).th == samples[i].th);
}

TEST(ot_what_is_malformed_says_nothing)
{
	static const char *const wrong[] = {
		"",
		"ot=",
		"ot=th:",
		"ot=th:g",
		"ot=th:C",
		"ot=th:0123456789abcde",
		"ot=th",
		"th:8",
		"not=th:8",
		"ot=th:8;;a:b",
		"ot=th:8;A:b",
		"ot=th:8;9:b",
		"ot=th:8;a:b c",
		"foo=ot=th:8",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(read_of(wrong[i]).th == ATR_TH_NONE);
	CHECK(!read_of("ot=rv:0123456789abc").has_rv);
	CHECK(!read_of("ot=rv:0123456789abcde").has_rv);
	CHECK(!read_of("ot=rv:0123456789ABCD").has_rv);
}

TEST(ot_randomness_is_rv_or_the_last_7_bytes)
{
	uint8_t id[16] = { [8] = 0xff, [9] = 0x80, [15] = 1 };

	CHECK(atr_ot_randomness((struct atr_str){ 0 }, id) == ((UINT64_C(1) << 55) | 1));
	CHECK(atr_ot_randomness(ATR_STR("foo=1"), id) == ((UINT64_C(1) << 55) | 1));
	CHECK(atr_ot_randomness(ATR_STR("ot=rv:" RV), id) == UINT64_C(0x0123456789abcd));
}

/* In a room that ends where it may: what is beyond it is seen. */
static bool tells(const char *was, uint64_t th, const char *is)
{
	char *room = malloc(strlen(was) + ATR_OT_MORE);
	struct atr_str out = atr_ot_tell(atr_str(was), th, room);
	bool same = atr_str_equal(out, atr_str(is));

	if (!same)
		print_error("is: %.*s\n", (int)out.len, out.at ? out.at : "");
	free(room);
	return same;
}

TEST(ot_threshold_is_told_in_the_first_member_beside_what_was_there)
{
	CHECK(tells("", 0, "ot=th:0"));
	CHECK(tells("", UINT64_C(0xe6660000000000), "ot=th:e666"));
	CHECK(tells("", 1, "ot=th:00000000000001"));
	CHECK(tells("foo=1,bar=2", UINT64_C(1) << 55, "ot=th:8,foo=1,bar=2"));
	CHECK(tells("foo=1,ot=th:c;rv:" RV ",bar=2", UINT64_C(1) << 55,
		    "ot=rv:" RV ";th:8,foo=1,bar=2"));
	CHECK(tells("foo=1,ot=rv:" RV, 0, "ot=rv:" RV ";th:0,foo=1"));
	CHECK(tells("ot=rv:" RV ";th:8;x:y", ATR_TH_NONE, "ot=rv:" RV ";x:y"));
	CHECK(tells("foo=1,ot=th:8", ATR_TH_NONE, "foo=1"));
	CHECK(tells("ot=th:8", ATR_TH_NONE, ""));
	CHECK(tells("ot=Th:8,foo=1", 0, "ot=th:0,foo=1"));
	CHECK(tells("a=1,ot=,b=2", 0, "ot=th:0,a=1,b=2")); /* not a second one */
}

TEST(ot_what_does_not_change_stays_byte_for_byte)
{
	CHECK(tells("foo=1,ot=th:80", UINT64_C(1) << 55, "foo=1,ot=th:80"));
	CHECK(tells("foo=1", ATR_TH_NONE, "foo=1"));
	CHECK(tells("foo=1,ot=nonsense", ATR_TH_NONE, "foo=1,ot=nonsense"));
}

TEST(ot_member_that_is_full_is_left_as_it_is)
{
	char was[300] = "ot=a:", is[300];

	memset(was + 5, 'x', 249); /* with ";th:0" it has 256 characters */
	sprintf(is, "%s;th:0", was);
	CHECK(tells(was, 0, is));
	was[5 + 249] = 'x';
	CHECK(tells(was, 0, was));
}

TEST(ot_a_33rd_member_drops_the_right_most)
{
	char was[256] = "", is[256] = "ot=th:0";

	for (int i = 0; i < 32; i++) {
		sprintf(was + strlen(was), "%sk%d=v", i ? "," : "", i);
		if (i < 31)
			sprintf(is + strlen(is), ",k%d=v", i);
	}
	CHECK(tells(was, 0, is));
}

TEST(ot_longest_tracestate_stays_within_its_room)
{
	char *was = malloc(ATR_TRACESTATE_MAX + 1),
	     *room = malloc(ATR_TRACESTATE_MAX + ATR_OT_MORE);
	struct atr_str out;

	for (int i = 0; i < 32; i++) {
		memset(was + i * 256, 'v', 256);
		memcpy(was + i * 256, i ? ",k=" : "kk=", 3);
	}
	out = atr_ot_tell((struct atr_str){ was, ATR_TRACESTATE_MAX }, 0, room);
	CHECK(out.len == 7 + 256 * 31 + 1 && !memcmp(out.at, "ot=th:0,kk=v", 12));
	free(was);
	free(room);
}

TEST(ot_threshold_of_a_share_has_the_digits_that_others_write)
{
	CHECK(atr_ot_threshold(1) == 0);
	CHECK(atr_ot_threshold(0) == ATR_OT_ALL);
	CHECK(atr_ot_threshold(0.5) == UINT64_C(1) << 55);
	CHECK(atr_ot_threshold(0.25) == UINT64_C(3) << 54);
	CHECK(atr_ot_threshold(0.1) == UINT64_C(0xe6660000000000));
	CHECK(atr_ot_threshold(0.05) == UINT64_C(0xf3333000000000));
	CHECK(atr_ot_threshold(0.01) == UINT64_C(0xfd70a000000000));
	CHECK(atr_ot_threshold(0.001) == UINT64_C(0xffbe7700000000));
	CHECK(atr_ot_threshold(1.0 / (double)ATR_OT_ALL) == ATR_OT_ALL - 1);
	CHECK(atr_ot_threshold(0.0000000000000001) == ATR_OT_ALL - 7);
}
