/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passed PORT [recvmmsg|child]: answers requests on connections that another process, its child, accepts and
 * passes to it, as the first process of node's cluster does. Together with each come descriptors of other
 * kinds. child: it is the child that answers, and has made no other call.
 */
#include "net.h"

#include <signal.h>
#include <sys/prctl.h>

#define OTHERS 3

static int take(int from, int by_many, int is_child)
{
	int fds[OTHERS + 1];

	if (!receive_fds(from, fds, OTHERS + 1, by_many)) {
		if (is_child) /* its parent was ended */
			exit(0);
		die("what was passed");
	}
	for (int i = 0; i < OTHERS; i++)
		close(fds[i]);
	return fds[OTHERS];
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = at_port(argv[1]);
	int listener, fd, yes = 1, pair[2], fds[OTHERS + 1];
	int is_child = argc > 2 && !strcmp(argv[2], "child"), by_many = argc > 2 && !is_child;
	char byte = 0;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("bind");
	if (listen(listener, 10))
		die("listen");
	if ((fork() == 0) == is_child) {
		if (is_child)
			prctl(PR_SET_PDEATHSIG, SIGTERM);
		close(pair[0]);
		for (;; close(fd)) {
			fd = take(pair[1], by_many, is_child);
			answer_all(fd, fd);
		}
	}
	if (!is_child)
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
