/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_STACKS_BYTES_H
#define ATR_EXPORT_STACKS_BYTES_H

/*
 * bytes: a reader that never leaves what it was given. What is read behind the end is 0, and
 * `failed` says so from then on. Numbers are the machine's own, little-endian.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct atr_bytes {
	const uint8_t *at, *end;
	bool failed;
};

static inline size_t atr_bytes_left(const struct atr_bytes *from)
{
	return from->failed ? 0 : (size_t)(from->end - from->at);
}

static inline uint64_t atr_get_number(struct atr_bytes *from, size_t len)
{
	uint64_t value = 0;

	if (atr_bytes_left(from) < len) {
		from->failed = true;
		return 0;
	}
	memcpy(&value, from->at, len);
	from->at += len;
	return value;
}

static inline uint8_t atr_get_u8(struct atr_bytes *from)
{
	return (uint8_t)atr_get_number(from, 1);
}
static inline uint16_t atr_get_u16(struct atr_bytes *from)
{
	return (uint16_t)atr_get_number(from, 2);
}
static inline uint32_t atr_get_u32(struct atr_bytes *from)
{
	return (uint32_t)atr_get_number(from, 4);
}
static inline uint64_t atr_get_u64(struct atr_bytes *from)
{
	return atr_get_number(from, 8);
}

/* LEB128; bits that find no place are lost. *shift: how many there were; *sign: whether the last is set. */
static inline uint64_t atr_get_leb(struct atr_bytes *from, unsigned *shift, bool *sign)
{
	uint64_t value = 0;
	uint8_t byte;

	*shift = 0;
	do {
		byte = atr_get_u8(from);
		if (*shift < 64)
			value |= (uint64_t)(byte & 0x7f) << *shift;
		*shift += 7;
	} while (byte & 0x80);
	*sign = byte & 0x40;
	return value;
}

static inline uint64_t atr_get_uleb(struct atr_bytes *from)
{
	unsigned shift;
	bool sign;

	return atr_get_leb(from, &shift, &sign);
}

static inline int64_t atr_get_sleb(struct atr_bytes *from)
{
	unsigned shift;
	bool sign;
	uint64_t value = atr_get_leb(from, &shift, &sign);

	if (sign && shift < 64)
		value |= ~UINT64_C(0) << shift;
	return (int64_t)value;
}

/* The next `len` bytes, to be read on their own. */
static inline struct atr_bytes atr_get_part(struct atr_bytes *from, uint64_t len)
{
	struct atr_bytes part = { from->at, from->at, true };

	if (atr_bytes_left(from) < len) {
		from->failed = true;
		return part;
	}
	part.failed = false;
	part.end = from->at + len;
	from->at += len;
	return part;
}

/* Up to its NUL, which is passed; empty where there is none. */
static inline const char *atr_get_text(struct atr_bytes *from)
{
	const uint8_t *at = from->at;
	const uint8_t *nul = from->failed ? NULL : memchr(at, 0, (size_t)(from->end - at));

	if (!nul) {
		from->failed = true;
		return "";
	}
	from->at = nul + 1;
	return (const char *)at;
}

#endif
