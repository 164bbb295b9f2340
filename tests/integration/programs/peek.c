/* SPDX-License-Identifier: Apache-2.0 */
/* Counts and readiness are the kernel's own: poll, FIONREAD and MSG_PEEK on both sides of a request. */
#include "net.h"

static void look(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
	char buf[100];
	struct iovec iov = { buf, sizeof(buf) };
	struct mmsghdr messages = { .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1 } };
	int waiting = -1;

	usleep(200000); /* the answer is there */
	say("poll", poll(&p, 1, 5000));
	printf("revents: %#x\n", (unsigned)p.revents);
	say("FIONREAD", ioctl(fd, FIONREAD, &waiting));
	say("bytes", waiting);
	say("peek", recv(fd, buf, sizeof(buf), MSG_PEEK));
	say("peek", recv(fd, buf, 5, MSG_PEEK));
	say("peek all", recv(fd, buf, (size_t)waiting + 1, MSG_PEEK | MSG_DONTWAIT));
	say("peek by recvmsg", recvmsg(fd, &messages.msg_hdr, MSG_PEEK));
	say("peek by recvmmsg", recvmmsg(fd, &messages, 1, MSG_PEEK, NULL));
	say("recv", recv(fd, buf, 10, 0));
	say("FIONREAD", ioctl(fd, FIONREAD, &waiting));
	say("bytes", waiting);
	say("recv", recv(fd, buf, sizeof(buf), 0));
	say("recv", recv(fd, buf, sizeof(buf), MSG_DONTWAIT));
}

int main(int argc, char **argv)
{
	int fd = argc > 1 ? connect_to(argv[1]) : -1;
	char none;

	say("nothing yet", recv(fd, &none, 1, MSG_DONTWAIT));
	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	look(fd);
	say("send", send(fd, GET_CLOSE, sizeof(GET_CLOSE) - 1, 0));
	look(fd);
	return 0;
}
