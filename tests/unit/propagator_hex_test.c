/* SPDX-License-Identifier: Apache-2.0 */
#include "propagator/hex.h"

#include "tests/test.h"

#include <stdio.h>

TEST(hex_writes_what_printf_would)
{
	for (int value = 0; value < 256; value++) {
		uint8_t bytes[9];
		char out[19] = "", want[19] = "";

		for (int i = 0; i < 9; i++) {
			bytes[i] = (uint8_t)(value + 37 * i);
			snprintf(want + 2 * i, 3, "%02x", bytes[i]);
		}
		CHECK(atr_hex_write(out, bytes, 9) == out + 18);
		CHECK(!strcmp(out, want));
	}
}

TEST(hex_reads_what_it_writes)
{
	for (int value = 0; value < 256; value++) {
		uint8_t bytes[9], back[9];
		char text[18];

		for (int i = 0; i < 9; i++)
			bytes[i] = (uint8_t)(value + 91 * i);
		atr_hex_write(text, bytes, 9);
		CHECK(atr_hex_read(text, back, 9) && !memcmp(bytes, back, 9));
	}
}

TEST(hex_refuses_every_other_character_in_every_place)
{
	for (size_t at = 0; at < 18; at++)
		for (int c = 0; c < 256; c++) {
			char text[19] = "0123456789abcdef42";
			uint8_t out[9];
			bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');

			text[at] = (char)c;
			CHECK(atr_hex_read(text, out, 9) == is_digit);
		}
}
