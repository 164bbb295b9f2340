/* SPDX-License-Identifier: Apache-2.0 */
/* A connection that two processes use one after the other, and each its own. */
#include "net.h"

int main(int argc, char **argv)
{
	int fd = argc > 1 ? connect_to(argv[1]) : -1;
	pid_t pid;

	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	read_ok(fd);
	pid = fork();
	if (pid == 0) {
		int own = connect_to(argv[1]);

		say("child: send", send(fd, GET, sizeof(GET) - 1, 0));
		read_ok(fd);
		say("child: send", send(own, GET, sizeof(GET) - 1, 0));
		read_ok(own);
		_exit(3);
	}
	waitpid(pid, NULL, 0);
	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	read_ok(fd);
	return 0;
}
