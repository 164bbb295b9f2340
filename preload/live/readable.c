/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/readable.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

uintptr_t atr_main_stack_end;
static uintptr_t heap_start;

void atr_readable_setup(const void *above_stack)
{
	atr_main_stack_end = (uintptr_t)above_stack;
	heap_start = (uintptr_t)sbrk(0);
}

/* Only what lies above the break of the start is surely malloc's and not given back in part. */
static bool is_on_heap(uintptr_t at)
{
	return heap_start && at >= heap_start && at < (uintptr_t)sbrk(0);
}

bool atr_page_is_readable(const void *at)
{
	uintptr_t address = (uintptr_t)at;
	int saved;
	bool can;

	if (!atr_has_thread())
		return false;
	if (atr_is_on_stack(at) || is_on_heap(address))
		return true;
	saved = errno;
	/* eight bytes that do not reach into the next page */
	can = syscall(SYS_rt_sigprocmask, ~0, address & ~(uintptr_t)7, NULL, 8) < 0 &&
	      errno != EFAULT;
	errno = saved;
	return can;
}

bool atr_are_pages_readable(const void *at, size_t len)
{
	const char *from = at;

	while (len) {
		size_t here = atr_len_in_page(from, len);

		if (!atr_page_is_readable(from))
			return false;
		from += here;
		len -= here;
	}
	return true;
}
