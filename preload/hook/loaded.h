/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_HOOK_LOADED_H
#define ATR_PRELOAD_HOOK_LOADED_H

/*
 * loaded: which of the libraries in the process a caller means by a name.
 *
 * Being preloaded we answer for the name to everybody. The one behind us in the
 * search (RTLD_NEXT) need not be the caller's: several libraries may define the name
 * (Debian's two libcurls, the renamed ones that Python's wheels bring), and those of
 * an RTLD_LOCAL dlopen are in nobody's search but their own. What the loader would
 * have done is read from what it went by: the version that the caller's reference has, and
 * the libraries that the caller needs.
 *
 * Nothing is allocated; the loader's lock that is held meanwhile is not the one that
 * it holds while it runs constructors.
 */
#include <stdbool.h>
#include <stdint.h>

struct atr_loaded {
	uintptr_t begin, end; /* where the library lies */
	/* who means the same by the name: all that the caller is part of, or it alone */
	uintptr_t callers_begin, callers_end;
};

/*
 * Looks for the library that the code at `caller` means by the first of the names, and finds
 * all of them in it (NULL: not there). False when no library has the first. They lie one behind
 * the other, each ended by a NUL and the last by two.
 * is_sure: the caller's own references said which, or there was but one.
 */
bool atr_loaded_find(const void *caller, const char *names, void **found,
		     struct atr_loaded *library, bool *is_sure);

#endif
