/* SPDX-License-Identifier: Apache-2.0 */
/* As daemons do it: all descriptors closed, by a loop, close_range and dup2 over them, between requests. */
#include "net.h"

int close_range(unsigned first, unsigned last, int flags);

static void ask(const char *port)
{
	int fd = connect_to(port);

	say("descriptor", fd);
	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	read_ok(fd);
	usleep(200000); /* the exporter is at work */
}

int main(int argc, char **argv)
{
	long failed = 0;

	if (argc < 2)
		return 1;
	ask(argv[1]);
	for (int fd = 3; fd < 1024; fd++)
		failed += close(fd) < 0;
	say("not open", failed);
	ask(argv[1]);
	say("close_range", close_range(3, ~0u, 0));
	ask(argv[1]);
	for (int fd = 900; fd < 1024; fd++)
		if (dup2(1, fd) != fd)
			die("dup2");
	ask(argv[1]);
	for (int fd = 900; fd < 1024; fd++)
		if (close(fd))
			die("close");
	ask(argv[1]);
	return 0;
}
