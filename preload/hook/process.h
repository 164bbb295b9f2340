/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_HOOK_PROCESS_H
#define ATR_PRELOAD_HOOK_PROCESS_H

#include <pthread.h>
#include <stdbool.h>

/* The first thread of a process: it is main's. */
void atr_process_begins(void);

/*
 * A thread is about to end. Where it is main's, the process goes on until the
 * last of the others ends, and ours is not to keep it.
 */
void atr_thread_ends(pthread_t thread);

/* Any thread: the process ends; open spans end as they stand, and all is sent within the limit. */
void atr_process_ends(int status);

/* The same in the handler of the signal that ends it, whatever that interrupted. */
void atr_process_dies(int number);

/* The process's own span (the `process` probe), where there is one. */
#define ATR_STATUS_UNKNOWN (-1)
void atr_process_span_ends(int status);
bool atr_process_span_is_open(void);

/* Whether the program has made no thread so far. */
bool atr_has_one_thread(void);

#endif
