/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exceptions PORT HOW: C++'s ways out of a call.
 *
 *	thread     thrown and caught in a thread, inside a request
 *	uncaught   thrown in a thread and caught by nobody: the process aborts
 *	handler    thrown by a signal's handler out of recv; the answer is read then, further down
 *	cancelled  a thread is cancelled in recv, and the destructors of its objects make requests
 */
#include <csignal>
#include <stdexcept>
#include <arpa/inet.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER "HTTP/1.1 200 X\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"

static int fd;

static void say(const char *what, long n)
{
	printf("%s: %ld\n", what, n);
	fflush(stdout);
}

static void read_ok(int from, size_t more = 0)
{
	char answer[sizeof(ANSWER) - 1 + 2];

	say("answer", recv(from, answer, sizeof(ANSWER) - 1 + more, MSG_WAITALL));
}

static int connect_to(const char *port)
{
	sockaddr_in address = {};
	int to = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_family = AF_INET;
	address.sin_port = htons((uint16_t)atoi(port));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(to, (sockaddr *)&address, sizeof(address)))
		exit(1);
	return to;
}

static void sends(const char *path)
{
	char text[100];
	int len = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);

	say("send", send(fd, text, (size_t)len, MSG_NOSIGNAL));
}

static void *throws(void *arg)
{
	sends("/ok");
	try {
		throw std::runtime_error("caught");
	} catch (const std::exception &e) {
		puts(e.what());
	}
	read_ok(fd);
	if (arg)
		throw std::runtime_error("uncaught");
	return NULL;
}

static void alarmed(int)
{
	throw std::runtime_error("out of recv");
}

/* Where the stack is far deeper than where the exception was caught. */
static __attribute__((noinline)) void reads_far_below(int deep, size_t more = 0)
{
	volatile char room[500] = { 0 };

	if (deep)
		reads_far_below(deep - 1, more);
	else
		read_ok(fd, more);
	room[0] = room[1];
}

static void by_handler()
{
	struct sigaction action = {};
	itimerval soon = { { 0, 0 }, { 0, 20000 } };
	char byte;

	action.sa_handler = alarmed;
	action.sa_flags = SA_NODEFER;
	sigaction(SIGALRM, &action, NULL);
	sends("/slow");
	try {
		setitimer(ITIMER_REAL, &soon, NULL);
		recv(fd, &byte, 1, MSG_PEEK);
		puts("nothing was thrown");
	} catch (const std::exception &e) {
		puts(e.what());
	}
	reads_far_below(10, sizeof("late") - sizeof("ok"));
	sends("/ok?then");
	reads_far_below(10);
}

struct Asks {
	const char *path;
	~Asks()
	{
		sends(path);
		reads_far_below(3);
	}
};

static void *waits(void *)
{
	Asks outer = { "/ok?outer" }, inner = { "/ok?inner" };
	char byte;

	recv(fd, &byte, 1, 0);
	puts("it was not cancelled");
	return NULL;
}

static void cancels(void *(*run)(void *), void *arg, bool cancel)
{
	pthread_t thread;
	void *result = NULL;

	if (pthread_create(&thread, NULL, run, arg))
		exit(1);
	usleep(300000);
	if (cancel)
		pthread_cancel(thread);
	pthread_join(thread, &result);
	say("cancelled", result == PTHREAD_CANCELED);
}

int main(int argc, char **argv)
{
	struct rlimit none = { 0, 0 };

	if (argc < 3)
		return 2;
	setrlimit(RLIMIT_CORE, &none);
	fd = connect_to(argv[1]);
	if (!strcmp(argv[2], "thread"))
		cancels(throws, NULL, false);
	else if (!strcmp(argv[2], "uncaught"))
		cancels(throws, argv, false);
	else if (!strcmp(argv[2], "handler"))
		by_handler();
	else
		cancels(waits, NULL, true);
	close(fd);
	return 0;
}
