/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/loaded.h"
#include "preload/hook/object.h"

#include <string.h>

struct search {
	const void *caller;
	const char *names;
	void **found;
	struct atr_loaded *library;
	bool is_referred; /* the caller's object refers to the name */
	const char *version;
	uint32_t hash;
	struct atr_object of_caller;
	int best, nr_libraries;
};

static int find_caller(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *search = arg;
	uint32_t symbol;

	(void)size;
	if (!atr_object_read(&search->of_caller, info) ||
	    !atr_object_has(&search->of_caller, search->caller))
		return 0;
	symbol = atr_object_reference(&search->of_caller, search->names);
	search->is_referred = symbol;
	if (symbol)
		search->version = atr_object_version(&search->of_caller, symbol);
	return 1;
}

static bool is_needed(const struct atr_object *o, const struct atr_object *by)
{
	for (unsigned i = 0; o->soname && i < by->nr_needed; i++)
		if (!strcmp(by->needed[i], o->soname))
			return true;
	return false;
}

/* How well a library that defines the name suits the caller; 0: not at all. */
static int suits(const struct search *search, const struct atr_object *o, uint32_t symbol)
{
	const char *version = atr_object_version(o, symbol);

	if (atr_object_has(o, search->caller))
		return 8; /* its own */
	if (!search->is_referred)
		return 1;
	return 1 + (search->version && version && !strcmp(search->version, version) ? 4 : 0) +
	       (is_needed(o, &search->of_caller) ? 2 : 0);
}

static int look_in(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *search = arg;
	struct atr_object o;
	unsigned nr = 0;
	uint32_t symbol;
	int how_well;

	(void)size;
	if (!atr_object_read(&o, info) || atr_object_has(&o, (const void *)look_in))
		return 0;
	symbol = atr_object_find(&o, search->names, search->hash, false);
	if (!atr_object_function(&o, symbol))
		return 0;
	search->nr_libraries++;
	how_well = suits(search, &o, symbol);
	if (how_well <= search->best)
		return 0;
	search->best = how_well;
	search->library->begin = o.begin;
	search->library->end = o.end;
	for (const char *name = search->names; *name; name += strlen(name) + 1) {
		symbol = atr_object_find(&o, name, atr_object_hash(name), false);
		search->found[nr++] = atr_object_function(&o, symbol);
	}
	return 0;
}

bool atr_loaded_find(const void *caller, const char *names, void **found,
		     struct atr_loaded *library, bool *is_sure)
{
	struct search search = {
		.caller = caller, .names = names, .found = found, .library = library
	};

	search.hash = atr_object_hash(names);
	dl_iterate_phdr(find_caller, &search);
	dl_iterate_phdr(look_in, &search);
	*is_sure = search.nr_libraries == 1 || search.best > 1;
	library->callers_begin = search.best > 1 ? search.of_caller.begin : (uintptr_t)caller;
	library->callers_end = search.best > 1 ? search.of_caller.end : (uintptr_t)caller + 1;
	return search.best > 0;
}
