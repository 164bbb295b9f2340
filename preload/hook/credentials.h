/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_HOOK_CREDENTIALS_H
#define ATR_PRELOAD_HOOK_CREDENTIALS_H

/*
 * credentials: who a thread is, what it may do and what it may call (credentials(7), capabilities(7),
 * seccomp(2)) is its own to the kernel, and our thread has it of who made it. But libc has each thread of the
 * process do what setuid, setgroups and their kind are called for by one (nptl(7), and musl the same), and
 * ends the process where that does not come to the same for all.
 *
 * So where our thread may have become another than the program's, it ends, and the next span has it made anew.
 * Any thread; errno is kept.
 */

/* The calling thread's capabilities have changed: ours is not to keep what the program gave up. */
void atr_credentials_changed(void);

/* Something else of the calling thread alone changes, which is to be seen to before the next setuid or its kind. */
void atr_credentials_differ(void);

#endif
