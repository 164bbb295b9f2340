/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_HOOK_FUNCTIONS_H
#define ATR_PRELOAD_HOOK_FUNCTIONS_H

/*
 * functions: finds those that AUTOTRACE_FUNCTIONS asks for in what is loaded, and sees that
 * we are told when they are entered and left:
 *
 *	-finstrument-functions	they call us by name, at both ends
 *
 * What can be seen by none of these ways is said in the log.
 */
#include "export/io.h"

#include <stdbool.h>

/* The constructor, when all is set up. Without the variable it does nothing. */
void atr_functions_begin(const struct atr_io *io);

/* The thread is about to jump: a jmp_buf of libc's. */
void atr_functions_jumps(const void *jump);

#endif
