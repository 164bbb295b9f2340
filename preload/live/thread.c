/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/thread.h"

#include "export/kernel.h"
#include "preload/live/profiled.h"

#include <errno.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18 /* Linux 4.14 */
#endif

__thread struct atr_thread atr_self;
bool atr_may_be_below;
_Atomic bool atr_was_entered;

/* Neither is written: switched off, and not yet entered, when the page is not touched either. */
static _Atomic uint32_t off = ATR_PROCESS_OFF, fresh = ATR_PROCESS_OFF;
static _Atomic uint32_t *wiped;
_Atomic uint32_t *_Atomic atr_process_state = &off;

static void (*on_forked)(struct atr_thread *self);
static pid_t process_id; /* of the process that last made itself clean */

void atr_thread_setup(void (*forked)(struct atr_thread *self))
{
	unsigned long page_len = getauxval(AT_PAGESZ);
	void *page =
		mmap(NULL, page_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return;
	/* where the kernel cannot (before 4.14), the fork hook is what tells: atr_thread_forked */
	madvise(page, page_len, MADV_WIPEONFORK);
	on_forked = forked;
	process_id = atr_kernel_pid();
	wiped = page;
	atr_process_state = &fresh;
}

void atr_thread_off(void)
{
	atomic_store_explicit(&off, ATR_PROCESS_OFF, memory_order_relaxed);
	atr_process_state = &off;
}

void atr_thread_vforks(void)
{
	if (atr_has_thread())
		atr_self.after_vfork = true;
}

void atr_thread_doubles(void)
{
	if (atr_has_thread())
		atr_self.after_vfork = atr_self.is_doubled = true;
}

bool atr_in_shared_child(void)
{
	return !atr_has_thread() || (atr_self.after_vfork && atr_kernel_pid() != process_id);
}

bool atr_is_forked_child(void)
{
	return atr_kernel_pid() != process_id;
}

void atr_thread_parts(void)
{
	atr_self.is_apart = true;
	atr_self.inside = true;
}

bool atr_has_other_descriptors(void)
{
	return atr_in_shared_child() || atr_self.is_apart;
}

void atr_thread_forked(void)
{
	atr_self.after_vfork = atr_self.is_doubled = false; /* of the parent's children */
	if (atr_process_state != &off)
		atomic_store_explicit(atr_process_state, ATR_PROCESS_OFF, memory_order_relaxed);
	if (atr_profiled_is_on)
		atr_profiled_nothing();
}

/* The page reads 0 in a forked child until it is made clean here. */
struct atr_thread *atr_enter_slow(struct atr_thread *self)
{
	_Atomic uint32_t *before = &fresh;
	int saved = errno;
	pid_t pid;

	if (atr_process_state == &off)
		return NULL;
	if (self->inside) {
		/* left by a jump; one within a handler that interrupted us is mistaken for it */
		if (!self->jumped)
			return NULL;
		self->jumped = self->inside = false;
	}
	pid = atr_kernel_pid();
	if (self->after_vfork) {
		if (pid != process_id)
			return NULL; /* the child: all it has is its parent's */
		self->after_vfork = self->is_doubled;
	}
	if (pid != process_id) {
		process_id = pid;
		self->inside = true;
		on_forked(self);
		self->inside = false;
	}
	atomic_store_explicit(wiped, ATR_PROCESS_ON, memory_order_release);
	atomic_compare_exchange_strong(&atr_process_state, &before, wiped);
	atomic_store_explicit(&atr_was_entered, true, memory_order_relaxed);
	self->inside = true;
	errno = saved;
	return self;
}

uint64_t atr_clock_ns(void)
{
	return atr_kernel_ns(CLOCK_MONOTONIC);
}

uint64_t atr_clock_coarse_ns(void)
{
	return atr_kernel_ns(CLOCK_MONOTONIC_COARSE);
}

/*
 * The thread may lose its processor between a look at the one clock and at the other: the
 * difference is as wrong as the looks before and behind are apart.
 */
#define NEAR_NS 2000
#define LOOKS 5

static uint64_t measure_offset(void)
{
	uint64_t apart = UINT64_MAX, offset = 0;

	for (int i = 0; i < LOOKS && apart > NEAR_NS; i++) {
		uint64_t before = atr_clock_ns(), now = atr_kernel_ns(CLOCK_REALTIME);
		uint64_t took = atr_clock_ns() - before;

		if (took >= apart)
			continue;
		apart = took;
		offset = now - (before + took / 2);
	}
	return offset;
}

/*
 * The difference between the two clocks is measured again when it is older than
 * ten seconds, so that a clock that was set shows in new spans, and never
 * within one span's two ends by more than what it was set by.
 */
static _Atomic uint64_t offset_ns, measured_ns;

void atr_clock_doubt(void)
{
	atomic_store_explicit(&offset_ns, 0, memory_order_relaxed);
}

uint64_t atr_clock_unix(uint64_t monotonic_ns)
{
	uint64_t offset = atomic_load_explicit(&offset_ns, memory_order_relaxed);
	uint64_t measured = atomic_load_explicit(&measured_ns, memory_order_relaxed);

	if (!offset || (int64_t)(monotonic_ns - measured) > 10000000000) {
		offset = measure_offset();
		atomic_store_explicit(&offset_ns, offset, memory_order_relaxed);
		atomic_store_explicit(&measured_ns, monotonic_ns, memory_order_relaxed);
	}
	return monotonic_ns + offset;
}
