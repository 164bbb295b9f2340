/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passed PORT [recvmmsg]: answers requests on connections that another process, its child, accepts and
 * passes to it, as the first process of node's cluster does. Together with each come descriptors of other
 * kinds.
 */
#include "net.h"

#include <signal.h>
#include <sys/prctl.h>

#define OTHERS 3

static int take(int from, int by_many)
{
	int fds[OTHERS + 1];

	if (!receive_fds(from, fds, OTHERS + 1, by_many))
		die("what was passed");
	for (int i = 0; i < OTHERS; i++)
		close(fds[i]);
	return fds[OTHERS];
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = at_port(argv[1]);
	int listener, fd, yes = 1, pair[2], fds[OTHERS + 1];
	char byte = 0;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("bind");
	if (listen(listener, 10))
		die("listen");
	if (fork()) {
		close(pair[0]);
		for (;; close(fd)) {
			fd = take(pair[1], argc > 2);
			answer_all(fd, fd);
		}
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(pair[1]);
	fds[0] = listener;
	fds[1] = open("/dev/null", O_RDWR);
	fds[2] = socket(AF_INET, SOCK_STREAM, 0);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		/* a look at what is asked is none of its business */
		recv(fd, &byte, 1, MSG_PEEK);
		fds[OTHERS] = fd;
		send_fds(pair[0], fds, OTHERS + 1);
		close(fd);
	}
	return 1;
}
