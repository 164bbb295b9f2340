/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/late.h"
#include "preload/hook/object.h"
#include "preload/hook/real.h"

#include "export/weak.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/auxv.h>

ATR_WEAK(dlsym);
ATR_WEAK(dlclose);
ATR_WEAK(dladdr);
ATR_WEAK(dlerror);

#define TRIES 4 /* places for a caller */

static void *load_again(const char *path)
{
	return REAL(dlopen)(path, RTLD_LAZY | RTLD_NOLOAD);
}

/* What a name leads to, unless that is ourselves. */
static void *next_of(void *handle, const char *name)
{
	void *found = dlsym(handle, name);
	Dl_info own, other;

	if (found && dladdr((void *)atr_late_find, &own) && dladdr(found, &other) &&
	    own.dli_fbase == other.dli_fbase)
		return NULL;
	return found;
}

/* Whose scope is everybody's: what is found there is found without it. */
static bool is_main_program(const Dl_info *info)
{
	return ((uintptr_t)getauxval(AT_PHDR) & ~(uintptr_t)4095) == (uintptr_t)info->dli_fbase;
}

/* In the scope of the library that calls. */
static void *by_caller(const void *caller, const char *name)
{
	void *handle, *found = NULL;
	Dl_info info;

	if (!dladdr(caller, &info) || is_main_program(&info) || !info.dli_fname ||
	    !strchr(info.dli_fname, '/'))
		return NULL;
	handle = load_again(info.dli_fname);
	if (!handle)
		return NULL;
	found = next_of(handle, name);
	dlclose(handle);
	return found;
}

static void *by_soname(const struct atr_late *late, const char *name)
{
	void *found = NULL;

	for (const char *soname = late->sonames; *soname && !found; soname += strlen(soname) + 1) {
		void *handle = load_again(soname);

		if (!handle)
			continue;
		found = next_of(handle, name);
		dlclose(handle);
	}
	return found;
}

struct place {
	const void *at;
	uintptr_t begin, end;
};

static int find_place(struct dl_phdr_info *info, size_t len, void *arg)
{
	struct place *place = arg;
	struct atr_object o;

	(void)len;
	atr_object_read(&o, info);
	if (!atr_object_has(&o, place->at))
		return 0;
	place->begin = o.begin;
	place->end = o.end;
	return 1;
}

/* The library that the function is in; two threads may find one at once, and then it is there twice. */
static struct atr_late_library *library_of(const struct atr_late *late, void *function)
{
	struct place place = { .at = function };
	struct atr_late_library *library;
	unsigned nr_names = 0;
	Dl_info info;
	void *handle;
	uint32_t nr;

	if (!dladdr(function, &info) || !info.dli_fname)
		return NULL;
	handle = load_again(info.dli_fname);
	if (!handle)
		return NULL;
	for (int i = 0; i < ATR_LATE_LIBRARIES; i++)
		if (atomic_load_explicit(&late->found->libraries[i].handle, memory_order_acquire) ==
		    handle)
			return &late->found->libraries[i];
	nr = atomic_fetch_add_explicit(&late->found->nr, 1, memory_order_relaxed);
	if (nr >= ATR_LATE_LIBRARIES) {
		atomic_store_explicit(&late->found->nr, ATR_LATE_LIBRARIES, memory_order_relaxed);
		return NULL;
	}
	library = &late->found->libraries[nr];
	for (const char *name = late->names; *name; name += strlen(name) + 1)
		library->function[nr_names++] = next_of(handle, name);
	dl_iterate_phdr(find_place, &place);
	library->begin = place.begin;
	library->end = place.end;
	atomic_store_explicit(&library->handle, handle, memory_order_release);
	return library;
}

static struct atr_late_library *look_for(const struct atr_late *late, const void *caller)
{
	struct atr_late_library *library = NULL;
	void *found;

	if (!dlsym || !dlclose || !dladdr || !dlerror)
		return NULL;
	found = by_caller(caller, late->names);
	if (!found)
		found = next_of(RTLD_NEXT, late->names);
	if (!found)
		found = by_soname(late, late->names);
	if (found)
		library = library_of(late, found);
	dlerror(); /* the program's next question is not to be answered with this */
	return library;
}

/* What is known of the caller: its library + 1; and where that may be noted, if it is not. */
static uint64_t known_of(const struct atr_late *late, uint64_t key, _Atomic uint64_t **room)
{
	uint64_t at = key * UINT64_C(0x9e3779b97f4a7c15) >> 58;

	*room = NULL;
	for (int i = 0; i < TRIES; i++) {
		_Atomic uint64_t *slot =
			&late->found->callers[(at + (uint64_t)i) % ATR_LATE_CALLERS];
		uint64_t known = atomic_load_explicit(slot, memory_order_acquire);

		if (known && (known & ~UINT64_C(0xff)) == key)
			return known & 0xff;
		if (!known && !*room)
			*room = slot;
	}
	return 0;
}

void *const *atr_late_find(const struct atr_late *late, const void *caller)
{
	uint64_t key = (uint64_t)(uintptr_t)caller << 8;
	_Atomic uint64_t *room;
	uint64_t known = known_of(late, key, &room);
	struct atr_late_library *library;
	int saved = errno;

	if (known)
		return late->found->libraries[known - 1].function;
	/* more callers than can be noted: a lookup each time would be dear, and there is one mostly */
	if (!room && atomic_load_explicit(&late->found->nr, memory_order_acquire) == 1 &&
	    atomic_load_explicit(&late->found->libraries[0].handle, memory_order_acquire))
		return late->found->libraries[0].function;
	library = look_for(late, caller);
	errno = saved;
	if (!library)
		return NULL;
	if (room)
		atomic_store_explicit(room, key | (uint64_t)(library - late->found->libraries + 1),
				      memory_order_release);
	return library->function;
}

/* Where this library lies, as the linker says. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));

bool atr_late_is_inside(void *const *functions, const void *caller)
{
	const struct atr_late_library *library =
		(const void *)((const char *)functions -
			       offsetof(struct atr_late_library, function));
	uintptr_t at = (uintptr_t)caller;

	/* it may leave a function that we called by a jump to another: who called that is us */
	if (at >= (uintptr_t)__ehdr_start && at < (uintptr_t)etext)
		return true;
	return !library->end || (at >= library->begin && at < library->end);
}
