/* SPDX-License-Identifier: Apache-2.0 */
#include "export/config/reading.h"

static bool is_one_of(struct atr_str text, const char *const *words)
{
	for (; *words; words++)
		if (atr_str_equal(text, atr_str(*words)))
			return true;
	return false;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* [-+]?[0-9]+, 0o[0-7]+, 0x[0-9a-fA-F]+; what is larger than int64_t stops at its end. */
static bool is_int(struct atr_str text, int64_t *out)
{
	bool is_negative = text.len && text.at[0] == '-';
	int64_t n = 0;
	int base = 10;
	size_t i = text.len && (text.at[0] == '-' || text.at[0] == '+');

	if (text.len > 2 && text.at[0] == '0' && (text.at[1] == 'x' || text.at[1] == 'o')) {
		base = text.at[1] == 'x' ? 16 : 8;
		i = 2;
	}
	if (i == text.len)
		return false;
	for (; i < text.len; i++) {
		int digit = digit_of(text.at[i]);

		if (digit >= base)
			return false;
		if (n > (INT64_MAX - digit) / base)
			n = INT64_MAX;
		else
			n = n * base + digit;
	}
	*out = is_negative ? -n : n;
	return true;
}

static size_t digits(struct atr_str text, size_t from)
{
	size_t i = from;

	while (i < text.len && text.at[i] >= '0' && text.at[i] <= '9')
		i++;
	return i - from;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?, and the words. */
static bool is_float(struct atr_str text)
{
	static const char *const words[] = { ".nan",  ".NaN",  ".NAN",	".inf",	 ".Inf",
					     ".INF",  "-.inf", "-.Inf", "-.INF", "+.inf",
					     "+.Inf", "+.INF", NULL };
	size_t i = text.len && (text.at[0] == '-' || text.at[0] == '+'), before, after = 0;

	if (is_one_of(text, words))
		return true;
	before = digits(text, i);
	i += before;
	if (i < text.len && text.at[i] == '.') {
		after = digits(text, i + 1);
		i += 1 + after;
	}
	if (!before && !after)
		return false;
	if (i < text.len && (text.at[i] | 0x20) == 'e') {
		size_t sign = i + 1 < text.len && (text.at[i + 1] == '-' || text.at[i + 1] == '+');
		size_t exponent = digits(text, i + 1 + sign);

		if (!exponent)
			return false;
		i += 1 + sign + exponent;
	}
	return i == text.len;
}

struct atr_scalar atr_scalar_of(struct atr_str text, bool is_quoted)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const trues[] = { "true", "True", "TRUE", NULL };
	static const char *const falses[] = { "false", "False", "FALSE", NULL };
	struct atr_scalar out = { ATR_SCALAR_TEXT, text, 0 };

	if (is_quoted)
		return out;
	if (is_one_of(text, nulls)) {
		out.type = ATR_SCALAR_NULL;
	} else if (is_one_of(text, trues) || is_one_of(text, falses)) {
		out.type = ATR_SCALAR_BOOL;
		out.number = (text.at[0] | 0x20) == 't';
	} else if (is_int(text, &out.number)) {
		out.type = ATR_SCALAR_INT;
	} else if (is_float(text)) {
		out.type = ATR_SCALAR_FLOAT;
	}
	return out;
}
