/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_CFA_H
#define ATR_PRELOAD_LIVE_CFA_H

/*
 * cfa: where the frame of a C function ends, at one address of it, by .eh_frame (the LSB's).
 * The plain forms only, as compilers write them for C: export/stacks/cfi.h knows the others, and
 * comes with the library that is loaded for stacks. Pure, and never outside of the tables.
 */
#include "export/stacks/cfi.h"

#include <stdbool.h>
#include <stdint.h>

/* From the stack pointer, or from what the frame pointer's register holds. */
struct atr_cfa {
	bool is_of_fp;
	int32_t offset;
};

/* False: it is not said, or in a way that is not known here. x86-64. */
bool atr_cfa_read(const struct atr_cfi *tables, uintptr_t at, struct atr_cfa *cfa);

#endif
