/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_PROFILED_H
#define ATR_PRELOAD_LIVE_PROFILED_H

/*
 * profiled: what a profiler can read of a thread while it is stopped: the ids of the
 * span that it is in, by OpenTelemetry's thread context (OTEP 4947). That is the work
 * it is doing; of a thread that does none, the one client span that it has opened and
 * that is not closed. Nothing where there are several: that is better than a wrong one.
 */
#include "preload/live/thread.h"

#include <stddef.h>

/* The record, as readers know it: packed, the ids as they are sent. */
struct atr_profiled {
	uint8_t trace_id[ATR_TRACE_ID_LEN], span_id[ATR_SPAN_ID_LEN];
	volatile uint8_t valid;
	uint8_t flags;
	uint16_t attributes_len;
};

/* Where readers find it, by this name. Set once in a thread, when it is first in a span. */
extern __thread struct atr_profiled *volatile otel_thread_ctx_v1;

/* The constructor, where spans are made; true: it is on. */
bool atr_profiled_setup(void);
extern bool atr_profiled_is_on;
/* Any thread: how far from a thread's pointer the variable is; the same in each. */
ptrdiff_t atr_profiled_offset(void);

/* Its own thread, from here on. What it is in may be something else now. */
void atr_profiled_look(const struct atr_thread *self);
/* It has opened a client span; it (or it was another thread) closes one. */
void atr_profiled_call(const struct atr_thread *self, atr_ref call);
void atr_profiled_call_over(atr_ref call);
/* It is in no span: the child of a fork, whatever its parent did. */
void atr_profiled_nothing(void);

/* The one way to change a thread's work. */
static inline void atr_profiled_works(struct atr_thread *self, atr_ref work)
{
	self->work = work;
	if (__builtin_expect(atr_profiled_is_on, 1))
		atr_profiled_look(self);
}

#endif
