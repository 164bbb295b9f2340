/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_BUCKET_H
#define ATR_PRELOAD_LIVE_BUCKET_H

/*
 * bucket: so many a second, and no more than a second's worth (at least one) at once.
 * A token bucket as one word: the time at which it will be full again.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct atr_bucket {
	uint64_t interval_ns; /* between two; 0: there are none to be had */
	uint64_t slack_ns;    /* how far `full_ns` may be ahead */
	_Atomic uint64_t full_ns;
};

/* Before others see it. It is full. */
void atr_bucket_setup(struct atr_bucket *bucket, double per_second);

/* Any thread, also in a signal handler. Whether there is one left, which is then taken. */
bool atr_bucket_take(struct atr_bucket *bucket, uint64_t now_ns);

#endif
