/* SPDX-License-Identifier: Apache-2.0 */
/* ends PORT HOW: a request, and then one of the ways in which a process ends. */
#include "net.h"

#include <pthread.h>
#include <signal.h>

#define SLOW "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n"

static void *leave(void *unused)
{
	exit(5);
	return unused;
}

int main(int argc, char **argv)
{
	int fd = argc > 2 ? connect_to(argv[1]) : -1;
	const char *how = argv[2];
	pthread_t thread;

	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	read_ok(fd);
	if (!strcmp(how, "exit"))
		exit(4);
	if (!strcmp(how, "_exit"))
		_exit(4);
	if (!strcmp(how, "quick_exit"))
		quick_exit(4);
	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "term"))
		raise(SIGTERM);
	if (!strcmp(how, "segv"))
		raise(SIGSEGV);
	if (!strcmp(how, "thread") && pthread_create(&thread, NULL, leave, NULL) == 0)
		pause();
	if (!strcmp(how, "exec in between"))
		say("send", send(fd, SLOW, sizeof(SLOW) - 1, 0));
	if (!strncmp(how, "exec", 4))
		execl("/bin/echo", "echo", "executed", NULL);
	return 0;
}
