/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_KERNEL_H
#define ATR_EXPORT_KERNEL_H

/*
 * kernel: the time, a pause, and who we are, asked of the kernel itself. By libc's
 * names other preloaded libraries may answer: with a time that stands still, of
 * locks of their own, or by opening files. Any thread, a signal handler too; errno stays.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* The constructor: finds the way to ask without a system call. Before it, or where there is none, by one. */
void atr_kernel_setup(void);

/* Nanoseconds of CLOCK_MONOTONIC or CLOCK_REALTIME. */
uint64_t atr_kernel_ns(clockid_t clock);
void atr_kernel_sleep(uint64_t ns);
/* glibc before 2.25 remembered it, also over a vfork. */
pid_t atr_kernel_pid(void);

/*
 * Calls `write` for us: where nobody reads any more, or a file may not grow, that fails and
 * nothing else; the signal would end the program. errno is the call's.
 */
ssize_t atr_kernel_write(ssize_t (*write)(int fd, const void *buf, size_t len), int fd,
			 const void *buf, size_t len);

/* A thread that had them blocked, before it lets them in: takes those signals that it brought upon itself. */
void atr_kernel_take_signals(void);

#endif
