/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/real.h"

#include "export/diag.h"
#include "export/exporter.h"
#include "preload/hook/alone.h"
#include "preload/hook/credentials.h"
#include "preload/hook/process.h"
#include "preload/hook/program.h"
#include "preload/hook/seccomp.h"
#include "preload/hook/signal.h"
#include "preload/live/readable.h"
#include "preload/live/thread.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/un.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59 /* Linux 5.11 */
#endif

/*
 * A program that takes system calls from itself must not be killed for one of
 * ours. Its filter is a program of the kernel's classic BPF, which we run over
 * what we may call: where that ends in anything but "allowed" or an errno, we
 * finish what there is to send, and stand down for good. (A filter inherited over
 * exec is not seen here; those of container runtimes answer with errno.)
 */
#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#define ARCHITECTURE 0
#endif

#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

struct call {
	uint32_t number;
	uint64_t first; /* argument */
	bool must; /* an errno will not do: it would be the answer to a call of the program's */
};

static const struct call calls[] = {
	/* on the program's threads */
	{ SYS_futex, 0, false },
	{ SYS_rt_sigprocmask, 0, false },
	{ SYS_rt_sigaction, 0, false },
	{ SYS_sched_yield, 0, false },
	{ SYS_getpid, 0, false },
	{ SYS_gettid, 0, false },
	{ SYS_tgkill, 0, false },
	{ SYS_getsockopt, 0, false },
	{ SYS_getpeername, 0, false },
	{ SYS_sendmsg, 0, true },
	{ SYS_clock_gettime, 0, false },
	{ SYS_getrandom, 0, false },
	/* to make the exporter thread, and on it */
	{ SYS_clone, 0x3d0f00, false },
	{ SYS_set_robust_list, 0, false },
	{ SYS_mmap, 0, false },
	{ SYS_mprotect, 0, false },
	{ SYS_munmap, 0, false },
	{ SYS_madvise, 0, false },
	{ SYS_prctl, PR_SET_NAME, false },
	{ SYS_socket, AF_INET, false },
	{ SYS_socket, AF_INET6, false },
	{ SYS_socket, AF_UNIX, false },
	{ SYS_connect, 0, false },
	{ SYS_sendto, 0, false },
	{ SYS_recvfrom, 0, false },
	{ SYS_ppoll, 0, false },
	{ SYS_fcntl, 0, false },
	{ SYS_close, 0, false },
	{ SYS_close_range, 0, false },
	{ SYS_unshare, CLONE_FILES, false },
	{ SYS_getdents64, 0, false },
	{ SYS_newfstatat, 0, false },
	{ SYS_nanosleep, 0, false },
	{ SYS_exit, 0, false },
	{ SYS_openat, 0, false },
	{ SYS_read, 0, false },
	{ SYS_write, 0, false },
#ifdef SYS_readlink
	{ SYS_readlink, 0, false },
#else
	{ SYS_readlinkat, 0, false },
#endif
#ifdef SYS_poll
	{ SYS_poll, 0, false },
#endif
#ifdef SYS_clone3
	{ SYS_clone3, 0, false },
#endif
#ifdef SYS_rseq
	{ SYS_rseq, 0, false },
#endif
};

/* Before an exec, if we may: program.h. */
static const struct call exec_calls[] = {
	{ SYS_pread64, 0, false },    { SYS_prlimit64, 0, false }, { SYS_faccessat, 0, false },
	{ SYS_faccessat2, 0, false }, { SYS_openat, 0, false },	   { SYS_newfstatat, 0, false },
};

/* On the exporter thread, which is not to run in real time; if we may. */
static const struct call policy_calls[] = {
	{ SYS_sched_getscheduler, 0, false },
	{ SYS_sched_setscheduler, 0, false },
};

/* Once, on the exporter thread, to publish what a profiler may read; if we may. */
static const struct call publishing_calls[] = {
	{ SYS_memfd_create, 0, false },	  { SYS_ftruncate, 0, false }, { SYS_mmap, 0, false },
	{ SYS_munmap, 0, false },	  { SYS_close, 0, false },     { SYS_madvise, 0, false },
	{ SYS_prctl, 0x53564d41, false }, /* PR_SET_VMA */
};

/* A word of what the filter looks at, as the kernel shows it. */
static uint32_t word_at(const struct call *call, uint32_t at)
{
	struct seccomp_data data = { .nr = (int)call->number,
				     .arch = ARCHITECTURE,
				     .args = { call->first } };
	uint32_t word = 0;

	if (at <= sizeof(data) - sizeof(word))
		memcpy(&word, (const char *)&data + at, sizeof(word));
	return word;
}

