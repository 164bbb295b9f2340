/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/text.h"

#include <inttypes.h>
#include <string.h>

struct range {
	uint32_t first, last;
};

static bool in_ranges(uint32_t code, const struct range *ranges, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	}
	return false;
}
#define IN(code, ranges) in_ranges(code, ranges, sizeof(ranges) / sizeof((ranges)[0]))

/* How many bytes a sequence with this first byte has; 0: no sequence begins so. */
static unsigned sequence_len(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first < 0xe0)
		return 2;
	if (first >= 0xe0 && first < 0xf0)
		return 3;
	return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

static bool is_overlong_or_surrogate(uint32_t code, unsigned len)
{
	return (len == 3 && code < 0x800) || (len == 4 && code < 0x10000) || code > 0x10ffff ||
	       (code >= 0xd800 && code < 0xe000);
}

uint32_t atr_text_next(struct atr_str *rest)
{
	const unsigned char *at = (const unsigned char *)rest->at;
	unsigned len = sequence_len(at[0]);
	uint32_t code = len > 1 ? at[0] & (0x7fu >> len) : at[0];
	bool good = len && len <= rest->len && at[0];

	for (unsigned i = 1; good && i < len; i++) {
		good = (at[i] & 0xc0) == 0x80;
		code = code << 6 | (at[i] & 0x3f);
	}
	good = good && !is_overlong_or_surrogate(code, len);
	if (!good)
		len = 1;
	rest->at += len;
	rest->len -= len;
	return good ? code : ATR_TEXT_REPLACEMENT;
}

void atr_text_put(FILE *out, uint32_t code)
{
	if (code < 0x80) {
		putc((int)code, out);
		return;
	}
	if (code < 0x800) {
		putc((int)(0xc0 | code >> 6), out);
	} else {
		if (code < 0x10000) {
			putc((int)(0xe0 | code >> 12), out);
		} else {
			putc((int)(0xf0 | code >> 18), out);
			putc((int)(0x80 | (code >> 12 & 0x3f)), out);
		}
		putc((int)(0x80 | (code >> 6 & 0x3f)), out);
	}
	putc((int)(0x80 | (code & 0x3f)), out);
}

bool atr_text_is_plain(uint32_t code)
{
	static const struct range hidden[] = {
		{ 0x00, 0x1f },	    { 0x7f, 0x9f },	{ 0x61c, 0x61c },
		{ 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
		{ 0xfeff, 0xfeff }, { 0xfff9, 0xfffb }, { 0xe0000, 0xe0fff },
	};

	return !IN(code, hidden);
}

/* Coarse on purpose: the locale's own table is not the same on both ends of a pipe. */
unsigned atr_text_width(uint32_t code)
{
	static const struct range none[] = {
		{ 0x300, 0x36f },   { 0x483, 0x489 },	{ 0x591, 0x5bd },   { 0x610, 0x61a },
		{ 0x64b, 0x65f },   { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff }, { 0x20d0, 0x20ff },
		{ 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f },
	};
	static const struct range two[] = {
		{ 0x1100, 0x115f },   { 0x2e80, 0xa4cf },   { 0xac00, 0xd7a3 },
		{ 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },
		{ 0xffe0, 0xffe6 },   { 0x1f300, 0x1f64f }, { 0x1f900, 0x1f9ff },
		{ 0x20000, 0x3fffd },
	};

	if (IN(code, none))
		return 0;
	return IN(code, two) ? 2 : 1;
}

static uint32_t shown(uint32_t code, bool utf8)
{
	return atr_text_is_plain(code) && (utf8 || code < 0x80) ? code : '?';
}

unsigned atr_text_columns(struct atr_str text, bool utf8)
{
	unsigned columns = 0;

	while (text.len)
		columns += atr_text_width(shown(atr_text_next(&text), utf8));
	return columns;
}

unsigned atr_text_fit(FILE *out, struct atr_str text, unsigned columns, bool utf8)
{
	bool cut = atr_text_columns(text, utf8) > columns;
	unsigned room = cut && columns ? columns - 1 : columns, used = 0;

	while (text.len) {
		uint32_t code = shown(atr_text_next(&text), utf8);
		unsigned width = atr_text_width(code);

		if (used + width > room)
			break;
		atr_text_put(out, code);
		used += width;
	}
	if (cut && columns) {
		atr_text_put(out, utf8 ? 0x2026 : '~');
		used++;
	}
	return used;
}

static bool is_bare_word(struct atr_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] <= ' ' || text.at[i] > '~' || text.at[i] == '"' ||
		    text.at[i] == '\\')
			return false;
	}
	return text.len > 0;
}

