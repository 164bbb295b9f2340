/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/real.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>

void *atr_real[ATR_NR_REAL];

static const char *const names[ATR_NR_REAL] = {
#define ATR_HOOK(name, need) #name,
#include "preload/hook/hooks.def"
#undef ATR_HOOK
};

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
 * All that can be found is found before the program runs: a lookup takes the
 * loader's lock and more of a stack than a small thread or a signal's has. What
 * is not there may come with a library that is loaded later.
 */
__attribute__((constructor(101))) static void find_all(void)
{
	int saved = errno;

	for (int i = 0; i < ATR_NR_REAL; i++) {
		void *found = is_late[i] || atr_real[i] ? NULL : dlsym(RTLD_NEXT, names[i]);

		if (found)
			__atomic_store_n(&atr_real[i], found, __ATOMIC_RELEASE);
	}
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
