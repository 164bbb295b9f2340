/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/program.h"

#include "preload/hook/real.h"
#include "preload/live/readable.h"

#include <elf.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* What the kernel asks of a file: execve(2), and fs/exec.c's limits. */
#define BEGIN_LEN 256		/* it looks at no more of a file */
#define SCRIPTS_MAX 4		/* an interpreter may be a script too */
#define ARG_LEN_MAX (32 * 4096) /* of one string, its end included */
#define ARGS_LEAST (128 * 1024) /* of all, whatever the stack's limit is */
#define ARGS_MOST (6 * 1024 * 1024)
#define OTHER_FORMATS "/proc/sys/fs/binfmt_misc/register"

static _Atomic bool is_blind;

void atr_program_may_not_look(void)
{
	is_blind = true;
}

enum verdict { RUNS, HAS_NO_FORMAT, FAILS };

static bool is_executable(int folder, const char *path)
{
	if (!*path)
		return REAL(fcntl)(folder, F_GETFD) >= 0;
	return faccessat(folder, path, X_OK, AT_EACCESS) == 0;
}

/* By number: libc's own names for it are newer than the oldest libc we run with. */
static bool is_file(int folder, const char *path)
{
	struct stat about;

	return REAL(syscall)(SYS_newfstatat, folder, path, &about, *path ? 0 : AT_EMPTY_PATH) ||
	       S_ISREG(about.st_mode);
}

/* Opens it for a look; -1 where it may be run and not be read. */
static int open_file(int folder, const char *path)
{
	if (!*path)
		return REAL(fcntl)(folder, F_DUPFD_CLOEXEC, 3L);
	return (int)REAL(syscall)(SYS_openat, folder, path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
}

/* The loader that a program of this machine's kind names is there. */
static enum verdict judge_elf(int file, const unsigned char *begin, size_t len)
{
	const Elf64_Ehdr *head = (const void *)begin;
	char loader[BEGIN_LEN];
	Elf64_Phdr part;

	if (len < sizeof(*head) || (head->e_type != ET_EXEC && head->e_type != ET_DYN))
		return HAS_NO_FORMAT;
	if (head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_phentsize != sizeof(part))
		return RUNS;
	for (unsigned i = 0; i < head->e_phnum; i++) {
		off_t at = (off_t)(head->e_phoff + i * sizeof(part));

		if (pread(file, &part, sizeof(part), at) != (ssize_t)sizeof(part))
			return RUNS;
		if (part.p_type != PT_INTERP || part.p_filesz >= sizeof(loader))
			continue;
		memset(loader, 0, sizeof(loader));
		if (pread(file, loader, part.p_filesz, (off_t)part.p_offset) <= 0)
			return RUNS;
		return is_executable(AT_FDCWD, loader) ? RUNS : FAILS;
	}
	return RUNS;
}

static enum verdict judge(int folder, const char *path, int depth);

static enum verdict judge_script(char *line, int depth)
{
	char *name = line + strspn(line, " \t");

	name[strcspn(name, " \t\n")] = 0;
	if (!*name)
		return HAS_NO_FORMAT;
	if (!is_executable(AT_FDCWD, name))
		return FAILS;
	return depth ? judge(AT_FDCWD, name, depth - 1) : RUNS;
}

static enum verdict judge(int folder, const char *path, int depth)
{
	char begin[BEGIN_LEN + 1] __attribute__((aligned(8)));
	enum verdict verdict = RUNS;
	int file;
	ssize_t len;

	if (!is_executable(folder, path) || !is_file(folder, path))
		return FAILS;
	file = open_file(folder, path);
	len = file < 0 ? -1 : pread(file, begin, BEGIN_LEN, 0);
	if (len >= 0) {
		begin[len] = 0;
		if (len >= SELFMAG && memcmp(begin, ELFMAG, SELFMAG) == 0)
			verdict = judge_elf(file, (const unsigned char *)begin, (size_t)len);
		else if (begin[0] == '#' && begin[1] == '!')
			verdict = judge_script(begin + 2, depth);
		else
			verdict =
				faccessat(AT_FDCWD, OTHER_FORMATS, F_OK, 0) ? HAS_NO_FORMAT : RUNS;
	}
	if (file >= 0)
		REAL(close)(file);
	return verdict;
}

/* Adds the strings and their pointers; false: one is too long, or not there. */
static bool add(char *const *strings, size_t *total)
{
	for (size_t i = 0; strings; i++) {
		size_t len;

		if (!atr_is_readable(&strings[i], sizeof(strings[i])))
			return false;
		if (!strings[i])
			break;
		if (!atr_is_readable(strings[i], 1))
			return false;
		len = strlen(strings[i]) + 1;
		if (len > ARG_LEN_MAX)
			return false;
		*total += len + sizeof(char *);
	}
	return true;
}

static bool fits(char *const argv[], char *const env[])
{
	struct rlimit stack = { .rlim_cur = RLIM_INFINITY };
	size_t total = 0, most;

	getrlimit(RLIMIT_STACK, &stack);
	most = stack.rlim_cur / 4 < ARGS_MOST ? (size_t)stack.rlim_cur / 4 : ARGS_MOST;
	if (most < ARGS_LEAST)
		most = ARGS_LEAST;
	return add(argv, &total) && add(env, &total) && total <= most;
}

bool atr_program_runs(int folder, const char *path, char *const argv[], char *const env[])
{
	return is_blind || (atr_is_readable(path, 1) && fits(argv, env) &&
			    judge(folder, path, SCRIPTS_MAX) == RUNS);
}

bool atr_program_is_found(const char *file, char *const argv[], char *const env[])
{
	const char *at = getenv("PATH"), *end;
	char path[PATH_MAX];

	if (is_blind)
		return true;
	if (!atr_is_readable(file, 1) || !fits(argv, env))
		return false;
	if (strchr(file, '/') || !at)
		return judge(AT_FDCWD, file, SCRIPTS_MAX) != FAILS;
	for (;; at = end + 1) {
		end = strchrnul(at, ':');
		if ((size_t)(end - at) + strlen(file) + 2 > sizeof(path))
			return true;
		memcpy(path, at, (size_t)(end - at));
		path[end - at] = 0;
		if (end > at)
			strcat(path, "/");
		if (judge(AT_FDCWD, strcat(path, file), SCRIPTS_MAX) != FAILS)
			return true;
		if (!*end)
			return false;
	}
}
