/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_HOOK_PROCESS_H
#define ATR_PRELOAD_HOOK_PROCESS_H

#include <stdbool.h>

/* Any thread: the process ends; open spans end as they stand, and all is sent within the limit. */
void atr_process_ends(int status);

/* The same in the handler of the signal that ends it, whatever that interrupted. */
void atr_process_dies(int number);

/* The process's own span (the `process` probe), where there is one. */
void atr_process_span_ends(int status);

/* Whether the program has made no thread so far. */
bool atr_has_one_thread(void);

#endif
