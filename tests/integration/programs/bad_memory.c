/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bad_memory PORT: calls with memory that cannot be read, on a connection that is
 * looked at and beside it. The kernel answers; nothing is to be died of.
 */
#include "net.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/uio.h>

#define PAGE 4096
static char head[] = GET_CLOSE;

int main(int argc, char **argv)
{
	int fd = connect_to(argv[argc - 1]), other = socket(AF_INET, SOCK_STREAM, 0);
	char *pages =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *bad = pages + PAGE, *cut;
	volatile int too_many = 5000, too_few = -1;
	struct iovec iov = { bad, 10 }, two[2] = { { head, 4 }, { bad, 10 } };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 },
		      of_bad = { .msg_iov = (void *)bad, .msg_iovlen = 1 };
	long done, more;
	struct iovec huge = { head, (size_t)-1 };

	if (mprotect(bad, PAGE, PROT_NONE))
		die("mprotect");
	say("write", write(fd, bad, 100));
	say("send", send(fd, bad, 100, 0));
	say("send nowhere", send(fd, (char *)8, 100, 0));
	say("sendmsg", sendmsg(fd, &msg, 0));
	say("sendmsg of a bad array", sendmsg(fd, &of_bad, 0));
	say("sendmsg of a bad header", sendmsg(fd, (void *)bad, 0));
	say("sendmmsg", sendmmsg(fd, (void *)bad, 2, 0));
	say("writev", writev(fd, &iov, 1));
	say("writev of a bad array", writev(fd, (void *)bad, 1));
	say("writev of too many", writev(fd, &iov, too_many));
	say("writev of fewer than none", writev(fd, &iov, too_few));
	say("writev of too much", writev(fd, &huge, 1));
	say("connect", connect(other, (void *)bad, 16));
	say("poll", poll((void *)bad, 2, 10));
	say("select", select(8, (void *)bad, NULL, NULL, NULL));
	say("execve", execve("/bin/true", (char *[]){ "true", NULL }, (void *)bad));
	/* what the kernel takes of a write that runs into it */
	cut = bad - 10;
	memcpy(cut, head, 10);
	done = say("the begin of a head", write(fd, cut, 30));
	done = done > 0 ? done : 0;
	two[0] = (struct iovec){ head + done, 4 };
	more = say("and more of it", writev(fd, two, 2));
	done += more > 0 ? more : 0;
	say("its end", write(fd, head + done, sizeof(head) - 1 - (size_t)done));
	read_ok(fd);
	return 0;
}
