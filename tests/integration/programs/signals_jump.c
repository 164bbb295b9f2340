/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals_jump PORT HOW: a timer's handler jumps out of whatever call is under way, thousands of
 * times; what the program does afterwards is traced as if nothing had been.
 *
 *	calls    out of connect, send, poll, recv, close, often in the middle of the tracer's own code
 *	lookup   out of a name lookup, as programs limit its time
 *	alt      as calls, on a stack for signals, which lies above the program's own data
 */
#include "net.h"

#include <netdb.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/time.h>
#include <time.h>

static sigjmp_buf out;
static volatile sig_atomic_t may_jump, nr_jumps;

static void jumps(int number)
{
	(void)number;
	if (!may_jump)
		return;
	may_jump = 0;
	nr_jumps++;
	siglongjmp(out, 1);
}

static void every(long microseconds)
{
	struct itimerval often = { { 0, microseconds }, { 0, microseconds } };

	setitimer(ITIMER_REAL, &often, NULL);
}

/* The origin closes with the connection: nothing of it is to be left waiting. */
static volatile int fd;

static void asks(const char *port)
{
	struct sockaddr_in address = at_port(port);
	char answer[ANSWER_LEN];
	struct pollfd one;

	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return;
	for (int i = 0; i < 5; i++) {
		send(fd, GET, sizeof(GET) - 1, MSG_NOSIGNAL);
		one = (struct pollfd){ .fd = fd, .events = POLLIN };
		poll(&one, 1, 1000);
		recv(fd, answer, ANSWER_LEN, MSG_WAITALL);
	}
}

static void storm(const char *port)
{
	time_t end = time(NULL) + 2;

	every(700);
	while (time(NULL) < end) {
		fd = -1;
		if (sigsetjmp(out, 1) == 0) {
			may_jump = 1;
			asks(port);
		}
		may_jump = 0;
		if (fd >= 0)
			close(fd);
	}
	every(0);
}

static void lookup(void)
{
	struct addrinfo *found;

	every(100000);
	if (sigsetjmp(out, 1) == 0) {
		may_jump = 1;
		getaddrinfo("slow.test", NULL, NULL, &found);
		puts("it was not slow");
	}
	every(0);
}

/* Deeper in the stack than what was jumped out of, and no part of it. */
__attribute__((noinline)) static void asks_after(const char *port)
{
	volatile char depth[4096];
	int after = connect_to(port);

	depth[0] = 0;
	(void)depth[0];
	for (int i = 0; i < 3; i++) {
		send(after, "GET /ok?after HTTP/1.1\r\nHost: h\r\n\r\n", 35, 0);
		read_ok(after);
	}
	close(after);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = jumps, .sa_flags = SA_RESTART };
	bool alt = argc > 2 && strcmp(argv[2], "alt") == 0;

	if (argc < 3)
		return 2;
	if (alt) {
		stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };

		sigaltstack(&stack, NULL);
		action.sa_flags |= SA_ONSTACK;
	}
	sigaction(SIGALRM, &action, NULL);
	if (strcmp(argv[2], "lookup") == 0)
		lookup();
	else
		storm(argv[1]);
	say("jumped", nr_jumps > 0);
	asks_after(argv[1]);
	return 0;
}
