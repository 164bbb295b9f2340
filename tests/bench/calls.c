/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls: what a call costs on a descriptor of no interest. Prints, for each of
 * write on /dev/null, write and read on a pipe, and send and recv on a pair of
 * sockets that speak no protocol we know: nanoseconds a call, the median of rounds.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 31
#define CALLS 20000

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int null_fd, pipe_fds[2], pair[2];
static char bytes[64];

static void write_null(void)
{
	if (write(null_fd, bytes, 1) != 1)
		abort();
}

static void through_pipe(void)
{
	if (write(pipe_fds[1], bytes, 1) != 1 || read(pipe_fds[0], bytes, 1) != 1)
		abort();
}

static void through_pair(void)
{
	if (send(pair[0], "\1", 1, 0) != 1 || recv(pair[1], bytes, 1, 0) != 1)
		abort();
}

static void measure(const char *name, void (*call)(void))
{
	double round[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		double begin = now_ns();

		for (int k = 0; k < CALLS; k++)
			call();
		round[i] = (now_ns() - begin) / CALLS;
	}
	qsort(round, ROUNDS, sizeof(round[0]), by_value);
	printf("%s %.1f\n", name, round[ROUNDS / 2]);
}

int main(void)
{
	null_fd = open("/dev/null", O_WRONLY);
	if (null_fd < 0 || pipe(pipe_fds) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return 1;
	measure("write_devnull", write_null);
	measure("pipe_write+read", through_pipe);
	measure("socketpair_send+recv", through_pair);
	return 0;
}
