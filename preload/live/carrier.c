/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/carrier.h"

#include "export/map.h"
#include "preload/live/work.h"

#include <sys/mman.h>

#define USERS_MAX 4

/*
 * A thread is known by the address of what we keep for it. One that is gone may
 * give its address to a new one: two such never run at once, which is what counts.
 */
struct carrier {
	_Atomic uint64_t work;		   /* written and not read yet: a reference, or MIXED */
	_Atomic uintptr_t writer, reader;  /* the thread, or SEVERAL */
	_Atomic uint64_t users[USERS_MAX]; /* work it was written in, stale or not */
	_Atomic bool crowded;		   /* there were more, or others that are not known */
	_Atomic bool by_loop;		   /* it was written by a thread that is an event loop */
};

#define MIXED UINT64_MAX
#define SEVERAL UINTPTR_MAX
#define TABLE_LEN (ATR_CARRIERS_MAX * sizeof(struct carrier))

/* ATR_CARRIERS_MAX of them from when the first one is made; a program without has no use for them. */
static struct carrier *_Atomic carriers;

/* NULL where there was no memory for them. */
static struct carrier *carrier_at(uint32_t reader)
{
	struct carrier *table = atomic_load_explicit(&carriers, memory_order_acquire);

	return table ? &table[reader] : NULL;
}

static void map_carriers(void)
{
	struct carrier *none = NULL;
	void *table = atr_map_apart(TABLE_LEN);

	if (!table)
		return;
	if (!atomic_compare_exchange_strong(&carriers, &none, table))
		munmap(table, TABLE_LEN); /* another thread was faster */
}

void atr_carrier_made(uint32_t reader)
{
	struct carrier *c = carrier_at(reader);

	if (!c) {
		map_carriers(); /* all zero: it is made */
		return;
	}
	atomic_store(&c->work, 0);
	atomic_store(&c->writer, 0);
	atomic_store(&c->reader, 0);
	for (int i = 0; i < USERS_MAX; i++)
		atomic_store(&c->users[i], 0);
	atomic_store(&c->crowded, false);
	atomic_store(&c->by_loop, false);
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
	struct carrier *c = carrier_at(reader);
	atr_ref work = atr_work_passed_on(self);
	uint64_t before = 0;

	if (!c)
		return;
	note_thread(&c->writer, self);
	if (self->is_loop)
		atomic_store(&c->by_loop, true);
	note_user(c, work);
	/* what was written for work that is over, and not read, says nothing any more */
	if (!atomic_compare_exchange_strong(&c->work, &before, work ? work : MIXED) &&
	    before != work)
		atomic_store(&c->work,
			     work && before != MIXED && !atr_live_get(before) ? work : MIXED);
}

void atr_carrier_reading(struct atr_thread *self, uint32_t reader)
{
	struct carrier *c = carrier_at(reader);

	if (c)
		note_thread(&c->reader, self);
}

bool atr_carrier_is_sure(uint32_t reader, atr_ref work)
{
	struct carrier *c = carrier_at(reader);

	if (!c || atomic_load(&c->crowded) || atomic_load(&c->writer) == SEVERAL ||
	    atomic_load(&c->reader) == SEVERAL ||
	    (atomic_load(&c->by_loop) && atr_work_rides_along()))
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
	struct carrier *c = carrier_at(reader);
	uint64_t work = c ? atomic_exchange(&c->work, 0) : 0;

	if (self->polls_at)
		atr_work_woken(self, reader);
	if (work)
		atr_work_lent(self, work == MIXED ? 0 : work, reader);
}

void atr_carriers_forked(void)
{
	struct carrier *table = carrier_at(0);

	for (uint32_t i = 0; table && i < ATR_CARRIERS_MAX; i++)
		if (atomic_load(&table[i].writer) || atomic_load(&table[i].work))
			atr_carrier_made(i);
}
