/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_DECODE_H
#define ATR_TOOLS_DECODE_H

/* decode: bytes out of the text that JSON and HTTP carry them in. */
#include "propagator/str.h"

#include <stdint.h>

/* Exactly 2 * len digits of either case. False, and out all zero, for anything else. */
bool atr_decode_hex(struct atr_str digits, uint8_t *out, size_t len);

/*
 * Takes base64 digits off the front of *text up to the padding or the first
 * character that is none, and returns the bytes written to `out`, which has room
 * for 3 bytes every 4 characters. _is_end: what is then left is padding and no more.
 */
size_t atr_decode_base64(struct atr_str *text, char *out);
bool atr_decode_base64_is_end(struct atr_str rest);

#endif
