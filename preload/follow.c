/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/follow.h"

#include "ebpf/object.h"
#include "ebpf/seen.h"
#include "export/attr.h"
#include "export/diag.h"
#include "export/env.h"
#include "export/exporter.h"
#include "export/kernel.h"
#include "preload/live/profiled.h"
#include "preload/live/readable.h"
#include "preload/live/wanted.h"

#include <fcntl.h>
#include <limits.h>

#define FUNCTIONS_MAX 64 /* each takes some descriptors of our thread's */

/* All is the exporter's thread's. */
static struct {
	const struct atr_ebpf *object; /* NULL: none is followed */
	struct atr_follow follow;
} own;

/* ---- where a function lies in its file ------------------------------------------------------- */

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

/* begin-end rights offset device inode    path; *offset: of the address in that file */
static bool is_line_of(const char *line, uintptr_t address, uint64_t *offset)
{
	uint64_t begin = get_hex(&line), end;

	if (*line++ != '-')
		return false;
	end = get_hex(&line);
	if (address < begin || address >= end || strlen(line) < 6)
		return false;
	line += 6; /* " r-xp " */
	*offset = get_hex(&line) + (address - begin);
	return true;
}

struct maps {
	const struct atr_io *io;
	int fd;
	size_t at, len;
	char buf[2048], line[PATH_MAX + 128];
};

/* The next line, cut where it is too long for one of them. */
static bool next_line(struct maps *m)
{
	size_t n = 0;

	for (;; m->at++) {
		if (m->at == m->len) {
			ssize_t got = m->io->read(m->fd, m->buf, sizeof(m->buf));

			if (got <= 0)
				return false;
			m->at = 0;
			m->len = (size_t)got;
		}
		if (m->buf[m->at] == '\n')
			break;
		if (n + 1 < sizeof(m->line))
			m->line[n++] = m->buf[m->at];
	}
	m->at++;
	m->line[n] = 0;
	return true;
}

/* Its path is in m->line. */
static const char *find_file(struct maps *m, const struct atr_io *io, uintptr_t address,
			     uint64_t *offset)
{
	const char *path = NULL;
	bool found = false;

	m->io = io;
	m->at = m->len = 0;
	m->fd = io->open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	if (m->fd < 0)
		return NULL;
	while (!found && next_line(m))
		found = is_line_of(m->line, address, offset);
	io->close(m->fd);
	if (found)
		path = strchr(m->line, '/');
	return path;
}

/* ---- at the thread's start ------------------------------------------------------------------- */

static bool is_ours_to_follow(const struct atr_function *function)
{
	return atomic_load(&function->begin) && !atomic_load(&function->seen_by);
}

static bool add(const struct atr_io *io, unsigned number, const struct atr_function *function,
		const char **why)
{
	static struct maps maps;
	uintptr_t begin = atomic_load(&function->begin);
	struct atr_followed wanted = {
		.number = number,
		.code = (const uint8_t *)begin,
		.len = function->end - begin,
	};

	wanted.path = find_file(&maps, io, begin, &wanted.offset);
	*why = "it lies in no file";
	if (!wanted.path || !atr_is_readable((const void *)begin, wanted.len))
		return false;
	return own.object->follow_add(&own.follow, &wanted, why);
}

static void add_all(const struct atr_io *io)
{
	const struct atr_function *function;
	unsigned nr = 0;
	const char *why;

	for (unsigned i = 0; (function = atr_wanted_nth(i)); i++) {
		if (!is_ours_to_follow(function))
			continue;
		if (++nr > FUNCTIONS_MAX) {
			atr_log("AUTOTRACE_FUNCTIONS: the kernel follows %d, and none that comes "
				"behind them",
				FUNCTIONS_MAX);
			break;
		}
		if (!add(io, i, function, &why))
			atr_log("AUTOTRACE_FUNCTIONS: %.*s is not followed by the kernel: %s",
				(int)function->name.len, function->name.at, why);
	}
}

static bool is_any(void)
{
	const struct atr_function *function;

	for (unsigned i = 0; (function = atr_wanted_nth(i)); i++)
		if (is_ours_to_follow(function))
			return true;
	return false;
}

/* A forked child's too: of what its parent had nothing is mapped. */
static void start(const struct atr_io *io)
{
	const char *why;

	own.object = is_any() ? atr_seen_object() : NULL;
	if (!own.object)
		return;
	if (own.object->follow_open(&own.follow, atr_profiled_offset(), &why)) {
		add_all(io);
		return;
	}
	atr_log("AUTOTRACE_FUNCTIONS: the kernel follows none: %s", why);
	own.object = NULL;
}

/* ---- their spans ----------------------------------------------------------------------------- */

static void offer(const struct atr_follow_event *event, const struct atr_function *function,
		  uint64_t to_unix_ns)
{
	uint64_t record[ATR_SPAN_MAX / 8];
	struct atr_span *span = atr_span_begin(record);

	memcpy(span->trace_id, event->trace, sizeof(span->trace_id));
	memcpy(span->span_id, &event->span, sizeof(span->span_id));
	memcpy(span->parent_id, &event->parent, sizeof(span->parent_id));
	span->kind = ATR_KIND_INTERNAL;
	span->flags = ATR_FLAG_SAMPLED;
	span->start_ns = event->start_ns + to_unix_ns;
	span->end_ns = event->end_ns + to_unix_ns;
	atr_span_put_str(span, ATR_NAME, function->name);
	atr_span_put_str(span, ATR_CODE_FUNCTION_NAME, function->name);
	atr_span_put_str(span, ATR_FUNCTION_LIBRARY, function->library);
	atr_exporter_offer(span);
}

static void batch(void)
{
	const struct atr_function *function;
	struct atr_follow_event event;
	uint64_t to_unix_ns;

	if (!own.object)
		return;
	to_unix_ns = atr_kernel_ns(CLOCK_REALTIME) - atr_kernel_ns(CLOCK_MONOTONIC);
	while (own.object->follow_next(&own.follow, &event)) {
		function = atr_wanted_nth(event.function);
		if (function && event.end_ns >= event.start_ns)
			offer(&event, function, to_unix_ns);
	}
	atr_count_set(ATR_COUNT_FOLLOW_LOST, own.follow.told->lost);
	atr_count_set(ATR_COUNT_FOLLOW_LEFT, own.follow.told->left);
}

void atr_follow_setup(void)
{
	static const struct atr_addition addition = { .start = start, .batch = batch };

	if (atr_env_bool("AUTOTRACE_EBPF", false) && is_any())
		atr_exporter_adds_by(&addition);
}
