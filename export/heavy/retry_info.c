/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/pb.h"
#include "export/heavy/parts.h"

#include <string.h>

/*
 * grpc-status-details-bin is base64 of
 *
 *	google.rpc.Status { code = 1, message = 2, details = 3: Any { type_url = 1, value = 2 } }
 *
 * and one of the details may be RetryInfo { retry_delay = 1: Duration { seconds = 1, nanos = 2 } }.
 */

static int digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	if (c == '-' || c == '_') /* as some write it */
		return c == '-' ? 62 : 63;
	return at ? (int)(at - digits) : -1;
}

/* The bytes; of what is not base64 nothing. */
static size_t decode(struct atr_str in, unsigned char *out, size_t cap)
{
	uint32_t word = 0;
	unsigned bits = 0;
	size_t n = 0;

	while (in.len && in.at[in.len - 1] == '=')
		in.len--;
	for (size_t i = 0; i < in.len; i++) {
		int d = digit(in.at[i]);

		if (d < 0)
			return 0;
		word = word << 6 | (uint32_t)d;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		if (n == cap)
			return 0;
		out[n++] = (unsigned char)(word >> bits);
	}
	return n;
}

#define DELAY_MOST_S 86400

static uint32_t ms_of(struct atr_str duration)
{
	uint64_t seconds = 0, nanos = 0;
	struct atr_pb_field field;

	while (atr_pb_read(&duration, &field)) {
		uint64_t number = field.number;

		if (field.tag == 0x08)
			seconds = number < DELAY_MOST_S ? number :
				  number > INT64_MAX	? 0 /* below zero */ :
							  DELAY_MOST_S;
		else if (field.tag == 0x10)
			nanos = number < 1000000000 ? number : 0;
	}
	return (uint32_t)(seconds * 1000 + (nanos + 999999) / 1000000);
}

static bool ends_in(struct atr_str text, const char *end)
{
	size_t len = strlen(end);

	return text.len >= len && memcmp(text.at + text.len - len, end, len) == 0;
}

static bool read_any(struct atr_str any, uint32_t *ms)
{
	struct atr_str type = { 0 }, value = { 0 };
	struct atr_pb_field field;

	while (atr_pb_read(&any, &field)) {
		if (field.tag == 0x0a)
			type = field.bytes;
		else if (field.tag == 0x12)
			value = field.bytes;
	}
	if (!ends_in(type, "/google.rpc.RetryInfo"))
		return false;
	while (atr_pb_read(&value, &field))
		if (field.tag == 0x0a)
			*ms = ms_of(field.bytes);
	return true;
}

bool atr_grpc_retry_info(struct atr_str details, uint32_t *ms)
{
	unsigned char bytes[4096];
	struct atr_str status = { (const char *)bytes, decode(details, bytes, sizeof(bytes)) };
	struct atr_pb_field field;

	*ms = 0;
	while (atr_pb_read(&status, &field))
		if (field.tag == 0x1a && read_any(field.bytes, ms))
			return true;
	return false;
}
