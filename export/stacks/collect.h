/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_STACKS_COLLECT_H
#define ATR_EXPORT_STACKS_COLLECT_H

/*
 * collect: the addresses of the frames that are on a stack, on the program's thread.
 *
 * What an address means for its frame (cfi.h) is worked out once, and kept in one word; where
 * nothing is said of a function, frame pointers are followed as long as they lead up. Of the
 * stack nothing is read that is not known to be there.
 */
#include "export/stacks.h"

bool atr_collect_setup(const void *own, void *dl_find_object);
unsigned atr_collect(struct atr_stack_range *range, uint64_t *words, unsigned nr_frames);

/* What is kept of addresses may not be so any more. */
void atr_collect_unloads(void);
void atr_collect_loads(void);

/* How often atr_collect_unloads was called: the first word that is collected. */
uint64_t atr_collect_generation(void);

#endif
