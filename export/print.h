/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_PRINT_H
#define ATR_EXPORT_PRINT_H

/*
 * print: words and numbers put together in a room of fixed size, for the lines of
 * the log and the heads of requests. Not stdio's: that follows the program's
 * locale, and may allocate and lock. Any thread, also in a signal handler.
 */
#include "propagator/str.h"

#include <stdarg.h>
#include <stdint.h>

struct atr_print {
	char *at;
	size_t len, cap;
	bool is_cut; /* something found no room: it was cut, and all behind it left out */
};

void atr_print(struct atr_print *t, struct atr_str s);
void atr_print_uint(struct atr_print *t, uint64_t n);
void atr_print_int(struct atr_print *t, int64_t n);

/* printf's forms %s %.*s %d %u %zu %llu %x and %%; another one is put as it stands. */
void atr_print_format(struct atr_print *t, const char *format, va_list args);

/*
 * A finite number in decimal, as JSON writes it, with as many digits as it takes
 * to read the same number back (15, else 17). Returns the length; no NUL.
 */
#define ATR_PRINT_DOUBLE_MAX 32
size_t atr_print_double(double value, char out[static ATR_PRINT_DOUBLE_MAX]);

#endif
