/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/bucket.h"

#include "tests/test.h"

#include <pthread.h>

#define SECOND UINT64_C(1000000000)
#define NOW (1000 * SECOND)

static struct atr_bucket bucket;

static unsigned taken(unsigned tries, uint64_t now_ns)
{
	unsigned nr = 0;

	while (tries--)
		nr += atr_bucket_take(&bucket, now_ns);
	return nr;
}

TEST(bucket_gives_a_second_s_worth_at_once_and_then_as_time_goes)
{
	atr_bucket_setup(&bucket, 10);
	CHECK(taken(100, NOW) == 10);
	CHECK(taken(10, NOW + SECOND / 10 - 1) == 0);
	CHECK(taken(10, NOW + SECOND / 10) == 1);
	CHECK(taken(100, NOW + 60 * SECOND) == 10);
}

TEST(bucket_of_less_than_one_a_second_gives_one_and_then_none_for_long)
{
	atr_bucket_setup(&bucket, 0.25);
	CHECK(taken(5, NOW) == 1);
	CHECK(taken(5, NOW + 4 * SECOND - 1) == 0);
	CHECK(taken(5, NOW + 4 * SECOND) == 1);
}

TEST(bucket_of_none_gives_none)
{
	atr_bucket_setup(&bucket, 0);
	CHECK(taken(5, NOW) == 0);
	CHECK(taken(5, UINT64_MAX / 2) == 0);
}

TEST(bucket_takes_any_number)
{
	atr_bucket_setup(&bucket, 1e17);
	CHECK(taken(1000, NOW) == 1000);
	atr_bucket_setup(&bucket, 1e-17);
	CHECK(taken(2, NOW) == 0);
}

TEST(bucket_is_not_refilled_by_a_span_that_began_earlier)
{
	atr_bucket_setup(&bucket, 2);
	CHECK(taken(5, NOW) == 2);
	CHECK(taken(5, NOW - SECOND) == 0);
	CHECK(taken(5, NOW) == 0);
}

static void *take_many(void *sum)
{
	for (int i = 0; i < 20000; i++)
		if (atr_bucket_take(&bucket, NOW + (uint64_t)i * 100000)) /* two seconds */
			atomic_fetch_add((_Atomic unsigned *)sum, 1);
	return NULL;
}

TEST(bucket_gives_no_more_to_several_threads)
{
	pthread_t threads[3];
	_Atomic unsigned sum = 0;

	atr_bucket_setup(&bucket, 100);
	for (int i = 0; i < 3; i++)
		CHECK(!pthread_create(&threads[i], NULL, take_many, (void *)&sum));
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	CHECK(sum >= 299 && sum <= 301);
}
