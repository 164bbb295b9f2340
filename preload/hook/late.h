/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_HOOK_LATE_H
#define ATR_PRELOAD_HOOK_LATE_H

/*
 * late: the functions of a library that may be loaded at any time, in a scope of
 * its own, and in more than one version. Found when one of them is first called, by
 * who calls: what its own library is bound to is what it would have reached.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ATR_LATE_LIBRARIES 4
#define ATR_LATE_NAMES 40
#define ATR_LATE_CALLERS 64

/* What is known so far: all zero, and no memory, where no such library is used. */
struct atr_late_found {
	_Atomic uint32_t nr;
	struct atr_late_library {
		void *_Atomic handle; /* kept: it stays loaded as long as we may call it */
		uintptr_t begin, end; /* where it lies; both 0: not known */
		void *function[ATR_LATE_NAMES];
	} libraries[ATR_LATE_LIBRARIES];
	/* callers of late: the address in the upper bits, the library + 1 in the lower 8 */
	_Atomic uint64_t callers[ATR_LATE_CALLERS];
};

struct atr_late {
	/* one behind the other, each ended by a NUL and the last by two: pointers are relocated at start */
	const char *sonames;
	const char *names; /* of the functions; the first is in every version */
	struct atr_late_found *found;
};

/*
 * The functions, in the order of their names, that who calls from this address
 * would have reached; NULL in it: there is none. Returns NULL when there is no such
 * library at all. Any thread; errno is kept.
 */
void *const *atr_late_find(const struct atr_late *late, const void *caller);

/* Whether the caller is the library itself that has these functions, or that is not known. */
bool atr_late_is_inside(void *const *functions, const void *caller);

#endif
