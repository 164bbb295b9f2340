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
 *
 * And read, field by field, within the bytes there are.
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

static inline bool atr_pb_read_varint(struct atr_str *in, uint64_t *out)
{
	*out = 0;
	for (unsigned shift = 0; in->len && shift < 64; shift += 7) {
		unsigned char c = (unsigned char)*in->at++;

		in->len--;
		*out |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return true;
	}
	return false;
}

/* One field: its tag, and its number (also the bits of a fixed one) or its bytes, borrowed. */
struct atr_pb_field {
	uint64_t tag, number;
	struct atr_str bytes;
};

/* False: there is no more, or it is none. */
static inline bool atr_pb_read(struct atr_str *in, struct atr_pb_field *field)
{
	size_t len;

	field->bytes = (struct atr_str){ 0 };
	field->number = 0;
	if (!atr_pb_read_varint(in, &field->tag))
		return false;
	switch (field->tag & 7) {
	case 0:
		return atr_pb_read_varint(in, &field->number);
	case 1:
	case 5:
		len = (field->tag & 7) == 1 ? 8 : 4;
		if (len > in->len)
			return false;
		memcpy(&field->number, in->at, len);
		break;
	case 2:
		if (!atr_pb_read_varint(in, &field->number) || field->number > in->len)
			return false;
		len = (size_t)field->number;
		field->bytes = (struct atr_str){ in->at, len };
		break;
	default:
		return false;
	}
	in->at += len;
	in->len -= len;
	return true;
}

#endif
