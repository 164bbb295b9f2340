/* SPDX-License-Identifier: Apache-2.0 */
/*
 * takes_calls HOW PORT: a request, then a seccomp filter that leaves few system
 * calls, then another request. HOW: kill or errno (what the others are answered
 * with), early (kill, before the first request), libseccomp's way, by syscall.
 * looks: those are taken by which one could find out whether an exec will succeed.
 * raise: kill, and at last it ends itself by a signal.
 * maps: before a request, one that only a part of ours makes that is not needed.
 */
#include "net.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define ALLOW(call)                                            \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void take_calls(const char *how, unsigned otherwise)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(read),
		ALLOW(write),
		ALLOW(sendto),
		ALLOW(recvfrom),
		ALLOW(recvmsg),
		ALLOW(getpid),
		ALLOW(gettid),
		ALLOW(tgkill),
		ALLOW(rt_sigprocmask),
		ALLOW(close),
		ALLOW(brk),
		ALLOW(mmap),
		ALLOW(munmap),
		ALLOW(exit),
		ALLOW(exit_group),
		ALLOW(rt_sigreturn),
		ALLOW(socket),
		ALLOW(connect),
		BPF_STMT(BPF_RET | BPF_K, otherwise),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };

	say("no new privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	if (!strcmp(how, "syscall"))
		say("seccomp", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter));
	else
		say("prctl", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter));
}

#define TAKE(call)                                             \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

/* And one that fails, with a request under way. */
static void take_looks(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		TAKE(pread64),
		TAKE(faccessat),
		TAKE(faccessat2),
		TAKE(prlimit64),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	say("prctl", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter));
	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	say("exec", execl("/none", "none", NULL));
	read_ok(fd);
}

static void take_maps(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		TAKE(memfd_create),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	say("prctl", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter));
}

static void ask(int fd)
{
	char answer[4096];

	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	say("recv", recv(fd, answer, sizeof(answer), 0));
}

/* A connection in a message, to be had from the one end that is returned. */
static int passed(int fd)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("socketpair");
	send_fds(pair[0], &fd, 1);
	return pair[1];
}

int main(int argc, char **argv)
{
	const char *how = argv[argc - 2];
	int fd = connect_to(argv[argc - 1]), from = passed(fd);

	if (!strcmp(how, "maps")) {
		take_maps();
		ask(fd);
		return 5;
	}
	if (strcmp(how, "early"))
		ask(fd);
	if (!strcmp(how, "looks")) {
		take_looks(fd);
		return 4;
	}
	take_calls(how, strcmp(how, "errno") ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | 1);
	ask(fd);
	ask(connect_to(argv[argc - 1]));
	say("receive", receive_fds(from, &fd, 1, 0));
	if (!strcmp(how, "raise"))
		raise(SIGTERM);
	return 3;
}
