/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/proto/clienthello.h"
#include "tests/test.h"

#include <stdlib.h>
#include <sys/mman.h>

/* A message that is put together, with its lengths patched when it is done. */
static struct {
	char at[20000];
	size_t len;
} m;

static void put(const char *bytes, size_t len)
{
	memcpy(m.at + m.len, bytes, len);
	m.len += len;
}

static void put_number(size_t n, size_t width)
{
	while (width--)
		m.at[m.len++] = (char)(n >> 8 * width);
}

static size_t open_vector(size_t width)
{
	m.len += width;
	return m.len;
}

static void close_vector(size_t at, size_t width)
{
	size_t end = m.len, n = end - at;

	m.len = at - width;
	put_number(n, width);
	m.len = end;
}

/* The reader is shown the last byte of a page; behind it lies one that cannot be read. */
static const char *guarded(size_t len)
{
	static char *pages;

	if (!pages) {
		pages = mmap(NULL, 12 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);
		CHECK(pages != MAP_FAILED && mprotect(pages + 11 * 4096, 4096, PROT_NONE) == 0);
	}
	return memcpy(pages + 11 * 4096 - len, m.at, len);
}

static size_t begin(char type)
{
	m.len = 0;
	put("\x16\x03\x01", 3);
	open_vector(2);
	m.at[m.len++] = type;
	open_vector(3);
	put("\x03\x03", 2);
	for (int i = 0; i < 32; i++)
		m.at[m.len++] = (char)(i + 100);
	put_number(4, 1);
	put("sess", 4);
	return m.len;
}

static void end(void)
{
	close_vector(9, 3);
	close_vector(5, 2);
}

static void extension(size_t type, const char *bytes, size_t len)
{
	put_number(type, 2);
	put_number(len, 2);
	put(bytes, len);
}

static void client(const char *name, const char *protocols, size_t protocols_len)
{
	char room[600];
	size_t all, len = strlen(name);

	begin(1);
	put_number(4, 2);
	put("\x13\x01\x13\x02", 4);
	put("\x01\x00", 2);
	all = open_vector(2);
	extension(0xff01, "\0", 1);
	room[0] = (char)((len + 3) >> 8);
	room[1] = (char)(len + 3);
	room[2] = 0;
	room[3] = (char)(len >> 8);
	room[4] = (char)len;
	memcpy(room + 5, name, len);
	extension(0, room, len + 5);
	room[0] = 0;
	room[1] = (char)protocols_len;
	memcpy(room + 2, protocols, protocols_len);
	extension(16, room, protocols_len + 2);
	extension(43, "\x04\x03\x04\x03\x03", 5);
	close_vector(all, 2);
	end();
}

static void server(const char *version, bool with_protocol)
{
	size_t all;

	begin(2);
	put("\x13\x01\x00", 3);
	all = open_vector(2);
	if (version)
		extension(43, version, 2);
	if (with_protocol)
		extension(16, "\x00\x03\x02h2", 5);
	close_vector(all, 2);
	end();
}

TEST(clienthello_has_its_random_name_and_protocols)
{
	struct atr_clienthello hello;

	client("shop.example", "\x02h2\x08http/1.1", 12);
	CHECK(atr_clienthello_read(guarded(m.len), m.len, &hello) == ATR_HELLO_YES);
	CHECK(hello.random.len == 32 && hello.random.at[0] == 100 &&
	      hello.random.at[31] == 131 - 256);
	CHECK(atr_str_equal(hello.server_name, ATR_STR("shop.example")));
	CHECK(atr_str_equal(hello.protocols, ((struct atr_str){ "\x02h2\x08http/1.1", 12 })));
}

