/* SPDX-License-Identifier: Apache-2.0 */
/*
 * threads_many PORT HOW: threads that come and go.
 *
 *	gone      ten thousand, one after the other, which grow nothing
 *	cancel    ended inside of read, recv, accept, poll, connect and a lookup, in both ways
 *	exit      by pthread_exit, and what pthread_key's destructors send after that
 *	same      many on one descriptor, closed and its number used again meanwhile
 *	c11       made by thrd_create
 */
#include "net.h"

#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <threads.h>

static const char *port;

static bool asks_on(int fd, const char *query)
{
	char head[100], answer[ANSWER_LEN];
	int len = snprintf(head, sizeof(head), "GET /ok%s HTTP/1.1\r\nHost: h\r\n\r\n", query);

	return send(fd, head, (size_t)len, MSG_NOSIGNAL) == len &&
	       recv(fd, answer, ANSWER_LEN, MSG_WAITALL) == (ssize_t)ANSWER_LEN &&
	       memcmp(answer, ANSWER, ANSWER_LEN) == 0;
}

static bool asks(const char *query)
{
	int fd = connect_to(port);
	bool ok = asks_on(fd, query);

	close(fd);
	return ok;
}

static void run(void *(*start)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, start, arg))
		die("pthread_create");
	pthread_join(thread, NULL);
}

/* ---- gone ------------------------------------------------------------------------------------ */

static long resident_kb(void)
{
	char line[200];
	FILE *file = fopen("/proc/self/status", "r");
	long kb = 0;

	while (fgets(line, sizeof(line), file))
		sscanf(line, "VmRSS: %ld", &kb);
	fclose(file);
	return kb;
}

/*
 * Of the first, every fifth asks: by then what holds spans was in use once. The others only see
 * whether there is something to read.
 */
static void *asks_once(void *fd)
{
	static int nr;
	struct pollfd one = { .fd = *(int *)fd, .events = POLLIN };

	if (++nr % 5 || nr > 2000)
		return poll(&one, 1, 0) ? NULL : fd;
	return asks_on(one.fd, "") ? fd : NULL;
}

static void gone(void)
{
	int fd = connect_to(port);
	long before = 0;

	for (int i = 0; i < 10000; i++) {
		run(asks_once, &fd);
		if (i == 2000)
			before = resident_kb();
	}
	say("grows", resident_kb() - before > 400);
	close(fd);
}

/* ---- cancel ---------------------------------------------------------------------------------- */

static pthread_key_t key;
static _Atomic int nr_destroyed, nr_waiting;

static void destroyed(void *unused)
{
	(void)unused;
	nr_destroyed += asks("?destroyed");
}

struct waiting {
	int what, kind;
};

static void *waits(void *arg)
{
	const struct waiting *w = arg;
	struct sockaddr_in none = { .sin_family = AF_INET };
	struct pollfd one = { .events = POLLIN };
	struct addrinfo *found;
	char byte;
	int fd;

	pthread_setspecific(key, arg);
	fd = w->what == 2 ? socket(AF_INET, SOCK_STREAM, 0) : connect_to(port);
	if (w->what == 2) {
		bind(fd, (struct sockaddr *)&none, sizeof(none));
		listen(fd, 1);
	}
	one.fd = fd;
	pthread_setcanceltype(w->kind, NULL);
	nr_waiting++;
	switch (w->what) {
	case 0:
		read(fd, &byte, 1);
		break;
	case 1:
		recv(fd, &byte, 1, 0);
		break;
	case 2:
		accept(fd, NULL, NULL);
		break;
	case 3:
		poll(&one, 1, -1);
		break;
	case 4:
		epoll_wait(epoll_create1(0), &(struct epoll_event){ 0 }, 1, -1);
		break;
	default:
		getaddrinfo("slow.test", NULL, NULL, &found);
	}
	return NULL;
}

static void cancel(void)
{
	pthread_key_create(&key, destroyed);
	for (int what = 0; what < 6; what++)
		for (int kind = 0; kind < 2; kind++) {
			struct waiting w = { what, kind ? PTHREAD_CANCEL_ASYNCHRONOUS :
							  PTHREAD_CANCEL_DEFERRED };
			int before = nr_waiting;
			pthread_t thread;
			void *result;

			pthread_create(&thread, NULL, waits, &w);
			while (nr_waiting == before)
				usleep(1000);
			usleep(20000);
			pthread_cancel(thread);
			pthread_join(thread, &result);
			say("cancelled", result == PTHREAD_CANCELED);
		}
	say("destroyed", nr_destroyed);
	say("asks", asks("?after"));
}

/* ---- exit ------------------------------------------------------------------------------------ */

static void *exits(void *unused)
{
	pthread_setspecific(key, &key);
	asks("");
	pthread_exit(unused);
}

static void by_exit(void)
{
	pthread_key_create(&key, destroyed);
	for (int i = 0; i < 3; i++)
		run(exits, NULL);
	say("destroyed", nr_destroyed);
}

/* ---- same ------------------------------------------------------------------------------------ */

static _Atomic int shared = -1;
static _Atomic bool over;

static void *uses(void *unused)
{
	char some[300];

	while (!over) {
		int fd = shared;

		if (fd < 0)
			continue;
		send(fd, GET, sizeof(GET) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		recv(fd, some, sizeof(some), MSG_DONTWAIT);
	}
	return unused;
}

static void same(void)
{
	pthread_t users[6];

	for (int i = 0; i < 6; i++)
		pthread_create(&users[i], NULL, uses, NULL);
	for (int i = 0; i < 80; i++) {
		int fd = connect_to(port);

		shared = fd;
		usleep(1000);
		close(fd); /* under the users' hands: the next takes its number */
	}
	over = true;
	for (int i = 0; i < 6; i++)
		pthread_join(users[i], NULL);
	for (int i = 0; i < 3; i++)
		say("asks", asks("?after"));
}

/* ---- c11 ------------------------------------------------------------------------------------- */

static int asks_in_c11(void *arg)
{
	return asks(arg) ? 7 : 8;
}

static void c11(void)
{
	thrd_t thread;
	int result = 0;

	say("made", thrd_create(&thread, asks_in_c11, "?c11") == thrd_success);
	thrd_join(thread, &result);
	say("result", result);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} ways[] = { { "gone", gone },
		     { "cancel", cancel },
		     { "exit", by_exit },
		     { "same", same },
		     { "c11", c11 } };

	if (argc < 3)
		return 2;
	port = argv[1];
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(ways[i].name, argv[2]) == 0)
			ways[i].run();
	return 0;
}
