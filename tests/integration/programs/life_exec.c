/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life_exec PORT WAY ENV: a request, and then this process is another program, by one of the calls
 * there are, with an environment of one of these kinds: same, bare (without what preloads us),
 * other (something else is preloaded), both. The other program prints what it finds.
 * life_exec PORT fails WAY: calls that fail, each inside a request. busy: for another reason.
 * life_exec PORT full: as much in the environment as there may be.
 */
#include "net.h"

#include <elf.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifdef __aarch64__
#define MACHINE EM_AARCH64
#else
#define MACHINE EM_X86_64
#endif

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

/* A file for the program to try; the descriptor to write it by. */
static int new_file(char *name, const char *text, size_t len)
{
	int file;

	strcpy(name, "/tmp/life_exec.XXXXXX");
	file = mkstemp(name);
	if (file < 0 || write(file, text, len) != (ssize_t)len || fchmod(file, 0700))
		die(name);
	return file;
}

/* A request that is under way while `call` fails. */
#define FAILS(what, call)                                       \
	do {                                                    \
		say("send", send(fd, GET, sizeof(GET) - 1, 0)); \
		say(what, call);                                \
		read_ok(fd);                                    \
	} while (0)

static void fails(const char *way)
{
	static const char script[] = "#! /none/sh -x\n", loader[] = "/none/ld.so.9";
	static char *volatile nothing;
	static char *unreadable[] = { (char *)8, NULL }, **volatile nowhere = (char **)8;
	static char much[200000], many[40][100000];
	static char *too_long[] = { "sh", much, NULL }, *too_many[41];
	struct {
		Elf64_Ehdr head;
		Elf64_Phdr part;
		char loader[16];
	} elf = { .head = { .e_type = ET_EXEC,
			    .e_phentsize = sizeof(Elf64_Phdr),
			    .e_phnum = 1,
			    .e_phoff = sizeof(Elf64_Ehdr) },
		  .part = { .p_type = PT_INTERP,
			    .p_offset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
			    .p_filesz = sizeof(loader) } };
	char name[32];
	int file = new_file(name, "", 0);

	ask();
	FAILS("none", becomes(way, "/none/no-such-program", environ));
	FAILS("a folder", becomes("execve", "/tmp", environ));
	fchmod(file, 0600);
	FAILS("not to be executed", becomes("execve", name, environ));
	fchmod(file, 0700);
	close(file);
	/* what has no form of the kernel's own may have one that was registered */
	if (access("/proc/sys/fs/binfmt_misc/register", F_OK))
		FAILS("empty", becomes("execve", name, environ));
	else
		ask();
	unlink(name);
	close(new_file(name, script, sizeof(script) - 1));
	FAILS("its interpreter is not there", becomes("execve", name, environ));
	unlink(name);
	memcpy(elf.head.e_ident, ELFMAG, SELFMAG);
	elf.head.e_ident[EI_CLASS] = ELFCLASS64;
	elf.head.e_machine = MACHINE;
	elf.head.e_ident[EI_DATA] = ELFDATA2LSB;
	memcpy(elf.loader, loader, sizeof(loader));
	close(new_file(name, (char *)&elf, sizeof(elf)));
	FAILS("its loader is not there", becomes("execve", name, environ));
	unlink(name);
	memset(much, 'x', sizeof(much) - 1);
	FAILS("too long", execve("/bin/sh", too_long, environ));
	for (int i = 0; i < 40; i++)
		too_many[i] = memset(many[i], 'x', sizeof(many[i]) - 1);
	FAILS("too many", execve("/bin/sh", too_many, environ));
	FAILS("too much in the environment", execve("/bin/sh", argv, too_many));
	FAILS("no environment", execve("/none", argv, NULL));
	FAILS("an environment that cannot be read", execve("/bin/sh", argv, nowhere));
	FAILS("what is in it cannot be", execve("/bin/sh", argv, unreadable));
	FAILS("no name", execve(nothing, argv, environ));
	FAILS("no descriptor", fexecve(1000, argv, environ));
	errno = 0;
	ask();
	say("errno", errno);
}

/* It fails for a reason that cannot be known before: what is under way is told, and what follows. */
static void is_busy(void)
{
	static char program[1 << 20];
	char name[32];
	int from = open("/bin/true", O_RDONLY), file;
	ssize_t len = read(from, program, sizeof(program));

	file = new_file(name, program, len > 0 ? (size_t)len : 0);
	FAILS("busy", becomes("execve", name, environ));
	ask();
	close(file);
	unlink(name);
}

/* Whether another program may be given this, asked below every name of libc's. */
static bool may_be(char **env)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		syscall(SYS_execve, "/bin/true", argv, env);
		syscall(SYS_exit_group, 1);
	}
	waitpid(pid, &status, 0);
	return status == 0;
}

/* As much in the environment as there may be: there is no room for anything of ours. */
static void is_full(void)
{
	static char text[11][100000];
	struct rlimit stack = { 4 * 1024 * 1024, RLIM_INFINITY };
	char *env[12] = { NULL }, *last = text[10];
	size_t least = 0, most = sizeof(text[10]) - 1;

	setrlimit(RLIMIT_STACK, &stack); /* a quarter of it is for this */
	memset(text, 'x', sizeof(text));
	for (int i = 0; i < 11; i++) {
		text[i][sizeof(text[i]) - 1] = 0;
		env[i] = text[i];
	}
	while (most - least > 1) {
		size_t middle = (most + least) / 2;

		last[middle] = 0;
		if (may_be(env))
			least = middle;
		else
			most = middle;
		last[middle] = 'x';
	}
	last[least] = 0;
	say("least", (long)least > 0);
	say("posix_spawn", posix_spawn(&(pid_t){ 0 }, "/bin/true", NULL, NULL, argv, env));
	execve("/bin/echo", argv, env); /* with arguments that are as long */
	die("execve");
}

int main(int argc, char **args)
{
	if (argc < 3)
		return 1;
	port = args[1];
	fd = connect_to(port);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (!strcmp(args[2], "fails")) {
		fails(args[3]);
		return 0;
	}
	if (!strcmp(args[2], "busy")) {
		is_busy();
		return 0;
	}
	if (!strcmp(args[2], "full"))
		is_full();
	ask();
	if (!strcmp(args[2], "static")) {
		execl(args[3], args[3], NULL);
		die("execl");
	}
	becomes(args[2], "/bin/sh", environment(args[3]));
	die(args[2]);
}
