/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/real.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#define SYMBOL ElfW(Sym)
#define ADDRESS ElfW(Addr)
#define DYNAMIC ElfW(Dyn)

/* Aligned, so that it lies in one page. */
_Alignas(1024) void *atr_real[ATR_NR_REAL];
_Static_assert(sizeof(atr_real) <= 1024, "aligned to its own size or more");

/* One behind the other: as pointers each would have to be relocated at start. */
static const char names[] =
#define ATR_HOOK(name, need) #name "\0"
#include "preload/hook/hooks.def"
#undef ATR_HOOK
	;

static const char *next_name(const char *name)
{
	return name + strlen(name) + 1;
}

static long is_missing(void)
{
	errno = ENOSYS;
	return -1;
}

/*
 * A library's own tables of what it defines (DT_GNU_HASH). A filter of bits says of
 * most names that they are not there; a bucket is a run of symbols with their hashes,
 * of which the last one's lowest bit is set.
 */
struct library {
	uintptr_t base;
	const SYMBOL *symbols;
	const char *strings;
	const uint16_t *versions;
	const uint32_t *hash;
};

#define VERSION_HIDDEN 0x8000 /* not the one that a name alone stands for */
#define TYPE(info) ((info)&0xf)

static const void *table_at(const struct library *library, uintptr_t at)
{
	return (const void *)(at < library->base ? library->base + at : at); /* musl, glibc */
}

static bool read_library(struct library *library, const struct dl_phdr_info *info)
{
	const DYNAMIC *dyn = NULL;

	*library = (struct library){ .base = info->dlpi_addr };
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			dyn = (const void *)(library->base + info->dlpi_phdr[i].p_vaddr);
	for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
		const void *table = table_at(library, dyn->d_un.d_ptr);

		if (dyn->d_tag == DT_GNU_HASH)
			library->hash = table;
		else if (dyn->d_tag == DT_SYMTAB)
			library->symbols = table;
		else if (dyn->d_tag == DT_STRTAB)
			library->strings = table;
		else if (dyn->d_tag == DT_VERSYM)
			library->versions = table;
	}
	return library->hash && library->symbols && library->strings;
}

static uint32_t hash_of(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

static const SYMBOL *defined_as(const struct library *library, const char *name, uint32_t hash)
{
	const unsigned bits = 8 * sizeof(ADDRESS);
	uint32_t nr_buckets = library->hash[0], first = library->hash[1];
	uint32_t nr_words = library->hash[2], shift = library->hash[3];
	const ADDRESS *filter = (const void *)(library->hash + 4);
	const uint32_t *buckets = (const void *)(filter + nr_words);
	const uint32_t *chain = buckets + nr_buckets;
	ADDRESS word = filter[hash / bits & (nr_words - 1)];
	uint32_t i;

	if (!(word >> hash % bits & word >> (hash >> shift) % bits & 1))
		return NULL;
	i = buckets[hash % nr_buckets];
	for (; i >= first && i; i++) {
		const SYMBOL *symbol = &library->symbols[i];

		if ((chain[i - first] | 1) == (hash | 1) && symbol->st_shndx != SHN_UNDEF &&
		    !(library->versions && library->versions[i] & VERSION_HIDDEN) &&
		    !strcmp(library->strings + symbol->st_name, name))
			return symbol;
		if (chain[i - first] & 1)
			break;
	}
	return NULL;
}

struct search {
	uint32_t hash[ATR_NR_REAL];
	bool is_found
		[ATR_NR_REAL]; /* and not atr_real: its page is first written, and so had once */
	bool is_behind_us;
};

static bool is_us(const struct dl_phdr_info *info)
{
	uintptr_t at = (uintptr_t)names - info->dlpi_addr;

	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD &&
		    at - info->dlpi_phdr[i].p_vaddr < info->dlpi_phdr[i].p_memsz)
			return true;
	return false;
}

/* What is not a plain function, dlsym knows to call. */
static void take_from(const struct library *library, struct search *search)
{
	const char *name = names;

	for (int i = 0; i < ATR_NR_REAL; i++, name = next_name(name)) {
		const SYMBOL *symbol;

		if (search->is_found[i])
			continue;
		symbol = defined_as(library, name, search->hash[i]);
		search->is_found[i] = symbol;
		if (symbol)
			__atomic_store_n(&atr_real[i],
					 TYPE(symbol->st_info) == STT_FUNC ?
						 (void *)(library->base + symbol->st_value) :
						 dlsym(RTLD_NEXT, name),
					 __ATOMIC_RELEASE);
	}
}

/* The libraries behind us in the order of the search; libc is the last that is wanted. */
static int look_in(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *search = arg;
	struct library library;

	(void)size;
	if (!search->is_behind_us) {
		search->is_behind_us = is_us(info);
		return 0;
	}
	if (!read_library(&library, info))
		return 1;
	take_from(&library, search);
	return defined_as(&library, "__libc_start_main", hash_of("__libc_start_main")) != NULL;
}

/*
 * All that can be found is found before the program runs: a lookup takes the
 * loader's lock and more of a stack than a small thread or a signal's has. What
 * is not there may come with a library that is loaded later. dlsym would take a
 * good part of what we add to a process's start, so it is asked only for what
 * libc's table has not.
 */
__attribute__((constructor(101))) static void find_all(void)
{
	struct search search;
	const char *name = names;
	int saved = errno;

	search.is_behind_us = false;
	memset(search.is_found, 0, sizeof(search.is_found));
	for (int i = 0; i < ATR_NR_REAL; i++, name = next_name(name))
		search.hash[i] = hash_of(name);
	dl_iterate_phdr(look_in, &search);
	name = names;
	for (int i = 0; i < ATR_NR_REAL; i++, name = next_name(name)) {
		void *found = atr_real[i] ? NULL : dlsym(RTLD_NEXT, name);

		if (found)
			__atomic_store_n(&atr_real[i], found, __ATOMIC_RELEASE);
	}
	dlerror(); /* the program's next question is not to be answered with this */
	errno = saved;
}

void *atr_real_find(enum atr_real_index index)
{
	const char *name = names;
	int saved = errno;
	void *found;

	for (int i = 0; i < (int)index; i++)
		name = next_name(name);
	found = dlsym(RTLD_NEXT, name);
	if (found)
		__atomic_store_n(&atr_real[index], found, __ATOMIC_RELEASE);
	errno = saved;
	return found ? found : (void *)is_missing;
}
