/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_FUNCTIONS_H
#define ATR_TOOLS_FUNCTIONS_H

/* functions: which of those that AUTOTRACE_FUNCTIONS asks for a program has, and how each is seen. */
#include "tools/libraries.h"

struct atr_functions_told {
	/* each that is there; `how` says what follows it, NULL: it cannot be followed */
	void (*found)(void *arg, const char *name, const char *library, const char *how);
	void (*missing)(void *arg, const char *name); /* that is in none of the files */
	/* what would be followed and is not, because the system or the processor forbids it */
	void (*forbidden)(void *arg, const char *why);
	void *arg;
};

/* The program is the first of the libraries, and `executable` its file. `list` is the variable's value. */
void atr_functions_tell(const struct atr_libraries *all, const char *executable, const char *list,
			const struct atr_functions_told *told);

/* The compiler's options of which one makes a function such that it can be followed. */
const char *atr_functions_advice(void);

#endif
