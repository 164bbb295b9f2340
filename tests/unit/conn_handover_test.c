/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/handover.h"
#include "tests/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct atr_handover written, found;
static char id[32]; /* of the one that was filled last */

/* A sandbox that no other test has, and the name of its file once something is in it. */
static void begin(const char *stream)
{
	char api[64];

	snprintf(api, sizeof(api), "test-%d", getpid());
	atr_handover_setup(atr_str(api), atr_str(stream));
	memset(&written, 0, sizeof(written));
	memset(&found, 0, sizeof(found));
}

static void fill(void)
{
	static int nr;

	written.is_running = 1;
	written.id_len = (uint32_t)sprintf(id, "id-%d-%d", getpid(), ++nr);
	memcpy(written.id, id, written.id_len);
	written.deadline_ms = 7;
	written.is_http = 1;
}

static bool is_ours(const char *path)
{
	static struct atr_handover there;
	int fd = open(path, O_RDONLY | O_NOFOLLOW);
	bool ours = fd >= 0 && read(fd, &there, sizeof(there)) == sizeof(there) &&
		    !strcmp(there.id, id);

	if (fd >= 0)
		close(fd);
	return ours;
}

/* Where it was written: the one of these files with our id in it. */
static const char *file(void)
{
	static char path[300];
	DIR *folder = opendir("/tmp");
	struct dirent *entry;
	bool found_it = false;

	while (!found_it && (entry = readdir(folder))) {
		snprintf(path, sizeof(path), "/tmp/%s", entry->d_name);
		found_it = !strncmp(entry->d_name, ".autotrace-", 11) && is_ours(path);
	}
	closedir(folder);
	CHECK(found_it);
	return path;
}

TEST(handover_is_read_as_it_was_written_and_keeps_errno)
{
	begin("a");
	errno = ENOTTY;
	CHECK(!atr_handover_read(&found) && errno == ENOTTY);
	fill();
	CHECK(atr_handover_write(&written) && errno == ENOTTY);
	CHECK(atr_handover_read(&found) && errno == ENOTTY);
	CHECK(found.is_running && found.is_http && found.deadline_ms == 7 &&
	      found.id_len == written.id_len);
	CHECK(!memcmp(&found, &written, sizeof(found)));
	written.is_running = 0;
	CHECK(atr_handover_write(&written) && atr_handover_read(&found) && !found.is_running);
	unlink(file());
}

TEST(handover_of_another_sandbox_is_not_found)
{
	begin("a");
	fill();
	CHECK(atr_handover_write(&written));
	begin("b");
	CHECK(!atr_handover_read(&found));
	begin("a");
	CHECK(atr_handover_read(&found));
	unlink(file());
}

TEST(handover_that_others_could_have_written_is_not_believed)
{
	static char path[300], other[320];

	begin("c");
	fill();
	CHECK(atr_handover_write(&written));
	memcpy(path, file(), sizeof(path));
	CHECK(chmod(path, 0644) == 0 && !atr_handover_read(&found));
	CHECK(chmod(path, 0600) == 0 && atr_handover_read(&found));
	snprintf(other, sizeof(other), "%s.other", path);
	CHECK(rename(path, other) == 0 && symlink(other, path) == 0);
	CHECK(!atr_handover_read(&found));
	unlink(path);
	CHECK(mkdir(path, 0700) == 0 && !atr_handover_read(&found));
	written.is_running = 1;
	CHECK(!atr_handover_write(&written));
	rmdir(path);
	unlink(other);
}

/* What was cut, or says what cannot be, is nothing. */
TEST(handover_that_is_damaged_is_not_believed)
{
	static char path[300];
	struct atr_handover bad;

	begin("d");
	fill();
	CHECK(atr_handover_write(&written));
	memcpy(path, file(), sizeof(path));
	for (size_t i = 0; i < 5; i++) {
		int fd;

		bad = written;
		switch (i) {
		case 0:
			bad.magic ^= 1;
			break;
		case 1:
			bad.id_len = ATR_HANDOVER_ID_MAX + 1;
			break;
		case 2:
			bad.tracestate_len = bad.baggage_len = ATR_HANDOVER_CARRY;
			break;
		case 3:
			bad.has_record = 1;
			memset(bad.record, 0xff, sizeof(bad.record));
			break;
		}
		fd = open(path, O_WRONLY | O_TRUNC);
		CHECK(write(fd, &bad, sizeof(bad) - (i == 4)) > 0);
		close(fd);
		CHECK(!atr_handover_read(&found));
	}
	unlink(path);
}

TEST(handover_carries_a_context_and_leaves_out_text_that_is_too_long)
{
	struct atr_context context = { .flags = ATR_FLAG_SAMPLED,
				       .trace_id = { 1 },
				       .span_id = { 2 } };
	static char text[ATR_HANDOVER_CARRY];

	begin("e");
	memset(text, 'x', sizeof(text));
	context.tracestate = ATR_STR("a=b");
	context.baggage = (struct atr_str){ text, ATR_HANDOVER_CARRY - 2 };
	context.xray = ATR_STR("Lineage=a87bd80c:1");
	atr_handover_put_context(&written, &context);
	context = atr_handover_context(&written);
	CHECK(context.trace_id[0] == 1 && context.span_id[0] == 2 && context.remote);
	CHECK(context.flags == ATR_FLAG_SAMPLED && !context.baggage.at);
	CHECK(atr_str_equal(context.tracestate, ATR_STR("a=b")));
	CHECK(atr_str_equal(context.xray, ATR_STR("Lineage=a87bd80c:1")));
}
