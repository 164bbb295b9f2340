/* SPDX-License-Identifier: Apache-2.0 */
/* Head and body in one call, in two, in many, chunked, and the next request behind the body. */
#include "net.h"

#define HEAD "POST /ok HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n"
#define CHUNKED "POST /ok HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

static void put(int fd, const char *text)
{
	say("send", send(fd, text, strlen(text), 0));
}

int main(int argc, char **argv)
{
	int fd = argc > 1 ? connect_to(argv[1]) : -1;

	put(fd, HEAD "0123456789");
	read_ok(fd);
	put(fd, HEAD);
	put(fd, "0123456789");
	read_ok(fd);
	put(fd, HEAD "0");
	put(fd, "1234567");
	put(fd, "89" HEAD "01234");
	put(fd, "56789" GET);
	read_oks(fd, 3);
	put(fd, CHUNKED "5\r\n01234\r\n");
	put(fd, "5\r\n56789\r\n0\r");
	put(fd, "\n\r\n" CHUNKED "0\r\nT: t\r\n\r\n" GET);
	read_oks(fd, 3);
	return 0;
}
