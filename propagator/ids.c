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

static uint64_t rotated(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

uint64_t atr_ids_next(struct atr_ids *ids)
{
	uint64_t *s = ids->s, result, t;

	if (!(s[0] | s[1] | s[2] | s[3]))
		atr_ids_seed(ids);
	do {
		result = rotated(s[0] + s[3], 23) + s[0];
		t = s[1] << 17;
		s[2] ^= s[0];
		s[3] ^= s[1];
		s[1] ^= s[2];
		s[0] ^= s[3];
		s[2] ^= t;
		s[3] = rotated(s[3], 45);
	} while (!result);
	return result;
}

void atr_ids_trace(struct atr_ids *ids, uint8_t out[static ATR_TRACE_ID_LEN])
{
	uint64_t words[2] = { atr_ids_next(ids), atr_ids_next(ids) };

	memcpy(out, words, sizeof(words));
}

void atr_ids_span(struct atr_ids *ids, uint8_t out[static ATR_SPAN_ID_LEN])
{
	uint64_t word = atr_ids_next(ids);

	memcpy(out, &word, sizeof(word));
}

void atr_ids_trace_at(struct atr_ids *ids, uint32_t seconds, uint8_t out[static ATR_TRACE_ID_LEN])
{
	uint64_t words[2] = { atr_ids_next(ids), atr_ids_next(ids) };
	uint8_t random[12];

	memcpy(random, words, sizeof(random));
	atr_xray_trace_id(seconds, random, out);
}
