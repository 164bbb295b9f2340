/* SPDX-License-Identifier: Apache-2.0 */
#include "export/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static _Atomic uint64_t counts[ATR_NR_COUNTS];
static struct atr_str log_to;
static const struct atr_io *log_io;
static int log_fd = -1;
static pid_t log_pid;

void atr_count(enum atr_count what)
{
	atomic_fetch_add_explicit(&counts[what], 1, memory_order_relaxed);
}

void atr_count_add(enum atr_count what, uint64_t n)
{
	atomic_fetch_add_explicit(&counts[what], n, memory_order_relaxed);
}

uint64_t atr_count_read(enum atr_count what)
{
	return atomic_load_explicit(&counts[what], memory_order_relaxed);
}

const char *atr_count_name(enum atr_count what)
{
	static const char *const names[] = {
#define ATR_COUNT(id, name) name,
#include "export/diag.def"
#undef ATR_COUNT
	};

	return names[what];
}

void atr_count_reset(void)
{
	for (int i = 0; i < ATR_NR_COUNTS; i++)
		atomic_store_explicit(&counts[i], 0, memory_order_relaxed);
}

void atr_log_setup(struct atr_str where, const struct atr_io *io)
{
	log_to = where;
	log_io = io;
}

bool atr_log_is_on(void)
{
	return log_to.len != 0;
}

static int descriptor(void)
{
	if (atr_str_equal(log_to, ATR_STR("stderr")))
		return STDERR_FILENO;
	if (log_fd < 0 || log_pid != getpid()) {
		log_fd = log_io->open(log_to.at, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
		log_pid = getpid();
	}
	return log_fd;
}

void atr_log(const char *format, ...)
{
	char line[1024];
	int saved = errno, len, n, fd;
	va_list args;

	if (!atr_log_is_on())
		return;
	len = snprintf(line, sizeof(line), "autotrace[%d]: ", (int)getpid());
	va_start(args, format);
	n = vsnprintf(line + len, sizeof(line) - (size_t)len - 1, format, args);
	va_end(args);
	if (n > 0)
		len += n < (int)sizeof(line) - len - 1 ? n : (int)sizeof(line) - len - 2;
	line[len++] = '\n';
	fd = descriptor();
	if (fd >= 0 && log_io->write(fd, line, (size_t)len) < 0)
		log_fd = -1;
	errno = saved;
}

void atr_log_bad_env(const char *name, struct atr_str value, const char *why, const char *instead)
{
	atr_log("%s=%.*s: %s; %s", name, (int)(value.len < 200 ? value.len : 200), value.at, why,
		instead);
}

void atr_log_counts(void)
{
	for (int i = 0; i < ATR_NR_COUNTS; i++)
		if (atr_count_read((enum atr_count)i))
			atr_log("%s: %llu", atr_count_name((enum atr_count)i),
				(unsigned long long)atr_count_read((enum atr_count)i));
}
