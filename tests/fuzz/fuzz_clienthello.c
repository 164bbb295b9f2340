/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a peer says of TLS in the clear, read as either side's. Claims:
 * - reading is within bounds: the bytes end at a page that may not be touched;
 * - what was read lies in the message, and is as long as it may be;
 * - a message that is asked more of is not known from less of it to be one.
 */
#include "preload/proto/clienthello.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define ROOM (64 * 1024)
#define CLAIM(claim)                                             \
	do {                                                     \
		if (!(claim)) {                                  \
			fprintf(stderr, "not so: %s\n", #claim); \
			abort();                                 \
		}                                                \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char *room_end(void)
{
	static char *end;

	if (!end) {
		char *at = mmap(NULL, ROOM + 4096, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (at == MAP_FAILED || mprotect(at + ROOM, 4096, PROT_NONE) != 0)
			abort();
		end = at + ROOM;
	}
	return end;
}

static bool is_in(struct atr_str text, const char *at, size_t len)
{
	return !text.at || (text.at >= at && text.at + text.len <= at + len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct atr_clienthello client, again;
	struct atr_serverhello server;
	enum atr_hello is;
	char *at;

	if (len > ROOM)
		return 0;
	at = room_end() - len;
	if (len)
		memcpy(at, data, len);
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
