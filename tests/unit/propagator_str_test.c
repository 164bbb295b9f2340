/* SPDX-License-Identifier: Apache-2.0 */
#include "propagator/str.h"
#include "tests/test.h"

TEST(str_decimal_is_digits_up_to_the_most_and_nothing_else)
{
	static const struct {
		const char *text;
		uint64_t most, number;
		bool good;
	} cases[] = {
		{ "0", 9, 0, true },
		{ "007", 9, 7, true },
		{ "65535", 65535, 65535, true },
		{ "65536", 65535, 0, false },
		{ "18446744073709551615", UINT64_MAX, UINT64_MAX, true },
		{ "18446744073709551616", UINT64_MAX, 0, false },
		{ "99999999999999999999999", UINT64_MAX, 0, false },
		{ "5", 4, 0, false },
		{ "1", 0, 0, false },
		{ "", 9, 0, false },
		{ "-1", 9, 0, false },
		{ "+1", 9, 0, false },
		{ " 1", 9, 0, false },
		{ "1 ", 9, 0, false },
		{ "0x1", 9, 0, false },
		{ "1\xff", 99, 0, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t number = 4711;

		CHECK(atr_str_decimal(atr_str(cases[i].text), cases[i].most, &number) ==
		      cases[i].good);
		CHECK(number == (cases[i].good ? cases[i].number : 4711));
	}
	CHECK(!atr_str_decimal((struct atr_str){ 0 }, 9, &(uint64_t){ 0 }));
}
