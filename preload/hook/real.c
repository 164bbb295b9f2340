/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/real.h"
#include "preload/hook/object.h"

#include "export/weak.h"
#include "preload/live/thread.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/auxv.h>

ATR_WEAK(dlsym);
ATR_WEAK(dlerror);

/* In lines of its own: it is read by every call, and after the start written twice at most (alone.h). */
_Alignas(64) void *atr_real[ATR_NR_REAL];

/* One behind the other: as pointers each would have to be relocated at start. */
static const struct names {
#define ATR_HOOK(name, need) char text_##name[sizeof(#name)];
#include "preload/hook/hooks.def"
#undef ATR_HOOK
} names = {
#define ATR_HOOK(name, need) #name,
#include "preload/hook/hooks.def"
#undef ATR_HOOK
};

/*
 * What atr_object_hash says of a name, by the compiler: the sum of its characters, the
 * last one's place first, and of 5381 before them, each times 33 to the power of its place.
 */
#define LEN_MAX 35
#define AT(s, place)                                                                              \
	((place) < sizeof(s) - 1 ?                                                                \
		 (uint32_t)(unsigned char)(s)[(place) < sizeof(s) - 1 ? sizeof(s) - 2 - (place) : \
									0] :                      \
		 ((place) == sizeof(s) - 1 ? 5381u : 0u))
#define AT_4(s, place)  \
	(AT(s, place) + \
	 33u * (AT(s, (place) + 1) + 33u * (AT(s, (place) + 2) + 33u * AT(s, (place) + 3))))
#define TO_4 (33u * 33u * 33u * 33u)
#define HASH(s)                                                                \
	(AT_4(s, 0) +                                                          \
	 TO_4 * (AT_4(s, 4) +                                                  \
		 TO_4 * (AT_4(s, 8) +                                          \
			 TO_4 * (AT_4(s, 12) +                                 \
				 TO_4 * (AT_4(s, 16) +                         \
					 TO_4 * (AT_4(s, 20) +                 \
						 TO_4 * (AT_4(s, 24) +         \
							 TO_4 * (AT_4(s, 28) + \
								 TO_4 * AT_4(s, 32)))))))))

static const uint32_t hashes[ATR_NR_REAL] = {
#define ATR_HOOK(name, need) HASH(#name),
#include "preload/hook/hooks.def"
#undef ATR_HOOK
};
#define ATR_HOOK(name, need) _Static_assert(sizeof(#name) - 1 <= LEN_MAX, "HASH is of so many");
#include "preload/hook/hooks.def"
#undef ATR_HOOK

static const char *name_of(int index)
{
	static const uint16_t at[] = {
#define ATR_HOOK(name, need) offsetof(struct names, text_##name),
#include "preload/hook/hooks.def"
#undef ATR_HOOK
	};

	return (const char *)&names + at[index];
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

/* For all names, or for one of them. */
struct search {
	int from, to;
	bool is_found[ATR_NR_REAL];
	bool is_behind_us;
};

/*
 * What is not a plain function, dlsym knows to call. Not from here: other threads, where
 * there are any, take the loader's two locks the other way round.
 */
static void take_from(const struct atr_object *library, struct search *search)
{
	for (int i = search->from; i < search->to; i++) {
		uint32_t symbol = search->is_found[i] ?
					  0 :
					  atr_object_find(library, name_of(i), hashes[i], true);
		void *function = atr_object_function(library, symbol);

		search->is_found[i] |= symbol != 0;
		if (function)
			__atomic_store_n(&atr_real[i], function, __ATOMIC_RELEASE);
	}
}

/* The libraries behind us in the order of the search; dlsym knows those that come after libc. */
static int look_in(struct dl_phdr_info *info, size_t size, void *arg)
{
	static const char last[] = "__libc_start_main";
	struct search *search = arg;
	struct atr_object library;
	bool is_readable = atr_object_read(&library, info);

	(void)size;
	if (!search->is_behind_us) {
		search->is_behind_us = atr_object_has(&library, &names);
		return 0;
	}
	if (!is_readable || !library.gnu_hash) /* by the other table it would take long */
		return dlsym != NULL;
	take_from(&library, search);
	return dlsym && atr_object_find(&library, last, atr_object_hash(last), true);
}

static void search_tables(int from, int to)
{
	struct search search;

	search.from = from;
	search.to = to;
	search.is_behind_us = false;
	memcpy(search.is_found, is_late, sizeof(search.is_found));
	dl_iterate_phdr(look_in, &search);
}

static void ask_loader(int index)
{
	void *found = dlsym(RTLD_NEXT, name_of(index));

	if (found)
		__atomic_store_n(&atr_real[index], found, __ATOMIC_RELEASE);
}

/* The library that has this function. */
struct place {
	const void *function;
	struct atr_object library;
};

static int find_place(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct place *place = arg;

	(void)size;
	atr_object_read(&place->library, info);
	return atr_object_has(&place->library, place->function);
}

/*
 * Whether what reads and writes is not all libc's: then another library that is
 * preloaded may stand in between.
 */
static bool is_of_several(void)
{
	struct place libc = { .function = (const void *)getauxval };

	dl_iterate_phdr(find_place, &libc);
	for (int i = ATR_REAL_send; i <= ATR_REAL___recvfrom_chk; i++)
		if (atr_real[i] && !atr_object_has(&libc.library, atr_real[i]))
			return true;
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
	int saved = errno;

	search_tables(0, ATR_NR_REAL);
	for (int i = 0; dlsym && i < ATR_NR_REAL; i++)
		if (!atr_real[i] && !is_late[i])
			ask_loader(i);
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
		ask_loader((int)index);
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
	struct atr_object library;
	uint32_t symbol;

	(void)size;
	if (!atr_object_read(&library, info) || atr_object_has(&library, &names))
		return 0;
	symbol = atr_object_find(&library, one->name, atr_object_hash(one->name), true);
	one->found = atr_object_function(&library, symbol);
	return one->found != NULL;
}

static int look_at_program(struct dl_phdr_info *info, size_t size, void *has)
{
	struct atr_object program;

	(void)size;
	*(bool *)has = atr_object_read(&program, info) &&
		       atr_object_find(&program, "malloc", atr_object_hash("malloc"), true);
	return 1; /* it comes first */
}

bool atr_real_is_malloc_the_programs(void)
{
	bool is_so = false;

	dl_iterate_phdr(look_at_program, &is_so);
	return is_so;
}

/*
 * Of glibc's own private names one is used, and only where there was no other: what
 * dlopen called, before 2.34, and a program without libdl has too. The upper bit says
 * to it that it is called as dlopen does.
 */
static void *load(const char *path, int flags)
{
	struct one one = { "__libc_dlopen_mode", NULL };

	if (atr_real[ATR_REAL_dlopen])
		return REAL(dlopen)(path, flags);
	dl_iterate_phdr(look_for_one, &one);
	if (!one.found)
		return NULL;
	return ((void *(*)(const char *, int))one.found)(path,
							 (int)((unsigned)flags | 0x80000000u));
}

void *atr_real_load(const char *path, const char *name)
{
	struct one one = { name, NULL };

	/* not by dlsym, which not every process has */
	if (load(path, RTLD_NOW | RTLD_LOCAL))
		dl_iterate_phdr(look_for_one, &one);
	return one.found;
}

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
