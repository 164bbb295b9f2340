/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/rules.h"

#include "export/diag.h"
#include "export/env.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>

#define FILE_MAX (256 * 1024)
#define TOLD_MAX 8

/* Reads all of a file, or its first FILE_MAX bytes; -1: it cannot be. */
static long read_all(const struct atr_io *io, const char *path, char *to)
{
	/* without waiting: it may be a pipe */
	int fd = io->open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	size_t len = 0;
	ssize_t n = 0;

	if (fd < 0)
		return -1;
	while (len < FILE_MAX && (n = io->read(fd, to + len, FILE_MAX - len)) > 0)
		len += (size_t)n;
	io->close(fd);
	return n < 0 ? -1 : (long)len;
}

struct atr_str atr_rules_text(const char *name, const struct atr_io *io)
{
	struct atr_str text = atr_str_trim(atr_env_get(name));
	char path[PATH_MAX];
	void *room;
	long len;

	if (!text.len || text.at[0] != '@')
		return text;
	if (text.len >= sizeof(path)) {
		atr_log_bad_env(name, text, "longer than a path can be", "it is left out");
		return (struct atr_str){ 0 };
	}
	memcpy(path, text.at + 1, text.len - 1);
	path[text.len - 1] = 0;
	room = mmap(NULL, FILE_MAX, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		return (struct atr_str){ 0 };
	len = read_all(io, path, room);
	if (len > 0 && len < FILE_MAX)
		return (struct atr_str){ room, (size_t)len };
	munmap(room, FILE_MAX);
	if (len)
		atr_log_bad_env(name, text,
				len < 0 ? "the file cannot be read" : "the file is too large",
				"it is left out");
	return (struct atr_str){ 0 };
}

bool atr_rules_next(struct atr_str *text, struct atr_str *rule)
{
	while (text->len) {
		size_t len = 0;
		bool is_comment;

		*text = atr_str_trim(*text);
		is_comment = text->len && text->at[0] == '#';
		while (len < text->len && text->at[len] != '\n' &&
		       (is_comment || text->at[len] != ';'))
			len++;
		*rule = (struct atr_str){ text->at, len };
		if (len < text->len)
			len++;
		text->at += len;
		text->len -= len;
		if (rule->len && rule->at[rule->len - 1] == '\r')
			rule->len--;
		*rule = atr_str_trim(*rule);
		if (rule->len && !is_comment)
			return true;
	}
	return false;
}

void atr_rules_wrong(const char *name, struct atr_str rule, const char *why, unsigned *told)
{
	if ((*told)++ < TOLD_MAX)
		atr_log_bad_env(name, rule, why, "it is left out");
}
