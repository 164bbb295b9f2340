/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop HOW PORT ORIGIN: one thread, one epoll set, as event-driven servers have it.
 *
 *	blocking   a request is served to its end, its calls block
 *	connect    a new connection for each call, made without blocking
 *	keepalive  connections are kept and taken up again by any request
 *	beside     as keepalive, and calls that are nobody's one after the other, each
 *		   when the one before is answered, but while there is just one request
 *	limited    as keepalive, but two at most: calls wait for a free one
 *	deferred   a call is started by a timer some time after its request was read,
 *		   so that nothing the kernel sees ties it to one of several requests
 *	staggered  the first call at once, the second by a timer, whether or not the
 *		   first is answered: a request under way may act at any moment
 */
#include "wire.h"

#include <sys/epoll.h>
#include <time.h>

#define MAX_FD 1024

/* A client's connection or one to the origin; `with` is the other side of the work. */
struct peer {
	struct conn c;
	struct peer *with, *next; /* next: in one of the two lists below */
	struct request r;
	double due;
	unsigned nr_calls, nr_done; /* made and answered so far for the request at hand */
	bool is_upstream, connecting, busy;
};

static struct peer *peers[MAX_FD];
static struct peer *idle;    /* connections to the origin that wait for a call */
static struct peer *waiting; /* clients whose call waits, for time or a connection */
static int epfd, origin, nr_upstream;
static bool blocking, keepalive, limited, deferred, staggered;
static unsigned calls = 2;
static struct peer *own; /* for the calls that are nobody's */
static unsigned nr_own, nr_busy;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void watch(struct peer *p, int op, unsigned events)
{
	struct epoll_event ev = { .events = events, .data.fd = p->c.fd };

	if (epoll_ctl(epfd, op, p->c.fd, &ev))
		die("epoll_ctl");
}

static struct peer *new_peer(int fd, bool is_upstream)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (fd < 0 || fd >= MAX_FD)
		die("descriptor");
	p->c.fd = fd;
	p->is_upstream = is_upstream;
	peers[fd] = p;
	return p;
}

static void forget(struct peer *p)
{
	close(p->c.fd);
	peers[p->c.fd] = NULL;
	nr_upstream -= p->is_upstream;
	free(p);
}

static void wait_in_line(struct peer *client)
{
	struct peer **at = &waiting;

	while (*at)
		at = &(*at)->next;
	client->next = NULL;
	*at = client;
}

static void send_call(struct peer *up)
{
	if (!put_call(up->c.fd, "n", up->with->r.n, up->with->nr_calls++))
		die("call");
	watch(up, EPOLL_CTL_MOD, EPOLLIN);
}

static void start_call(struct peer *client)
{
	struct peer *up = idle;

	if (up) {
		idle = up->next;
		up->with = client;
		send_call(up);
	} else if (limited && nr_upstream >= 2) {
		wait_in_line(client);
	} else {
		up = new_peer(connect_to(origin, SOCK_NONBLOCK), true);
		nr_upstream++;
		up->with = client;
		up->connecting = true;
		watch(up, EPOLL_CTL_ADD, EPOLLOUT);
	}
}

static void call_unasked(void)
{
	own->busy = true;
	if (!put_call(own->c.fd, "unasked", nr_own++, 0))
		die("call");
}

static void answer(struct peer *client)
{
	client->busy = false;
	nr_busy--;
	if (!put_answer(client->c.fd, &client->r) || client->r.close)
		forget(client);
	if (own && !own->busy && !nr_busy)
		call_unasked();
}

static void serve_blocking(struct peer *client)
{
	while (client->nr_calls < calls)
		call(origin, "n", client->r.n, client->nr_calls++);
	answer(client);
}

static void start_call_later(struct peer *client)
{
	client->due = now() + (rand() % 8) / 1e3;
	wait_in_line(client);
}

static void serve_next(struct peer *client)
{
	if (client->busy || !take_request(&client->c, &client->r))
		return;
	client->nr_calls = client->nr_done = 0;
	client->busy = true;
	nr_busy++;
	if (blocking) {
		serve_blocking(client);
	} else if (deferred) {
		start_call_later(client);
	} else {
		start_call(client);
		if (staggered)
			start_call_later(client);
	}
}

static void call_answered(struct peer *up)
{
	struct peer *client = up->with;

	if (up == own) {
		up->busy = false;
		if (nr_busy != 1)
			call_unasked();
		return;
	}
	up->with = NULL;
	if (keepalive) {
		up->next = idle;
		idle = up;
	} else {
		forget(up);
	}
	if (++client->nr_done == calls)
		answer(client);
	else if (!staggered)
		start_call(client);
	if (limited && waiting && idle) {
		client = waiting;
		waiting = client->next;
		start_call(client);
	}
}

static void upstream_ready(struct peer *up)
{
	if (up->connecting) {
		up->connecting = false;
		send_call(up);
	} else if (!fill(&up->c)) {
		die("origin closed");
	} else if (take_response(&up->c)) {
		call_answered(up);
	}
}

static void start_what_is_due(void)
{
	double t = now();

	for (struct peer **at = &waiting; *at;) {
		struct peer *client = *at;

		if (client->due > t) {
			at = &client->next;
		} else {
			*at = client->next;
			start_call(client);
		}
	}
}

static void ready(int fd, int listener)
{
	struct peer *p = peers[fd];

	if (fd == listener) {
		p = new_peer(accept4(listener, NULL, NULL, SOCK_NONBLOCK), false);
		watch(p, EPOLL_CTL_ADD, EPOLLIN);
	} else if (p && p->is_upstream) {
		upstream_ready(p);
	} else if (p) {
		if (fill(&p->c))
			serve_next(p);
		else
			forget(p);
	}
}

int main(int argc, char **argv)
{
	int listener = listen_on(argv[2]);
	struct epoll_event first = { .events = EPOLLIN, .data.fd = listener }, ev[64];

	blocking = !strcmp(argv[1], "blocking");
	limited = !strcmp(argv[1], "limited");
	keepalive = limited || !strcmp(argv[1], "keepalive") || !strcmp(argv[1], "beside");
	deferred = !strcmp(argv[1], "deferred");
	staggered = !strcmp(argv[1], "staggered");
	origin = atoi(argv[3]);
	if (argc > 4)
		calls = atoi(argv[4]);
	epfd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_ctl(epfd, EPOLL_CTL_ADD, listener, &first))
		die("epoll_ctl");
	if (!strcmp(argv[1], "beside")) {
		own = new_peer(connect_to(origin, 0), true);
		watch(own, EPOLL_CTL_ADD, EPOLLIN);
		call_unasked();
	}
	for (;;) {
		int n = epoll_wait(epfd, ev, 64, !limited && waiting ? 1 : -1);

		for (int i = 0; i < n; i++)
			ready(ev[i].data.fd, listener);
		if (deferred || staggered)
			start_what_is_due();
	}
}
