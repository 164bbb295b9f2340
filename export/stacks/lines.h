/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_STACKS_LINES_H
#define ATR_EXPORT_STACKS_LINES_H

/*
 * lines: the source lines of addresses, by .debug_line of DWARF 2 to 5. Pure; whatever is in
 * it, the work is as long as the section is, and nothing outside is read.
 */
#include "export/stacks/bytes.h"

#define ATR_PATH_MAX 512

struct atr_line_sections {
	struct atr_bytes line, line_strings, strings;
	/* where a unit of before DWARF 5 was compiled, which .debug_line does not say; may be NULL */
	const char *(*folder_of)(void *arg, uint64_t unit_at);
	void *arg;
};

/* `at` is as the file has it, ascending; line 0: not found. */
struct atr_lined {
	uint64_t at;
	uint32_t line;
	char path[ATR_PATH_MAX];
};

/* The path of a file of the unit that begins there; "": there is none. */
void atr_lines_path(const struct atr_line_sections *in, uint64_t unit_at, uint64_t file,
		    char path[static ATR_PATH_MAX]);

void atr_lines_find(const struct atr_line_sections *in, struct atr_lined *lined, unsigned nr);

#endif
