/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/decode.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool atr_decode_hex(struct atr_str digits, uint8_t *out, size_t len)
{
	memset(out, 0, len);
	if (digits.len != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		int high = hex_digit(digits.at[2 * i]), low = hex_digit(digits.at[2 * i + 1]);

		if (high < 0 || low < 0) {
			memset(out, 0, len);
			return false;
		}
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int base64_digit(char c)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

size_t atr_decode_base64(struct atr_str *text, char *out)
{
	unsigned held = 0, bits = 0;
	size_t len = 0;

	for (; text->len; text->at++, text->len--) {
		int digit = base64_digit(text->at[0]);

		if (digit < 0)
			break;
		held = (held << 6 | (unsigned)digit) & 0xffffu;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[len++] = (char)(held >> bits);
		}
	}
	return len;
}

bool atr_decode_base64_is_end(struct atr_str rest)
{
	for (size_t i = 0; i < rest.len; i++) {
		if (!strchr("=\r\n", rest.at[i]) || !rest.at[i])
			return false;
	}
	return true;
}
