/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange client|server heap|mapped [THREADS]: an HTTP request and its response
 * over a kept connection on loopback, again and again. The named end makes its
 * calls as any program does; the other end is played by the same thread with
 * libc's own calls, past any preload, so that what differs from the plain run is
 * what one request costs on the program's thread, and nobody is waited for.
 *
 * heap, mapped: where the bytes lie that are sent.
 *
 * Asked for a round with so many threads (each with a connection of its own),
 * says what an exchange took of a thread's processor time.
 */
#include "tests/bench/bench.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define EXCHANGES 200
#define THREADS_MAX 8
#define TRIES 25
#define ROOM 4096

static const char client_request[] = "GET /api/v1/orders/421?expand=items HTTP/1.1\r\n"
				     "Host: orders.internal.example:8080\r\n"
				     "User-Agent: python-requests/2.28.1\r\n"
				     "Accept-Encoding: gzip, deflate\r\n"
				     "Accept: */*\r\n"
				     "\r\n";

static const char server_request[] =
	"GET /api/v1/orders/421?expand=items HTTP/1.1\r\n"
	"Host: orders.internal.example:8080\r\n"
	"User-Agent: python-requests/2.28.1\r\n"
	"Accept-Encoding: gzip, deflate\r\n"
	"Accept: */*\r\n"
	"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
	"\r\n";

static const char response[] = "HTTP/1.1 200 OK\r\n"
			       "Server: nginx/1.22.1\r\n"
			       "Date: Sat, 21 Nov 2026 07:12:32 GMT\r\n"
			       "Content-Type: application/json\r\n"
			       "Content-Length: 16\r\n"
			       "Connection: keep-alive\r\n"
			       "\r\n"
			       "{\"order\": \"421\"}";

struct end {
	struct calls calls;
	int fd;
	char *says, *hears;
	size_t len; /* of what it says */
};

struct pair {
	struct end client, server;
};

static bool is_server, is_mapped;
static pthread_barrier_t begins, ends;
static int nr_threads, nr_busy;
static struct took took[THREADS_MAX];
static double began[THREADS_MAX], ended[THREADS_MAX];

static char *room(const char *text)
{
	char *at = is_mapped ? mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				    -1, 0) :
			       malloc(ROOM);

	CHECK(at && at != MAP_FAILED);
	memset(at, 0, ROOM);
	return strcpy(at, text);
}

static void open_pair(struct pair *p)
{
	struct calls program = programs_calls(), libc = libcs_calls();
	const char *request = is_server ? server_request : client_request;

	p->client = (struct end){ is_server ? libc : program, -1, room(request), room(""),
				  strlen(request) };
	p->server = (struct end){ is_server ? program : libc, -1, room(response), room(""),
				  strlen(response) };
	connect_pair(&p->client.calls, &p->client.fd, &p->server.calls, &p->server.fd);
}

static void goes(struct end *from, struct end *to)
{
	CHECK(from->calls.send(from->fd, from->says, from->len, 0) == (ssize_t)from->len);
	CHECK(to->calls.recv(to->fd, to->hears, ROOM, 0) >= (ssize_t)from->len);
}

static void exchange_many(void *pair, int n)
{
	struct pair *p = pair;

	while (n--) {
		goes(&p->client, &p->server);
		goes(&p->server, &p->client);
	}
}

static double clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct took an_exchange(struct pair *p)
{
	return timed_round(exchange_many, p, EXCHANGES, 1);
}

static int exchanges(int threads)
{
	(void)threads;
	return EXCHANGES;
}

static struct pair alone;

static struct took round_alone(int threads)
{
	(void)threads;
	return an_exchange(&alone);
}

static void *work(void *arg)
{
	int me = (int)(intptr_t)arg;
	struct pair p;

	open_pair(&p);
	exchange_many(&p, EXCHANGES);
	for (;;) {
		pthread_barrier_wait(&begins);
		if (me < nr_busy) {
			began[me] = clock_ns();
			took[me] = an_exchange(&p);
			ended[me] = clock_ns();
		}
		pthread_barrier_wait(&ends);
	}
	return NULL;
}

/* Whether all that were busy were so side by side, and not one after the other. */
static bool at_once(void)
{
	double all_from = 0, all_to = ended[0], from = began[0], to = 0;

	for (int i = 0; i < nr_busy; i++) {
		all_from = began[i] > all_from ? began[i] : all_from;
		all_to = ended[i] < all_to ? ended[i] : all_to;
		from = began[i] < from ? began[i] : from;
		to = ended[i] > to ? ended[i] : to;
	}
	return all_to - all_from > (to - from) * 3 / 4;
}

/* Made again, some times, where the machine had no processor for each of them. */
static struct took round_of_threads(int threads)
{
	struct took mean = { 0, 0 };

	CHECK(threads > 0 && threads <= nr_threads);
	nr_busy = threads;
	for (int tries = 0; tries == 0 || (tries < TRIES && !at_once()); tries++) {
		pthread_barrier_wait(&begins);
		pthread_barrier_wait(&ends);
	}
	for (int i = 0; i < threads; i++) {
		mean.ns += took[i].ns / threads;
		mean.instructions += took[i].instructions / threads;
	}
	return mean;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc < 3)
		return 2;
	is_server = !strcmp(argv[1], "server");
	is_mapped = !strcmp(argv[2], "mapped");
	nr_threads = argc > 3 ? atoi(argv[3]) : 1;
	if (nr_threads == 1) {
		open_pair(&alone);
		exchange_many(&alone, EXCHANGES);
		answer_rounds(round_alone, exchanges);
		return 0;
	}
	CHECK(nr_threads > 0 && nr_threads <= THREADS_MAX);
	pthread_barrier_init(&begins, NULL, (unsigned)nr_threads + 1);
	pthread_barrier_init(&ends, NULL, (unsigned)nr_threads + 1);
	for (int i = 0; i < nr_threads; i++)
		CHECK(pthread_create(&thread, NULL, work, (void *)(intptr_t)i) == 0);
	answer_rounds(round_of_threads, exchanges);
	return 0;
}
