/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_HOOK_SLOTS_H
#define ATR_PRELOAD_HOOK_SLOTS_H

/*
 * slots: where an object has the addresses of the functions of others that it calls (.got,
 * .got.plt). In those of a function that is asked for goes the address of its stub.
 */
#include "preload/hook/object.h"

#include <link.h>

/*
 * To be called where dl_iterate_phdr calls back, for an object that is loaded and relocated.
 * at_start: no library was loaded by the program yet, so that the first that defines a name is
 * the one that is meant; else only one that is alone in it. Returns how many slots were
 * changed; -1: a page could not be written to.
 */
int atr_slots_change(const struct dl_phdr_info *info, const struct atr_object *o, bool at_start);

#endif
