/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_STACKS_INLINED_H
#define ATR_EXPORT_STACKS_INLINED_H

/*
 * inlined: the functions that a compiler has put into others, by .debug_info of DWARF 2 to 5; and where
 * a unit was compiled. Pure, and one thread's; whatever is in it, the work has an end, and
 * nothing outside is read.
 */
#include "export/stacks/lines.h"
#include "export/stacks/names.h"

struct atr_info_sections {
	struct atr_bytes info, abbrevs, strings, line_strings, string_offsets, addresses;
	struct atr_bytes ranges, range_lists; /* before DWARF 5, and of it */
	/* the file that dwz has moved to what several have; NULL: there is none */
	const struct atr_info_sections *common;
};

/* A function that was put into another: its symbol, or its name; where it would have been called. */
struct atr_inlined {
	char name[ATR_FUNCTION_MAX];  /* "": not known */
	uint64_t lines_at, call_file; /* a unit of .debug_line, and a file of it */
	uint32_t call_line;
};

#define ATR_INLINED_MAX 8 /* one in the other; the innermost ones are told */

/* All that the address lies in, the outermost first. How many. */
unsigned atr_inlined_at(const struct atr_info_sections *in, uint64_t at,
			struct atr_inlined out[static ATR_INLINED_MAX]);

/* For atr_line_sections: `arg` are the sections. "": it is not known. */
const char *atr_inlined_folder_of(void *arg, uint64_t lines_at);

#endif
