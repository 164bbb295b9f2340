/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_HOOK_PROGRAM_H
#define ATR_PRELOAD_HOOK_PROGRAM_H

/*
 * program: whether an exec will succeed, as far as that can be known before it is
 * made. What is told as ended before it would otherwise be told wrongly where it fails.
 * Any thread; a few system calls; errno is not kept.
 */
#include <stdbool.h>

/* In doubt true. The path is the kernel's: in `folder`, or `folder` itself where it is empty. */
bool atr_program_runs(int folder, const char *path, char *const argv[], char *const env[]);

/* A filter of the program's would kill it for a look: from now on every exec is in doubt. */
void atr_program_may_not_look(void);

/* The same for a name that is looked for in PATH, and run by the shell where it has no format. */
bool atr_program_is_found(const char *file, char *const argv[], char *const env[]);

#endif
