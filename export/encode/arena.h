/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_ENCODE_ARENA_H
#define ATR_EXPORT_ENCODE_ARENA_H

/*
 * arena: what cJSON allocates from: a region mapped for it, emptied after each
 * request. cJSON is compiled with these names in the place of malloc's. One
 * thread, the exporter's.
 */
#include <stddef.h>

void *atr_arena_malloc(size_t len);
void *atr_arena_realloc(void *at, size_t len);
void atr_arena_free(void *at);
void atr_arena_empty(void);
void atr_arena_unmap(void); /* empty, and its memory given back */

#endif
