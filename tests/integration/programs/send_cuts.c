/* SPDX-License-Identifier: Apache-2.0 */
/* Two calls for a request, cut at every place: send, sendmsg and write in turn, also with MSG_MORE. */
#include "net.h"

static long put(int way, int fd, char *at, size_t len, int flags)
{
	struct iovec iov = { at, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	switch (way % 4) {
	case 0:
		return say("send", send(fd, at, len, flags));
	case 1:
		return say("sendmsg", sendmsg(fd, &msg, flags));
	case 2:
		return say("write", write(fd, at, len));
	default:
		return say("sendto", sendto(fd, at, len, flags, NULL, 0));
	}
}

int main(int argc, char **argv)
{
	static char request[] = GET_CLOSE;
	size_t len = sizeof(request) - 1;

	for (size_t cut = 1; argc > 1 && cut < len; cut++) {
		int fd = connect_to(argv[1]);

		put((int)cut, fd, request, cut, cut & 4 ? MSG_MORE : 0);
		put((int)cut / 2, fd, request + cut, len - cut, 0);
		read_ok(fd);
		close(fd);
	}
	return 0;
}
