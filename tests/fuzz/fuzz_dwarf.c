/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sections of debug information, without a file around them: lines, and functions that were put into
 * others. The input is their lengths, of two bytes each, and then the sections. Claims:
 * - reading is within each section: each ends at a page that may not be touched;
 * - it comes to an end;
 * - texts end.
 */
#include "export/stacks/inlined.h"
#include "tests/fuzz/fuzz.h"
#include "tests/guarded.h"

#define SECTIONS 9
#define LEN_MAX (64 * 1024)
#define NR 6

/* What there is of it, up to what the input has; of length 0 it is not there. */
static struct atr_bytes section_of(struct atr_bytes *from, struct atr_bytes *lengths, unsigned i)
{
	static char *rooms[SECTIONS];
	size_t len = atr_get_u16(lengths), left = atr_bytes_left(from);
	struct atr_bytes bytes = { .failed = !len };

	len = len < left ? len : left;
	bytes.at = (const uint8_t *)guarded_copy(&rooms[i], false, from->at, len);
	bytes.end = bytes.at + len;
	atr_get_part(from, len);
	return bytes;
}

static void look(struct atr_line_sections *lines, struct atr_info_sections *info)
{
	static const uint64_t at[NR] = { 0x1000, 0x1010, 0x1040, 0x1100, 0x1139, UINT64_MAX - 1 };
	static struct atr_inlined all[ATR_INLINED_MAX];
	static struct atr_lined lined[NR];
	char path[ATR_PATH_MAX];

	for (int i = 0; i < NR; i++)
		lined[i] = (struct atr_lined){ .at = at[i] };
	atr_lines_find(lines, lined, NR);
	for (int i = 0; i < NR; i++) {
		unsigned nr = atr_inlined_at(info, at[i], all);

		CLAIM(memchr(lined[i].path, 0, sizeof(lined[i].path)));
		CLAIM(nr <= ATR_INLINED_MAX);
		for (unsigned k = 0; k < nr; k++) {
			CLAIM(memchr(all[k].name, 0, sizeof(all[k].name)));
			atr_lines_path(lines, all[k].lines_at, all[k].call_file, path);
			CLAIM(memchr(path, 0, sizeof(path)));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct atr_bytes from = { data, data + len, false };
	struct atr_bytes lengths = atr_get_part(&from, 2 * SECTIONS);
	struct atr_info_sections info;
	struct atr_line_sections lines;

	if (from.failed || len > LEN_MAX)
		return 0;
	info.info = section_of(&from, &lengths, 0);
	info.abbrevs = section_of(&from, &lengths, 1);
	info.strings = section_of(&from, &lengths, 2);
	info.line_strings = section_of(&from, &lengths, 3);
	info.string_offsets = section_of(&from, &lengths, 4);
	info.addresses = section_of(&from, &lengths, 5);
	info.ranges = section_of(&from, &lengths, 6);
	info.range_lists = section_of(&from, &lengths, 7);
	/* references to what another file has lead here, too */
	info.common = &info;
	lines = (struct atr_line_sections){
		.line = section_of(&from, &lengths, 8),
		.line_strings = info.line_strings,
		.strings = info.strings,
		.folder_of = atr_inlined_folder_of,
		.arg = &info,
	};
	look(&lines, &info);
	return 0;
}
