/* SPDX-License-Identifier: Apache-2.0 */
/* prefork PORT ORIGIN: four processes take turns on one listening socket. */
#include "wire.h"

#include <signal.h>
#include <sys/wait.h>

static void serve(int fd, int origin)
{
	struct conn c = { .fd = fd };
	struct request r;

	while (next_request(&c, &r)) {
		call(origin, "n", r.n, 0);
		call(origin, "n", r.n, 1);
		if (!put_answer(fd, &r) || r.close)
			break;
	}
	close(fd);
}

static void be_worker(int listener, int origin)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0)
			serve(fd, origin);
	}
}

static void stop_all(int sig)
{
	(void)sig;
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (wait(NULL) > 0)
		;
	_exit(0);
}

int main(int argc, char **argv)
{
	int listener = listen_on(argv[argc - 2]);
	int origin = atoi(argv[argc - 1]);

	setpgid(0, 0);
	for (int i = 0; i < 4; i++)
		if (!fork())
			be_worker(listener, origin);
	signal(SIGTERM, stop_all);
	for (;;)
		pause();
}
