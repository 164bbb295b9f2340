/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/loaded.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <string.h>

#define VERSION_MASK 0x7fff
#define NEEDED_MAX 64

/* What an object's dynamic section leads to; what is not there is NULL. */
struct object {
	uintptr_t base, begin, end;
	const ElfW(Sym) * symbols;
	const char *strings, *soname;
	const uint16_t *versions;
	const ElfW(Verneed) * needs;
	const ElfW(Verdef) * defines;
	const uint32_t *gnu_hash, *hash;
	unsigned nr_needs, nr_defines, nr_needed;
	size_t strings_len;
	const char *needed[NEEDED_MAX];
};

/* glibc has made addresses of them, musl has not. */
static const void *table_at(const struct object *o, uintptr_t at)
{
	return (const void *)(at < o->base ? o->base + at : at);
}

static void read_dynamic(struct object *o, const ElfW(Dyn) * dyn)
{
	uintptr_t needed[NEEDED_MAX], soname = 0;

	for (; dyn->d_tag != DT_NULL; dyn++) {
		uintptr_t value = dyn->d_un.d_val;

		if (dyn->d_tag == DT_SYMTAB)
			o->symbols = table_at(o, value);
		else if (dyn->d_tag == DT_STRTAB)
			o->strings = table_at(o, value);
		else if (dyn->d_tag == DT_STRSZ)
			o->strings_len = value;
		else if (dyn->d_tag == DT_GNU_HASH)
			o->gnu_hash = table_at(o, value);
		else if (dyn->d_tag == DT_HASH)
			o->hash = table_at(o, value);
		else if (dyn->d_tag == DT_VERSYM)
			o->versions = table_at(o, value);
		else if (dyn->d_tag == DT_VERNEED)
			o->needs = table_at(o, value);
		else if (dyn->d_tag == DT_VERNEEDNUM)
			o->nr_needs = (unsigned)value;
		else if (dyn->d_tag == DT_VERDEF)
			o->defines = table_at(o, value);
		else if (dyn->d_tag == DT_VERDEFNUM)
			o->nr_defines = (unsigned)value;
		else if (dyn->d_tag == DT_SONAME)
			soname = value;
		else if (dyn->d_tag == DT_NEEDED && o->nr_needed < NEEDED_MAX)
			needed[o->nr_needed++] = value;
	}
	for (unsigned i = 0; o->strings && i < o->nr_needed; i++)
		o->needed[i] = o->strings + needed[i];
	if (o->strings && soname)
		o->soname = o->strings + soname;
}

static bool read_object(struct object *o, const struct dl_phdr_info *info)
{
	const ElfW(Dyn) *dyn = NULL;

	memset(o, 0, offsetof(struct object, needed));
	o->base = info->dlpi_addr;
	o->begin = UINTPTR_MAX;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t at = o->base + part->p_vaddr;

		if (part->p_type == PT_DYNAMIC)
			dyn = (const void *)at;
		if (part->p_type != PT_LOAD)
			continue;
		if (at < o->begin)
			o->begin = at;
		if (at + part->p_memsz > o->end)
			o->end = at + part->p_memsz;
	}
	if (dyn)
		read_dynamic(o, dyn);
	return o->symbols && o->strings && (o->gnu_hash || o->hash);
}

static bool is_in(const struct object *o, const void *at)
{
	return (uintptr_t)at >= o->begin && (uintptr_t)at < o->end;
}

static bool is_function(const struct object *o, uint32_t i, const char *name)
{
	const ElfW(Sym) *symbol = &o->symbols[i];

	return symbol->st_shndx != SHN_UNDEF && (symbol->st_info & 15) == STT_FUNC &&
	       !strcmp(o->strings + symbol->st_name, name);
}

