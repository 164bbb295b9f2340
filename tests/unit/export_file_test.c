/* SPDX-License-Identifier: Apache-2.0 */
/* Tests export/transport/file.c: lines into a file, and what becomes of a full one. */
#include "tests/test.h"

#include "export/transport/transport.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct atr_io files = { .open = open, .write = write, .close = close };
static char folder[64], path[80];

static struct atr_exporter_options file_of(uint32_t max_bytes, uint32_t keep)
{
	strcpy(folder, "/tmp/autotrace-file-XXXXXX");
	CHECK(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/spans", folder);
	return (struct atr_exporter_options){ .way = ATR_WAY_FILE,
					      .file = { path, strlen(path) },
					      .file_max_bytes = max_bytes,
					      .file_keep = keep };
}

static void put(const struct atr_exporter_options *to, const char *line)
{
	CHECK(atr_file_append(&files, to, atr_str(line)) == ATR_SENT);
}

/* What is in the file with this ending; "-": there is none. */
static const char *in(const char *ending)
{
	static char name[100], text[65536];
	FILE *f;
	size_t n;

	snprintf(name, sizeof(name), "%s%s", path, ending);
	f = fopen(name, "r");
	if (!f)
		return "-";
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = 0;
	fclose(f);
	return text;
}

static void clean_up(void)
{
	static const char *const endings[] = { "", ".1", ".2", ".3" };
	char name[100];

	for (size_t i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "%s%s", path, endings[i]);
		unlink(name);
	}
	rmdir(folder);
}

TEST(file_without_a_limit_grows)
{
	struct atr_exporter_options to = file_of(0, 1);

	put(&to, "one\n");
	put(&to, "two\n");
	CHECK(!strcmp(in(""), "one\ntwo\n") && !strcmp(in(".1"), "-"));
	clean_up();
}

TEST(file_that_would_be_too_large_becomes_an_older_one)
{
	struct atr_exporter_options to = file_of(8, 2);

	put(&to, "one\n");
	put(&to, "two\n");
	CHECK(!strcmp(in(""), "one\ntwo\n")); /* as large as it may be */
	put(&to, "3\n");
	CHECK(!strcmp(in(""), "3\n") && !strcmp(in(".1"), "one\ntwo\n"));
	put(&to, "a line that is longer\n");
	CHECK(!strcmp(in(""), "a line that is longer\n"));
	CHECK(!strcmp(in(".1"), "3\n") && !strcmp(in(".2"), "one\ntwo\n"));
	put(&to, "5\n");
	CHECK(!strcmp(in(".2"), "3\n") && !strcmp(in(".3"), "-"));
	clean_up();
}

TEST(file_of_several_processes_loses_no_line_while_it_is_renamed)
{
	struct atr_exporter_options to = file_of(3000, 3);
	size_t lines = 0;

	for (int child = 0; child < 4; child++) {
		if (fork() == 0) {
			for (int i = 0; i < 250; i++)
				if (atr_file_append(&files, &to, ATR_STR("a line\n")) != ATR_SENT)
					_exit(1);
			_exit(0);
		}
	}
	for (int child = 0, status; child < 4; child++)
		CHECK(wait(&status) > 0 && status == 0);
	for (const char *const *e = (const char *const[]){ "", ".1", ".2", ".3", NULL }; *e; e++)
		for (const char *at = in(*e); (at = strstr(at, "a line\n")); at += 7)
			lines++;
	CHECK(lines == 1000);
	clean_up();
}
