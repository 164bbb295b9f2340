/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "export/stacks/inlined.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTIONS 9

/* As tests/fuzz/fuzz_dwarf.c has them: lengths, and what is of those lengths. */
static struct atr_bytes sections[SECTIONS];
static uint8_t file[65536];

static bool read_sample(const char *name, struct atr_info_sections *info)
{
	char path[256];
	size_t at = 2 * SECTIONS, len;
	FILE *from;

	snprintf(path, sizeof(path), "tests/data/dwarf/%s", name);
	from = fopen(path, "r");
	if (!from)
		return false;
	len = fread(file, 1, sizeof(file), from);
	fclose(from);
	for (unsigned i = 0; i < SECTIONS && at <= len; i++) {
		size_t n = (size_t)(file[2 * i] | file[2 * i + 1] << 8);

		sections[i] = (struct atr_bytes){ file + at, file + at + n, !n };
		at += n;
	}
	*info = (struct atr_info_sections){
		.info = sections[0],
		.abbrevs = sections[1],
		.strings = sections[2],
		.line_strings = sections[3],
		.string_offsets = sections[4],
		.addresses = sections[5],
		.ranges = sections[6],
		.range_lists = sections[7],
	};
	return at == len;
}

static const char *const samples[] = { "gcc2", "gcc3", "gcc4", "gcc5", "clang5" };
#define NR_SAMPLES (sizeof(samples) / sizeof(samples[0]))

/* Of seed.c: outer has middle in it, which has inner in it, twice. */
TEST(inlined_functions_are_told_from_the_outermost_on)
{
	static struct atr_inlined all[ATR_INLINED_MAX];
	struct atr_info_sections info;

	for (size_t i = 0; i < NR_SAMPLES; i++) {
		unsigned most = 0, of_inner = 0;

		CHECK(read_sample(samples[i], &info));
		for (uint64_t at = 0x1000; at < 0x1040; at++) {
			unsigned nr = atr_inlined_at(&info, at, all);

			most = nr > most ? nr : most;
			if (nr != 2)
				continue;
			of_inner++;
			CHECK(!strcmp(all[0].name, "middle"));
			CHECK(!strcmp(all[1].name, "inner"));
			CHECK(all[1].call_line == 2);
			CHECK(all[0].call_line == 3 || all[0].call_line == 4);
			CHECK(all[0].call_file == 1 || all[0].call_file == 0);
		}
		CHECK(most == 2);
		CHECK(of_inner > 0);
		CHECK(atr_inlined_at(&info, 0x10, all) == 0);
	}
}

TEST(inlined_units_say_where_they_were_compiled)
{
	struct atr_info_sections info;

	for (size_t i = 0; i < NR_SAMPLES; i++) {
		CHECK(read_sample(samples[i], &info));
		CHECK(strchr(atr_inlined_folder_of(&info, 0), '/'));
		CHECK(!*atr_inlined_folder_of(&info, 7));
	}
}

TEST(inlined_functions_of_what_is_cut_short_are_none_or_right)
{
	static struct atr_inlined all[ATR_INLINED_MAX];
	struct atr_info_sections info, cut;

	for (size_t i = 0; i < NR_SAMPLES; i++) {
		CHECK(read_sample(samples[i], &info));
		for (size_t len = atr_bytes_left(&info.info); len; len--) {
			cut = info;
			cut.info.end = cut.info.at + len - 1;
			CHECK(atr_inlined_at(&cut, 0x1010, all) <= ATR_INLINED_MAX);
		}
	}
}
