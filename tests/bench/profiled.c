/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profiled: what it costs a thread to say which span it is in: nanoseconds of its CPU for a
 * change from one to another, for one and none, for a look that changes nothing, and for a
 * change where it is switched off, by tabs.
 */
#include "export/env.h"
#include "preload/live/profiled.h"
#include "preload/live/sampler.h"
#include "preload/live/work.h"
#include "tests/bench/bench.h"

#define TURNS 2000000

static atr_ref turns_of[2];

ATR_WHOLE static void change(struct atr_thread *self, atr_ref work)
{
	atr_profiled_works(self, work);
}

static void round_of(void *arg, int turns)
{
	const atr_ref *works = arg;

	for (int i = 0; i < turns; i++)
		change(&atr_self, works[i & 1]);
}

/* Of many rounds the median: what else the machine does is in some of them. */
static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double took(atr_ref one, atr_ref other)
{
	enum { ROUNDS = 15 };
	double ns[ROUNDS];

	turns_of[0] = one;
	turns_of[1] = other;
	for (int i = 0; i < ROUNDS; i++)
		ns[i] = timed_round(round_of, turns_of, TURNS, 1).ns;
	qsort(ns, ROUNDS, sizeof(ns[0]), by_size);
	return ns[ROUNDS / 2];
}

int main(void)
{
	char *none[] = { NULL };
	double between, from_none, same, off;
	atr_ref a, b;

	atr_env_capture(none);
	atr_sampler_setup();
	if (!atr_live_setup() || !atr_profiled_setup())
		return 1;
	atr_ids_seed(&atr_self.ids);
	a = atr_live_open(&atr_self, ATR_KIND_SERVER, NULL, 0);
	b = atr_live_open(&atr_self, ATR_KIND_SERVER, NULL, 0);
	between = took(a, b);
	from_none = took(a, 0);
	same = took(a, a);
	atr_profiled_is_on = false;
	off = took(a, b);
	printf("%.2f\t%.2f\t%.2f\t%.2f\n", between, from_none, same, off);
	return 0;
}
