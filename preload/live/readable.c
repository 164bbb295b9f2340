/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/readable.h"

#include "preload/live/thread.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * From the stack pointer up to the stack's end nothing is unmapped. A thread's
 * end lies behind what libc keeps for it, our variables among that; the main
 * thread's behind the environment's strings. A program that runs on a stack of
 * its own making has neither there, which the limit makes unlikely to matter.
 */
#define NEAR (64 * 1024)

static uintptr_t main_stack_end, heap_start;

void atr_readable_setup(const void *above_stack)
{
	main_stack_end = (uintptr_t)above_stack;
	heap_start = (uintptr_t)sbrk(0);
}

static bool is_on_stack(uintptr_t at)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0), tls = (uintptr_t)&atr_self;

	return at - sp < NEAR && (at < main_stack_end || (tls > sp && at < tls));
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
	if (is_on_stack(address) || is_on_heap(address))
		return true;
	saved = errno;
	/* eight bytes that do not reach into the next page */
	can = syscall(SYS_rt_sigprocmask, ~0, address & ~(uintptr_t)7, NULL, 8) < 0 &&
	      errno != EFAULT;
	errno = saved;
	return can;
}

bool atr_is_readable(const void *at, size_t len)
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
