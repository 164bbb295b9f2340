/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that a signal's handler interrupts: which go on, which end, with what errno. */
#include "net.h"

#include <signal.h>
#include <sys/time.h>

static volatile sig_atomic_t nr_signals;

static void counts(int number)
{
	nr_signals += number != 0;
}

static void in_ms(int ms)
{
	struct itimerval once = { { 0, 0 }, { 0, ms * 1000 } };

	setitimer(ITIMER_REAL, &once, NULL);
}

int main(int argc, char **argv)
{
	static char much[16 << 20];
	int fd = argc > 1 ? connect_to(argv[1]) : -1, ends[2];
	struct pollfd one = { .fd = fd, .events = POLLIN };
	struct timeval limit = { 5, 0 };
	char byte;

	for (int restart = 0; restart < 2; restart++) {
		struct sigaction action = { .sa_handler = counts,
					    .sa_flags = restart ? SA_RESTART : 0 };

		sigaction(SIGALRM, &action, NULL);
		say("send", send(fd, GET, sizeof(GET) - 1, 0));
		in_ms(50);
		say("poll", poll(&one, 1, 5000) == 1);
		read_ok(fd);
		in_ms(50);
		say("poll", poll(&one, 1, 5000));
		if (!restart) {
			in_ms(50);
			say("recv", recv(fd, &byte, 1, 0));
			in_ms(50);
			say("read", read(fd, &byte, 1));
		} else {
			/* a limit makes it end all the same; signals_handler has those that go on */
			say("send", send(fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n", 31, 0));
			in_ms(50);
			say("recv", recv(fd, &byte, 1, MSG_PEEK));
		}
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		in_ms(50);
		if (!restart)
			say("recv with a limit", recv(fd, &byte, 1, 0));
	}
	/* a head, and more than there is room for: the call ends with a part */
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		die("socketpair");
	in_ms(100);
	say("a part was sent", send(ends[0], much, sizeof(much), 0) < (ssize_t)sizeof(much));
	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = counts }, NULL);
	in_ms(50);
	say("none", send(ends[0], much, 1 << 20, MSG_NOSIGNAL));
	say("signals", nr_signals > 5);
	return 0;
}
