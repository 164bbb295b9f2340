/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/profiled.h"

#include "export/env.h"
#include "preload/live/function.h"
#include "preload/live/live.h"
#include "preload/live/sampler.h"

#include <stddef.h>

/*
 * A reader sees the thread as a signal handler on it would: stopped between any two
 * instructions. So what must be in order are the stores, for the compiler alone: the
 * record is not valid while it is written. The pointer is set once and stays; of the
 * two ways that there are to take a record away this is the one without a look for where
 * the pointer is.
 */
_Static_assert(sizeof(struct atr_profiled) == 28 && offsetof(struct atr_profiled, valid) == 24 &&
		       offsetof(struct atr_profiled, attributes_len) == 26,
	       "the layout is not ours to choose");

/*
 * Readers find the variable by the relocation of a descriptor (TLSDESC). Where the compiler
 * makes none, by that of the offset itself: the other ways need a function of the loader's.
 */
#if defined(ATR_TLS_DESCRIPTORS) || defined(__aarch64__)
#define MODEL "global-dynamic"
#else
#define MODEL "initial-exec"
#endif
__attribute__((visibility("default"),
	       tls_model(MODEL))) __thread struct atr_profiled *volatile otel_thread_ctx_v1;

bool atr_profiled_is_on;

#define CALLS_MAX 4

/* Of the thread. The calls: client spans that it opened while it did no work; may be stale. */
static __thread struct {
	_Alignas(8) struct atr_profiled record;
	bool is_found;	  /* the pointer is set */
	bool has_several; /* had more calls at once than are kept: they say nothing of it */
	atr_ref shown;	  /* what is in the record; 0: it is not valid */
	atr_ref calls[CALLS_MAX];
	unsigned nr_calls;
} own;

bool atr_profiled_setup(void)
{
	atr_profiled_is_on =
		atr_sampler_makes_spans() && atr_env_bool("AUTOTRACE_THREAD_CONTEXT", true);
	/* a loader that finds descriptors when they are first used does so now, and takes its lock */
	if (atr_profiled_is_on)
		(void)otel_thread_ctx_v1;
	return atr_profiled_is_on;
}

ptrdiff_t atr_profiled_offset(void)
{
	return (const char *)&otel_thread_ctx_v1 - (const char *)__builtin_thread_pointer();
}

static inline void hide(void)
{
	/* a handler's record, between these, is at worst not valid */
	own.shown = 0;
	atomic_signal_fence(memory_order_seq_cst);
	own.record.valid = 0;
	atomic_signal_fence(memory_order_seq_cst);
}

static inline uint64_t word_of(const struct atr_live *live, size_t at)
{
	return atomic_load_explicit(&live->shown[at / 8], memory_order_relaxed);
}

/* As atr_live_shown, of the ids and flags alone; false: it has ended meanwhile. */
static inline bool put_ids(struct atr_profiled *record, const struct atr_live *live, atr_ref ref)
{
	const size_t flags_at = offsetof(struct atr_shown, flags);
	uint64_t trace[2], span, flags;

	if (atomic_load_explicit(&live->shown_as, memory_order_acquire) != ref)
		return false;
	trace[0] = word_of(live, offsetof(struct atr_shown, trace_id));
	trace[1] = word_of(live, offsetof(struct atr_shown, trace_id) + 8);
	span = word_of(live, offsetof(struct atr_shown, span_id));
	flags = word_of(live, flags_at);
	memcpy(record->trace_id, trace, sizeof(trace));
	memcpy(record->span_id, &span, sizeof(span));
	record->flags = (uint8_t)(flags >> flags_at % 8 * 8);
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&live->pooled.gen, memory_order_relaxed) == ref >> 32;
}

__attribute__((noinline, cold)) static void be_found(void)
{
	own.is_found = true;
	otel_thread_ctx_v1 = &own.record;
}

static inline void show(const struct atr_live *live, atr_ref ref)
{
	hide();
	if (!put_ids(&own.record, live, ref))
		return;
	if (__builtin_expect(!own.is_found, 0))
		be_found();
	atomic_signal_fence(memory_order_seq_cst);
	own.record.valid = 1;
	own.shown = ref;
}

/* Those that are over are let go of. */
static atr_ref the_only_call(void)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < own.nr_calls; i++)
		if (atr_live_get(own.calls[i]))
			own.calls[nr++] = own.calls[i];
	own.nr_calls = nr;
	return nr == 1 && !own.has_several ? own.calls[0] : 0;
}

/* It does no work that is not over. */
__attribute__((noinline)) static void look_for_call(void)
{
	atr_ref ref = own.nr_calls ? the_only_call() : 0;
	const struct atr_live *live = atr_live_get(ref);

	if (ref == own.shown)
		return;
	if (live)
		show(live, ref);
	else
		hide();
}

void atr_profiled_look(const struct atr_thread *self)
{
	atr_ref ref = atr_function_or(self, self->work);
	const struct atr_live *live = atr_live_get(ref);

	if (__builtin_expect(!live, 0))
		look_for_call();
	else if (ref != own.shown)
		show(live, ref);
}

/* It has others open, or is in a function. */
__attribute__((noinline)) static void add_call(const struct atr_thread *self, atr_ref call)
{
	if (own.nr_calls)
		the_only_call();
	if (own.nr_calls < CALLS_MAX)
		own.calls[own.nr_calls++] = call;
	else
		own.has_several = true;
	atr_profiled_look(self);
}

void atr_profiled_call(const struct atr_thread *self, atr_ref call)
{
	if (atr_live_get(self->work))
		return;
	if (__builtin_expect(own.nr_calls || own.has_several || self->frames || self->made_in, 0)) {
		add_call(self, call);
		return;
	}
	own.calls[0] = call;
	own.nr_calls = 1;
	show(atr_live_get(call), call);
}

/* One of several, or not what is shown. */
__attribute__((noinline)) static void remove_call(atr_ref call)
{
	unsigned i = 0;

	while (i < own.nr_calls && own.calls[i] != call)
		i++;
	if (i == own.nr_calls)
		return;
	own.calls[i] = own.calls[--own.nr_calls];
	atr_profiled_look(&atr_self);
}

void atr_profiled_call_over(atr_ref call)
{
	if (!own.nr_calls)
		return;
	if (__builtin_expect(own.nr_calls > 1 || own.calls[0] != call || own.shown != call, 0)) {
		remove_call(call);
		return;
	}
	/* it is shown where there is no work: had some begun, that would be */
	own.nr_calls = 0;
	hide();
}

void atr_profiled_nothing(void)
{
	own.nr_calls = 0;
	own.has_several = false;
	hide();
}
