/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/carrier.h"

#include "preload/live/work.h"

#define USERS_MAX 4

/*
 * A thread is known by the address of what we keep for it. One that is gone may
 * give its address to a new one: two such never run at once, which is what counts.
 */
static struct carrier {
	_Atomic uint64_t work;		   /* written and not read yet: a reference, or MIXED */
	_Atomic uintptr_t writer, reader;  /* the thread, or SEVERAL */
	_Atomic uint64_t users[USERS_MAX]; /* work it was written in, stale or not */
	_Atomic bool crowded;		   /* there were more, or others that are not known */
} carriers[ATR_CARRIERS_MAX];

#define MIXED UINT64_MAX
#define SEVERAL UINTPTR_MAX

void atr_carrier_made(uint32_t reader)
{
	struct carrier *c = &carriers[reader];

	atomic_store(&c->work, 0);
	atomic_store(&c->writer, 0);
	atomic_store(&c->reader, 0);
	for (int i = 0; i < USERS_MAX; i++)
		atomic_store(&c->users[i], 0);
	atomic_store(&c->crowded, false);
}

static void note_thread(_Atomic uintptr_t *at, const struct atr_thread *self)
{
	uintptr_t before = 0;

	if (!atomic_compare_exchange_strong(at, &before, (uintptr_t)self) &&
	    before != (uintptr_t)self && before != SEVERAL)
		atomic_store(at, SEVERAL);
}

static void note_user(struct carrier *c, atr_ref work)
{
	if (atr_work_nr_in_flight() <= 1)
		atomic_store(&c->crowded, false);
	for (int i = 0; work && i < USERS_MAX; i++) {
		uint64_t before = atomic_load(&c->users[i]);

		if (before == work)
			return;
		if (!atr_live_get(before) &&
		    atomic_compare_exchange_strong(&c->users[i], &before, work))
			return;
	}
	atomic_store(&c->crowded, work || atr_work_nr_in_flight());
}

void atr_carrier_written(struct atr_thread *self, uint32_t reader)
{
	struct carrier *c = &carriers[reader];
	atr_ref work = atr_work_passed_on(self);
	uint64_t before = 0;

	note_thread(&c->writer, self);
	note_user(c, work);
	/* what was written for work that is over, and not read, says nothing any more */
	if (!atomic_compare_exchange_strong(&c->work, &before, work ? work : MIXED) &&
	    before != work)
		atomic_store(&c->work,
			     work && before != MIXED && !atr_live_get(before) ? work : MIXED);
}

void atr_carrier_reading(struct atr_thread *self, uint32_t reader)
{
	note_thread(&carriers[reader].reader, self);
}

bool atr_carrier_is_sure(uint32_t reader, atr_ref work)
{
	struct carrier *c = &carriers[reader];

	if (atomic_load(&c->crowded) || atomic_load(&c->writer) == SEVERAL ||
	    atomic_load(&c->reader) == SEVERAL)
		return false;
	for (int i = 0; i < USERS_MAX; i++) {
		uint64_t user = atomic_load(&c->users[i]);

		if (user != work && atr_live_get(user))
			return false;
	}
	return true;
}

void atr_carrier_read(struct atr_thread *self, uint32_t reader)
{
	uint64_t work = atomic_exchange(&carriers[reader].work, 0);

	if (work)
		atr_work_lent(self, work == MIXED ? 0 : work, reader);
}

void atr_carriers_forked(void)
{
	for (uint32_t i = 0; i < ATR_CARRIERS_MAX; i++)
		if (atomic_load(&carriers[i].writer) || atomic_load(&carriers[i].work))
			atr_carrier_made(i);
}
