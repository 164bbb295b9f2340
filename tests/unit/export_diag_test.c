/* SPDX-License-Identifier: Apache-2.0 */
#include "export/diag.h"

#include "tests/test.h"

#include <pthread.h>

enum { THREADS = 40, EACH = 5000 };

static void *count_many(void *unused)
{
	(void)unused;
	for (int i = 0; i < EACH; i++)
		atr_count(ATR_COUNT_HEADS_INJECTED);
	atr_count_add(ATR_COUNT_STRINGS_CUT, 3);
	return NULL;
}

TEST(diag_counts_what_all_threads_counted)
{
	pthread_t thread[THREADS];

	atr_count_reset();
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&thread[i], NULL, count_many, NULL) == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	CHECK(atr_count_read(ATR_COUNT_HEADS_INJECTED) == THREADS * EACH);
	CHECK(atr_count_read(ATR_COUNT_STRINGS_CUT) == 3 * THREADS);
	CHECK(atr_count_read(ATR_COUNT_HEADS_LEFT) == 0);
}

TEST(diag_set_and_reset_hold_for_what_any_thread_counted)
{
	pthread_t thread;

	atr_count(ATR_COUNT_HEADS_INJECTED);
	CHECK(pthread_create(&thread, NULL, count_many, NULL) == 0);
	pthread_join(thread, NULL);
	atr_count_set(ATR_COUNT_HEADS_INJECTED, 7);
	CHECK(atr_count_read(ATR_COUNT_HEADS_INJECTED) == 7);
	atr_count(ATR_COUNT_HEADS_INJECTED);
	CHECK(atr_count_read(ATR_COUNT_HEADS_INJECTED) == 8);
	atr_count_reset();
	CHECK(atr_count_read(ATR_COUNT_HEADS_INJECTED) == 0);
	CHECK(atr_count_read(ATR_COUNT_STRINGS_CUT) == 0);
}
