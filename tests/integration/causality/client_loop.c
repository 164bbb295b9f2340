/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_loop PORT ORIGIN: one thread a connection serves, and one thread with an
 * epoll set of its own makes the calls of all of them, over kept connections, as
 * the HTTP clients of Java and many others do. An eventfd wakes it when there is
 * something new in its queue; it sends when a connection is free.
 */
#include "wire.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define MAX_UPSTREAM 4

struct call {
	unsigned long n;
	unsigned c;
	bool done;
	struct call *next;
};

struct upstream {
	struct conn c;
	struct call *doing;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t done = PTHREAD_COND_INITIALIZER;
static struct call *queue;
static int origin, epfd, wake_fd;

static void call_by_the_loop(unsigned long n, unsigned c)
{
	struct call call = { .n = n, .c = c }, **at = &queue;
	uint64_t one = 1;

	pthread_mutex_lock(&lock);
	while (*at)
		at = &(*at)->next;
	*at = &call;
	pthread_mutex_unlock(&lock);
	if (write(wake_fd, &one, sizeof(one)) != sizeof(one))
		die("eventfd");
	pthread_mutex_lock(&lock);
	while (!call.done)
		pthread_cond_wait(&done, &lock);
	pthread_mutex_unlock(&lock);
}

static struct call *next_call(void)
{
	struct call *call;

	pthread_mutex_lock(&lock);
	call = queue;
	if (call)
		queue = call->next;
	pthread_mutex_unlock(&lock);
	return call;
}

static void finish(struct call *call)
{
	pthread_mutex_lock(&lock);
	call->done = true;
	pthread_cond_broadcast(&done);
	pthread_mutex_unlock(&lock);
}

static void send_next(struct upstream *up)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = up };

	up->doing = next_call();
	if (!up->doing)
		return;
	if (!up->c.fd) {
		up->c.fd = connect_to(origin, 0);
		epoll_ctl(epfd, EPOLL_CTL_ADD, up->c.fd, &ev);
	}
	if (!put_call(up->c.fd, "n", up->doing->n, up->doing->c))
		die("call");
}

static void *run_loop(void *arg)
{
	static struct upstream ups[MAX_UPSTREAM];
	struct epoll_event ev[16];
	uint64_t woken;

	for (;;) {
		int n = epoll_wait(epfd, ev, 16, -1);

		for (int i = 0; i < n; i++) {
			struct upstream *up = ev[i].data.ptr;

			if (!up && read(wake_fd, &woken, sizeof(woken)) != sizeof(woken))
				die("eventfd");
			if (up && !fill(&up->c))
				die("origin closed");
			if (up && take_response(&up->c)) {
				finish(up->doing);
				up->doing = NULL;
			}
		}
		for (struct upstream *up = ups; up < ups + MAX_UPSTREAM; up++)
			if (!up->doing)
				send_next(up);
	}
	return arg;
}

static void *serve(void *arg)
{
	struct conn *c = arg;
	struct request r;

	while (next_request(c, &r)) {
		call_by_the_loop(r.n, 0);
		call_by_the_loop(r.n, 1);
		if (!put_answer(c->fd, &r) || r.close)
			break;
	}
	close(c->fd);
	free(c);
	return NULL;
}

static void start(void *(*run)(void *), void *arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, run, arg))
		die("thread");
	pthread_detach(t);
}

int main(int argc, char **argv)
{
	int fd = listen_on(argv[argc - 2]);
	struct epoll_event wake = { .events = EPOLLIN, .data.ptr = NULL };

	origin = atoi(argv[argc - 1]);
	epfd = epoll_create1(EPOLL_CLOEXEC);
	wake_fd = eventfd(0, EFD_CLOEXEC);
	epoll_ctl(epfd, EPOLL_CTL_ADD, wake_fd, &wake);
	start(run_loop, NULL);
	for (;;) {
		struct conn *c = calloc(1, sizeof(*c));

		c->fd = accept(fd, NULL, NULL);
		if (c->fd < 0)
			die("accept");
		start(serve, c);
	}
}
