/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_HOOK_ALONE_H
#define ATR_PRELOAD_HOOK_ALONE_H

/*
 * alone: a program of one thread, beside which there is one of ours.
 *
 * As soon as a process has two, glibc before 2.41 makes each call that can be cancelled in another
 * way, with two locked steps more: some 30 ns, for a thread of ours that the program does not know of.
 * Nobody can cancel the only one that it has. So until it makes another, or cancels itself, what it
 * reads and writes is asked of the kernel as libc asks for a process of one thread: by number, and
 * nothing else. Not where a library is preloaded between us and libc, nor where the program filters
 * its system calls.
 */

/* Our first thread is about to be made, and the program has made none. */
void atr_alone_begins(void);

/*
 * The program is about to make one, to cancel, or to look itself at what is asked of the kernel
 * (seccomp): from here on libc is called, for good. Any thread.
 */
void atr_alone_ends(void);

#endif
