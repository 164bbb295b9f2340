/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "export/kernel.h"

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

static uint64_t by_libc(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool is_between(clockid_t clock)
{
	uint64_t before = by_libc(clock), now = atr_kernel_ns(clock), after = by_libc(clock);

	return before <= now && now <= after;
}

TEST(kernel_tells_the_time_that_libc_tells)
{
	CHECK(is_between(CLOCK_MONOTONIC));
	atr_kernel_setup();
	CHECK(is_between(CLOCK_MONOTONIC));
	CHECK(atr_kernel_pid() == getpid());
}

TEST(kernel_sleeps_and_leaves_errno)
{
	uint64_t begun = atr_kernel_ns(CLOCK_MONOTONIC);

	errno = EBADF;
	atr_kernel_sleep(2000000);
	CHECK(atr_kernel_ns(CLOCK_MONOTONIC) - begun >= 2000000);
	CHECK(errno == EBADF);
}
