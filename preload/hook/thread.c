/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/real.h"

#include "preload/hook/alone.h"
#include "preload/hook/dns.h"
#include "preload/hook/functions.h"
#include "preload/hook/process.h"
#include "preload/conn/transfer.h"
#include "preload/live/work.h"

#include <errno.h>

/*
 * A thread made inside a request does a part of it. What it is to start with
 * travels in a slot of our own, so that nothing is allocated; where there is
 * none, or no work, the program's call is made as it is.
 */
struct handing {
	struct atr_pooled pooled;
	void *(*start)(void *);
	void *arg;
	atr_ref work, function;
	bool resolves; /* for a transfer of libcurl's */
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
	if (handing.work)
		atr_work_inherit(&atr_self, handing.work);
	if (handing.function)
		atr_work_inherit_function(&atr_self, handing.function, handing.work);
	if (handing.resolves)
		atr_transfer_resolves();
	return handing.start(handing.arg);
}

/* Takes a slot for a thread that is about to be made, when there is work to hand over; 0: none. */
static atr_ref hand_over(void *(*start)(void *), void *arg)
{
	struct atr_thread *self = atr_enter();
	atr_ref work = self ? atr_work_hand_over(self) : 0, ref = 0;
	atr_ref function = self ? atr_work_hand_over_function(self, work) : 0;
	bool resolves = self && atr_transfer_makes_thread((const void *)start);
	struct handing *handing;

	has_threads = true;
	atr_alone_ends();
	if ((work || function || resolves) && ready())
		ref = atr_pool_take(&handings);
	if (ref) {
		handing = atr_pool_get(&handings, ref);
		handing->start = start;
		handing->arg = arg;
		handing->work = work;
		handing->function = function;
		handing->resolves = resolves;
	}
	atr_leave(self);
	return ref;
}

HOOK int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
			void *arg)
{
	int saved = errno, result;
	atr_ref ref = hand_over(start, arg);

	errno = saved; /* there may be no memory for a slot */
	if (!ref)
		return REAL(pthread_create)(thread, attributes, start, arg);
	result = REAL(pthread_create)(thread, attributes, begin, (void *)(uintptr_t)ref);
	if (result)
		atr_pool_give(&handings, ref);
	return result;
}

/* C's own threads. Their functions return an int, in the register that a pointer is returned in. */
static int begin_c(void *arg)
{
	return (int)(intptr_t)begin(arg);
}

HOOK int thrd_create(pthread_t *thread, int (*start)(void *), void *arg)
{
	int saved = errno, result;
	atr_ref ref = hand_over((void *(*)(void *))(void *)start, arg);

	errno = saved;
	if (!ref)
		return REAL(thrd_create)(thread, start, arg);
	result = REAL(thrd_create)(thread, begin_c, (void *)(uintptr_t)ref);
	if (result)
		atr_pool_give(&handings, ref);
	return result;
}

/*
 * A jump may be one out of a signal's handler that interrupted a call of ours,
 * which then never ends.
 */
static void jumps(const void *to)
{
	atr_functions_jumps(to);
	atr_lookup_left();
	atr_comes_back();
	atr_transfer_left();
	atr_thread_jumps();
}

#define JUMP(name, type)                             \
	HOOK _Noreturn void name(type to, int value) \
	{                                            \
		jumps(to);                           \
		REAL(name)(to, value);               \
		__builtin_unreachable();             \
	}

JUMP(longjmp, jmp_buf)
JUMP(_longjmp, jmp_buf)
JUMP(siglongjmp, sigjmp_buf)
JUMP(__longjmp_chk, jmp_buf)

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
