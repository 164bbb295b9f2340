/* SPDX-License-Identifier: Apache-2.0 */
/* Two requests in three messages by one sendmmsg. */
#include "net.h"

int main(int argc, char **argv)
{
	int fd = argc > 1 ? connect_to(argv[1]) : -1;
	static char two[] = GET GET_CLOSE;
	struct iovec iov[3] = { { two, 20 }, { two + 20, 20 }, { two + 40, sizeof(two) - 41 } };
	struct mmsghdr messages[3] = { 0 };

	for (int i = 0; i < 3; i++) {
		messages[i].msg_hdr.msg_iov = &iov[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	say("sendmmsg", sendmmsg(fd, messages, 3, 0));
	for (int i = 0; i < 3; i++)
		say("length", (long)messages[i].msg_len);
	printf("%s", read_to(fd, "never"));
	return 0;
}
