/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_STACKS_LOADED_H
#define ATR_EXPORT_STACKS_LOADED_H

/*
 * loaded: which object an address is in, for a thread of the program's that may hold any lock
 * and may be anywhere: nothing here waits. glibc 2.35 and later tell it so themselves
 * (_dl_find_object); for others a table is kept that is read again where the loader is called
 * anyway. What was loaded by the last call is then not in it before the next, or before
 * the exporter's thread has looked.
 */
#include "export/stacks/cfi.h"

/* The constructor, with the loader's function, or NULL. */
void atr_loaded_setup(void *dl_find_object);

/* Any thread. The tables of the object that an address is in; false: there is none. */
bool atr_loaded_cfi(uintptr_t at, struct atr_cfi *cfi);

/* The range of the object that an address is in, asked of the loader: where its lock may be taken. */
bool atr_loaded_range(uintptr_t at, uintptr_t *begin, uintptr_t *end);

/* Reads the table again, where it is used; a caller who finds another doing that leaves it. */
void atr_loaded_look(void);

#endif
