/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PROPAGATOR_HEX_H
#define ATR_PROPAGATOR_HEX_H

/* hex: ids as hexadecimal digits. */
#include "propagator/str.h"

#include <stdint.h>

/* A lower-case hexadecimal digit's value, or 16. */
static inline unsigned atr_hex_lower(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a' + 10);
	return 16;
}

/* The same in either case. */
static inline unsigned atr_hex_digit(char c)
{
	return atr_hex_lower(c >= 'A' && c <= 'F' ? (char)(c | 0x20) : c);
}

/* Reads 2 * len lower-case digits. */
static inline bool atr_hex_read(const char *text, uint8_t *out, size_t len)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned high = atr_hex_lower(text[2 * i]), low = atr_hex_lower(text[2 * i + 1]);

		wrong |= (high | low) & 16;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return !wrong;
}

/* Reads 1 to 2 * len digits of either case; what is missing on the left is zero. */
static inline bool atr_hex_read_short(struct atr_str text, uint8_t *out, size_t len)
{
	if (!text.len || text.len > 2 * len)
		return false;
	memset(out, 0, len);
	for (size_t i = 0; i < text.len; i++) {
		unsigned digit = atr_hex_digit(text.at[text.len - 1 - i]);

		if (digit > 15)
			return false;
		out[len - 1 - i / 2] |= (uint8_t)(digit << (i & 1 ? 4 : 0));
	}
	return true;
}

/* Writes 2 * len lower-case digits; where they end. */
static inline char *atr_hex_write(char *out, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	return out;
}

#endif
