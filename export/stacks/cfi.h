/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_STACKS_CFI_H
#define ATR_EXPORT_STACKS_CFI_H

/*
 * cfi: how the caller's frame is found from one address of a function, by what compilers
 * say of it in .eh_frame (the LSB's, which is DWARF's call frame information). Pure: reads the
 * section within its bounds and nothing else. x86-64.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum atr_rule_kind {
	ATR_RULE_NONE = 0,  /* it is not said, or in a way that is not known here */
	ATR_RULE_RSP,	    /* the frame's end is rsp + offset */
	ATR_RULE_RBP,	    /* rbp + offset */
	ATR_RULE_REALIGNED, /* what lies at rbp + offset; the caller's rbp lies at rbp */
	ATR_RULE_SIGNAL,    /* a signal's handler returns to here: rsp is its context */
	ATR_RULE_OUTERMOST, /* nobody called it */
};

/* The return address lies right below the frame's end. */
struct atr_rule {
	uint8_t kind;
	int32_t offset;
	int32_t rbp_at; /* from the frame's end, where the caller's rbp lies; 0: it is as it was */
};

/* A loaded object's tables: .eh_frame_hdr, and what is mapped readable around it. */
struct atr_cfi {
	const uint8_t *begin, *end; /* .eh_frame is within, too */
	const uint8_t *header;
};

/* The rule at an address; of kind NONE where there is none. */
struct atr_rule atr_cfi_rule(const struct atr_cfi *cfi, uintptr_t at);

#endif
