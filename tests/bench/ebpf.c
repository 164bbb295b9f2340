/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ebpf: what a system call that does nothing takes, in nanoseconds, median of rounds.
 *
 *	ebpf		of the thread's CPU, by tabs: without the kernel's programs; with another
 *			process's; with its own, in no span; in a span; or `no` and why
 *	ebpf alone	by the clock, as it is run, under whatever watches it
 *	ebpf function	a call of a function, of CPU: as it is; followed by the kernel, in no span; in a
 *			span; or `no` and why
 */
#include "ebpf/follow.h"
#include "ebpf/sums.h"
#include "tests/bench/bench.h"

#include <link.h>
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

/* ---- a function that is followed ---- */

#define CALLS 2000

__attribute__((section("asked"))) ATR_WHOLE int asked_for(int a)
{
	__asm__ volatile("" : "+r"(a));
	return a;
}

extern const uint8_t __start_asked[], __stop_asked[];

static int find_offset(struct dl_phdr_info *info, size_t size, void *found)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t at = (uintptr_t)__start_asked - info->dlpi_addr - part->p_vaddr;

		if (part->p_type == PT_LOAD && at < part->p_filesz)
			*(uint64_t *)found = part->p_offset + at;
	}
	return 1; /* the first is the program itself */
}

static double function_takes(void)
{
	double ns[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		double begin = thread_cpu_ns();

		for (int k = 0; k < CALLS; k++)
			asked_for(k);
		ns[i] = (thread_cpu_ns() - begin) / CALLS;
	}
	qsort(ns, ROUNDS, sizeof(ns[0]), by_size);
	return ns[ROUNDS / 2];
}

static void measure_function(void)
{
	struct atr_followed function = { .path = "/proc/self/exe",
					 .code = __start_asked,
					 .len = (size_t)(__stop_asked - __start_asked) };
	struct atr_follow follow;
	double none = function_takes(), idle;
	const char *why;

	dl_iterate_phdr(find_offset, &function.offset);
	if (!atr_follow_open(&follow, (char *)&shown - (char *)__builtin_thread_pointer(), &why) ||
	    !atr_follow_add(&follow, &function, &why)) {
		printf("no\t%s\n", why);
		return;
	}
	idle = function_takes();
	shown = &context;
	printf("%.1f\t%.1f\t%.1f\n", none, idle, function_takes());
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
	if (argc > 1 && !strcmp(argv[1], "function")) {
		measure_function();
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