TEST(clienthello_cut_anywhere_asks_for_more)
{
	struct atr_clienthello hello;

	client("shop.example", "\x02h2", 3);
	for (size_t len = 0; len < m.len; len++)
		CHECK(atr_clienthello_read(guarded(len), len, &hello) == ATR_HELLO_MORE);
	server("\x03\x04", true);
	for (size_t len = 0; len < m.len; len++) {
		struct atr_serverhello answer;

		CHECK(atr_serverhello_read(guarded(len), len, &answer) == ATR_HELLO_MORE);
	}
}

TEST(clienthello_that_is_none_is_known_by_its_first_bytes)
{
	struct atr_clienthello hello;

	CHECK(atr_clienthello_read("GET /", 5, &hello) == ATR_HELLO_NO);
	CHECK(atr_clienthello_read("\x16\x02", 2, &hello) == ATR_HELLO_NO);
	CHECK(atr_clienthello_read("\x16\x03\x01\x00\x05\x01", 6, &hello) == ATR_HELLO_NO);
	CHECK(atr_clienthello_read("\x16\x03\x01\x7f\xff\x01", 6, &hello) == ATR_HELLO_NO);
	server("\x03\x04", true);
	CHECK(atr_clienthello_read(guarded(m.len), m.len, &hello) == ATR_HELLO_NO);
}

TEST(clienthello_name_that_is_no_text_is_left_out)
{
	struct atr_clienthello hello;

	client("a\nb", "\x02h2", 3);
	CHECK(atr_clienthello_read(guarded(m.len), m.len, &hello) == ATR_HELLO_YES);
	CHECK(!hello.server_name.at && hello.protocols.len == 3);
}

TEST(clienthello_with_any_byte_wrong_stays_in_its_bounds)
{
	struct atr_clienthello hello;
	struct atr_serverhello answer;

	client("shop.example", "\x02h2\x08http/1.1", 12);
	for (size_t i = 0; i < m.len; i++)
		for (int wrong = 1; wrong < 256; wrong += 7) {
			const char *at;

			m.at[i] = (char)(m.at[i] ^ wrong);
			at = guarded(m.len);
			if (atr_clienthello_read(at, m.len, &hello) == ATR_HELLO_YES &&
			    hello.server_name.at)
				CHECK(hello.server_name.at >= at &&
				      hello.server_name.at + hello.server_name.len <= at + m.len);
			m.at[i] = (char)(m.at[i] ^ wrong);
		}
	server("\x03\x04", true);
	for (size_t i = 0; i < m.len; i++)
		for (int wrong = 1; wrong < 256; wrong += 7) {
			m.at[i] = (char)(m.at[i] ^ wrong);
			atr_serverhello_read(guarded(m.len), m.len, &answer);
			m.at[i] = (char)(m.at[i] ^ wrong);
		}
}

TEST(clienthello_of_random_bytes_stays_in_its_bounds)
{
	struct atr_clienthello hello;
	struct atr_serverhello answer;

	srand(7);
	for (int run = 0; run < 20000; run++) {
		size_t len = (size_t)rand() % 300;
		const char *at;

		for (m.len = 0; m.len < len; m.len++)
			m.at[m.len] = (char)(rand() % 3 ? rand() % 4 : rand());
		if (len > 10)
			memcpy(m.at, "\x16\x03\x01\x00\x80\x01\x00\x00", 8);
		at = guarded(len);
		atr_clienthello_read(at, len, &hello);
		if (len > 10)
			((char *)at)[5] = 2;
		atr_serverhello_read(at, len, &answer);
	}
}

TEST(serverhello_has_what_was_agreed_on)
{
	struct atr_serverhello answer;

	server("\x03\x04", false);
	CHECK(atr_serverhello_read(guarded(m.len), m.len, &answer) == ATR_HELLO_YES);
	CHECK(answer.version == 0x0304 && !answer.protocol.at);
	server(NULL, true);
	CHECK(atr_serverhello_read(guarded(m.len), m.len, &answer) == ATR_HELLO_YES);
	CHECK(answer.version == 0x0303 && atr_str_equal(answer.protocol, ATR_STR("h2")));
}
