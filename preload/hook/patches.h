/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_HOOK_PATCHES_H
#define ATR_PRELOAD_HOOK_PATCHES_H

/*
 * patches: room that a compiler left at a function's start (-fpatchable-function-entry), in
 * which a call of ours is written. Only while there is one thread, and before main.
 */
#include "preload/hook/object.h"

/* Whether there are instructions at a function's start that do nothing, and enough of them. */
bool atr_patch_has_room(uintptr_t function);

/*
 * Writes the call into the function, which has room. False: errno says why it cannot be done,
 * and most likely it is the same for all.
 */
bool atr_patch(const struct atr_object *o, uintptr_t function);

#endif
