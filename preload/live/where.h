/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_WHERE_H
#define ATR_PRELOAD_LIVE_WHERE_H

/*
 * where: the stack on which a client span was opened, as addresses in its record
 * (AUTOTRACE_STACKS). Of which spans they are wanted is known at their end alone, and the stack is
 * another one then: so they are collected at the begin, and left out again.
 */
#include "export/stacks.h"
#include "preload/live/thread.h"

/*
 * The constructor: AUTOTRACE_STACKS, AUTOTRACE_STACK_DEPTH. wanted: whether there is anything to load;
 * _by: it is loaded.
 */
bool atr_where_wanted(void);
void atr_where_by(const struct atr_stacks *stacks);

extern bool atr_where_is_on;

/* Who opens a client span that is recorded, and who closes it; `took_ns` is its time. */
void atr_where_opened(struct atr_thread *self, struct atr_span *span);
void atr_where_closes(struct atr_span *span, uint64_t took_ns);

/* The same of another call of the program's that has a span of its own; NULL is ignored. */
static inline void atr_where_note(struct atr_thread *self, struct atr_span *span)
{
	if (__builtin_expect(atr_where_is_on, 0) && span)
		atr_where_opened(self, span);
}

/* Any thread: a library is loaded, or unloaded, by the call that follows, or that was before. */
void atr_where_loads(void);
void atr_where_unloads(void);

#endif
