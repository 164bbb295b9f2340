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

static char room[CMSG_SPACE((OTHERS + 1) * sizeof(int))] __attribute__((aligned(8)));

static void pass(int to, int fd, const int *others)
{
	struct iovec iov = { (char *)"x", 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = room,
			      .msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN((OTHERS + 1) * sizeof(int));
	memcpy(CMSG_DATA(c), others, OTHERS * sizeof(int));
	memcpy(CMSG_DATA(c) + OTHERS * sizeof(int), &fd, sizeof(fd));
	if (sendmsg(to, &msg, 0) != 1)
		die("sendmsg");
}

static int take(int from, int by_many)
{
	char byte;
	struct iovec iov = { &byte, 1 };
	struct mmsghdr many = { .msg_hdr = { .msg_iov = &iov,
					     .msg_iovlen = 1,
					     .msg_control = room,
					     .msg_controllen = sizeof(room) } };
	struct cmsghdr *c;
	int fds[OTHERS + 1];

	if (by_many ? recvmmsg(from, &many, 1, 0, NULL) != 1 : recvmsg(from, &many.msg_hdr, 0) != 1)
		exit(0);
	c = CMSG_FIRSTHDR(&many.msg_hdr);
	if (!c || c->cmsg_len != CMSG_LEN(sizeof(fds)))
		die("what was passed");
	memcpy(fds, CMSG_DATA(c), sizeof(fds));
	for (int i = 0; i < OTHERS; i++)
		close(fds[i]);
	return fds[OTHERS];
}

static void answer_all(int fd)
{
	char text[4096], *end;
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0) {
		len += (size_t)n;
		text[len] = 0;
		while ((end = strstr(text, "\r\n\r\n"))) {
			len -= (size_t)(end + 4 - text);
			memmove(text, end + 4, len + 1);
			if (write(fd, ANSWER, ANSWER_LEN) < 0)
				exit(1);
		}
	}
	close(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = at_port(argv[1]);
	int listener, fd, yes = 1, pair[2], others[OTHERS];
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
		for (;;)
			answer_all(take(pair[1], argc > 2));
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(pair[1]);
	others[0] = listener;
	others[1] = open("/dev/null", O_RDWR);
	others[2] = socket(AF_INET, SOCK_STREAM, 0);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		/* a look at what is asked is none of its business */
		recv(fd, &byte, 1, MSG_PEEK);
		pass(pair[0], fd, others);
		close(fd);
	}
	return 1;
}
