/* SPDX-License-Identifier: Apache-2.0 */
/* Two requests on one connection, one byte a call; the second has a body. */
#include "net.h"

static void put(int fd, const char *text)
{
	long sum = 0;

	for (; *text; text++)
		sum += write(fd, text, 1);
	say("written", sum);
}

int main(int argc, char **argv)
{
	int fd = argc > 1 ? connect_to(argv[1]) : -1;

	put(fd, GET);
	read_ok(fd);
	put(fd, "POST /ok HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
	read_ok(fd);
	return 0;
}
