/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_HOOK_FUNCTIONS_H
#define ATR_PRELOAD_HOOK_FUNCTIONS_H

/*
 * functions: finds those that AUTOTRACE_FUNCTIONS asks for in what is loaded, and sees that
 * we are told when they are entered and left:
 *
 *	-finstrument-functions	they call us by name, at both ends
 *	-pg			they call us at their start, and return to a stub of ours
 *	-fpatchable-function-entry	they are made to
 *	by an address that the linker left open: it becomes that of a stub of ours (slots.h)
 *
 * What can be seen by none of these ways is said in the log.
 */
#include <stdbool.h>

/* The constructor, when all is set up. Without the variable it does nothing. */
void atr_functions_begin(void);

/* The thread is about to jump: a jmp_buf of libc's. */
void atr_functions_jumps(const void *jump);

/*
 * What a dlopen of this path, called from there, is to go on with, so that what it loads is
 * looked at; NULL: the loader's own, because it matters to it who calls, or nobody asks.
 */
void *atr_functions_dlopen(const char *path, const void *caller);
/* A library may be gone. */
void atr_functions_unloaded(void);

#endif
