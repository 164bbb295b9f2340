/* SPDX-License-Identifier: Apache-2.0 */
#include "export/config/reading.h"

static bool is_letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t name_len(struct atr_str text)
{
	size_t len = 0;

	if (!text.len || is_digit(text.at[0]))
		return 0;
	while (len < text.len &&
	       (is_letter(text.at[len]) || is_digit(text.at[len]) || text.at[len] == '_'))
		len++;
	return len;
}

struct atr_str atr_environment_value(struct atr_str name, char *const *environment)
{
	for (char *const *v = environment; v && *v; v++)
		if (strncmp(*v, name.at, name.len) == 0 && (*v)[name.len] == '=')
			return atr_str(*v + name.len + 1);
	return (struct atr_str){ 0 };
}

static struct atr_str behind(struct atr_str s, size_t len)
{
	return (struct atr_str){ s.at + len, s.len - len };
}

/* What stands between ${ and }. */
static bool put_reference(struct atr_str inside, char *const *environment, struct atr_print *out)
{
	struct atr_str name, rest, value;

	if (inside.len > 4 && memcmp(inside.at, "env:", 4) == 0 && inside.at[4] != '-')
		inside = behind(inside, 4);
	name = (struct atr_str){ inside.at, name_len(inside) };
	rest = behind(inside, name.len);
	if (!name.len || (rest.len && (rest.len < 2 || memcmp(rest.at, ":-", 2) != 0)) ||
	    (rest.len && memchr(rest.at, '\n', rest.len)))
		return false;
	value = atr_environment_value(name, environment);
	if (!value.len && rest.len)
		value = behind(rest, 2);
	atr_print(out, value);
	return true;
}

/* A part without $$ in it. */
static bool put_part(struct atr_str part, char *const *environment, struct atr_print *out)
{
	while (part.len) {
		const char *open = memmem(part.at, part.len, "${", 2), *close = NULL;
		struct atr_str inside;

		if (open)
			close = memchr(open, '}', part.len - (size_t)(open - part.at));
		if (!close || close == open + 2) {
			/* no reference begins here; behind an empty one another may */
			size_t plain = close ? (size_t)(close + 1 - part.at) : part.len;

			atr_print(out, (struct atr_str){ part.at, plain });
			part = behind(part, plain);
			continue;
		}
		inside = (struct atr_str){ open + 2, (size_t)(close - open - 2) };
		atr_print(out, (struct atr_str){ part.at, (size_t)(open - part.at) });
		if (!put_reference(inside, environment, out))
			return false;
		part = behind(part, (size_t)(close + 1 - part.at));
	}
	return true;
}

bool atr_substitute(struct atr_str in, char *const *environment, struct atr_print *out)
{
	while (in.len) {
		const char *escape = memmem(in.at, in.len, "$$", 2);
		struct atr_str part = in;

		if (escape)
			part.len = (size_t)(escape - in.at);
		if (!put_part(part, environment, out))
			return false;
		if (escape)
			atr_print(out, ATR_STR("$"));
		in = behind(in, part.len + (escape ? 2 : 0));
	}
	return true;
}
