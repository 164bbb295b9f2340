/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "export/print.h"
#include "propagator/ids.h"

#include <float.h>
#include <stdlib.h>

static char room[64];

static const char *formatted(const char *format, ...)
{
	struct atr_print t = { room, 0, sizeof(room) - 1, false };
	va_list args;

	va_start(args, format);
	atr_print_format(&t, format, args);
	va_end(args);
	room[t.len] = 0;
	return room;
}

static bool is(const char *text, const char *expected)
{
	return !strcmp(text, expected);
}

TEST(print_forms_are_those_of_printf)
{
	CHECK(is(formatted("a%sc%%d", "b"), "abc%d"));
	CHECK(is(formatted("[%.*s]", 2, "abc"), "[ab]"));
	CHECK(is(formatted("[%.*s][%s]", 0, (char *)NULL, (char *)NULL), "[][]"));
	CHECK(is(formatted("%d %d %u", -1, INT32_MIN, UINT32_MAX), "-1 -2147483648 4294967295"));
	CHECK(is(formatted("%zu %llu", (size_t)7, UINT64_MAX), "7 18446744073709551615"));
	CHECK(is(formatted("%x %x", 0u, 0xdeadbeefu), "0 deadbeef"));
	CHECK(is(formatted("100%"), "100%"));
}

TEST(print_that_finds_no_room_is_cut_and_said_so)
{
	struct atr_print t = { room, 0, 4, false };

	atr_print_uint(&t, 123);
	CHECK(!t.is_cut && t.len == 3);
	atr_print(&t, ATR_STR("abc"));
	CHECK(t.is_cut && t.len == 4 && !memcmp(room, "123a", 4));
	atr_print(&t, ATR_STR("")); /* and nothing behind a gap */
	atr_print_int(&t, -1);
	CHECK(t.len == 4);
}

static const char *of_double(double value)
{
	room[atr_print_double(value, room)] = 0;
	return room;
}

TEST(print_of_doubles_is_short_where_it_can_be)
{
	CHECK(is(of_double(0), "0") && is(of_double(-0.0), "-0"));
	CHECK(is(of_double(0.1), "0.1") && is(of_double(-1.5), "-1.5"));
	CHECK(is(of_double(0.000123), "0.000123") && is(of_double(100), "100"));
	CHECK(is(of_double(1e20), "100000000000000000000") && is(of_double(1e22), "1e22"));
	CHECK(is(of_double(1e-7), "1e-7") && is(of_double(0.1 + 0.2), "0.30000000000000004"));
	CHECK(is(of_double(0.000001), "0.000001") && is(of_double(123456.789), "123456.789"));
}

TEST(print_of_doubles_reads_back_as_the_same_number)
{
	static const double edges[] = { DBL_MAX,	   DBL_MIN,
					DBL_TRUE_MIN,	   DBL_EPSILON,
					1.0 / 3,	   9007199254740993.0,
					999999999999999.9, 9.9999999999999999e22 };
	struct atr_ids ids = { { 0 } };

	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
		CHECK(strtod(of_double(edges[i]), NULL) == edges[i]);
	for (int i = 0; i < 20000; i++) {
		uint64_t bits = atr_ids_next(&ids);
		double value;

		memcpy(&value, &bits, 8);
		if (value != value || value - value != 0)
			continue; /* NaN and the infinities are no JSON numbers */
		CHECK(strtod(of_double(value), NULL) == value);
		CHECK(strlen(room) < ATR_PRINT_DOUBLE_MAX);
	}
}
