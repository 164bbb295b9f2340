/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/encode.h"

/* The length of a well-formed UTF-8 sequence at the start; 0 when there is none (RFC 3629). */
static size_t sequence(const unsigned char *at, size_t len)
{
	unsigned char c = at[0];
	size_t n = c < 0x80		 ? 1 :
		   c >= 0xc2 && c < 0xe0 ? 2 :
		   c >= 0xe0 && c < 0xf0 ? 3 :
		   c >= 0xf0 && c < 0xf5 ? 4 :
					   0;

	if (!n || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((c == 0xe0 && at[1] < 0xa0) || (c == 0xed && at[1] > 0x9f) ||
	    (c == 0xf0 && at[1] < 0x90) || (c == 0xf4 && at[1] > 0x8f))
		return 0;
	return n;
}

/* How much of the start is ASCII, in whole words. */
static size_t ascii_words(const char *text, size_t len)
{
	size_t done = 0;
	uint64_t word;

	for (; len - done >= 8; done += 8) {
		memcpy(&word, text + done, 8);
		if (word & 0x8080808080808080u)
			break;
	}
	return done;
}

size_t atr_utf8_clean(const char *text, size_t len, size_t characters_max, char *out)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t done = 0, characters = 0;
	char *to = out;

	while (done < len && characters < characters_max) {
		size_t left = len - done, most = characters_max - characters;
		size_t n = ascii_words(text + done, left < most ? left : most);

		if (n) {
			memcpy(to, text + done, n);
			characters += n;
			to += n;
			done += n;
			continue;
		}
		n = sequence(at + done, left);
		memcpy(to, n ? text + done : "\xef\xbf\xbd", n ? n : 3); /* U+FFFD */
		to += n ? n : 3;
		done += n ? n : 1;
		characters++;
	}
	return (size_t)(to - out);
}

bool atr_utf8_is_valid(struct atr_str text)
{
	size_t n;

	for (size_t done = 0; done < text.len; done += n) {
		n = sequence((const unsigned char *)text.at + done, text.len - done);
		if (!n)
			return false;
	}
	return true;
}
