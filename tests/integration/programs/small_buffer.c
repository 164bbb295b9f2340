/* SPDX-License-Identifier: Apache-2.0 */
/*
 * small_buffer PORT: requests without end into a socket that does not block, with the smallest
 * buffer there is, to a peer that reads slowly: the buffer is full at any place, in the middle of
 * an injected header too. What was refused is offered again, from where the answer said.
 */
#include "net.h"

#define NR 400
#define AHEAD 4 /* requests whose answers are not yet read */

static long refused;

static void wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	if (poll(&p, 1, 5000) != 1)
		die("poll");
}

static void put(int fd, const char *at, size_t len)
{
	while (len) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			refused++;
			wait_for(fd, POLLOUT);
		} else if (n < 0) {
			die("send");
		} else {
			at += n;
			len -= (size_t)n;
		}
	}
}

/* Reads until no more than AHEAD answers are still to come. */
static void catch_up(int fd, int asked, size_t *len)
{
	char buf[1000];
	ssize_t n;

	while (*len / ANSWER_LEN + AHEAD < (size_t)asked) {
		n = recv(fd, buf, sizeof(buf), 0);
		if (n < 0 && errno == EAGAIN)
			wait_for(fd, POLLIN);
		else if (n <= 0)
			die("recv");
		else
			*len += (size_t)n;
	}
}

int main(int argc, char **argv)
{
	int fd = argc > 1 ? connect_to(argv[1]) : -1, small = 1;
	char request[4096];
	size_t len = 0;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < NR; i++) {
		int body = 1 + i * 7 % 2000;
		int n = sprintf(request,
				"POST /ok?%d HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%0*d",
				i, body, body, 0);

		put(fd, request, (size_t)n);
		catch_up(fd, i + 1, &len);
	}
	catch_up(fd, NR + AHEAD, &len);
	say("refused at least once", refused > 0);
	say("answers", (long)(len / ANSWER_LEN));
	return 0;
}
