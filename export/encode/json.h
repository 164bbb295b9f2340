/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_ENCODE_JSON_H
#define ATR_EXPORT_ENCODE_JSON_H

/*
 * json: what the encoders that make items of cJSON have in common. Numbers are printed here:
 * cJSON prints them by stdio, in the program's locale. The exporter thread only.
 */
#include "export/encode/buf.h"
#include "propagator/str.h"

#include "cJSON.h"

/*
 * Text as a string of its own, in the arena, ended by a NUL; valid UTF-8 of at most so many
 * characters. A NUL in it ends it. "" when memory failed.
 */
const char *atr_json_text(struct atr_str text, size_t characters_max);

/* An id in hex: at most ATR_TRACE_ID_LEN bytes of it. */
void atr_json_id(cJSON *to, const char *key, const uint8_t *id, size_t len);

/* A number, not a string. */
void atr_json_uint(cJSON *to, const char *key, uint64_t value);

/*
 * Appends the text of an item, and empties the arena: item by item the same few pages are
 * used again and again, where a whole batch would touch thousands.
 */
void atr_json_put(struct atr_buf *out, const cJSON *item);

#endif