static void put_quoted(FILE *out, struct atr_str text)
{
	putc('"', out);
	while (text.len) {
		uint32_t code = atr_text_next(&text);

		if (code == '"' || code == '\\')
			fprintf(out, "\\%c", (int)code);
		else if (!atr_text_is_plain(code))
			fprintf(out, "\\u%04" PRIx32, code);
		else
			atr_text_put(out, code);
	}
	putc('"', out);
}

static void put_number(FILE *out, const struct atr_value *value)
{
	if (value->type == ATR_VALUE_INT)
		fprintf(out, "%" PRId64, value->integer);
	else if (value->type == ATR_VALUE_DOUBLE)
		fprintf(out, "%.15g", value->real);
	else
		fputs(value->truth ? "true" : "false", out);
}

static void put_list(FILE *out, const struct atr_value *value)
{
	bool is_map = value->type == ATR_VALUE_MAP;

	putc(is_map ? '{' : '[', out);
	for (const struct atr_field *f = value->list.first; f; f = f->next) {
		if (is_map) {
			put_quoted(out, f->key);
			putc(':', out);
		}
		if (f->value.type == ATR_VALUE_STR)
			put_quoted(out, f->value.str);
		else
			atr_text_value(out, &f->value);
		if (f->next)
			putc(',', out);
	}
	putc(is_map ? '}' : ']', out);
}

void atr_text_value(FILE *out, const struct atr_value *value)
{
	switch (value->type) {
	case ATR_VALUE_STR:
		if (is_bare_word(value->str))
			fwrite(value->str.at, 1, value->str.len, out);
		else
			put_quoted(out, value->str);
		break;
	case ATR_VALUE_BOOL:
	case ATR_VALUE_INT:
	case ATR_VALUE_DOUBLE:
		put_number(out, value);
		break;
	case ATR_VALUE_ARRAY:
	case ATR_VALUE_MAP:
		put_list(out, value);
		break;
	case ATR_VALUE_BYTES:
		for (size_t i = 0; i < value->str.len; i++)
			fprintf(out, "%02x", (unsigned char)value->str.at[i]);
		break;
	case ATR_VALUE_NONE:
		fputs("null", out);
		break;
	}
}

/* Rounded to three digits first: 999999 ns are 1.00ms and not 1000us. */
static uint64_t three_digits(uint64_t ns)
{
	uint64_t unit = 1;

	while (ns / unit >= 1000)
		unit *= 10;
	return unit > 1 ? (ns / unit + (ns % unit >= unit / 2)) * unit : ns;
}

void atr_text_duration(uint64_t ns, char out[static ATR_TEXT_DURATION_MAX])
{
	static const struct {
		uint64_t ns;
		const char *name;
	} units[] = { { 1000000000, "s" }, { 1000000, "ms" }, { 1000, "us" } };
	uint64_t seconds = ns / 1000000000 + (ns % 1000000000 >= 500000000);
	uint64_t rounded = three_digits(ns);

	if (seconds >= 3600) {
		snprintf(out, ATR_TEXT_DURATION_MAX, "%" PRIu64 "h%02um", seconds / 3600,
			 (unsigned)(seconds % 3600 / 60));
		return;
	}
	if (rounded >= 60 * UINT64_C(1000000000)) {
		snprintf(out, ATR_TEXT_DURATION_MAX, "%um%02us", (unsigned)(seconds / 60),
			 (unsigned)(seconds % 60));
		return;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		double value = (double)rounded / (double)units[i].ns;

		if (rounded < units[i].ns)
			continue;
		snprintf(out, ATR_TEXT_DURATION_MAX, "%.*f%s",
			 value < 10  ? 2 :
			 value < 100 ? 1 :
				       0,
			 value, units[i].name);
		return;
	}
	snprintf(out, ATR_TEXT_DURATION_MAX, ns ? "%" PRIu64 "ns" : "0", ns);
}

const char *atr_text_kind(uint8_t kind)
{
	static const char *const names[ATR_NODE_KINDS] = { "UNSPECIFIED", "INTERNAL", "SERVER",
							   "CLIENT",	  "PRODUCER", "CONSUMER" };

	return names[kind < ATR_NODE_KINDS ? kind : 0];
}

char atr_text_kind_letter(uint8_t kind)
{
	return "-ISCPR"[kind < ATR_NODE_KINDS ? kind : 0];
}

const char *atr_text_status(uint8_t status)
{
	return status == 2 ? "ERROR" : status == 1 ? "OK" : "UNSET";
}
