/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/real.h"

#include "preload/hook/process.h"
#include "preload/live/work.h"

/*
 * A thread made inside a request does a part of it. What it is to start with
 * travels in a slot of our own, so that nothing is allocated; where there is
 * none, or no work, the program's call is made as it is.
 */
struct handing {
	struct atr_pooled pooled;
	void *(*start)(void *);
	void *arg;
	atr_ref work;
};

#define HANDINGS_MAX 1024
static struct atr_pool handings;
static _Atomic bool has_threads;

bool atr_has_one_thread(void)
{
	return !has_threads;
}

static bool ready(void)
{
	static _Atomic int mapped; /* 0 not yet, 1 being done, 2 done */
	int now = 0;

	if (atomic_load_explicit(&mapped, memory_order_acquire) == 2)
		return true;
	if (!atomic_compare_exchange_strong(&mapped, &now, 1))
		return now == 2;
	if (!atr_pool_map(&handings, sizeof(struct handing), HANDINGS_MAX))
		return false;
	atomic_store_explicit(&mapped, 2, memory_order_release);
	return true;
}

static void *begin(void *arg)
{
	atr_ref ref = (atr_ref)(uintptr_t)arg;
	struct handing handing = *(struct handing *)atr_pool_get(&handings, ref);

	atr_pool_give(&handings, ref);
	atr_work_inherit(&atr_self, handing.work);
	return handing.start(handing.arg);
}

HOOK int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
			void *arg)
{
	struct atr_thread *self = atr_enter();
	atr_ref work = self ? atr_work_hand_over(self) : 0, ref = 0;
	struct handing *handing;
	int result;

	has_threads = true;
	if (work && ready())
		ref = atr_pool_take(&handings);
	atr_leave(self);
	if (!ref)
		return REAL(pthread_create)(thread, attributes, start, arg);
	handing = atr_pool_get(&handings, ref);
	handing->start = start;
	handing->arg = arg;
	handing->work = work;
	result = REAL(pthread_create)(thread, attributes, begin, (void *)(uintptr_t)ref);
	if (result)
		atr_pool_give(&handings, ref);
	return result;
}

/*
 * Waits for another thread. A thread that was made in a request and waits may be
 * one of a pool: see work.h. Short waits with a limit, by which some interpreters
 * hand their one big lock around, say nothing.
 */
HOOK int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	atr_work_waits(&atr_self);
	return REAL(pthread_cond_wait)(cond, mutex);
}

HOOK int sem_wait(sem_t *semaphore)
{
	atr_work_waits(&atr_self);
	return REAL(sem_wait)(semaphore);
}

HOOK int sem_timedwait(sem_t *semaphore, const struct timespec *until)
{
	int result;

	atr_work_waits(&atr_self);
	result = REAL(sem_timedwait)(semaphore, until);
	atr_self.prompted = result == 0;
	return result;
}

HOOK int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *until)
{
	int result;

	atr_work_waits(&atr_self);
	result = REAL(sem_clockwait)(semaphore, clock, until);
	atr_self.prompted = result == 0;
	return result;
}
