/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TESTS_BENCH_BENCH_H
#define ATR_TESTS_BENCH_BENCH_H

/*
 * bench: what the programs of this folder share. Each is started once plain and
 * once with every preload to compare, and all of them are then asked for rounds
 * in turn (beside.py), so that what else goes on in the machine falls on all.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CHECK(what) ((what) ? (void)0 : (perror(#what), exit(1)))

/* Of this thread alone: what the machine does meanwhile is not in it, but for its caches. */
static inline double thread_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* User instructions of this thread, where the machine has a counter for them; else below 0. */
static inline double thread_instructions(void)
{
	static __thread int counter = -2;
	struct perf_event_attr what = { .size = sizeof(what),
					.type = PERF_TYPE_HARDWARE,
					.config = PERF_COUNT_HW_INSTRUCTIONS,
					.exclude_kernel = 1,
					.exclude_hv = 1 };
	unsigned long long n;

	if (counter == -2)
		counter = (int)syscall(SYS_perf_event_open, &what, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (counter < 0 || syscall(SYS_read, counter, &n, sizeof(n)) != sizeof(n))
		return -1;
	return (double)n;
}

/* What one of many took; instructions below 0: nothing counts them here. */
struct took {
	double ns, instructions;
};

#ifdef __clang__
#define ATR_WHOLE __attribute__((noinline))
#else
#define ATR_WHOLE __attribute__((noinline, noclone))
#endif

/* By its name callgrind knows what to count: no connection made, nothing that was done before. */
ATR_WHOLE static void counted_round(void (*round)(void *, int), void *arg, int turns)
{
	round(arg, turns);
	__asm__ volatile("" ::: "memory");
}

/*
 * A round of so many turns on the calling thread, each of them `many` of what is
 * measured. A few before it warm the caches, which other processes have had.
 */
static inline struct took timed_round(void (*round)(void *, int), void *arg, int turns, int many)
{
	double instructions, ns;

	round(arg, turns / 10);
	instructions = thread_instructions();
	ns = thread_cpu_ns();
	counted_round(round, arg, turns);
	ns = (thread_cpu_ns() - ns) / turns / many;
	if (instructions >= 0)
		instructions = (thread_instructions() - instructions) / turns / many;
	return (struct took){ ns, instructions };
}

/* A line in asks for one round of a kind, a line out says what one of so many took in it. */
static inline void answer_rounds(struct took (*round)(int kind), int (*many)(int kind))
{
	char line[32];

	while (fgets(line, sizeof(line), stdin)) {
		int kind = atoi(line);
		struct took took = round(kind);

		printf("%.2f %.2f %d\n", took.ns, took.instructions, many(kind));
		fflush(stdout);
	}
}

/* The calls of one end of a connection: those that the program makes, or libc's, past any preload. */
struct calls {
	__typeof__(&listen) listen;
	__typeof__(&accept) accept;
	__typeof__(&connect) connect;
	__typeof__(&send) send;
	__typeof__(&recv) recv;
};

static inline struct calls programs_calls(void)
{
	return (struct calls){ listen, accept, connect, send, recv };
}

static inline struct calls libcs_calls(void)
{
	void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);

	CHECK(libc);
	return (struct calls){ dlsym(libc, "listen"), dlsym(libc, "accept"), dlsym(libc, "connect"),
			       dlsym(libc, "send"), dlsym(libc, "recv") };
}

/* Connects two TCP sockets of this process, each by the calls of its own end. */
static inline void connect_pair(const struct calls *client, int *client_fd,
				const struct calls *server, int *server_fd)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	CHECK(listener >= 0);
	CHECK(bind(listener, (struct sockaddr *)&address, len) == 0);
	CHECK(getsockname(listener, (struct sockaddr *)&address, &len) == 0);
	CHECK(server->listen(listener, 1) == 0);
	*client_fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(client->connect(*client_fd, (struct sockaddr *)&address, len) == 0);
	*server_fd = server->accept(listener, NULL, NULL);
	CHECK(*server_fd >= 0);
	CHECK(setsockopt(*client_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
	CHECK(setsockopt(*server_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
	close(listener);
}

#endif