static uint32_t calculate(uint16_t code, uint32_t a, uint32_t b)
{
	switch (BPF_OP(code)) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return b ? a / b : 0;
	case BPF_AND:
		return a & b;
	case BPF_OR:
		return a | b;
	case BPF_XOR:
		return a ^ b;
	case BPF_LSH:
		return b < 32 ? a << b : 0;
	case BPF_RSH:
		return b < 32 ? a >> b : 0;
	default: /* BPF_NEG */
		return -a;
	}
}

static bool holds(uint16_t code, uint32_t a, uint32_t b)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	default: /* BPF_JSET */
		return a & b;
	}
}

/* Runs the filter for one call. What the kernel would refuse to load ends as "kill". */
static uint32_t answer(const struct sock_filter *code, uint32_t len, const struct call *call)
{
	uint32_t a = 0, x = 0, memory[BPF_MEMWORDS] = { 0 };

	for (uint32_t at = 0; at < len; at++) {
		const struct sock_filter *i = &code[at];
		uint32_t value = BPF_SRC(i->code) == BPF_X ? x : i->k, loaded = i->k;

		if (BPF_MODE(i->code) == BPF_ABS)
			loaded = word_at(call, i->k);
		else if (BPF_MODE(i->code) == BPF_LEN)
			loaded = sizeof(struct seccomp_data);
		else if (BPF_MODE(i->code) == BPF_MEM)
			loaded = memory[i->k % BPF_MEMWORDS];
		switch (BPF_CLASS(i->code)) {
		case BPF_LD:
			a = loaded;
			break;
		case BPF_LDX:
			x = loaded;
			break;
		case BPF_ST:
			memory[i->k % BPF_MEMWORDS] = a;
			break;
		case BPF_STX:
			memory[i->k % BPF_MEMWORDS] = x;
			break;
		case BPF_ALU:
			a = calculate(i->code, a, value);
			break;
		case BPF_JMP:
			if (BPF_OP(i->code) == BPF_JA)
				at += i->k;
			else
				at += holds(i->code, a, value) ? i->jt : i->jf;
			break;
		case BPF_RET:
			return BPF_RVAL(i->code) == BPF_A ? a : i->k;
		default: /* BPF_MISC */
			if (BPF_MISCOP(i->code) == BPF_TAX)
				x = a;
			else
				a = x;
		}
	}
	return SECCOMP_RET_KILL;
}

static bool spares(const struct sock_filter *code, uint32_t len, const struct call *call, size_t nr)
{
	for (; nr--; call++) {
		uint32_t action = answer(code, len, call) & SECCOMP_RET_ACTION_FULL;

		if (action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_LOG &&
		    (action != SECCOMP_RET_ERRNO || call->must))
			return false;
	}
	return true;
}

#define SPARES(code, len, list) spares(code, len, list, sizeof(list) / sizeof((list)[0]))

bool atr_seccomp_spares_us(const struct sock_filter *code, uint32_t len)
{
	return SPARES(code, len, calls);
}

void atr_before_seccomp(bool strict, const struct sock_fprog *filter)
{
	int saved;

	if (!atr_has_thread())
		return; /* it is of a child's that is none of ours */
	saved = errno;
	/* it may ask from where a call is made */
	atr_alone_ends();
	/* of this thread alone, which from now on makes no call of ours */
	if (strict) {
		atr_signals_leave();
		atr_self.inside = true;
		return;
	}
	if (!ARCHITECTURE || !atr_is_readable(filter, sizeof(*filter)) ||
	    !atr_is_readable(filter->filter, filter->len * sizeof(filter->filter[0])))
		return; /* the kernel refuses it */
	if (!SPARES(filter->filter, filter->len, exec_calls))
		atr_program_may_not_look();
	if (!SPARES(filter->filter, filter->len, publishing_calls))
		atr_exporter_publishes_nothing();
	if (!SPARES(filter->filter, filter->len, policy_calls))
		atr_exporter_keeps_policy();
	if (atr_seccomp_spares_us(filter->filter, filter->len)) {
		atr_credentials_differ();
		return;
	}
	if (atr_log_is_on())
		atr_log("the program's seccomp filter would kill it for calls of ours: tracing "
			"ends");
	atr_process_ends(0);
	atr_signals_leave();
	atr_thread_off();
	errno = saved;
}

HOOK int prctl(int option, ...)
{
	unsigned long a[4];
	va_list args;
	int result;

	va_start(args, option);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(args, unsigned long);
	va_end(args);
	if (option == PR_SET_SECCOMP &&
	    (a[0] == SECCOMP_MODE_STRICT || a[0] == SECCOMP_MODE_FILTER))
		atr_before_seccomp(a[0] == SECCOMP_MODE_STRICT, (const void *)a[1]);
	if (option == PR_SET_SYSCALL_USER_DISPATCH)
		atr_alone_ends();
	result = REAL(prctl)(option, a[0], a[1], a[2], a[3]);
	if (result == 0 && (option == PR_SET_KEEPCAPS || option == PR_SET_SECUREBITS))
		atr_credentials_changed();
	return result;
}
