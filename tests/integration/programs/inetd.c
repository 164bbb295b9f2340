/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inetd PORT: a process for each connection, which has it as its standard input and output, and is
 * this program again: it reads requests from one and answers them on the other.
 */
#include "net.h"

#include <signal.h>

int main(int argc, char **argv)
{
	struct sockaddr_in address;
	int listener, fd, yes = 1;

	if (argc < 2)
		return answer_all(0, 1);
	address = at_port(argv[1]);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 10))
		die("listen");
	signal(SIGCHLD, SIG_IGN);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (fork() == 0) {
			dup2(fd, 0);
			dup2(fd, 1);
			close(fd);
			execl("/proc/self/exe", "inetd", NULL);
			_exit(1);
		}
		close(fd);
	}
	return 1;
}
