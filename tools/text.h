/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_TEXT_H
#define ATR_TOOLS_TEXT_H

/*
 * text: foreign strings made fit to be shown, and numbers made readable.
 *
 * Names and attributes come from whoever sent them: they may hold anything, also
 * what would move a terminal's cursor. All of it passes through here.
 */
#include "tools/trace.h"

#include <stdio.h>

#define ATR_TEXT_REPLACEMENT 0xfffdu

/*
 * Takes the next code point off the front of *rest, which must not be empty. A
 * byte that is not part of well-formed UTF-8 is taken alone and is a
 * REPLACEMENT; so is a NUL. _put writes one as UTF-8.
 */
uint32_t atr_text_next(struct atr_str *rest);
void atr_text_put(FILE *out, uint32_t code);

/* Whether it can be shown: no control character, and none that changes the writing direction. */
bool atr_text_is_plain(uint32_t code);

/* Columns on a terminal: 0, 1 or 2. */
unsigned atr_text_width(uint32_t code);

/*
 * Writes at most `columns` columns of the text: what cannot be shown (outside
 * ASCII too, unless utf8) as '?', and a mark at the end when it was cut. Returns
 * the columns written. _columns: how many the whole text would take.
 */
unsigned atr_text_fit(FILE *out, struct atr_str text, unsigned columns, bool utf8);
unsigned atr_text_columns(struct atr_str text, bool utf8);

/*
 * A value as one word of a line: strings as they are, or between quotes with
 * escapes when they hold anything but visible ASCII or a quote; arrays and maps
 * as JSON writes them; bytes in hex.
 */
void atr_text_value(FILE *out, const struct atr_value *value);

/* "950ns", "12.3us", "1.24ms", "152ms", "3.20s", "2m03s", "1h02m": three digits, the unit that fits. */
#define ATR_TEXT_DURATION_MAX 24
void atr_text_duration(uint64_t ns, char out[static ATR_TEXT_DURATION_MAX]);

/* The letters of a kind: "INTERNAL", or in one: I S C P R ('R'eceives: CONSUMER), '-'. */
const char *atr_text_kind(uint8_t kind);
char atr_text_kind_letter(uint8_t kind);
const char *atr_text_status(uint8_t status); /* "UNSET", "OK", "ERROR" */

#endif
