/* SPDX-License-Identifier: Apache-2.0 */
#include "export/print.h"

void atr_print(struct atr_print *t, struct atr_str s)
{
	size_t room = t->cap - t->len;

	if (t->is_cut)
		return;
	if (s.len > room) {
		t->is_cut = true;
		s.len = room;
	}
	atr_str_put(t->at + t->len, s);
	t->len += s.len;
}

static void put_number(struct atr_print *t, uint64_t n, unsigned base, bool is_negative)
{
	char digits[24], *at = digits + sizeof(digits);

	do
		*--at = "0123456789abcdef"[n % base];
	while (n /= base);
	if (is_negative)
		*--at = '-';
	atr_print(t, (struct atr_str){ at, (size_t)(digits + sizeof(digits) - at) });
}

void atr_print_uint(struct atr_print *t, uint64_t n)
{
	put_number(t, n, 10, false);
}

void atr_print_int(struct atr_print *t, int64_t n)
{
	put_number(t, n < 0 ? -(uint64_t)n : (uint64_t)n, 10, n < 0);
}

/* The form at the start of `format`, which is moved past it. */
static bool begins(const char **format, const char *form)
{
	size_t len = strlen(form);

	if (strncmp(*format, form, len) != 0)
		return false;
	*format += len;
	return true;
}

void atr_print_format(struct atr_print *t, const char *format, va_list args)
{
	while (*format) {
		const char *percent = strchrnul(format, '%');

		atr_print(t, (struct atr_str){ format, (size_t)(percent - format) });
		format = percent;
		if (begins(&format, "%s")) {
			atr_print(t, atr_str(va_arg(args, const char *)));
		} else if (begins(&format, "%.*s")) {
			int len = va_arg(args, int);
			const char *at = va_arg(args, const char *);

			atr_print(t, (struct atr_str){ at, at && len > 0 ? (size_t)len : 0 });
		} else if (begins(&format, "%d")) {
			atr_print_int(t, va_arg(args, int));
		} else if (begins(&format, "%u")) {
			atr_print_uint(t, va_arg(args, unsigned));
		} else if (begins(&format, "%zu")) {
			atr_print_uint(t, va_arg(args, size_t));
		} else if (begins(&format, "%llu")) {
			atr_print_uint(t, va_arg(args, unsigned long long));
		} else if (begins(&format, "%x")) {
			put_number(t, va_arg(args, unsigned), 16, false);
		} else if (*format) {
			atr_print(t, ATR_STR("%"));
			format += format[1] == '%' ? 2 : 1;
		}
	}
}

/*
 * A double is mantissa * 2^exponent. Its digits are found exactly, with a whole
 * number of many limbs: mantissa * 2^exponent, or mantissa * 5^-exponent with
 * the point moved -exponent places to the left.
 */
#define LIMB 1000000000u
#define LIMBS 96 /* 767 digits, of the smallest numbers, fill 86 */

struct whole {
	uint32_t limb[LIMBS]; /* the lowest first */
	int nr;
};

static void multiply(struct whole *w, uint32_t by)
{
	uint64_t carry = 0;

	for (int i = 0; i < w->nr; i++) {
		carry += (uint64_t)w->limb[i] * by;
		w->limb[i] = (uint32_t)(carry % LIMB);
		carry /= LIMB;
	}
	while (carry) {
		w->limb[w->nr++] = (uint32_t)(carry % LIMB);
		carry /= LIMB;
	}
}

static void multiply_power(struct whole *w, uint32_t base, int power, int at_once)
{
	while (power > 0) {
		uint32_t by = 1;

		for (int i = 0; i < at_once && power > 0; i++, power--)
			by *= base;
		multiply(w, by);
	}
}

