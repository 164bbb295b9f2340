/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ebpf: what a system call that does nothing takes, in nanoseconds, median of rounds.
 *
 *	ebpf		of the thread's CPU, by tabs: without the kernel's programs; with another
 *			process's; with its own, in no span; in a span; or `no` and why
 *	ebpf alone	by the clock, as it is run, under whatever watches it
 */
#include "ebpf/sums.h"
#include "tests/bench/bench.h"

#include <string.h>

#define TURNS 200000
#define ROUNDS 9

/* The thread context's record and its variable, as a library has them. */
static struct {
	uint8_t trace_id[16], span_id[8], valid, flags;
	uint16_t attributes_len;
} context = { { 1 }, { 2 }, 1, 1, 0 };
static __thread void *volatile shown;

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double call_takes(int turns, double (*now)(void))
{
	double ns[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		double begin = now();

		for (int k = 0; k < turns; k++)
			syscall(SYS_getppid);
		ns[i] = (now() - begin) / turns;
	}
	qsort(ns, ROUNDS, sizeof(ns[0]), by_size);
	return ns[ROUNDS / 2];
}

int main(int argc, char **argv)
{
	const struct atr_probe_options options = { .slow_ns = 1000000000 };
	struct atr_probe probe;
	const char *why;
	double none, others, idle;

	if (argc > 1 && !strcmp(argv[1], "alone")) {
		printf("%.1f\n", call_takes(TURNS / 20, now_ns));
		return 0;
	}
	none = call_takes(TURNS, thread_cpu_ns);
	if (atr_probe_open(&options, &probe, &why)) {
		printf("no\t%s\n", why);
		return 0;
	}
	others = call_takes(TURNS, thread_cpu_ns);
	atr_probe_arm(probe.token, (char *)&shown - (char *)__builtin_thread_pointer());
	idle = call_takes(TURNS, thread_cpu_ns);
	shown = &context;
	printf("%.1f\t%.1f\t%.1f\t%.1f\n", none, others, idle, call_takes(TURNS, thread_cpu_ns));
	return 0;
}
