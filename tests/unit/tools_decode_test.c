/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tools.h"

#include "tools/decode.h"

TEST(decode_hex_takes_exactly_as_many_digits_of_either_case)
{
	static const char *const wrong[] = { "", "0", "00f", "00fg", "00 f", "00ff0", "0x00" };
	uint8_t out[2];

	CHECK(atr_decode_hex(ATR_STR("0aFf"), out, 2) && out[0] == 0x0a && out[1] == 0xff);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(!atr_decode_hex(atr_str(wrong[i]), out, 2) && !out[0] && !out[1]);
}

TEST(decode_base64_stops_at_the_padding_and_at_what_is_no_digit)
{
	static const struct {
		const char *text, *bytes;
		bool is_end;
	} cases[] = {
		{ "", "", true },
		{ "Zg==", "f", true },
		{ "Zm8=", "fo", true },
		{ "Zm9v", "foo", true },
		{ "Zm9v\n", "foo", true },
		{ "Zm9vYmE", "fooba", true },
		{ "Zm9v!xx", "foo", false },
		{ "Zg==Zg==", "f", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct atr_str text = atr_str(cases[i].text);
		char out[16];
		size_t len = atr_decode_base64(&text, out);

		CHECK(len == strlen(cases[i].bytes) && memcmp(out, cases[i].bytes, len) == 0);
		CHECK(atr_decode_base64_is_end(text) == cases[i].is_end);
	}
}
