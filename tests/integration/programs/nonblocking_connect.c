/* SPDX-License-Identifier: Apache-2.0 */
/* A connect that is under way, waited for by poll, and asked after by getsockopt or connect again. */
#include "net.h"

static int start(const char *port)
{
	struct sockaddr_in address = at_port(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	say("connect", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	say("poll", poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, 5000));
	return fd;
}

static void ask(const char *port)
{
	int fd = start(port), error = -1;
	socklen_t len = sizeof(error);

	say("getsockopt", getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	printf("it is: %s\n", strerror(error));
	if (!error) {
		fcntl(fd, F_SETFL, 0);
		say("send", send(fd, GET, sizeof(GET) - 1, 0));
		read_ok(fd);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = argc > 2 ? at_port(argv[1]) : (struct sockaddr_in){ 0 };
	int fd;

	ask(argv[1]);
	ask(argv[2]);
	fd = start(argv[1]);
	say("connect again", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	fcntl(fd, F_SETFL, 0);
	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	read_ok(fd);
	return 0;
}
