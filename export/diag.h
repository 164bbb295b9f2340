/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_DIAG_H
#define ATR_EXPORT_DIAG_H

/*
 * diag: what we say about ourselves. Counters always; lines only when
 * AUTOTRACE_LOG asks for them (`stderr`, or a file's path to append to).
 */
#include "export/io.h"
#include "propagator/str.h"

#include <stdint.h>

enum atr_count {
#define ATR_COUNT(id, name) ATR_COUNT_##id,
#include "export/diag.def"
#undef ATR_COUNT
	ATR_NR_COUNTS
};

/*
 * Any thread, also in a signal handler. _set is for counters that one thread alone
 * sets, and none adds to meanwhile. What _read says lies between what was counted
 * before it and what was after.
 */
void atr_count(enum atr_count what);
void atr_count_add(enum atr_count what, uint64_t n);
void atr_count_set(enum atr_count what, uint64_t n);
uint64_t atr_count_read(enum atr_count what);
const char *atr_count_name(enum atr_count what);
void atr_count_reset(void); /* a forked child */

/*
 * Where lines go; `where` absent or empty: nowhere. A file is opened for each line.
 */
void atr_log_setup(struct atr_str where, const struct atr_io *io);
bool atr_log_is_on(void);
/* What is wrong with a variable is left out from here on; or no more. */
void atr_log_without_warnings(bool without);

/*
 * One line, "autotrace[pid]: ..." and a newline, in one write. printf's forms %s
 * %d %u %zu %llu %x and %.*s only. errno is kept. Any thread, not a signal handler.
 */
void atr_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * "NAME=value: why; otherwise": a warning about a variable. Of the value as much as
 * a line should have, without what is no text. An absent one is not shown: secrets.
 */
void atr_log_bad_env(const char *name, struct atr_str value, const char *why, const char *instead);

/* Writes all counters that are not zero as lines (AUTOTRACE_STATS=true, at exit). */
void atr_log_counts(void);

#endif
