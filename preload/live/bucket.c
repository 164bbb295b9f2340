/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/bucket.h"

#define SECOND 1e9
#define LONGEST_NS 1e18 /* one in thirty years */

void atr_bucket_setup(struct atr_bucket *bucket, double per_second)
{
	double interval = per_second > SECOND / LONGEST_NS ? SECOND / per_second : 0;

	bucket->interval_ns = interval ? (interval < 1 ? 1 : (uint64_t)interval) : 0;
	bucket->slack_ns = per_second > 1 ? (uint64_t)(SECOND - interval) : 0;
	atomic_store_explicit(&bucket->full_ns, 0, memory_order_relaxed);
}

bool atr_bucket_take(struct atr_bucket *bucket, uint64_t now_ns)
{
	uint64_t full = atomic_load_explicit(&bucket->full_ns, memory_order_relaxed);
	uint64_t next;

	if (!bucket->interval_ns)
		return false;
	do {
		if (full > now_ns + bucket->slack_ns)
			return false;
		next = (full > now_ns ? full : now_ns) + bucket->interval_ns;
	} while (!atomic_compare_exchange_weak_explicit(
		&bucket->full_ns, &full, next, memory_order_relaxed, memory_order_relaxed));
	return true;
}
