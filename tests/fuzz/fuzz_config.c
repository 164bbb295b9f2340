/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a file for OTEL_CONFIG_FILE. Claims: it is read within its bounds; one that cannot
 * be used is told of; what is put is text; and what is read of that afterwards is within its
 * own bounds, whatever the file said.
 */
#include "export/config.h"
#include "export/diag.h"
#include "export/env.h"
#include "export/options.h"
#include "tests/fuzz/fuzz.h"

#include <unistd.h>

/* ---- files without a kernel, which took longer than the reading ---- */

enum { FILE_FD = 100 };
static struct atr_str config, left;

static int open_file(const char *path, int flags, ...)
{
	(void)flags;
	if (!strcmp(path, "/config"))
		left = config;
	else if (!strcmp(path, "/etc/machine-id"))
		left = ATR_STR("0af7651916cd43dd8448eb211c80319c\n");
	else
		return -1;
	return FILE_FD;
}

static ssize_t read_file(int fd, void *to, size_t len)
{
	CLAIM(fd == FILE_FD);
	len = len < left.len ? len : left.len;
	if (len)
		memcpy(to, left.at, len);
	atr_str_skip(&left, len);
	return (ssize_t)len;
}

static int close_file(int fd)
{
	CLAIM(fd == FILE_FD);
	return 0;
}

static unsigned nr_lines, nr_fatal;

/* The log's lines come here. */
static ssize_t take_line(int fd, const void *line, size_t len)
{
	CLAIM(fd == STDERR_FILENO && len && ((const char *)line)[len - 1] == '\n');
	CLAIM(!memchr(line, '\n', len - 1));
	nr_lines++;
	nr_fatal += memmem(line, len, "; nothing is traced", 19) != NULL;
	return (ssize_t)len;
}

static const struct atr_io io = {
	.open = open_file,
	.read = read_file,
	.write = take_line,
	.close = close_file,
};

static void read_all(void)
{
	static const struct atr_process process = { { "/bin/shop", 9 }, { "shop", 4 } };
	static struct atr_resource_attr resource[ATR_RESOURCE_MAX];
	static struct atr_options options;
	size_t nr;

	for (size_t i = 0; i < atr_env_count(); i++)
		CLAIM(strlen(atr_env_at(i).value.at) == atr_env_at(i).value.len);
	atr_options_read_queue(&options);
	atr_options_read(&options);
	CLAIM(options.nr_exporters <= ATR_EXPORTERS_MAX);
	CLAIM(options.max_export_batch_size <= options.max_queue_size);
	nr = atr_resource_read(&process, &io, resource);
	CLAIM(nr <= ATR_RESOURCE_MAX);
	for (size_t i = 0; i < nr; i++)
		CLAIM(resource[i].type <= ATR_RESOURCE_LIST && resource[i].nr_items <= 512);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *environment[] = { "TEXT=a: [b", "NUMBER=7", "EMPTY=", NULL };
	static char *const captured[] = { "OTEL_CONFIG_FILE=/config", NULL };

	config = (struct atr_str){ (const char *)data, size };
	atr_env_capture(captured);
	atr_log_setup(ATR_STR("stderr"), &io);
	nr_lines = nr_fatal = 0;
	if (atr_config_use(&atr_config_object, &io, environment))
		read_all();
	else
		CLAIM(nr_fatal >= 1); /* the words may be a key's, too */
	atr_log_setup((struct atr_str){ 0 }, &io);
	return 0;
}
