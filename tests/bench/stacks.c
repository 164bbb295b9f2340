/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stacks: what it costs a thread to have its stack collected: nanoseconds of its CPU for one of
 * each depth that is asked for, a line each; then for the first time at 10 frames, when nothing is
 * known of them yet. stacks OBJECT DEPTH...
 */
#include "export/stacks.h"
#include "tests/bench/bench.h"

#include <string.h>

#define TURNS 200000

static const struct atr_stacks *stacks;
static struct atr_stack_range range;
static uint64_t words[ATR_STACK_DEPTH_MAX + 1];
static unsigned depth;

static void round_of(void *unused, int turns)
{
	(void)unused;
	for (int i = 0; i < turns; i++)
		CHECK(stacks->collect(&range, words, depth) == depth + 1);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double took(void)
{
	enum { ROUNDS = 15 };
	double ns[ROUNDS];

	for (int i = 0; i < ROUNDS; i++)
		ns[i] = timed_round(round_of, NULL, TURNS, 1).ns;
	qsort(ns, ROUNDS, sizeof(ns[0]), by_size);
	return ns[ROUNDS / 2];
}

/* A frame of its own at each depth, as a program's are. */
ATR_WHOLE static double down(unsigned n)
{
	double ns = n ? down(n - 1) : took();

	__asm__ volatile("");
	return ns;
}

static double first_time(void)
{
	double began, sum = 0;

	for (int i = 0; i < 200; i++) {
		stacks->unloads();
		began = thread_cpu_ns();
		stacks->collect(&range, words, 10);
		sum += thread_cpu_ns() - began;
	}
	return sum / 200;
}

ATR_WHOLE static double down_first(unsigned n)
{
	double ns = n ? down_first(n - 1) : first_time();

	__asm__ volatile("");
	return ns;
}

int main(int argc, char **argv)
{
	void *object = argc > 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
	const struct atr_stacks *(*table)(void) =
		object ? (__typeof__(table))dlsym(object, ATR_STACKS_NAME) : NULL;

	if (!table)
		return 1;
	stacks = table();
	stacks->setup((const void *)table, dlsym(RTLD_DEFAULT, "_dl_find_object"), NULL);
	for (int i = 2; i < argc; i++) {
		depth = (unsigned)atoi(argv[i]);
		printf("%s\t%.1f\n", argv[i], down(depth + 4));
	}
	printf("first\t%.1f\n", down_first(16));
	return 0;
}
