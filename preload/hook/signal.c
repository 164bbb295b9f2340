/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/signal.h"

#include "export/env.h"
#include "export/kernel.h"
#include "preload/hook/process.h"
#include "preload/hook/real.h"
#include "preload/live/thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

static const int deadly[] = { SIGHUP,  SIGINT,	SIGQUIT, SIGILL,  SIGABRT, SIGBUS,  SIGFPE,
			      SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGXCPU };

#define NR_DEADLY (sizeof(deadly) / sizeof(deadly[0]))

/* What the program, or nobody, has set where ours stands in: the default, with flags and a mask of no effect. */
static struct sigaction stood[NR_DEADLY];

static _Atomic bool guards;

/* Where it stands above; NR_DEADLY: it does not end a process. */
static size_t index_of(int number)
{
	size_t i = 0;

	while (i < NR_DEADLY && deadly[i] != number)
		i++;
	return i;
}

/* The instruction that faulted is run again on return, and faults again. */
static bool comes_again(int number, const siginfo_t *info)
{
	return info->si_code > 0 &&
	       (number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL);
}

static void end_by(int number, siginfo_t *info, void *unused)
{
	struct sigaction standard = { .sa_handler = SIG_DFL };
	int saved = errno;

	(void)unused;
	if (!atr_in_shared_child() && !atr_is_forked_child())
		atr_process_dies(number);
	REAL(sigaction)(number, &standard, NULL);
	/* blocked while we are in here: it comes when we return */
	if (!comes_again(number, info))
		syscall(SYS_tgkill, atr_kernel_pid(), (int)syscall(SYS_gettid), number);
	errno = saved;
}

static bool is_ours(const struct sigaction *action)
{
	return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == end_by;
}

/* With SA_SIGINFO too the default is the default: it is the same place (sigaction(2)). */
static void guard(size_t i)
{
	struct sigaction now, ours = { .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };

	if (i == NR_DEADLY || REAL(sigaction)(deadly[i], NULL, &now) || now.sa_handler != SIG_DFL)
		return;
	stood[i] = now;
	ours.sa_sigaction = end_by;
	sigfillset(&ours.sa_mask);
	REAL(sigaction)(deadly[i], &ours, NULL);
}

static bool is_wanted;

void atr_signals_setup(void)
{
	is_wanted = atr_env_bool("AUTOTRACE_FLUSH_ON_SIGNAL", true);
}

void atr_signals_guard(void)
{
	int saved = errno;

	if (!is_wanted || atr_kernel_pid() == 1)
		return;
	for (size_t i = 0; i < NR_DEADLY; i++)
		guard(i);
	guards = true;
	errno = saved;
}

void atr_signals_leave(void)
{
	struct sigaction now;
	int saved = errno;

	if (!guards)
		return;
	guards = false;
	for (size_t i = 0; i < NR_DEADLY; i++)
		if (REAL(sigaction)(deadly[i], NULL, &now) == 0 && is_ours(&now))
			REAL(sigaction)(deadly[i], &stood[i], NULL);
	errno = saved;
}

/* The program changed what a signal does: where that is the default, ours stands in again. */
static void changed(int number)
{
	int saved = errno;

	if (guards)
		guard(index_of(number));
	errno = saved;
}

HOOK int sigaction(int number, const struct sigaction *action, struct sigaction *before)
{
	int result = REAL(sigaction)(number, action, before);

	if (!__builtin_expect(guards, 0) || result)
		return result;
	if (before && is_ours(before))
		*before = stood[index_of(number)];
	if (action)
		changed(number);
	return result;
}

static sighandler_t told(int number, sighandler_t before)
{
	if (guards && before != SIG_ERR)
		changed(number);
	return (void *)before == (void *)end_by ? SIG_DFL : before;
}

HOOK sighandler_t signal(int number, sighandler_t handler)
{
	return told(number, REAL(signal)(number, handler));
}

/*
 * What a program sends itself: behind a handler that is taken once (SA_RESETHAND) the kernel has put
 * the default in place, and tells nobody. node ends so by SIGTERM and SIGINT.
 */
HOOK int raise(int number)
{
	changed(number);
	return REAL(raise)(number);
}

HOOK int kill(pid_t pid, int number)
{
	if (pid > 0 && guards && index_of(number) < NR_DEADLY && pid == atr_kernel_pid())
		changed(number);
	return REAL(kill)(pid, number);
}

HOOK int pthread_kill(pthread_t thread, int number)
{
	changed(number);
	return REAL(pthread_kill)(thread, number);
}

HOOK sighandler_t bsd_signal(int number, sighandler_t handler)
{
	return told(number, REAL(bsd_signal)(number, handler));
}

HOOK sighandler_t ssignal(int number, sighandler_t handler)
{
	return told(number, REAL(ssignal)(number, handler));
}

HOOK sighandler_t sysv_signal(int number, sighandler_t handler)
{
	return told(number, REAL(sysv_signal)(number, handler));
}

HOOK sighandler_t __sysv_signal(int number, sighandler_t handler)
{
	return told(number, REAL(__sysv_signal)(number, handler));
}

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
HOOK sighandler_t sigset(int number, sighandler_t handler)
{
	return told(number, REAL(sigset)(number, handler));
}
