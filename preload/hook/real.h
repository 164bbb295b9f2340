/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_HOOK_REAL_H
#define ATR_PRELOAD_HOOK_REAL_H

/*
 * real: what the program would have called: the next definition of each hooked
 * function after ours. Found once: at start, or when first needed; any thread.
 *
 *	REAL(recv)(fd, buf, len, flags)
 *
 * A function that cannot be found fails with ENOSYS and nothing worse.
 */
#include <aio.h>
#include <dlfcn.h>
#include <linux/capability.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <threads.h>
#include <fcntl.h>
#include <grp.h>
#include <unistd.h>

#define HOOK __attribute__((visibility("default")))

/* The fortified forms have no declaration without fortification. */
ssize_t __read_chk(int fd, void *buf, size_t len, size_t room);
ssize_t __recv_chk(int fd, void *buf, size_t len, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *buf, size_t len, size_t room, int flags,
		       struct sockaddr *address, socklen_t *address_len);
int __poll_chk(struct pollfd *fds, nfds_t nr, int timeout_ms, size_t room);
int __ppoll_chk(struct pollfd *fds, nfds_t nr, const struct timespec *timeout, const sigset_t *mask,
		size_t room);
int __dprintf_chk(int fd, int checks, const char *text, ...);
int __vdprintf_chk(int fd, int checks, const char *text, va_list args);
int __printf_chk(int checks, const char *text, ...);
int __vprintf_chk(int checks, const char *text, va_list args);
int __fprintf_chk(FILE *stream, int checks, const char *text, ...);
int __vfprintf_chk(FILE *stream, int checks, const char *text, va_list args);
int __vsnprintf_chk(char *room, size_t len, int checks, size_t room_len, const char *text,
		    va_list args);
/* Older or newer than some headers. */
sighandler_t bsd_signal(int number, sighandler_t handler);
int close_range(unsigned first, unsigned last, int flags);
void closefrom(int first);
int thrd_create(pthread_t *thread, int (*start)(void *), void *arg);
void __longjmp_chk(jmp_buf to, int value);
int capset(cap_user_header_t header, const cap_user_data_t data);
/* Called by programs, and declared nowhere. */
void __cyg_profile_func_enter(void *function, void *site);
void __cyg_profile_func_exit(void *function, void *site);
void mcount(void);
void _mcount(void);
void __fentry__(void);

enum atr_real_index {
#define ATR_HOOK(name, need) ATR_REAL_##name,
#include "preload/hook/hooks.def"
#undef ATR_HOOK
	ATR_NR_REAL
};

extern void *atr_real[ATR_NR_REAL];

/* Looks it up; never NULL. */
void *atr_real_find(enum atr_real_index index);

/*
 * Whether a thread can be made. Before glibc 2.34 that takes libpthread, which a program
 * with one thread often has not: it is loaded. Allocates; not for a signal handler.
 */
bool atr_real_load_threads(void);

/* Loads an object and finds a function of it by a name that no other has; NULL: it cannot. */
void *atr_real_load(const char *path, const char *name);

/* Any thread that may wait for the loader's lock: whether the program itself has what libc calls as malloc. */
bool atr_real_is_malloc_the_programs(void);

#define REAL(name)                                                                      \
	((__typeof__(&(name)))(__builtin_expect(atr_real[ATR_REAL_##name] != NULL, 1) ? \
				       atr_real[ATR_REAL_##name] :                      \
				       atr_real_find(ATR_REAL_##name)))

#endif
