/* SPDX-License-Identifier: Apache-2.0 */
/*
 * threads_stack PORT FILE [WHAT]: requests made by threads with the smallest stack there is, on a
 * stack that was painted before; how much of the paint is gone is written to FILE.
 */
#include "net.h"

#include <limits.h>
#include <netdb.h>
#include <pthread.h>
#include <sys/mman.h>

#define ROOM (256 * 1024)
#define PAINT 0x5a

static const char *port, *what;

static void *asks(void *unused)
{
	char answer[ANSWER_LEN];
	struct addrinfo *found;
	int fd;

	(void)unused;
	if (strcmp(what, "lookup") == 0) {
		if (getaddrinfo("localhost", NULL, NULL, &found) == 0)
			freeaddrinfo(found);
		return NULL;
	}
	if (strcmp(what, "nothing") == 0)
		return NULL;
	fd = connect_to(port);
	for (int i = 0; i < 3; i++) {
		struct pollfd one = { .fd = fd, .events = POLLIN };

		if (send(fd, GET, sizeof(GET) - 1, 0) < 0 || poll(&one, 1, -1) != 1 ||
		    recv(fd, answer, ANSWER_LEN, MSG_WAITALL) != (ssize_t)ANSWER_LEN)
			die("a request");
	}
	close(fd);
	return NULL;
}

static size_t painted(const char *stack)
{
	size_t n = 0;

	while (n < ROOM && stack[n] == PAINT)
		n++;
	return n;
}

static void run(pthread_attr_t *attributes)
{
	pthread_t thread;

	if (pthread_create(&thread, attributes, asks, NULL))
		die("pthread_create");
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	pthread_attr_t attributes;
	char *stack;
	FILE *file;

	if (argc < 3)
		return 2;
	port = argv[1];
	what = argc > 3 ? argv[3] : "requests";
	stack = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(stack, PAINT, ROOM);
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, stack, ROOM);
	run(&attributes);
	file = fopen(argv[2], "w");
	fprintf(file, "%zu\n", ROOM - painted(stack));
	fclose(file);
	if (strcmp(what, "requests") == 0) {
		pthread_attr_init(&attributes);
		pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
		for (int i = 0; i < 5; i++)
			run(&attributes);
	}
	puts("all");
	return 0;
}
