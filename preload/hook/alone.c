/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/alone.h"

#include "preload/hook/real.h"

#include "export/weak.h"
#include "preload/live/thread.h"

#include <errno.h>
#include <stdatomic.h>

#if defined(__x86_64__)
static inline long by_number(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
static inline long by_number(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#else
#define HAS_NO_WAY 1
#define by_number(number, a, b, c, d, e, f) (-ENOSYS)
#endif
#ifndef HAS_NO_WAY
#define HAS_NO_WAY 0
#endif

#define ERRNO_MAX 4095

static inline ssize_t result_of(long result)
{
	if (__builtin_expect((unsigned long)result >= -(unsigned long)ERRNO_MAX, 0)) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

#define CALL(number, a, b, c, d, e, f)                                                     \
	result_of(by_number(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), \
			    (long)(f)))

static ssize_t alone_read(int fd, void *buf, size_t len)
{
	return CALL(SYS_read, fd, buf, len, 0, 0, 0);
}

static ssize_t alone_write(int fd, const void *buf, size_t len)
{
	return CALL(SYS_write, fd, buf, len, 0, 0, 0);
}

static ssize_t alone_readv(int fd, const struct iovec *iov, int nr)
{
	return CALL(SYS_readv, fd, iov, nr, 0, 0, 0);
}

static ssize_t alone_writev(int fd, const struct iovec *iov, int nr)
{
	return CALL(SYS_writev, fd, iov, nr, 0, 0, 0);
}

static ssize_t alone_send(int fd, const void *buf, size_t len, int flags)
{
	return CALL(SYS_sendto, fd, buf, len, flags, 0, 0);
}

static ssize_t alone_recv(int fd, void *buf, size_t len, int flags)
{
	return CALL(SYS_recvfrom, fd, buf, len, flags, 0, 0);
}

static ssize_t alone_sendmsg(int fd, const struct msghdr *message, int flags)
{
	return CALL(SYS_sendmsg, fd, message, flags, 0, 0, 0);
}

static ssize_t alone_recvmsg(int fd, struct msghdr *message, int flags)
{
	return CALL(SYS_recvmsg, fd, message, flags, 0, 0, 0);
}

static const struct {
	enum atr_real_index index;
	void *alone;
} calls[] = {
	{ ATR_REAL_read, alone_read },	     { ATR_REAL_write, alone_write },
	{ ATR_REAL_readv, alone_readv },     { ATR_REAL_writev, alone_writev },
	{ ATR_REAL_send, alone_send },	     { ATR_REAL_recv, alone_recv },
	{ ATR_REAL_sendmsg, alone_sendmsg }, { ATR_REAL_recvmsg, alone_recvmsg },
};
#define NR_CALLS (sizeof(calls) / sizeof(calls[0]))

static void *libcs[NR_CALLS];
enum { NOT_YET, ALONE, OVER };
static _Atomic int state;

const char *gnu_get_libc_version(void);
ATR_WEAK(gnu_get_libc_version);

/* "2.36" */
static bool is_slow_beside_another(void)
{
	const char *version = gnu_get_libc_version ? gnu_get_libc_version() : "";

	return version[0] == '2' && version[1] == '.' && atoi(version + 2) < 41;
}

static void set(enum atr_real_index index, void *function)
{
	__atomic_store_n(&atr_real[index], function, __ATOMIC_RELEASE);
}

void atr_alone_begins(void)
{
	int before = NOT_YET;

	if (HAS_NO_WAY || atr_may_be_below || !is_slow_beside_another())
		return;
	if (!atomic_compare_exchange_strong(&state, &before, ALONE))
		return;
	for (size_t i = 0; i < NR_CALLS; i++) {
		libcs[i] = atr_real[calls[i].index];
		if (libcs[i])
			set(calls[i].index, calls[i].alone);
	}
}

void atr_alone_ends(void)
{
	if (atomic_load_explicit(&state, memory_order_relaxed) == OVER ||
	    atomic_exchange(&state, OVER) != ALONE)
		return;
	for (size_t i = 0; i < NR_CALLS; i++)
		if (libcs[i])
			set(calls[i].index, libcs[i]);
}
