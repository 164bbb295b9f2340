/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PROPAGATOR_HEX_H
#define ATR_PROPAGATOR_HEX_H

/* hex: ids as hexadecimal digits. */
#include "propagator/str.h"

#include <endian.h>
#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

/* Sixteen digits and eight bytes at a time. */
#ifdef __SSE2__

static inline bool atr_hex_read_eight(const char *text, uint8_t *out)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)text);
	__m128i letters = _mm_and_si128(_mm_cmpgt_epi8(v, _mm_set1_epi8('a' - 1)),
					_mm_cmplt_epi8(v, _mm_set1_epi8('f' + 1)));
	__m128i digits = _mm_and_si128(_mm_cmpgt_epi8(v, _mm_set1_epi8('0' - 1)),
				       _mm_cmplt_epi8(v, _mm_set1_epi8('9' + 1)));

	if (_mm_movemask_epi8(_mm_or_si128(letters, digits)) != 0xffff)
		return false;
	v = _mm_add_epi8(_mm_and_si128(v, _mm_set1_epi8(0x0f)),
			 _mm_and_si128(letters, _mm_set1_epi8(9)));
	/* pairs of digits to bytes, and the bytes side by side */
	v = _mm_or_si128(_mm_slli_epi16(v, 4), _mm_srli_epi16(v, 8));
	v = _mm_and_si128(v, _mm_set1_epi16(0x00ff));
	_mm_storel_epi64((__m128i *)(void *)out, _mm_packus_epi16(v, v));
	return true;
}

static inline void atr_hex_write_eight(char *out, const uint8_t *bytes)
{
	__m128i v = _mm_loadl_epi64((const __m128i *)(const void *)bytes);

	v = _mm_and_si128(_mm_unpacklo_epi8(_mm_srli_epi16(v, 4), v), _mm_set1_epi8(0x0f));
	/* those of 10 and more are letters */
	v = _mm_add_epi8(
		_mm_add_epi8(v, _mm_set1_epi8('0')),
		_mm_and_si128(_mm_cmpgt_epi8(v, _mm_set1_epi8(9)), _mm_set1_epi8('a' - '9' - 1)));
	_mm_storeu_si128((__m128i *)(void *)out, v);
}

#else

static inline void atr_hex_write_four(char *out, const uint8_t *bytes);

static inline bool atr_hex_read_eight(const char *text, uint8_t *out)
{
	return atr_hex_read_four(text, out) && atr_hex_read_four(text + 8, out + 4);
}

static inline void atr_hex_write_eight(char *out, const uint8_t *bytes)
{
	atr_hex_write_four(out, bytes);
	atr_hex_write_four(out + 8, bytes + 4);
}

#endif

/* Reads 2 * len lower-case digits. */
static inline bool atr_hex_read(const char *text, uint8_t *out, size_t len)
{
	unsigned wrong = 0;

	for (; len >= 8; len -= 8, text += 16, out += 8)
		if (!atr_hex_read_eight(text, out))
			return false;
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

	for (; len >= 8; len -= 8, bytes += 8, out += 16)
		atr_hex_write_eight(out, bytes);
	for (; len >= 4; len -= 4, bytes += 4, out += 8)
		atr_hex_write_four(out, bytes);
	for (size_t i = 0; i < len; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	return out;
}

#endif
