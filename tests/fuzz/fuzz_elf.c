/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ELF file as the resolver of stacks reads it: a program's, or a debug file beside it. Claims:
 * - reading is within what was read: each section is a mapping of its own;
 * - a function that was found begins at or before the address, and its name can be told;
 * - a line that was found has a path that ends.
 */
#include "export/stacks/image.h"
#include "export/stacks/lines.h"
#include "export/stacks/names.h"
#include "tests/fuzz/fuzz.h"

#define NR 6
#define MOST ((size_t)1 << 20) /* of a section: what is packed may be said to be any length */

static bool read_memory(const struct atr_source *source, uint64_t at, void *to, size_t len)
{
	if (at > source->len || len > source->len - at)
		return false;
	memcpy(to, (const char *)source->memory + at, len);
	return true;
}

static void find(const struct atr_image *image)
{
	static const uint64_t at[NR] = { 0x1000, 0x1010, 0x1040, 0x1100, 0x1139, UINT64_MAX - 1 };
	struct atr_line_sections in = {
		.line = atr_image_section(image, ".debug_line", MOST),
		.line_strings = atr_image_section(image, ".debug_line_str", MOST),
		.strings = atr_image_section(image, ".debug_str", MOST),
	};
	static struct atr_lined lined[NR];
	struct atr_named named[NR];
	char function[ATR_FUNCTION_MAX];

	for (int i = 0; i < NR; i++) {
		named[i] = (struct atr_named){ .at = at[i] };
		lined[i] = (struct atr_lined){ .at = at[i] };
	}
	atr_image_functions(image, named, NR);
	atr_lines_find(&in, lined, NR);
	for (int i = 0; i < NR; i++) {
		CLAIM(memchr(lined[i].path, 0, sizeof(lined[i].path)));
		if (!named[i].name)
			continue;
		CLAIM(named[i].begin <= named[i].at);
		atr_name_of_symbol(named[i].name, function);
		CLAIM(memchr(function, 0, sizeof(function)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct atr_source source = { .read = read_memory, .len = len, .memory = data };
	struct atr_pages pages = { .last = NULL };
	struct atr_image image;
	const char *link;
	uint32_t sum;

	if (atr_image_open(&image, &source, &pages)) {
		find(&image);
		CLAIM(atr_image_build_id(&image).len <= ATR_BUILD_ID_MAX);
		if (atr_image_debuglink(&image, &link, &sum)) {
			CLAIM(*link);
			atr_source_has_sum(&source, &pages, sum);
		}
	}
	atr_pages_give(&pages);
	return 0;
}
