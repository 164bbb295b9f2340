/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_FOLLOW_H
#define ATR_PRELOAD_FOLLOW_H

/*
 * follow: functions that AUTOTRACE_FUNCTIONS asks for and that tell us nothing are followed by the kernel
 * (ebpf/follow.h), where AUTOTRACE_EBPF asks for that: a span for each call that is entered
 * and left while its thread is in a span that is recorded. What the thread makes meanwhile for
 * that span is the call's child.
 */

/* The constructor, last: functions are known. All else is done by the exporter's thread, from its start on. */
void atr_follow_setup(void);

/* A forked child, alone: nothing is followed in it yet. */
void atr_follow_forked(void);

#endif
