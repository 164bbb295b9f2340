/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_RULES_H
#define ATR_PRELOAD_CONN_RULES_H

/*
 * rules: the text of a variable that holds one rule after the other, by `;` or by
 * lines, or names a file that does (@path). Lines that begin with # are comments.
 * The constructor's only, but the text stays.
 */
#include "export/io.h"
#include "propagator/str.h"

/*
 * The variable's text, or its file's up to 256 KiB, which is then kept for good; absent
 * when there is none. A file that cannot be read is one warning.
 */
struct atr_str atr_rules_text(const char *name, const struct atr_io *io);

/* The next rule, trimmed; empty ones and comments are passed over. False after the last. */
bool atr_rules_next(struct atr_str *text, struct atr_str *rule);

/* A warning about a rule that is left out; of one variable the first 8. `*told` begins at 0. */
void atr_rules_wrong(const char *name, struct atr_str rule, const char *why, unsigned *told);

#endif
