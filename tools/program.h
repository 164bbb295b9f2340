/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_PROGRAM_H
#define ATR_TOOLS_PROGRAM_H

/*
 * program: which file a command's name stands for, and which one the kernel
 * will really run when that is a script. And our own library's place.
 */
#include <limits.h>
#include <stdbool.h>

/*
 * Looks a name up as execvp does: with a slash as it is, else along PATH. Returns
 * 0 and the path, or what exec would fail with: ENOENT, EACCES and others.
 */
int atr_program_find(const char *name, char path[static PATH_MAX]);

/*
 * The executable at the end of the #! lines that begin with `path`: real path,
 * symbolic links followed. `interpreter_line` holds what the first #! line says, or is
 * empty when the file is no script. "env NAME" is looked up. Returns 0 or an errno.
 */
int atr_program_executable(const char *path, char executable[static PATH_MAX],
			   char interpreter_line[static PATH_MAX]);

/* What follows the last slash. */
const char *atr_program_base_name(const char *path);

/*
 * libautotrace.so: AUTOTRACE_LIBRARY when that is set, else beside this
 * executable, else in ../lib. False when there is none that can be read; `path`
 * then holds the last one tried.
 */
bool atr_program_library(char path[static PATH_MAX]);

#endif
