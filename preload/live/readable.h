/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_READABLE_H
#define ATR_PRELOAD_LIVE_READABLE_H

/*
 * readable: whether memory that a program hands to a call can be read. The kernel
 * answers EFAULT for what cannot; we look at it before the kernel does, and must
 * not be what the program dies of.
 *
 * The thread's own stack and the heap that brk made cost a comparison. Anything
 * else costs a system call a page: rt_sigprocmask with a `how` that does not
 * exist reads its set, and then refuses: EFAULT or EINVAL (as in abseil's
 * AddressIsReadable).
 */
#include "preload/live/thread.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The constructor, with an address in what lies above the stack of the main thread. */
void atr_readable_setup(const void *above_stack);

/* Any thread, errno is kept. Whether the page that `at` is in can be read. */
bool atr_page_is_readable(const void *at);

/* The bytes from `at` to the end of its page, at most `len`. */
static inline size_t atr_len_in_page(const void *at, size_t len)
{
	size_t to_end = 4096 - ((uintptr_t)at & 4095);

	return len < to_end ? len : to_end;
}

/*
 * From the stack pointer up to the stack's end nothing is unmapped. A thread's
 * end lies behind what libc keeps for it, our variables among that; the main
 * thread's behind the environment's strings. A program that runs on a stack of
 * its own making has neither there, which the limit makes unlikely to matter.
 */
#define ATR_NEAR (64 * 1024)
extern uintptr_t atr_main_stack_end; /* readable.c's own */

static inline bool atr_is_on_stack(const void *at)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0), tls = (uintptr_t)&atr_self;
	uintptr_t address = (uintptr_t)at;

	return address - sp < ATR_NEAR &&
	       (address < atr_main_stack_end || (tls > sp && address < tls));
}

/* Whether `len` bytes at `at` can be. Mostly they are a variable of who asks. */
bool atr_are_pages_readable(const void *at, size_t len);
static inline bool atr_is_readable(const void *at, size_t len)
{
	if (atr_has_thread() && atr_is_on_stack(at) && atr_len_in_page(at, len) == len)
		return true;
	return atr_are_pages_readable(at, len);
}

#endif
