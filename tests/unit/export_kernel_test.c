/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "export/kernel.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t by_libc(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool is_between(clockid_t clock)
{
	uint64_t before = by_libc(clock), now = atr_kernel_ns(clock), after = by_libc(clock);

	return before <= now && now <= after;
}

TEST(kernel_tells_the_time_that_libc_tells)
{
	CHECK(is_between(CLOCK_MONOTONIC));
	atr_kernel_setup();
	CHECK(is_between(CLOCK_MONOTONIC));
	CHECK(atr_kernel_pid() == getpid());
}

/* 0: it needed none; 2: libc needs one as well, or none can be refused here. */
static int time_without_a_call(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };
	struct timespec t;

	atr_kernel_setup();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) ||
	    clock_gettime(CLOCK_MONOTONIC, &t))
		return 2;
	return atr_kernel_ns(CLOCK_MONOTONIC) ? 0 : 1;
}

TEST(kernel_tells_the_time_without_a_system_call_where_libc_does)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(time_without_a_call());
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	CHECK(WEXITSTATUS(status) != 1);
}

TEST(kernel_sleeps_and_leaves_errno)
{
	uint64_t begun = atr_kernel_ns(CLOCK_MONOTONIC);

	errno = EBADF;
	atr_kernel_sleep(2000000);
	CHECK(atr_kernel_ns(CLOCK_MONOTONIC) - begun >= 2000000);
	CHECK(errno == EBADF);
}

static ssize_t written(int fd, const void *buf, size_t len)
{
	return write(fd, buf, len);
}

static bool waits(int number)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, number);
}

/* In a child, as it may end it: 0 where all is as it should be. */
static int writes_to_nobody(void)
{
	int fds[2];
	sigset_t pipe_alone;

	signal(SIGPIPE, SIG_DFL);
	if (pipe(fds) || close(fds[0]))
		return 2;
	errno = 0;
	if (atr_kernel_write(written, fds[1], "x", 1) != -1 || errno != EPIPE)
		return 3;
	sigemptyset(&pipe_alone);
	sigaddset(&pipe_alone, SIGPIPE);
	sigprocmask(SIG_BLOCK, &pipe_alone, NULL);
	if (atr_kernel_write(written, fds[1], "x", 1) != -1 || waits(SIGPIPE))
		return 4;
	raise(SIGPIPE); /* the program's own stays */
	if (atr_kernel_write(written, fds[1], "x", 1) != -1 || !waits(SIGPIPE))
		return 5;
	return 0;
}

TEST(kernel_write_to_nobody_brings_no_signal)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0)
		_exit(writes_to_nobody());
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}
