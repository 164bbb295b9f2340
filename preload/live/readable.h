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
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The constructor, with an address in what lies above the stack of the main thread. */
void atr_readable_setup(const void *above_stack);

/* Any thread, errno is kept. Whether the page that `at` is in can be read. */
bool atr_page_is_readable(const void *at);

/* Whether `len` bytes at `at` can be. */
bool atr_is_readable(const void *at, size_t len);

/* The bytes from `at` to the end of its page, at most `len`. */
static inline size_t atr_len_in_page(const void *at, size_t len)
{
	size_t to_end = 4096 - ((uintptr_t)at & 4095);

	return len < to_end ? len : to_end;
}

#endif
