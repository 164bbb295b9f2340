/* SPDX-License-Identifier: Apache-2.0 */
/* One connection by several descriptors, and a descriptor's number that is another file later. */
#include "net.h"

int main(int argc, char **argv)
{
	int fd = argc > 1 ? connect_to(argv[1]) : -1, other, file, pipes[2];
	char text[100];

	other = say("dup", dup(fd));
	say("half by one", send(fd, GET, 10, 0));
	say("half by the other", send(other, &GET[10], sizeof(GET) - 11, 0));
	say("close", close(fd));
	read_ok(other);
	say("dup2", dup2(other, 20));
	say("F_DUPFD", fcntl(other, F_DUPFD_CLOEXEC, 30));
	close(other);
	say("write", write(30, GET, sizeof(GET) - 1));
	read_ok(20);

	/* the same number is a file now, whose text looks like a request */
	file = open("/dev/null", O_WRONLY);
	say("dup2 over it", dup2(file, 20));
	say("write", write(20, GET, sizeof(GET) - 1));
	if (pipe(pipes))
		die("pipe");
	say("dup2 over it", dup2(pipes[1], 30));
	say("write", write(30, GET, sizeof(GET) - 1));
	say("read", read(pipes[0], text, sizeof(text)));
	say("send", send(30, GET, sizeof(GET) - 1, 0));
	say("close", close(30));
	say("write", write(30, GET, sizeof(GET) - 1));

	/* a call that is refused puts nothing in its place */
	fd = connect_to(argv[1]);
	say("dup2 of nothing", dup2(1000, fd));
	say("dup3 of nothing", dup3(1000, fd, 0));
	say("dup3 of flags that are none", dup3(1, fd, O_APPEND));
	say("close_range of none", close_range((unsigned)fd, (unsigned)fd - 1, 0));
	say("write", write(fd, GET_CLOSE, sizeof(GET_CLOSE) - 1));
	read_ok(fd);
	close(fd);

	/* and another connection, in the place of the first */
	fd = connect_to(argv[1]);
	say("dup3", dup3(fd, 20, O_CLOEXEC));
	say("write", write(20, GET_CLOSE, sizeof(GET_CLOSE) - 1));
	read_ok(fd);
	return 0;
}
