/* SPDX-License-Identifier: Apache-2.0 */
/* child HOW: the trace that a child process finds in its environment, and that ours has none of it. */
#include "net.h"

#include <spawn.h>

extern char **environ;

static char *const print_it[] = { "/bin/sh", "-c", "echo child: ${TRACEPARENT-none}", NULL };

static void end_of(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die("child");
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	const char *volatile before = getenv("TRACEPARENT");
	pid_t pid = -1;

	if (!strcmp(how, "fork")) {
		pid = fork();
		if (pid == 0)
			execve(print_it[0], print_it, environ);
		end_of(pid);
	} else if (!strcmp(how, "execl")) {
		pid = fork();
		if (pid == 0)
			execl("/bin/sh", "sh", "-c", print_it[2], NULL);
		end_of(pid);
	} else if (!strcmp(how, "vfork")) {
		pid = vfork();
		if (pid == 0) {
			execvp("sh", print_it);
			_exit(1);
		}
		end_of(pid);
	} else if (!strcmp(how, "spawn")) {
		if (posix_spawnp(&pid, "sh", NULL, NULL, print_it, environ))
			die("posix_spawnp");
		end_of(pid);
	} else if (!strcmp(how, "system")) {
		if (system(print_it[2]))
			die("system");
	} else if (!strcmp(how, "popen")) {
		FILE *child = popen(print_it[2], "r");
		char line[200];

		if (child && fgets(line, sizeof(line), child))
			printf("%s", line);
		say("pclose", pclose(child));
	} else if (!strcmp(how, "own")) {
		pid = fork();
		if (pid == 0) {
			setenv("TRACEPARENT", "the program's own", 1);
			execvp("sh", print_it);
		}
		end_of(pid);
	}
	printf("ours: %s\n", getenv("TRACEPARENT") ?: "none");
	say("kept", before == getenv("TRACEPARENT"));
	return 0;
}
