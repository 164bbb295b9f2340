/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_ENCODE_PB_H
#define ATR_EXPORT_ENCODE_PB_H

/*
 * pb: the protobuf wire format, written (Protocol Buffers, "Encoding") behind a
 * cursor: each takes where to write and returns where it ended. Who calls has
 * seen to the room: for a number 10 bytes.
 *
 * A message whose length is known only afterwards begins with a gap for it, of
 * four bytes, always all of them used: a longer form of a varint is read by
 * every decoder, and nothing has to be moved.
 */
#include "propagator/str.h"

#include <stdint.h>

#define ATR_PB_GAP 4
#define ATR_PB_GAP_MAX ((1u << 7 * ATR_PB_GAP) - 1) /* the longest message with one */

static inline char *atr_pb_varint(char *at, uint64_t value)
{
	while (__builtin_expect(value >= 0x80, 0)) {
		*at++ = (char)(value | 0x80);
		value >>= 7;
	}
	*at++ = (char)value;
	return at;
}

/* The bytes that a varint takes: one for each 7 bits. */
static inline size_t atr_pb_varint_len(uint64_t value)
{
	return __builtin_expect(value < 0x80, 1) ? 1 : (size_t)(70 - __builtin_clzll(value)) / 7;
}

static inline char *atr_pb_number(char *at, char tag, uint64_t value)
{
	*at++ = tag;
	return atr_pb_varint(at, value);
}

static inline char *atr_pb_fixed64(char *at, char tag, uint64_t value)
{
	*at = tag;
	memcpy(at + 1, &value, 8); /* little-endian hosts only, as the rest of us */
	return at + 9;
}

static inline char *atr_pb_bytes(char *at, char tag, const void *bytes, size_t len)
{
	at = atr_pb_number(at, tag, len);
	if (len)
		memcpy(at, bytes, len);
	return at + len;
}

/* Returns where the message begins: for atr_pb_close, with where it ends. */
static inline char *atr_pb_open(char *at, char tag)
{
	*at = tag;
	return at + 1 + ATR_PB_GAP;
}

static inline char *atr_pb_close(char *begin, char *end)
{
	size_t len = (size_t)(end - begin);

	for (int i = ATR_PB_GAP; i > 1; i--, len >>= 7)
		begin[-i] = (char)(len | 0x80);
	begin[-1] = (char)len;
	return end;
}

#endif
