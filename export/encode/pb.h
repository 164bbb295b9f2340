/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_ENCODE_PB_H
#define ATR_EXPORT_ENCODE_PB_H

/*
 * pb: the protobuf wire format, written (Protocol Buffers, "Encoding"). A
 * message whose length is known only afterwards is opened with room for a
 * length of five bytes, always all of them used: a longer form of a varint is
 * read by every decoder, and nothing has to be moved.
 */
#include "export/encode/buf.h"

static inline char *atr_pb_varint(char *at, uint64_t value)
{
	while (value >= 0x80) {
		*at++ = (char)(value | 0x80);
		value >>= 7;
	}
	*at++ = (char)value;
	return at;
}

static inline void atr_pb_tag_varint(struct atr_buf *b, unsigned tag, uint64_t value)
{
	char *at = atr_buf_room(b, 20), *end;

	if (!at)
		return;
	end = atr_pb_varint(atr_pb_varint(at, tag), value);
	b->len += (size_t)(end - at);
}

static inline void atr_pb_fixed64(struct atr_buf *b, char tag, uint64_t value)
{
	char *at = atr_buf_room(b, 9);

	if (!at)
		return;
	*at = tag;
	memcpy(at + 1, &value, 8); /* little-endian hosts only, as the rest of us */
	b->len += 9;
}

static inline void atr_pb_bytes(struct atr_buf *b, unsigned tag, const void *bytes, size_t len)
{
	char *at = atr_buf_room(b, 20 + len), *end;

	if (!at)
		return;
	end = atr_pb_varint(atr_pb_varint(at, tag), len);
	if (len)
		memcpy(end, bytes, len);
	b->len += (size_t)(end - at) + len;
}

/* Returns where the length goes, for atr_pb_close. */
static inline size_t atr_pb_open(struct atr_buf *b, char tag)
{
	char *at = atr_buf_room(b, 6);

	if (!at)
		return 0;
	*at = tag;
	b->len += 6;
	return b->len - 5;
}

static inline void atr_pb_close(struct atr_buf *b, size_t at)
{
	uint64_t len = b->len - at - 5;

	if (b->failed)
		return;
	for (int i = 0; i < 4; i++, len >>= 7)
		b->at[at + (size_t)i] = (char)(len | 0x80);
	b->at[at + 4] = (char)len;
}

#endif
