/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SCRIPTS_MAX = 5 }; /* the kernel follows as many */

static int check_executable(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return errno;
	if (!S_ISREG(st.st_mode))
		return EACCES;
	return access(path, X_OK) == 0 ? 0 : errno;
}

static int copy_path(char path[static PATH_MAX], const char *text)
{
	return snprintf(path, PATH_MAX, "%s", text) < PATH_MAX ? 0 : ENAMETOOLONG;
}

/* A file that is there and may not be run is remembered while the search goes on. */
int atr_program_find(const char *name, char path[static PATH_MAX])
{
	const char *directories = getenv("PATH");
	int worst = ENOENT;

	if (!*name)
		return ENOENT;
	if (strchr(name, '/'))
		return copy_path(path, name) ? ENAMETOOLONG : check_executable(path);
	if (!directories)
		directories = "/bin:/usr/bin";
	while (true) {
		int len = (int)strcspn(directories, ":"), error;

		snprintf(path, PATH_MAX, "%.*s%s%s", len, directories, len ? "/" : "", name);
		error = check_executable(path);
		if (!error)
			return 0;
		if (error == EACCES)
			worst = EACCES;
		if (!directories[len])
			return worst;
		directories += len + 1;
	}
}

/* The file's first line without "#!"; empty when it does not begin so. */
static int read_script_line(const char *path, char line[static PATH_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	line[0] = '\0';
	if (fd < 0)
		return errno;
	n = read(fd, line, PATH_MAX - 1);
	close(fd);
	if (n < 2 || line[0] != '#' || line[1] != '!') {
		line[0] = '\0';
		return 0;
	}
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	memmove(line, line + 2, strlen(line + 2) + 1);
	memmove(line, line + strspn(line, " \t"), strlen(line + strspn(line, " \t")) + 1);
	return 0;
}

/* The program of "interpreter argument": of env's, the one that it will look up. */
static int find_interpreter(const char *line, char path[static PATH_MAX])
{
	char words[PATH_MAX], *rest = words, *word;

	copy_path(words, line);
	word = strtok_r(words, " \t", &rest);
	if (!word)
		return ENOEXEC;
	if (strcmp(atr_program_base_name(word), "env") == 0) {
		char *next = strtok_r(NULL, " \t", &rest);

		while (next && (next[0] == '-' || strchr(next, '=')))
			next = strtok_r(NULL, " \t", &rest);
		if (next)
			return atr_program_find(next, path);
	}
	return copy_path(path, word);
}

int atr_program_executable(const char *path, char executable[static PATH_MAX],
			   char interpreter_line[static PATH_MAX])
{
	char at[PATH_MAX], line[PATH_MAX];
	int error = copy_path(at, path);

	interpreter_line[0] = '\0';
	for (int i = 0; !error && i < SCRIPTS_MAX; i++) {
		error = read_script_line(at, line);
		if (error)
			return error;
		if (!line[0])
			return realpath(at, executable) ? 0 : errno;
		if (!interpreter_line[0])
			copy_path(interpreter_line, line);
		error = find_interpreter(line, at);
	}
	return error ? error : ELOOP;
}

const char *atr_program_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool atr_program_library(char path[static PATH_MAX])
{
	static const char *const places[] = { "libautotrace.so", "../lib/libautotrace.so" };
	const char *told = getenv("AUTOTRACE_LIBRARY");
	char own[PATH_MAX], tried[PATH_MAX];
	ssize_t len;

	if (told && *told) {
		copy_path(path, told);
		return access(told, R_OK) == 0 && realpath(told, path);
	}
	len = readlink("/proc/self/exe", own, sizeof(own) - 1);
	own[len > 0 ? len : 0] = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int directory = (int)(atr_program_base_name(own) - own);

		snprintf(tried, sizeof(tried), "%.*s%s", directory, own, places[i]);
		if (access(tried, R_OK) == 0 && realpath(tried, path))
			return true;
	}
	copy_path(path, tried);
	return false;
}
