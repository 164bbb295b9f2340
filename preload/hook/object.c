/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/object.h"

#include <elf.h>
#include <stddef.h>
#include <string.h>

#define VERSION_HIDDEN 0x8000
#define VERSION_MASK 0x7fff

const void *atr_object_table(const struct atr_object *o, uintptr_t at)
{
	return (const void *)(at < o->base ? o->base + at : at);
}

static void read_dynamic(struct atr_object *o, const ElfW(Dyn) * dyn)
{
	uintptr_t needed[ATR_NEEDED_MAX], soname = 0;

	for (; dyn->d_tag != DT_NULL; dyn++) {
		uintptr_t value = dyn->d_un.d_val;

		if (dyn->d_tag == DT_SYMTAB)
			o->symbols = atr_object_table(o, value);
		else if (dyn->d_tag == DT_STRTAB)
			o->strings = atr_object_table(o, value);
		else if (dyn->d_tag == DT_STRSZ)
			o->strings_len = value;
		else if (dyn->d_tag == DT_GNU_HASH)
			o->gnu_hash = atr_object_table(o, value);
		else if (dyn->d_tag == DT_HASH)
			o->hash = atr_object_table(o, value);
		else if (dyn->d_tag == DT_VERSYM)
			o->versions = atr_object_table(o, value);
		else if (dyn->d_tag == DT_VERNEED)
			o->needs = atr_object_table(o, value);
		else if (dyn->d_tag == DT_VERNEEDNUM)
			o->nr_needs = (unsigned)value;
		else if (dyn->d_tag == DT_VERDEF)
			o->defines = atr_object_table(o, value);
		else if (dyn->d_tag == DT_VERDEFNUM)
			o->nr_defines = (unsigned)value;
		else if (dyn->d_tag == DT_SONAME)
			soname = value;
		else if (dyn->d_tag == DT_NEEDED && o->nr_needed < ATR_NEEDED_MAX)
			needed[o->nr_needed++] = value;
	}
	for (unsigned i = 0; o->strings && i < o->nr_needed; i++)
		o->needed[i] = o->strings + needed[i];
	if (o->strings && soname)
		o->soname = o->strings + soname;
}

bool atr_object_read(struct atr_object *o, const struct dl_phdr_info *info)
{
	const ElfW(Dyn) *dyn = NULL;

	memset(o, 0, offsetof(struct atr_object, needed));
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
	o->dynamic = dyn;
	if (dyn)
		read_dynamic(o, dyn);
	return o->symbols && o->strings && (o->gnu_hash || o->hash);
}

uint32_t atr_object_hash(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

static bool defines(const struct atr_object *o, uint32_t i, const char *name, bool only_default)
{
	const ElfW(Sym) *symbol = &o->symbols[i];

	return symbol->st_shndx != SHN_UNDEF &&
	       !(only_default && o->versions && o->versions[i] & VERSION_HIDDEN) &&
	       !strcmp(o->strings + symbol->st_name, name);
}

/*
 * DT_GNU_HASH: a filter of bits that says of most names that they are not there, and
 * buckets: runs of symbols with their hashes, of which the last one's lowest bit is set.
 */
static uint32_t find_by_gnu_hash(const struct atr_object *o, const char *name, uint32_t hash,
				 bool only_default)
{
	const unsigned bits = 8 * sizeof(ElfW(Addr));
	uint32_t first = o->gnu_hash[1];
	const ElfW(Addr) *filter = (const void *)(o->gnu_hash + 4);
	const uint32_t *buckets = (const void *)(filter + o->gnu_hash[2]);
	const uint32_t *chain = buckets + o->gnu_hash[0];
	ElfW(Addr) word = filter[hash / bits & (o->gnu_hash[2] - 1)];

	if (!(word >> hash % bits & word >> (hash >> o->gnu_hash[3]) % bits & 1))
		return 0;
	for (uint32_t i = buckets[hash % o->gnu_hash[0]]; i && i >= first; i++) {
		if ((chain[i - first] | 1) == (hash | 1) && defines(o, i, name, only_default))
			return i;
		if (chain[i - first] & 1)
			break;
	}
	return 0;
}

uint32_t atr_object_find(const struct atr_object *o, const char *name, uint32_t hash,
			 bool only_default)
{
	if (o->gnu_hash)
		return find_by_gnu_hash(o, name, hash, only_default);
	for (uint32_t i = 1; i < o->hash[1]; i++)
		if (defines(o, i, name, only_default))
			return i;
	return 0;
}

void *atr_object_function(const struct atr_object *o, uint32_t symbol)
{
	const ElfW(Sym) *s = &o->symbols[symbol];

	return symbol && (s->st_info & 15) == STT_FUNC ? (void *)(o->base + s->st_value) : NULL;
}

/*
 * How many symbols there are, up to the first that is hashed. Of an object that defines
 * nothing that does not say it; but all linkers lay the strings behind the symbols.
 */
static uint32_t nr_unhashed(const struct atr_object *o)
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
	return (uintptr_t)o->strings > (uintptr_t)o->symbols && atr_object_has(o, o->strings) ?
		       (uint32_t)(len / sizeof(ElfW(Sym))) :
		       0;
}

uint32_t atr_object_reference(const struct atr_object *o, const char *name)
{
	uint32_t nr = nr_unhashed(o);

	for (uint32_t i = 1; i < nr; i++)
		if (o->symbols[i].st_shndx == SHN_UNDEF && o->symbols[i].st_name < o->strings_len &&
		    !strcmp(o->strings + o->symbols[i].st_name, name))
			return i;
	return 0;
}

#define BEHIND(at, offset) ((const void *)((const char *)(at) + (offset)))

const char *atr_object_version(const struct atr_object *o, uint32_t symbol)
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
