/* SPDX-License-Identifier: Apache-2.0 */
/* What fails, fails as it would; what succeeds leaves errno as it was. */
#include "net.h"

#include <limits.h>
#include <signal.h>

static volatile sig_atomic_t signals;

static void count(int number)
{
	(void)number;
	signals++;
}

static void interrupted(const char *port)
{
	int fd = connect_to(port);
	struct sigaction action = { .sa_handler = count };
	char byte;

	sigaction(SIGALRM, &action, NULL);
	ualarm(100000, 0);
	say("interrupted recv", recv(fd, &byte, 1, 0));
	ualarm(100000, 0);
	say("interrupted poll", poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 5000));
	say("signals", signals);
	close(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = argc > 1 ? at_port(argv[1]) : (struct sockaddr_in){ 0 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	static struct iovec many[IOV_MAX + 1];
	char buf[200];

	signal(SIGPIPE, count);
	say("recv before connect", recv(fd, buf, 1, 0));
	say("send before connect", send(fd, GET, 10, 0));
	say("signals", signals);
	say("send nowhere", send(-1, GET, 10, 0));
	say("recv nowhere", recv(1000000, buf, 1, 0));
	say("write nowhere", write(999, GET, 10));
	say("send far away", send(INT_MAX, GET, 10, 0));
	say("read far away", read(INT_MAX, buf, 1));
	say("close far away", close(INT_MAX));
	say("dup2 to far away", dup2(1, INT_MAX));
	say("dup2 from far away", dup2(INT_MAX, 50));
	say("connect nowhere", connect(-1, (struct sockaddr *)&address, sizeof(address)));
	say("connect to nothing", connect(fd, NULL, 0));
	errno = EDOM;
	say("connect", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	say("errno kept", errno == EDOM);
	say("connect again", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	say("too many", writev(fd, many, IOV_MAX + 1));
	many[0] = (struct iovec){ GET, sizeof(GET) - 1 };
	say("too many, and a request in them", writev(fd, many, IOV_MAX + 1));
	errno = EDOM;
	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	say("errno kept", errno == EDOM);
	say("bad memory", recv(fd, (void *)8, 10, 0));
	say("nothing", send(fd, "", 0, 0));
	say("nothing", recv(fd, buf, 0, 0));
	errno = EDOM;
	read_ok(fd);
	say("errno kept", errno == EDOM);
	say("shutdown", shutdown(fd, SHUT_WR));
	say("send after shutdown", send(fd, GET, sizeof(GET) - 1, 0));
	say("write after shutdown", write(fd, GET, sizeof(GET) - 1));
	say("signals", signals);
	say("end", recv(fd, buf, sizeof(buf), 0));
	say("close", close(fd));
	say("close again", close(fd));
	say("send after close", send(fd, GET, sizeof(GET) - 1, 0));
	interrupted(argv[1]);
	return 0;
}