/* All digits, the highest first, none of them a leading zero; their number. */
static int digits_of(const struct whole *w, char out[static LIMBS * 9])
{
	int nr = 0, zeros = 0;

	for (int i = w->nr; i--;) {
		uint32_t limb = w->limb[i];

		for (int j = 8; j >= 0; j--, limb /= 10)
			out[nr + j] = (char)('0' + limb % 10);
		nr += 9;
	}
	while (zeros < nr - 1 && out[zeros] == '0')
		zeros++;
	memmove(out, out + zeros, (size_t)(nr - zeros));
	return nr - zeros;
}

/* The first `keep` digits as a number, rounded. */
static uint64_t rounded(const char *digits, int nr, int keep)
{
	uint64_t n = 0;

	for (int i = 0; i < keep; i++)
		n = n * 10 + (i < nr ? (uint64_t)(digits[i] - '0') : 0);
	return n + (keep < nr && digits[keep] >= '5');
}

/* Whether n * 10^power is this value; both factors are exact, so that a single rounding is right. */
static bool reads_back(uint64_t n, int power, double value)
{
	double ten = 1;

	if (power > 22 || power < -22)
		return false;
	for (int i = power < 0 ? -power : power; i > 0; i--)
		ten *= 10;
	return (power < 0 ? (double)n / ten : (double)n * ten) == value;
}

/* n * 10^power: with a point when that is short, else with an exponent. */
static void put_decimal(struct atr_print *t, uint64_t n, int power)
{
	char digits[24];
	struct atr_print d = { digits, 0, sizeof(digits), false };
	int point;

	while (n && n % 10 == 0) {
		n /= 10;
		power++;
	}
	atr_print_uint(&d, n);
	point = (int)d.len + power; /* digits before the point */
	if (point > 21 || point < -5) {
		atr_print(t, (struct atr_str){ digits, 1 });
		if (d.len > 1)
			atr_print(t, ATR_STR("."));
		atr_print(t, (struct atr_str){ digits + 1, d.len - 1 });
		atr_print(t, ATR_STR("e"));
		atr_print_int(t, point - 1);
		return;
	}
	if (point <= 0)
		atr_print(t, (struct atr_str){ "0.00000", (size_t)(2 - point) });
	if (point > 0 && point < (int)d.len) {
		atr_print(t, (struct atr_str){ digits, (size_t)point });
		atr_print(t, ATR_STR("."));
		atr_print(t, (struct atr_str){ digits + point, d.len - (size_t)point });
		return;
	}
	atr_print(t, (struct atr_str){ digits, d.len });
	for (int i = (int)d.len; i < point; i++)
		atr_print(t, ATR_STR("0"));
}

size_t atr_print_double(double value, char out[static ATR_PRINT_DOUBLE_MAX])
{
	struct atr_print t = { out, 0, ATR_PRINT_DOUBLE_MAX, false };
	struct whole w;
	char digits[LIMBS * 9];
	uint64_t bits, mantissa, n;
	int exponent, nr, power;

	memcpy(&bits, &value, 8);
	mantissa = bits & ((1ull << 52) - 1);
	exponent = (int)(bits >> 52 & 0x7ff);
	if (exponent)
		mantissa |= 1ull << 52;
	exponent = (exponent ? exponent : 1) - 1075;
	if (bits >> 63)
		atr_print(&t, ATR_STR("-"));
	if (!mantissa) {
		atr_print(&t, ATR_STR("0"));
		return t.len;
	}
	while (!(mantissa & 1)) {
		mantissa >>= 1;
		exponent++;
	}
	w.limb[0] = (uint32_t)(mantissa % LIMB);
	w.limb[1] = (uint32_t)(mantissa / LIMB);
	w.nr = 2;
	multiply_power(&w, 2, exponent, 29);
	multiply_power(&w, 5, -exponent, 13);
	nr = digits_of(&w, digits);
	power = (exponent < 0 ? exponent : 0) + nr;
	n = rounded(digits, nr, 15);
	if (reads_back(n, power - 15, bits >> 63 ? -value : value))
		put_decimal(&t, n, power - 15);
	else
		put_decimal(&t, rounded(digits, nr, 17), power - 17);
	return t.len;
}
