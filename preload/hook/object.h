/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_HOOK_OBJECT_H
#define ATR_PRELOAD_HOOK_OBJECT_H

/*
 * object: what a loaded library, or program, says of itself in its dynamic section
 * (the ELF specification; DT_GNU_HASH as GNU's linker lays it). To be used where
 * dl_iterate_phdr calls back: nothing is allocated, and an object stays as long.
 */
#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#define ATR_NEEDED_MAX 64

/* What is not there is NULL. Of `needed` the first nr_needed are set. */
struct atr_object {
	uintptr_t base, begin, end;
	const ElfW(Dyn) * dynamic;
	const ElfW(Sym) * symbols;
	const char *strings, *soname;
	const uint16_t *versions;
	const ElfW(Verneed) * needs;
	const ElfW(Verdef) * defines;
	const uint32_t *gnu_hash, *hash;
	unsigned nr_needs, nr_defines, nr_needed;
	size_t strings_len;
	const char *needed[ATR_NEEDED_MAX];
};

/* False: it has no symbols that could be found. The range is there all the same. */
bool atr_object_read(struct atr_object *o, const struct dl_phdr_info *info);

static inline bool atr_object_has(const struct atr_object *o, const void *at)
{
	return (uintptr_t)at >= o->begin && (uintptr_t)at < o->end;
}

/* Of a name, for DT_GNU_HASH. */
uint32_t atr_object_hash(const char *name);

/*
 * The symbol that defines a name with this hash; 0: none. only_default: the version that
 * a name alone stands for, and no older one.
 */
uint32_t atr_object_find(const struct atr_object *o, const char *name, uint32_t hash,
			 bool only_default);

/* The symbol by which it refers to another object's; 0: it does not. */
uint32_t atr_object_reference(const struct atr_object *o, const char *name);

/* The version that a reference, or a definition, has; NULL: none. */
const char *atr_object_version(const struct atr_object *o, uint32_t symbol);

/* What an entry of the dynamic section leads to: glibc has made addresses of them, musl has not. */
const void *atr_object_table(const struct atr_object *o, uintptr_t at);

/* Where a symbol's function lies; NULL: it is no plain function. */
void *atr_object_function(const struct atr_object *o, uint32_t symbol);

#endif
