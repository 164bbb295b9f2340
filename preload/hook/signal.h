/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_HOOK_SIGNAL_H
#define ATR_PRELOAD_HOOK_SIGNAL_H

/*
 * signal: what was recorded is sent also when a signal ends the process. Where
 * the program leaves a signal that kills at its default action, a handler of
 * ours stands in for that: it has the spans sent, gives the default action back
 * and lets it happen. The program is told of SIG_DFL as long as it is there.
 *
 * Nothing of this is in place before there is a span, for process 1 (whom the
 * kernel spares such signals), or with AUTOTRACE_FLUSH_ON_SIGNAL=false.
 */

/* Once there is a span to be sent, any thread. errno is kept. */
void atr_signals_guard(void);
/* The constructor: reads what is asked. */
void atr_signals_setup(void);

/* Any thread: a filter of the program's is about to forbid what the handler asks of the kernel. errno is kept. */
void atr_signals_leave(void);

#endif
