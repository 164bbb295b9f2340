/* SPDX-License-Identifier: Apache-2.0 */
/*
 * followed: what a call of a function costs that is a span (AUTOTRACE_FUNCTIONS=asked_for), and
 * of one beside it that is not: nanoseconds of CPU, by tabs. Built by bench.py once for each way
 * that a function is seen by; with PROGRAM the two are in a library, built with LIBRARY.
 */
#include "tests/bench/bench.h"

#define ROUNDS 15
#define CALLS 2000

int asked_for(int a);
int beside_it(int a);

#ifndef PROGRAM
ATR_WHOLE int asked_for(int a)
{
	__asm__ volatile("" : "+r"(a));
	return a;
}

ATR_WHOLE int beside_it(int a)
{
	__asm__ volatile("" : "+r"(a));
	return a;
}
#endif

#ifndef LIBRARY
__attribute__((no_instrument_function)) static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

__attribute__((no_instrument_function)) static double took(int (*volatile call)(int), int calls)
{
	double ns[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		double begin = thread_cpu_ns();

		if (call)
			for (int n = 0; n < calls; n++)
				beside_it(n);
		else
			for (int n = 0; n < calls; n++)
				asked_for(n);
		ns[i] = (thread_cpu_ns() - begin) / calls;
	}
	qsort(ns, ROUNDS, sizeof(ns[0]), by_size);
	return ns[ROUNDS / 2];
}

__attribute__((no_instrument_function)) int main(void)
{
	printf("%f\t%f\n", took(NULL, CALLS), took(beside_it, 100 * CALLS));
	return 0;
}
#endif
