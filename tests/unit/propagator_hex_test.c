/* SPDX-License-Identifier: Apache-2.0 */
#include "propagator/hex.h"

#include "tests/test.h"

#include <stdio.h>

TEST(hex_writes_what_printf_would)
{
	for (int value = 0; value < 256; value++) {
		uint8_t bytes[13];
		char out[27] = "", want[27] = "";

		for (int i = 0; i < 13; i++) {
			bytes[i] = (uint8_t)(value + 37 * i);
			snprintf(want + 2 * i, 3, "%02x", bytes[i]);
		}
		CHECK(atr_hex_write(out, bytes, 13) == out + 26);
		CHECK(!strcmp(out, want));
	}
}

TEST(hex_reads_what_it_writes)
{
	for (int value = 0; value < 256; value++) {
		uint8_t bytes[13], back[13];
		char text[26];

		for (int i = 0; i < 13; i++)
			bytes[i] = (uint8_t)(value + 91 * i);
		atr_hex_write(text, bytes, 13);
		CHECK(atr_hex_read(text, back, 13) && !memcmp(bytes, back, 13));
	}
}

TEST(hex_refuses_every_other_character_in_every_place)
{
	for (size_t at = 0; at < 26; at++)
		for (int c = 0; c < 256; c++) {
			char text[27] = "0123456789abcdef0123456742";
			uint8_t out[13];
			bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');

			text[at] = (char)c;
			CHECK(atr_hex_read(text, out, 13) == is_digit);
		}
}
