/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_STACKS_MODULES_H
#define ATR_EXPORT_STACKS_MODULES_H

/*
 * modules: what was loaded where, and when. An address means an object only as long as that
 * was loaded; generations (collect.h) say when that was: those of the looks at which it was seen, and
 * all between them. What was not seen in time is not guessed at.
 */
#include "export/stacks/image.h"

#include <limits.h>

struct atr_module {
	uintptr_t begin, end, base;
	uint64_t first, last; /* generations */
	uint64_t sum;	      /* of its parts: image.h */
	unsigned nr_parts;
	struct atr_build_id id;
	bool is_program;
	char path[256]; /* as the loader knows it; of the program: as it was started */
};

/* A thread that may wait, or (waits: false) one that must not and leaves it where another looks. */
void atr_modules_look(bool waits);

/* The one that an address of a generation was in; NULL: none, or it is not certain. */
const struct atr_module *atr_modules_find(uintptr_t at, uint64_t generation);

/* A forked child: a look that its parent was in is over. */
void atr_modules_forked(void);

/* The last part of its path. */
const char *atr_module_name(const struct atr_module *module);

/* Whether its frames are the program's own: it is no library by which requests are made. */
bool atr_module_is_own(const struct atr_module *module);

#endif
