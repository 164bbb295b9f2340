/* SPDX-License-Identifier: Apache-2.0 */
/* Built with _FORTIFY_SOURCE, where read, recv, recvfrom and poll are other functions. */
#include "net.h"

int main(int argc, char **argv)
{
	int fd = argc > 1 ? connect_to(argv[1]) : -1;
	size_t room = (size_t)argc * 50;
	char buf[200];
	struct pollfd fds[2] = { { .fd = fd, .events = POLLIN } };
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);

	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	say("poll", poll(fds, (nfds_t)argc - 1, 5000));
	usleep(100000);
	say("read", read(fd, buf, room / 10));
	say("recvfrom", recvfrom(fd, buf, room / 10, 0, (struct sockaddr *)&from, &from_len));
	say("recv", recv(fd, buf, room, 0));
	return 0;
}
