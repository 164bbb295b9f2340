/* SPDX-License-Identifier: Apache-2.0 */
/* A wait that times out, in each of the ways to wait; and a connection given up without waiting. */
#include "net.h"

#include <sys/select.h>

static int ask(const char *port, const char *how)
{
	char request[100];
	int fd = connect_to(port),
	    n = sprintf(request, "GET /slow?%s HTTP/1.1\r\nHost: h\r\n\r\n", how);

	say(how, send(fd, request, (size_t)n, 0));
	return fd;
}

int main(int argc, char **argv)
{
	struct timeval limit = { 0, 200000 };
	int fd = argc > 1 ? ask(argv[1], "SO_RCVTIMEO") : -1;
	char byte;
	fd_set set;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	say("recv", recv(fd, &byte, 1, 0));
	close(fd);

	fd = ask(argv[1], "poll");
	say("poll", poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 200));
	close(fd);

	fd = ask(argv[1], "select");
	FD_ZERO(&set);
	FD_SET(fd, &set);
	say("select", select(fd + 1, &set, NULL, NULL, &limit));
	close(fd);

	close(ask(argv[1], "given-up"));
	return 0;
}
