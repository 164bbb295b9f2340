/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PROPAGATOR_HEX_H
#define ATR_PROPAGATOR_HEX_H

/* hex: ids as hexadecimal digits. */
#include "propagator/str.h"

#include <endian.h>
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

/*
 * Eight digits and four bytes at a time, as one word: what is said of a byte below is
 * done to all of them. `ones` is that byte in each place.
 */
#define ATR_HEX_ONES UINT64_C(0x0101010101010101)

/* In each byte below 0x80 of v: the top bit is set where it is at least `least`. */
static inline uint64_t atr_hex_from(uint64_t v, uint8_t least)
{
	return ((v | 0x80 * ATR_HEX_ONES) - least * ATR_HEX_ONES) & 0x80 * ATR_HEX_ONES;
}

/* Reads eight lower-case digits; false: they are not. */
static inline bool atr_hex_read_four(const char *text, uint8_t *out)
{
	const uint64_t tops = 0x80 * ATR_HEX_ONES;
	uint64_t v, letters, digits;
	uint32_t bytes;

	memcpy(&v, text, sizeof(v));
	v = le64toh(v);
	letters = atr_hex_from(v, 'a') & ~atr_hex_from(v, 'f' + 1);
	digits = atr_hex_from(v, '0') & ~atr_hex_from(v, '9' + 1);
	if ((v & tops) || (letters | digits) != tops)
		return false;
	v = (v & 0x0f * ATR_HEX_ONES) + 9 * (letters >> 7);
	/* pairs of digits to bytes, and the bytes side by side */
	v = (v << 4 | v >> 8) & UINT64_C(0x00ff00ff00ff00ff);
	v = (v | v >> 8) & UINT64_C(0x0000ffff0000ffff);
	bytes = htole32((uint32_t)(v | v >> 16));
	memcpy(out, &bytes, sizeof(bytes));
	return true;
}

/* Reads 2 * len lower-case digits. */
static inline bool atr_hex_read(const char *text, uint8_t *out, size_t len)
{
	unsigned wrong = 0;

	for (; len >= 4; len -= 4, text += 8, out += 4)
		if (!atr_hex_read_four(text, out))
			return false;
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

static inline void atr_hex_write_four(char *out, const uint8_t *bytes)
{
	uint32_t four;
	uint64_t v;

	memcpy(&four, bytes, sizeof(four));
	v = le32toh(four);
	v = (v | v << 16) & UINT64_C(0x0000ffff0000ffff);
	v = (v | v << 8) & UINT64_C(0x00ff00ff00ff00ff);
	v = (v >> 4 | v << 8) & 0x0f * ATR_HEX_ONES;
	/* those of 10 and more are letters */
	v += '0' * ATR_HEX_ONES + ('a' - '9' - 1) * (((v + 6 * ATR_HEX_ONES) >> 4) & ATR_HEX_ONES);
	v = htole64(v);
	memcpy(out, &v, sizeof(v));
}

/* Writes 2 * len lower-case digits; where they end. */
static inline char *atr_hex_write(char *out, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (; len >= 4; len -= 4, bytes += 4, out += 8)
		atr_hex_write_four(out, bytes);
	for (size_t i = 0; i < len; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	return out;
}

#endif
