/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/real.h"

#include "export/weak.h"
#include "preload/live/thread.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/auxv.h>

ATR_WEAK(dlsym);
ATR_WEAK(dlerror);

#define SYMBOL ElfW(Sym)
#define ADDRESS ElfW(Addr)
#define DYNAMIC ElfW(Dyn)

/* Aligned, so that it lies in one page. */
_Alignas(2048) void *atr_real[ATR_NR_REAL];
_Static_assert(sizeof(atr_real) <= 2048, "aligned to its own size or more");

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

static const char *name_of(int index)
{
	const char *name = names;

	while (index--)
		name = next_name(name);
	return name;
}

/* Whether it is looked for when it is called (late.h), and not at start. */
static const bool is_late[ATR_NR_REAL] = {
#define MUST false
#define MAY false
#define LATE true
#define ATR_HOOK(name, need) need,
#include "preload/hook/hooks.def"
#undef ATR_HOOK
#undef MUST
#undef MAY
#undef LATE
};

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

/* For all names, or for one of them. */
struct search {
	int from, to;
	uint32_t hash[ATR_NR_REAL];
	bool is_found[ATR_NR_REAL];
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

/*
 * What is not a plain function, dlsym knows to call. Not from here: other threads, where
 * there are any, take the loader's two locks the other way round.
 */
static void take_from(const struct library *library, struct search *search)
{
	const char *name = name_of(search->from);

	for (int i = search->from; i < search->to; i++, name = next_name(name)) {
		const SYMBOL *symbol =
			search->is_found[i] ? NULL : defined_as(library, name, search->hash[i]);

		if (!symbol)
			continue;
		search->is_found[i] = true;
		if (TYPE(symbol->st_info) == STT_FUNC)
			__atomic_store_n(&atr_real[i], (void *)(library->base + symbol->st_value),
					 __ATOMIC_RELEASE);
	}
}

/* The libraries behind us in the order of the search; dlsym knows those that come after libc. */
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
		return dlsym != NULL;
	take_from(&library, search);
	return dlsym && defined_as(&library, "__libc_start_main", hash_of("__libc_start_main"));
}

static void search_tables(int from, int to)
{
	struct search search;
	const char *name = name_of(from);

	search.from = from;
	search.to = to;
	search.is_behind_us = false;
	memcpy(search.is_found, is_late, sizeof(search.is_found));
	for (int i = from; i < to; i++, name = next_name(name))
		search.hash[i] = hash_of(name);
	dl_iterate_phdr(look_in, &search);
}

static void ask_loader(int index, const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (found)
		__atomic_store_n(&atr_real[index], found, __ATOMIC_RELEASE);
}

struct range {
	uintptr_t begin, end;
};

/* Where the library lies that has this function. */
static int find_range(struct dl_phdr_info *library, size_t size, void *arg)
{
	struct range *range = arg, here = { UINTPTR_MAX, 0 };

	(void)size;
	for (int i = 0; i < library->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &library->dlpi_phdr[i];
		uintptr_t at = library->dlpi_addr + part->p_vaddr;

		if (part->p_type != PT_LOAD)
			continue;
		if (at < here.begin)
			here.begin = at;
		if (at + part->p_memsz > here.end)
			here.end = at + part->p_memsz;
	}
	if (range->begin < here.begin || range->begin >= here.end)
		return 0;
	*range = here;
	return 1;
}

/*
 * Whether what reads and writes is not all libc's: then another library that is
 * preloaded may stand in between.
 */
static bool is_of_several(void)
{
	struct range libc = { (uintptr_t)getauxval, 0 };

	dl_iterate_phdr(find_range, &libc);
	for (int i = ATR_REAL_send; i <= ATR_REAL___recvfrom_chk; i++) {
		uintptr_t at = (uintptr_t)atr_real[i];

		if (at && (at < libc.begin || at >= libc.end))
			return true;
	}
	return false;
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
	const char *name = names;
	int saved = errno;

	search_tables(0, ATR_NR_REAL);
	for (int i = 0; dlsym && i < ATR_NR_REAL; i++, name = next_name(name))
		if (!atr_real[i] && !is_late[i])
			ask_loader(i, name);
	atr_may_be_below = is_of_several();
	if (dlerror)
		dlerror(); /* the program's next question is not to be answered with this */
	errno = saved;
}

void *atr_real_find(enum atr_real_index index)
{
	int saved = errno;
	void *found;

	if (dlsym)
		ask_loader((int)index, name_of((int)index));
	else
		search_tables((int)index, (int)index + 1);
	found = __atomic_load_n(&atr_real[index], __ATOMIC_ACQUIRE);
	errno = saved;
	return found ? found : (void *)is_missing;
}

/* ---- threads where they are a library of their own ---- */

struct one {
	const char *name;
	void *found;
};

static int look_for_one(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct one *one = arg;
	struct library library;
	const SYMBOL *symbol;

	(void)size;
	if (is_us(info) || !read_library(&library, info))
		return 0;
	symbol = defined_as(&library, one->name, hash_of(one->name));
	if (symbol)
		one->found = (void *)(library.base + symbol->st_value);
	return symbol != NULL;
}

/*
 * Of glibc's own private names one is used, and only where there was no other: what
 * dlopen called, before 2.34, and a program without libdl has too. The upper bit says
 * to it that it is called as dlopen does.
 */
bool atr_real_load_threads(void)
{
	struct one one = { "__libc_dlopen_mode", atr_real[ATR_REAL_dlopen] };
	void *(*open)(const char *, int);
	int saved = errno;

	if (!atr_real[ATR_REAL_pthread_create]) {
		if (!one.found)
			dl_iterate_phdr(look_for_one, &one);
		open = (__typeof__(open))one.found;
		if (open)
			open("libpthread.so.0", (int)(RTLD_NOW | RTLD_GLOBAL | 0x80000000u));
		atr_real_find(ATR_REAL_pthread_create);
	}
	errno = saved;
	return atr_real[ATR_REAL_pthread_create] != NULL;
}
