/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/code.h"

#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>

bool atr_code_may_change(void *mapped)
{
	volatile char *byte = mapped;
	size_t len = getauxval(AT_PAGESZ);

	if (mprotect(mapped, len, PROT_READ | PROT_WRITE))
		return false;
	*byte = *byte; /* what matters is that it was written to */
	return mprotect(mapped, len, PROT_READ | PROT_EXEC) == 0;
}

/* What reads the place of its shadow stack does nothing where there is none. */
bool atr_code_has_shadow_stack(void)
{
	uint64_t at = 0;

#if defined(__x86_64__)
	__asm__ volatile("rdsspq %0" : "+r"(at));
#endif
	return at != 0;
}