static uint32_t gnu_hash_of(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

/* DT_GNU_HASH: a filter, buckets, and for each symbol its hash; the last of a bucket's is odd. */
static uint32_t find_by_gnu_hash(const struct object *o, const char *name)
{
	const unsigned bits = 8 * sizeof(ElfW(Addr));
	uint32_t hash = gnu_hash_of(name), first = o->gnu_hash[1];
	const ElfW(Addr) *filter = (const void *)(o->gnu_hash + 4);
	const uint32_t *buckets = (const void *)(filter + o->gnu_hash[2]);
	const uint32_t *chain = buckets + o->gnu_hash[0];
	ElfW(Addr) word = filter[hash / bits & (o->gnu_hash[2] - 1)];

	if (!(word >> hash % bits & word >> (hash >> o->gnu_hash[3]) % bits & 1))
		return 0;
	for (uint32_t i = buckets[hash % o->gnu_hash[0]]; i && i >= first; i++) {
		if ((chain[i - first] | 1) == (hash | 1) && is_function(o, i, name))
			return i;
		if (chain[i - first] & 1)
			break;
	}
	return 0;
}

static uint32_t find_by_hash(const struct object *o, const char *name)
{
	for (uint32_t i = 1; i < o->hash[1]; i++)
		if (is_function(o, i, name))
			return i;
	return 0;
}

/* The function's symbol; 0: the object has none. */
static uint32_t find_defined(const struct object *o, const char *name)
{
	return o->gnu_hash ? find_by_gnu_hash(o, name) : find_by_hash(o, name);
}

/*
 * How many symbols there are, up to the first that is hashed. Of an object that defines
 * nothing that does not say it; but all linkers lay the strings behind the symbols.
 */
static uint32_t nr_unhashed(const struct object *o)
{
	const ElfW(Addr) * filter;
	const uint32_t *buckets;
	uintptr_t len = (uintptr_t)o->strings - (uintptr_t)o->symbols;

	if (o->hash)
		return o->hash[1];
	filter = (const void *)(o->gnu_hash + 4);
	buckets = (const void *)(filter + o->gnu_hash[2]);
	if (o->gnu_hash[0] > 1 || buckets[0])
		return o->gnu_hash[1];
	return (uintptr_t)o->strings > (uintptr_t)o->symbols && is_in(o, o->strings) ?
		       (uint32_t)(len / sizeof(ElfW(Sym))) :
		       0;
}

/* The symbol by which it refers to another object's. */
static uint32_t find_reference(const struct object *o, const char *name)
{
	uint32_t nr = nr_unhashed(o);

	for (uint32_t i = 1; i < nr; i++)
		if (o->symbols[i].st_shndx == SHN_UNDEF && o->symbols[i].st_name < o->strings_len &&
		    !strcmp(o->strings + o->symbols[i].st_name, name))
			return i;
	return 0;
}

#define BEHIND(at, offset) ((const void *)((const char *)(at) + (offset)))

/* The version that a reference, or a definition, has; NULL: none. */
static const char *version_of(const struct object *o, uint32_t symbol)
{
	unsigned version = o->versions ? o->versions[symbol] & VERSION_MASK : 0;
	const ElfW(Verneed) *need = o->needs;
	const ElfW(Verdef) *defined = o->defines;

	for (unsigned i = 0; need && version > 1 && i < o->nr_needs; i++) {
		const ElfW(Vernaux) *aux = BEHIND(need, need->vn_aux);

		for (unsigned k = 0; k < need->vn_cnt; k++) {
			if ((aux->vna_other & VERSION_MASK) == version)
				return o->strings + aux->vna_name;
			aux = BEHIND(aux, aux->vna_next);
		}
		need = BEHIND(need, need->vn_next);
	}
	for (unsigned i = 0; defined && version > 1 && i < o->nr_defines; i++) {
		const ElfW(Verdaux) *aux = BEHIND(defined, defined->vd_aux);

		if ((defined->vd_ndx & VERSION_MASK) == version)
			return o->strings + aux->vda_name;
		defined = BEHIND(defined, defined->vd_next);
	}
	return NULL;
}

struct search {
	const void *caller;
	const char *const *names;
	unsigned nr;
	void **found;
	struct atr_loaded *library;
	bool is_referred; /* the caller's object refers to the name */
	const char *version;
	struct object of_caller;
	int best, nr_libraries;
};

static int find_caller(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *search = arg;
	uint32_t symbol;

	(void)size;
	if (!read_object(&search->of_caller, info) || !is_in(&search->of_caller, search->caller))
		return 0;
	symbol = find_reference(&search->of_caller, search->names[0]);
	search->is_referred = symbol;
	if (symbol)
		search->version = version_of(&search->of_caller, symbol);
	return 1;
}

static bool is_needed(const struct object *o, const struct object *by)
{
	for (unsigned i = 0; o->soname && i < by->nr_needed; i++)
		if (!strcmp(by->needed[i], o->soname))
			return true;
	return false;
}

/* How well a library that defines the name suits the caller; 0: not at all. */
static int suits(const struct search *search, const struct object *o, uint32_t symbol)
{
	const char *version = version_of(o, symbol);

	if (is_in(o, search->caller))
		return 8; /* its own */
	if (!search->is_referred)
		return 1;
	return 1 + (search->version && version && !strcmp(search->version, version) ? 4 : 0) +
	       (is_needed(o, &search->of_caller) ? 2 : 0);
}

static int look_in(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *search = arg;
	struct object o;
	uint32_t symbol;
	int how_well;

	(void)size;
	if (!read_object(&o, info) || is_in(&o, (const void *)look_in))
		return 0;
	symbol = find_defined(&o, search->names[0]);
	if (!symbol)
		return 0;
	search->nr_libraries++;
	how_well = suits(search, &o, symbol);
	if (how_well <= search->best)
		return 0;
	search->best = how_well;
	search->library->begin = o.begin;
	search->library->end = o.end;
	for (unsigned i = 0; i < search->nr; i++) {
		symbol = find_defined(&o, search->names[i]);
		search->found[i] = symbol ? (void *)(o.base + o.symbols[symbol].st_value) : NULL;
	}
	return 0;
}

bool atr_loaded_find(const void *caller, const char *const *names, unsigned nr, void **found,
		     struct atr_loaded *library, bool *is_sure)
{
	struct search search = {
		.caller = caller, .names = names, .nr = nr, .found = found, .library = library
	};

	dl_iterate_phdr(find_caller, &search);
	dl_iterate_phdr(look_in, &search);
	*is_sure = search.nr_libraries == 1 || search.best > 1;
	return search.best > 0;
}
