/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_STACKS_CFI_H
#define ATR_EXPORT_STACKS_CFI_H

/*
 * cfi: how the caller's frame is found from one address of a function, by what compilers
 * say of it in .eh_frame (the LSB's, which is DWARF's call frame information). Pure: reads the
 * section within its bounds and nothing else. x86-64 and aarch64.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* sp, fp: rsp and rbp, sp and x29. */
enum atr_rule_kind {
	ATR_RULE_NONE = 0,  /* it is not said, or in a way that is not known here */
	ATR_RULE_SP,	    /* the frame's end is sp + offset */
	ATR_RULE_FP,	    /* fp + offset */
	ATR_RULE_REALIGNED, /* what lies at fp + offset; the caller's fp lies at fp */
	ATR_RULE_SIGNAL,    /* a signal's handler returns to here: sp is its context */
	ATR_RULE_OUTERMOST, /* nobody called it */
};

/*
 * Where from the frame's end the caller's fp and the return address lie. 0: fp is as it was,
 * and the return address in its register, which x86-64 has not: there it lies right below the end.
 */
struct atr_rule {
	uint8_t kind;
	int32_t offset;
	int32_t fp_at, return_at;
};

/* A loaded object's tables: .eh_frame_hdr, and what is mapped readable around it. */
struct atr_cfi {
	const uint8_t *begin, *end; /* .eh_frame is within, too */
	const uint8_t *header;
};

/* The rule at an address; of kind NONE where there is none. */
struct atr_rule atr_cfi_rule(const struct atr_cfi *cfi, uintptr_t at);

#endif
