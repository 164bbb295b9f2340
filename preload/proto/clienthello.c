/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/proto/clienthello.h"

#include <stdbool.h>
#include <string.h>

/* record: 16 03 xx | length in 2 | handshake: type | length in 3 | version | random | ... */
#define RECORD 5
#define HANDSHAKE 4
#define RECORD_MAX (16384 + 256)
#define FIXED (2 + 32)

enum { CLIENT_HELLO = 1, SERVER_HELLO = 2 };
enum { SERVER_NAME = 0, ALPN = 16, SUPPORTED_VERSIONS = 43 };

/* What is left to be read. Anything taken that is not there leaves nothing. */
struct rest {
	const uint8_t *at;
	size_t len;
	bool is_bad;
};

static struct rest take(struct rest *r, size_t len)
{
	struct rest taken = { r->at, len, false };

	if (r->is_bad || len > r->len) {
		r->is_bad = true;
		r->len = 0;
		return (struct rest){ r->at, 0, true };
	}
	r->at += len;
	r->len -= len;
	return taken;
}

static size_t number(struct rest *r, size_t width)
{
	struct rest digits = take(r, width);
	size_t n = 0;

	for (size_t i = 0; i < digits.len; i++)
		n = n << 8 | digits.at[i];
	return n;
}

/* What stands behind its own length. */
static struct rest vector(struct rest *r, size_t width)
{
	size_t len = number(r, width);

	return take(r, len);
}

static struct atr_str text(const struct rest *r)
{
	return (struct atr_str){ (const char *)r->at, r->len };
}

/* The message's body as far as its first record has it. */
static enum atr_hello body_of(const char *bytes, size_t len, uint8_t type, struct rest *body)
{
	static const uint8_t begins[] = { 0x16, 0x03 };
	struct rest record = { (const uint8_t *)bytes, len, false };
	size_t record_len, body_len;

	if (memcmp(bytes, begins, len < sizeof(begins) ? len : sizeof(begins)) != 0)
		return ATR_HELLO_NO;
	if (len < RECORD)
		return ATR_HELLO_MORE;
	take(&record, 3);
	record_len = number(&record, 2);
	if (record_len < HANDSHAKE + FIXED || record_len > RECORD_MAX)
		return ATR_HELLO_NO;
	if (record.len && record.at[0] != type)
		return ATR_HELLO_NO;
	if (record.len < record_len)
		return ATR_HELLO_MORE;
	record.len = record_len;
	take(&record, 1);
	body_len = number(&record, 3);
	if (body_len < FIXED)
		return ATR_HELLO_NO;
	*body = record;
	if (body_len < body->len)
		body->len = body_len;
	return ATR_HELLO_YES;
}

static bool next_extension(struct rest *all, size_t *type, struct rest *extension)
{
	if (!all->len)
		return false;
	*type = number(all, 2);
	*extension = vector(all, 2);
	return !extension->is_bad;
}

static struct atr_str name_in(struct rest extension)
{
	struct rest list = vector(&extension, 2), name;
	size_t type = number(&list, 1);

	name = vector(&list, 2);
	if (type != 0 || name.len > 255)
		return (struct atr_str){ 0 };
	for (size_t i = 0; i < name.len; i++)
		if (name.at[i] <= ' ' || name.at[i] >= 0x7f)
			return (struct atr_str){ 0 };
	return name.len ? text(&name) : (struct atr_str){ 0 };
}

enum atr_hello atr_clienthello_read(const char *bytes, size_t len, struct atr_clienthello *out)
{
	struct rest body, extensions, extension, random;
	enum atr_hello is;
	size_t type;

	memset(out, 0, sizeof(*out));
	is = body_of(bytes, len, CLIENT_HELLO, &body);
	if (is != ATR_HELLO_YES)
		return is;
	if (number(&body, 2) >> 8 != 3)
		return ATR_HELLO_NO;
	random = take(&body, 32);
	out->random = text(&random);
	vector(&body, 1); /* session id */
	vector(&body, 2); /* cipher suites */
	vector(&body, 1); /* compressions */
	extensions = vector(&body, 2);
	while (next_extension(&extensions, &type, &extension)) {
		if (type == SERVER_NAME && !out->server_name.at)
			out->server_name = name_in(extension);
		else if (type == ALPN) {
			struct rest list = vector(&extension, 2);

			if (!list.is_bad)
				out->protocols = text(&list);
		}
	}
	return ATR_HELLO_YES;
}

enum atr_hello atr_serverhello_read(const char *bytes, size_t len, struct atr_serverhello *out)
{
	struct rest body, extensions, extension;
	enum atr_hello is;
	size_t type;

	memset(out, 0, sizeof(*out));
	is = body_of(bytes, len, SERVER_HELLO, &body);
	if (is != ATR_HELLO_YES)
		return is;
	out->version = (uint16_t)number(&body, 2);
	if (out->version >> 8 != 3)
		return ATR_HELLO_NO;
	take(&body, 32);
	vector(&body, 1);
	take(&body, 3); /* cipher suite, compression */
	extensions = vector(&body, 2);
	while (next_extension(&extensions, &type, &extension)) {
		if (type == SUPPORTED_VERSIONS && extension.len == 2) {
			out->version = (uint16_t)number(&extension, 2);
		} else if (type == ALPN) {
			struct rest list = vector(&extension, 2);
			struct rest name = vector(&list, 1);

			if (!name.is_bad)
				out->protocol = text(&name);
		}
	}
	return ATR_HELLO_YES;
}
