/* SPDX-License-Identifier: Apache-2.0 */
#include "export/maps.h"

#include <fcntl.h>
#include <string.h>

static uint64_t get_hex(const char **at)
{
	uint64_t value = 0;

	for (;; ++*at) {
		char c = **at;

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint64_t)(c - 'a' + 10);
		else
			return value;
	}
}

/* begin-end rights offset device inode    path */
static bool get_range(const char **line, uint64_t *begin, uint64_t *end)
{
	*begin = get_hex(line);
	if (*(*line)++ != '-')
		return false;
	*end = get_hex(line);
	return true;
}

static bool is_line_of(const char *line, uintptr_t address, uint64_t *offset)
{
	uint64_t begin, end;

	if (!get_range(&line, &begin, &end))
		return false;
	if (address < begin || address >= end || strlen(line) < 6)
		return false;
	line += 6; /* " r-xp " */
	*offset = get_hex(&line) + (address - begin);
	return true;
}

struct lines {
	const struct atr_io *io;
	int fd;
	size_t at, len;
	char buf[2048], line[PATH_MAX + 128];
};

/* The next line, without its end; cut when it is longer than one of them may be. */
static bool next_line(struct lines *l)
{
	size_t n = 0;

	for (;; l->at++) {
		if (l->at == l->len) {
			ssize_t got = l->io->read(l->fd, l->buf, sizeof(l->buf));

			if (got <= 0)
				return false;
			l->at = 0;
			l->len = (size_t)got;
		}
		if (l->buf[l->at] == '\n')
			break;
		if (n + 1 < sizeof(l->line))
			l->line[n++] = l->buf[l->at];
	}
	l->at++;
	l->line[n] = 0;
	return true;
}

bool atr_maps_find(const struct atr_io *io, uintptr_t address, char path[static PATH_MAX],
		   uint64_t *offset)
{
	struct lines l = { .io = io };
	const char *at = NULL;

	l.fd = io->open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	if (l.fd < 0)
		return false;
	while (!at && next_line(&l))
		if (is_line_of(l.line, address, offset))
			at = strchr(l.line, '/');
	io->close(l.fd);
	if (!at || strlen(at) >= PATH_MAX)
		return false;
	memcpy(path, at, strlen(at) + 1);
	return true;
}

bool atr_maps_each(const struct atr_io *io, bool (*each)(uintptr_t begin, uintptr_t end, void *arg),
		   void *arg)
{
	struct lines l = { .io = io };
	uint64_t begin, end;
	bool goes_on = true;

	l.fd = io->open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	if (l.fd < 0)
		return false;
	while (goes_on && next_line(&l)) {
		const char *at = l.line;

		goes_on = get_range(&at, &begin, &end) && each(begin, end, arg);
	}
	io->close(l.fd);
	return goes_on;
}
