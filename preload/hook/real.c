/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/real.h"

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

void *atr_real_find(enum atr_real_index index)
{
	int saved = errno;
	void *found = dlsym(RTLD_NEXT, names[index]);

	if (!found)
		found = (void *)is_missing;
	__atomic_store_n(&atr_real[index], found, __ATOMIC_RELEASE);
	errno = saved;
	return found;
}
