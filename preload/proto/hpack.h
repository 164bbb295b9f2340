/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_PROTO_HPACK_H
#define ATR_PRELOAD_PROTO_HPACK_H

/*
 * hpack: header blocks of HTTP/2 (RFC 7541) -> fields, and a field -> its bytes
 * in a block. Decoding is libnghttp2's, but for fields that change nothing in its table;
 * its memory is the room that the caller gives, and when that is used up the block cannot
 * be read, as a malformed one.
 *
 * Pure: no I/O, no memory but the room; one thread at a time. What it was fed,
 * however hostile, is bounded by the room.
 */
#include "propagator/str.h"

#include <stdint.h>

/*
 * The largest dynamic table that is followed. An entry of 32 bytes by HPACK's
 * count takes five times that; what does not fit in the room ends the decoding.
 */
#define ATR_HPACK_TABLE_MAX 16384u
#define ATR_HPACK_ROOM (96 * 1024)

struct atr_hpack;

/*
 * Begins in `room`, of ATR_HPACK_ROOM bytes, aligned to 16, of any content. What is
 * returned lies in it and needs no end; NULL only where the room is too small.
 */
struct atr_hpack *atr_hpack_begin(char *room);

/*
 * Between blocks. The receiver of the blocks allows a table of so many bytes. It is
 * not known when the sender will have read that, so the largest one stays allowed.
 * Below ATR_HPACK_TABLE_MAX all is right; of more, only that is allowed.
 */
void atr_hpack_allow(struct atr_hpack *hpack, uint32_t table_len);

/* Who reads fields, and whether he wants the value of one of this name. */
struct atr_hpack_wish {
	bool (*wants)(const void *whose, struct atr_str name);
	const void *whose;
};

/*
 * Reads on in a block; `ends`: these bytes are its last. Returns how many were
 * used, -1 when it is malformed, then and for all that follows. *field is absent
 * (its name is) when the bytes ended before a field did; else it is one, borrowed
 * until the next call, and no longer than the bytes. With `ends`, an absent field ends the block.
 *
 * A value that is not wanted may be absent, and then it was not looked at: Huffman's code is most of
 * the work, and most of a response's values are in it. Without a wish (NULL) all are there.
 */
long atr_hpack_read(struct atr_hpack *hpack, const char *bytes, size_t len, bool ends,
		    const struct atr_hpack_wish *wish, struct atr_pair *field);

/*
 * Writes a field as a literal that is never indexed, the name in lower case.
 * Returns the length, 0 when it does not fit. The table of the receiver stays as it is.
 */
size_t atr_hpack_write(struct atr_pair field, char *out, size_t cap);

#endif
