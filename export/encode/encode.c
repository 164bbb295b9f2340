/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/encode.h"

/* The length of a well-formed UTF-8 sequence at the start; 0 when there is none (RFC 3629). */
static size_t sequence(const unsigned char *at, size_t len)
{
	unsigned char c = at[0];
	size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 :
			   c >= 0xf0 && c < 0xf5 ? 4 : 0;

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

size_t atr_utf8_clean(const char *text, size_t len, size_t characters_max, char *out)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t done = 0, characters = 0;
	char *to = out;

	while (done < len && characters++ < characters_max) {
		size_t n = sequence(at + done, len - done);

		memcpy(to, n ? (const char *)at + done : "\xef\xbf\xbd", n ? n : 3); /* U+FFFD */
		to += n ? n : 3;
		done += n ? n : 1;
	}
	return (size_t)(to - out);
}

bool atr_utf8_is_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] >= 0x80)
			return false;
	return true;
}
