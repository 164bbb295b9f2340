/* SPDX-License-Identifier: Apache-2.0 */
/*
 * threads HOW PORT ORIGIN [CALLS]: one thread a connection; HOW says by what
 * hands the calls of a request are made.
 *
 *	direct	the thread itself, one connection a call
 *	spawn	threads created in the request, one a call, at once
 *	shared	the thread itself, over connections that all threads share
 *	fork	a child process forked in the request
 *	curl	curl, executed in a child of the request, as CGI does
 *	late	the thread itself, after it has answered: no one's work any more
 *	ticker	as direct, and a thread of its own makes calls for nobody meanwhile
 *	never	a thread of its own, after a request that is never answered
 */
#include "wire.h"

#include <pthread.h>
#include <sys/wait.h>

static const char *how, *origin_port;
static int origin, calls = 2;

static void call_direct(unsigned long n)
{
	for (int c = 0; c < calls; c++)
		call(origin, "n", n, c);
}

struct one_call {
	unsigned long n;
	unsigned c;
};

static void *make_one(void *arg)
{
	struct one_call *one = arg;

	call(origin, "n", one->n, one->c);
	return NULL;
}

static void call_spawn(unsigned long n)
{
	struct one_call one[16];
	pthread_t t[16];

	for (int c = 0; c < calls; c++) {
		one[c] = (struct one_call){ n, c };
		if (pthread_create(&t[c], NULL, make_one, &one[c]))
			die("thread");
	}
	for (int c = 0; c < calls; c++)
		pthread_join(t[c], NULL);
}

/* Idle connections to the origin, last in, first out: they wander between threads. */
static struct conn *idle[64];
static int nr_idle;
static pthread_mutex_t idle_lock = PTHREAD_MUTEX_INITIALIZER;

static struct conn *take_idle(void)
{
	struct conn *up = NULL;

	pthread_mutex_lock(&idle_lock);
	if (nr_idle)
		up = idle[--nr_idle];
	pthread_mutex_unlock(&idle_lock);
	if (!up) {
		up = calloc(1, sizeof(*up));
		up->fd = connect_to(origin, 0);
	}
	return up;
}

static void give_idle(struct conn *up)
{
	pthread_mutex_lock(&idle_lock);
	idle[nr_idle++] = up;
	pthread_mutex_unlock(&idle_lock);
}

static void call_shared(unsigned long n)
{
	for (int c = 0; c < calls; c++) {
		struct conn *up = take_idle();

		if (!exchange(up, "n", n, c))
			die("shared");
		give_idle(up);
	}
}

static void call_fork(unsigned long n)
{
	pid_t child = fork();

	if (!child) {
		call_direct(n);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void call_curl(unsigned long n)
{
	for (int c = 0; c < calls; c++) {
		char url[80];
		pid_t child;

		snprintf(url, sizeof(url), "http://127.0.0.1:%s/hop?n=%lu&c=%d", origin_port, n, c);
		child = fork();
		if (!child) {
			execlp("curl", "curl", "-s", "-o", "/dev/null", url, NULL);
			_exit(127);
		}
		waitpid(child, NULL, 0);
	}
}

/* ticker: 1000 calls that no request asked for, before, beside and after those that are. */
static void *tick(void *arg)
{
	for (unsigned long n = 1; n <= 1000; n++) {
		call(origin, "unasked", n, 0);
		usleep(1000);
	}
	return arg;
}

static _Atomic bool is_lost;

/* never: `calls` calls by a thread that has nothing to do with the lost request, nor came by it. */
static void *call_on_and_on(void *arg)
{
	struct conn up = { 0 };

	while (!is_lost)
		usleep(1000);
	up.fd = connect_to(origin, 0);
	for (int c = 0; c < calls; c++)
		if (!exchange(&up, "unasked", c, 0))
			die("never");
	return arg;
}

static void start(void *(*run)(void *), void *arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, run, arg))
		die("thread");
	pthread_detach(t);
}

static void work(unsigned long n)
{
	if (!strcmp(how, "spawn"))
		call_spawn(n);
	else if (!strcmp(how, "shared"))
		call_shared(n);
	else if (!strcmp(how, "fork"))
		call_fork(n);
	else if (!strcmp(how, "curl"))
		call_curl(n);
	else if (strcmp(how, "late"))
		call_direct(n);
}

static pthread_cond_t silence = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *serve(void *arg)
{
	struct conn *c = calloc(1, sizeof(*c));
	struct request r;

	c->fd = (int)(long)arg;
	while (next_request(c, &r)) {
		if (r.never) {
			is_lost = true;
			pthread_mutex_lock(&lock);
			for (;;)
				pthread_cond_wait(&silence, &lock);
		}
		work(r.n);
		if (!put_answer(c->fd, &r))
			break;
		if (!strcmp(how, "late"))
			call(origin, "unasked", r.n, 0);
		if (r.close)
			break;
	}
	close(c->fd);
	free(c);
	return NULL;
}

int main(int argc, char **argv)
{
	int fd = listen_on(argv[2]);

	how = argv[1];
	origin_port = argv[3];
	origin = atoi(origin_port);
	if (argc > 4)
		calls = atoi(argv[4]);
	if (!strcmp(how, "ticker"))
		start(tick, NULL);
	if (!strcmp(how, "never"))
		start(call_on_and_on, NULL);
	for (;;) {
		int c = accept(fd, NULL, NULL);

		if (c < 0)
			die("accept");
		start(serve, (void *)(long)c);
	}
}
