/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_WANTED_H
#define ATR_PRELOAD_LIVE_WANTED_H

/*
 * wanted: which functions of the program AUTOTRACE_FUNCTIONS asks for, and where they lie.
 *
 *	submit_user,shop::*,libfoo.so:bar*
 *
 * A name (with `*` and `?`) is one of the executable's own; behind `LIBRARY:` one of a
 * library's, by its file's name or its soname. Of C++ and Rust it is the qualified name
 * without parameters, or the one that the linker knows.
 *
 * Functions are added as the objects that have them are seen, by one thread at a time, and
 * looked for by any.
 */
#include "propagator/str.h"

#include <stdatomic.h>
#include <stdint.h>

#define ATR_WANTED_MAX 1024

struct atr_function {
	_Atomic uintptr_t begin; /* 0: its library is not loaded any more */
	uintptr_t target;	 /* where it began */
	uintptr_t object;	 /* where its object begins; who adds it says so */
	uintptr_t end;		 /* `begin` where its length is not known */
	struct atr_str name, library;
	/* by which it can be seen, enum atr_seen_by: who adds it says so */
	_Atomic uint32_t seen_by;
};

enum atr_seen_by { ATR_SEEN_BY_CALLS = 1, ATR_SEEN_BY_ENTRY = 2, ATR_SEEN_BY_SLOT = 4 };

/* The constructor: reads the variable. False: nothing is asked for. */
bool atr_wanted_setup(void);

/* Whether a name of this object can be asked for: the executable's, or a library's by its names. */
struct atr_wanted_object {
	struct atr_str file, soname; /* of a library; without its folder */
	bool is_program;
};
bool atr_wanted_has(const struct atr_wanted_object *object);

/*
 * Adds the function, where it is asked for; texts are copied. NULL: it is not, or there are
 * too many, which is said once. One that is there already is returned as it is.
 */
struct atr_function *atr_wanted_add(const struct atr_wanted_object *object, struct atr_str symbol,
				    uintptr_t begin, uintptr_t end);

/* Any thread: the function that begins here; NULL: none that is wanted. */
struct atr_function *atr_wanted_at(uintptr_t begin);
/*
 * That the address lies in. Dearer: what was found is kept for the next time. No register for
 * vectors is touched by it.
 */
struct atr_function *atr_wanted_around(uintptr_t address);

/* Whether one of them may be known to the linker by a name of this hash (ELF's DT_GNU_HASH). */
bool atr_wanted_may_be(uint32_t hash);

/* In the order in which they were added; NULL after the last. */
struct atr_function *atr_wanted_nth(unsigned i);
unsigned atr_wanted_index(const struct atr_function *function);

/* The library is not loaded any more. */
void atr_wanted_forget(struct atr_function *function);

/* Names that nothing was found for: calls `each` with the text of every such one. */
void atr_wanted_missing(void (*each)(struct atr_str text));

/*
 * A C++ (or Rust) symbol's qualified name without templates and parameters, into `room`; its
 * length, 0: it is none, or more than that.
 */
size_t atr_plain_name(struct atr_str symbol, char *room, size_t len);

#endif
