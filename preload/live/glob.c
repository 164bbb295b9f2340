/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/glob.h"

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* What the last `*` stands for grows by one each time the rest does not fit. */
static bool fits(struct atr_str glob, struct atr_str text, bool nocase)
{
	size_t g = 0, t = 0, star = SIZE_MAX, behind = 0;

	while (t < text.len) {
		char c = g < glob.len ? glob.at[g] : 0;

		if (g < glob.len && c == '*') {
			star = g++;
			behind = t;
		} else if (g < glob.len && (c == '?' || c == text.at[t] ||
					    (nocase && lower(c) == lower(text.at[t])))) {
			g++;
			t++;
		} else if (star != SIZE_MAX) {
			g = star + 1;
			t = ++behind;
		} else {
			return false;
		}
	}
	while (g < glob.len && glob.at[g] == '*')
		g++;
	return g == glob.len;
}

bool atr_glob_fits(struct atr_str glob, struct atr_str text)
{
	return fits(glob, text, false);
}

bool atr_glob_fits_nocase(struct atr_str glob, struct atr_str text)
{
	return fits(glob, text, true);
}
