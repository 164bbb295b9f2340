/* SPDX-License-Identifier: Apache-2.0 */
/* ends PORT HOW: a request, and then one of the ways in which a process ends. */
#include "net.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

static volatile int *volatile nowhere;

#define SLOW "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n"

static void *leave(void *unused)
{
	exit(5);
	return unused;
}

static void on_term(int number)
{
	printf("caught %d\n", number);
}

static void say_action(const char *what, const struct sigaction *action)
{
	printf("%s: %s, flags %x\n", what,
	       action->sa_handler == SIG_DFL ? "default" :
	       action->sa_handler == on_term ? "the program's" :
					       "another",
	       (unsigned)action->sa_flags & ~0x04000000u);
}

/* Looks at the action of SIGTERM, takes it over, and leaves it or not as it was. */
static void takes_and_gives_back(bool gives_back)
{
	struct sigaction own = { .sa_handler = on_term }, before, now;

	sigaction(SIGTERM, NULL, &now);
	say_action("at first", &now);
	sigaction(SIGTERM, &own, &before);
	say_action("before", &before);
	raise(SIGTERM);
	sigaction(SIGTERM, gives_back ? &before : NULL, &now);
	say_action("its own", &now);
	printf("signal: %d\n", signal(SIGHUP, SIG_IGN) == SIG_DFL);
	printf("signal again: %d\n", signal(SIGHUP, SIG_DFL) == SIG_IGN);
	fflush(stdout);
	raise(gives_back ? SIGTERM : SIGHUP);
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
	if (!strcmp(how, "pipe"))
		raise(SIGPIPE);
	if (!strcmp(how, "segv"))
		raise(SIGSEGV);
	if (!strcmp(how, "fault"))
		*nowhere = 1;
	if (!strcmp(how, "taken"))
		takes_and_gives_back(false);
	if (!strcmp(how, "given-back"))
		takes_and_gives_back(true);
	if (!strcmp(how, "thread") && pthread_create(&thread, NULL, leave, NULL) == 0)
		pause();
	if (strstr(how, "in between"))
		say("send", send(fd, SLOW, sizeof(SLOW) - 1, 0));
	if (!strcmp(how, "_exit in between"))
		_exit(10);
	if (!strncmp(how, "exec", 4))
		execl("/bin/echo", "echo", "executed", NULL);
	return 0;
}
