/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child in our memory, as a sandbox makes one to change what its parent shares with it: with a
 * thread-local area of its own, all zero, so that nothing of the parent's is touched. It may call what
 * needs no thread, and ends.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int pair[2];

static int child(void *how)
{
	char byte = 'x';

	chdir("/");
	if (!strcmp(how, "calls")) {
		/* by number, and by names that make the call and nothing else */
		if (syscall(SYS_write, pair[1], &byte, 1) != 1 || dup2(pair[1], 100) != 100 ||
		    close(100))
			_exit(3);
		if (shutdown(pair[0], SHUT_WR))
			_exit(4);
	}
	if (!strcmp(how, "execs"))
		execl("/bin/sh", "sh", "-c", "exit 7", NULL);
	if (!strcmp(how, "returns"))
		return 7;
	_exit(7);
}

int main(int argc, char **argv)
{
	static _Alignas(16) char stack[64 * 1024], own[8 * 1024];
	int status;
	pid_t pid;

	if (argc < 2 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return 2;
	pid = clone(child, stack + sizeof(stack),
		    CLONE_VM | CLONE_FS | CLONE_VFORK | CLONE_SETTLS | SIGCHLD, argv[1], NULL,
		    own + sizeof(own) / 2, NULL);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 2;
	printf("%s: status %#x, in %s\n", argv[1], (unsigned)status, getcwd(stack, sizeof(stack)));
	return 0;
}
