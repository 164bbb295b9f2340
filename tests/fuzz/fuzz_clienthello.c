/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a peer says of TLS in the clear, read as either side's. Claims:
 * - reading is within bounds: the bytes end at a page that may not be touched;
 * - what was read lies in the message, and is as long as it may be;
 * - a message that is asked more of is not known from less of it to be one.
 */
#include "preload/proto/clienthello.h"
#include "tests/fuzz/fuzz.h"
#include "tests/guarded.h"

#define LEN_MAX (64 * 1024)

static bool is_in(struct atr_str text, const char *at, size_t len)
{
	return !text.at || (text.at >= at && text.at + text.len <= at + len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char *room;
	struct atr_clienthello client, again;
	struct atr_serverhello server;
	enum atr_hello is;
	const char *at;

	if (len > LEN_MAX)
		return 0;
	at = guarded_copy(&room, false, data, len);
	is = atr_clienthello_read(at, len, &client);
	CLAIM(is_in(client.random, at, len) && is_in(client.server_name, at, len) &&
	      is_in(client.protocols, at, len));
	if (is == ATR_HELLO_YES)
		CLAIM(client.random.len == 32 && client.server_name.len <= 255);
	for (size_t cut = len; cut-- && is == ATR_HELLO_MORE;)
		CLAIM(atr_clienthello_read(at, cut, &again) == ATR_HELLO_MORE);
	is = atr_serverhello_read(at, len, &server);
	CLAIM(is_in(server.protocol, at, len));
	return 0;
}
