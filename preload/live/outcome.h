/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_OUTCOME_H
#define ATR_PRELOAD_LIVE_OUTCOME_H

/*
 * outcome: which traces are kept, decided when it is known how they went (AUTOTRACE_KEEP).
 *
 * A local trace is what this process does for one local root: a span whose parent is in
 * another process, or none. What ends before the root does waits here, in memory mapped at
 * the start; with the root's end it goes to the ring, or is dropped and counted:
 *
 *	error			a span in it has the status error
 *	slow:500ms		the root took longer; slow:/path:2s, for paths or routes that
 *				fit this glob, is stronger
 *	5%			of all traces these, by the trace's random number (ot.h)
 *
 * Until then its requests go out as sampled: who serves them decides on its own, and by
 * the same number. The share is told in the tracestate of the spans that were kept by it.
 *
 * Where there is no room for one that is to wait, its trace is decided at once by what is
 * known; what is not decided when the process ends is kept.
 */
#include "export/span.h"
#include "preload/live/pool.h"

extern bool atr_outcome_is_on;

/*
 * The constructor: AUTOTRACE_KEEP, AUTOTRACE_KEEP_SPANS. Where spans go that are kept; and
 * what is called before the first that may wait, or NULL.
 */
void atr_outcome_setup(void (*offer)(const struct atr_span *), void (*first)(void));

/*
 * A span begins that is recorded: the trace that it is in, its parent's (0: none that is
 * known here) or one that begins with it as the root.
 */
atr_ref atr_outcome_begins(atr_ref of_parent, struct atr_str tracestate,
			   const uint8_t trace_id[static ATR_TRACE_ID_LEN], bool *is_root);

/* It has ended, and its record is whole. Who called _begins, once. May write to the record. */
void atr_outcome_ends(atr_ref trace, bool is_root, struct atr_span *span);
/* It did not happen. */
void atr_outcome_drops(atr_ref trace, bool is_root);

/* Any thread. Something of it is told already: it is kept. Stale and 0 are ignored. */
void atr_outcome_keep(atr_ref trace);
/* The process ends, or becomes another program. Any thread, also in a signal handler. */
void atr_outcome_keep_all(void);

/* A forked child, alone: what waits is its parent's. */
void atr_outcome_forked(void);

#endif
