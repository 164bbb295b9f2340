/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life_exec PORT WAY ENV: a request, and then this process is another program, by one of the calls
 * there are, with an environment of one of these kinds: same, bare (without what preloads us),
 * other (something else is preloaded), both. The other program prints what it finds.
 * life_exec PORT fails WAY: calls that fail, between requests and inside one.
 */
#include "net.h"

#include <sys/stat.h>

extern char **environ;

#define PRINTS                                                                         \
	"echo \"A=$A LD_PRELOAD=$LD_PRELOAD TRACEPARENT=${TRACEPARENT-none} $#\"; ls " \
	"/proc/self/fd | wc -l"

static const char *port;
static char *argv[] = { "sh", "-c", PRINTS, "0", "1", NULL };
static int fd;

static void ask(void)
{
	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	read_ok(fd);
}

static char **environment(const char *kind)
{
	static char both[1000];
	static char *bare[] = { "A=bare", "PATH=/bin:/usr/bin", NULL };
	static char *other[] = { "A=other", "PATH=/bin:/usr/bin", "LD_PRELOAD=libm.so.6", NULL };
	static char *more[] = { "A=both", "PATH=/bin:/usr/bin", both, NULL };
	const char *preloaded = getenv("LD_PRELOAD");

	snprintf(both, sizeof(both), "LD_PRELOAD=libm.so.6%s%s", preloaded ? " " : "",
		 preloaded ? preloaded : "");
	return !strcmp(kind, "bare")  ? bare :
	       !strcmp(kind, "other") ? other :
	       !strcmp(kind, "both")  ? more :
					environ;
}

/* The calls that take no environment have the program's. */
static int becomes(const char *way, const char *path, char **env)
{
	if (!strcmp(way, "execve"))
		return execve(path, argv, env);
	if (!strcmp(way, "execvpe"))
		return execvpe(strrchr(path, '/') + 1, argv, env);
	if (!strcmp(way, "execle"))
		return execle(path, "sh", "-c", PRINTS, "0", "1", NULL, env);
	if (!strcmp(way, "fexecve"))
		return fexecve(open(path, O_RDONLY | O_CLOEXEC), argv, env);
	if (!strcmp(way, "execveat"))
		return execveat(AT_FDCWD, path, argv, env, 0);
	if (!strcmp(way, "execveat of a descriptor"))
		return execveat(open(path, O_PATH | O_CLOEXEC), "", argv, env, AT_EMPTY_PATH);
	environ = env;
	if (!strcmp(way, "execv"))
		return execv(path, argv);
	if (!strcmp(way, "execvp"))
		return execvp(strrchr(path, '/') + 1, argv);
	if (!strcmp(way, "execl"))
		return execl(path, "sh", "-c", PRINTS, "0", "1", NULL);
	if (!strcmp(way, "execlp"))
		return execlp(strrchr(path, '/') + 1, "sh", "-c", PRINTS, "0", "1", NULL);
	return -2;
}

static void fails(const char *way)
{
	static char *volatile nothing;
	static char much[200000];
	static char *too_long[] = { "sh", much, NULL };
	char name[] = "/tmp/life_exec.XXXXXX";
	int file = mkstemp(name);

	ask();
	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	say("none", becomes(way, "/none/no-such-program", environ));
	read_ok(fd);
	say("not to be executed", becomes("execve", name, environ));
	ask();
	fchmod(file, 0700);
	close(file);
	say("empty", becomes("execve", name, environ));
	memset(much, 'x', sizeof(much) - 1);
	say("too long", execve("/bin/sh", too_long, environ));
	say("no environment", execve("/none", argv, NULL));
	say("no name", execve(nothing, argv, environ));
	say("no descriptor", fexecve(1000, argv, environ));
	errno = 0;
	ask();
	say("errno", errno);
	unlink(name);
}

int main(int argc, char **args)
{
	if (argc < 4)
		return 1;
	port = args[1];
	fd = connect_to(port);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (!strcmp(args[2], "fails")) {
		fails(args[3]);
		return 0;
	}
	ask();
	if (!strcmp(args[2], "static")) {
		execl(args[3], args[3], NULL);
		die("execl");
	}
	becomes(args[2], "/bin/sh", environment(args[3]));
	die(args[2]);
}
