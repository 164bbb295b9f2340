/* SPDX-License-Identifier: Apache-2.0 */
#include "propagator/ids.h"

#include "propagator/propagator.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* splitmix64, to spread a poor seed (Steele, Lea and Flood). */
static uint64_t spread(uint64_t *x)
{
	uint64_t z = *x += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

void atr_ids_seed(struct atr_ids *ids)
{
	/* by its number: glibc has the function since 2.25 only; without waiting, as at boot */
	if (syscall(SYS_getrandom, ids->s, sizeof(ids->s), 1) != (long)sizeof(ids->s)) {
		struct timespec t;
		uint64_t x;

		clock_gettime(CLOCK_REALTIME, &t);
		x = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
		x ^= (uint64_t)(uintptr_t)ids << 20 ^ (uint64_t)syscall(SYS_gettid) << 44;
		for (int i = 0; i < 4; i++)
			ids->s[i] = spread(&x);
	}
	ids->s[0] |= 1; /* never all zero */
}

void atr_ids_trace_at(struct atr_ids *ids, uint32_t seconds, uint8_t out[static ATR_TRACE_ID_LEN])
{
	uint64_t words[2] = { atr_ids_next(ids), atr_ids_next(ids) };
	uint8_t random[12];

	memcpy(random, words, sizeof(random));
	atr_xray_trace_id(seconds, random, out);
}
