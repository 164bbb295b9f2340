/* SPDX-License-Identifier: Apache-2.0 */
#include "export/heavy.h"

#include "export/diag.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/*
 * Where we lie is asked of the kernel: the loader knows the library by the name it was
 * given, which may be one from another working directory.
 *
 *	7f..-7f.. r-xp 00000000 fe:01 123    /usr/local/lib/libautotrace.so
 */
static bool has(const char *line, uintptr_t at)
{
	uintptr_t begin = 0, end = 0, *n = &begin;

	for (; *line && *line != ' '; line++) {
		char c = *line;

		if (c == '-')
			n = &end;
		else
			*n = *n << 4 | (uintptr_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return at >= begin && at < end;
}

/* The next line of a file into line[cap], without its end; cut when it is longer. */
struct lines {
	const struct atr_io *io;
	int fd;
	size_t at, len;
	char buf[2048];
};

static bool next_line(struct lines *l, char *line, size_t cap)
{
	size_t n = 0;

	for (;;) {
		if (l->at == l->len) {
			ssize_t got = l->io->read(l->fd, l->buf, sizeof(l->buf));

			if (got <= 0)
				return false;
			l->at = 0;
			l->len = (size_t)got;
		}
		if (l->buf[l->at] == '\n')
			break;
		if (n + 1 < cap)
			line[n++] = l->buf[l->at];
		l->at++;
	}
	l->at++;
	line[n] = 0;
	return true;
}

/* Beside the library that this function is in. */
bool atr_heavy_find(const struct atr_io *io, const char *file, char path[static PATH_MAX])
{
	struct lines l = { .io = io };
	char line[PATH_MAX + 128], *slash = NULL;
	size_t len = strlen(file) + 1;

	memcpy(path, file, len);

	l.fd = io->open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	if (l.fd < 0)
		return false;
	while (!slash && next_line(&l, line, sizeof(line)))
		if (has(line, (uintptr_t)atr_heavy_find) && strchr(line, '/'))
			slash = strrchr(line, '/');
	io->close(l.fd);
	if (!slash)
		return false;
	slash[1] = 0;
	memmove(line, strchr(line, '/'), strlen(strchr(line, '/')) + 1);
	if (strlen(line) + len > PATH_MAX)
		return false;
	memcpy(path, line, strlen(line) + 1);
	memcpy(path + strlen(path), file, len);
	return true;
}

const struct atr_heavy *atr_heavy_load(const struct atr_io *io, const char *what_for)
{
	static const struct atr_heavy *loaded;
	static bool was_tried;
	const struct atr_heavy *(*table)(void) = NULL;
	char path[PATH_MAX];

	if (was_tried)
		return loaded;
	was_tried = true;
	if (atr_heavy_find(io, ATR_HEAVY_FILE, path))
		table = (__typeof__(table))io->load(path, ATR_HEAVY_NAME);
	loaded = table ? table() : NULL;
	if (!loaded)
		atr_log("%s needs %s, which cannot be loaded", what_for, path);
	else if (loaded->version != ATR_HEAVY_VERSION)
		atr_log("%s needs %s, which is that of another version", what_for, path);
	if (loaded && loaded->version != ATR_HEAVY_VERSION)
		loaded = NULL;
	return loaded;
}
