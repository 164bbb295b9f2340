/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PROPAGATOR_STR_H
#define ATR_PROPAGATOR_STR_H

/*
 * str: borrowed bytes, a pointer and a length. Never owned, never freed, and
 * not ended by a NUL. A string that is absent has a NULL pointer; one that is
 * empty has a length of 0.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct atr_str {
	const char *at;
	size_t len;
};

/* A header or variable: its name and its value. */
struct atr_pair {
	struct atr_str name;
	struct atr_str value;
};

#define ATR_STR(literal) ((struct atr_str){ (literal), sizeof(literal) - 1 })

static inline struct atr_str atr_str(const char *text)
{
	return (struct atr_str){ text, text ? strlen(text) : 0 };
}

static inline bool atr_str_equal(struct atr_str a, struct atr_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* ASCII letters compare without case; every other byte as it is. */
static inline bool atr_str_equal_nocase(struct atr_str a, struct atr_str b)
{
	size_t i = 0;

	if (a.len != b.len)
		return false;
	/* mostly they are written the same */
	for (uint64_t x, y; i + sizeof(x) <= a.len; i += sizeof(x)) {
		memcpy(&x, a.at + i, sizeof(x));
		memcpy(&y, b.at + i, sizeof(y));
		if (x != y)
			break;
	}
	for (; i < a.len; i++) {
		unsigned char x = (unsigned char)a.at[i], y = (unsigned char)b.at[i];

		if (x == y)
			continue;
		if ((x | 0x20) != (y | 0x20) || (x | 0x20) < 'a' || (x | 0x20) > 'z')
			return false;
	}
	return true;
}

static inline bool atr_str_begins(struct atr_str text, struct atr_str prefix)
{
	return text.len >= prefix.len && !memcmp(text.at, prefix.at, prefix.len);
}

static inline void atr_str_skip(struct atr_str *text, size_t len)
{
	text->at += len;
	text->len -= len;
}

/* Takes the prefix off; false: it is none of it. */
static inline bool atr_str_strip(struct atr_str *text, struct atr_str prefix)
{
	if (!atr_str_begins(*text, prefix))
		return false;
	atr_str_skip(text, prefix.len);
	return true;
}

static inline bool atr_str_strip_nocase(struct atr_str *text, struct atr_str prefix)
{
	if (text->len < prefix.len ||
	    !atr_str_equal_nocase((struct atr_str){ text->at, prefix.len }, prefix))
		return false;
	atr_str_skip(text, prefix.len);
	return true;
}

/* Copies text to where there is room for it. Most is short, and a call would be dear for that. */
static inline void atr_str_put(char *to, struct atr_str text)
{
	struct {
		uint64_t a, b;
	} first, last;
	uint32_t half, other;

	if (text.len > 32) {
		memcpy(to, text.at, text.len);
	} else if (text.len >= 16) {
		memcpy(&first, text.at, 16);
		memcpy(&last, text.at + text.len - 16, 16);
		memcpy(to, &first, 16);
		memcpy(to + text.len - 16, &last, 16);
	} else if (text.len >= 8) {
		memcpy(&first.a, text.at, 8);
		memcpy(&last.a, text.at + text.len - 8, 8);
		memcpy(to, &first.a, 8);
		memcpy(to + text.len - 8, &last.a, 8);
	} else if (text.len >= 4) {
		memcpy(&half, text.at, 4);
		memcpy(&other, text.at + text.len - 4, 4);
		memcpy(to, &half, 4);
		memcpy(to + text.len - 4, &other, 4);
	} else if (text.len) {
		to[0] = text.at[0];
		to[text.len / 2] = text.at[text.len / 2];
		to[text.len - 1] = text.at[text.len - 1];
	}
}

/* A number of decimal digits and nothing else, of at most `most`; *out is as it was where it is none. */
static inline bool atr_str_decimal(struct atr_str text, uint64_t most, uint64_t *out)
{
	uint64_t number = 0;

	for (size_t i = 0; i < text.len; i++) {
		unsigned digit = (unsigned)(unsigned char)text.at[i] - '0';

		if (digit > 9 || digit > most || number > (most - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	if (text.len)
		*out = number;
	return text.len != 0;
}

/* Without the spaces and tabs around it. */
static inline struct atr_str atr_str_trim(struct atr_str s)
{
	while (s.len && (s.at[0] == ' ' || s.at[0] == '\t'))
		s.at++, s.len--;
	while (s.len && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
		s.len--;
	return s;
}

#endif
