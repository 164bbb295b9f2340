/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/real.h"

#include "preload/live/thread.h"

#include <dlfcn.h>
#include <errno.h>

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

/*
 * Whether what reads and writes is not all of one library, libc: then another one
 * that is preloaded may stand in between. Known by how far apart they lie.
 */
#define LIBC_LEN (4u << 20)

static bool is_of_several(void)
{
	uintptr_t least = UINTPTR_MAX, most = 0;

	for (int i = ATR_REAL_send; i <= ATR_REAL___recvfrom_chk; i++) {
		uintptr_t at = (uintptr_t)atr_real[i];

		if (at && at < least)
			least = at;
		if (at > most)
			most = at;
	}
	return most > least && most - least > LIBC_LEN;
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
