/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/real.h"

#include "preload/live/thread.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <sys/auxv.h>

void *atr_real[ATR_NR_REAL];

static const char *const names[ATR_NR_REAL] = {
#define ATR_HOOK(name, need) #name,
#include "preload/hook/hooks.def"
#undef ATR_HOOK
};

static long is_missing(void)
{
	errno = ENOSYS;
	return -1;
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
 * is not there may come with a library that is loaded later.
 */
__attribute__((constructor(101))) static void find_all(void)
{
	int saved = errno;

	for (int i = 0; i < ATR_NR_REAL; i++) {
		void *found = atr_real[i] ? NULL : dlsym(RTLD_NEXT, names[i]);

		if (found)
			__atomic_store_n(&atr_real[i], found, __ATOMIC_RELEASE);
	}
	atr_may_be_below = is_of_several();
	dlerror(); /* the program's next question is not to be answered with this */
	errno = saved;
}

void *atr_real_find(enum atr_real_index index)
{
	int saved = errno;
	void *found = dlsym(RTLD_NEXT, names[index]);

	if (found)
		__atomic_store_n(&atr_real[index], found, __ATOMIC_RELEASE);
	errno = saved;
	return found ? found : (void *)is_missing;
}
