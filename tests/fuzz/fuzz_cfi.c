/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .eh_frame_hdr and the .eh_frame behind it, as a stack is walked by them. Claims:
 * - reading is within bounds: the bytes end at a page that may not be touched;
 * - what is found can be followed, or is none;
 * - where the reader of the plain forms finds a frame's end, it is the same.
 */
#include "export/stacks/cfi.h"
#include "preload/live/cfa.h"
#include "tests/fuzz/fuzz.h"
#include "tests/guarded.h"

#define LEN_MAX (64 * 1024)

/* What the table says begins there, and some addresses on: each is past all that the ones before it are. */
static void ask(const struct atr_cfi *cfi, size_t entry)
{
	const uint8_t *at = cfi->header + 12 + entry * 8;
	int32_t begin;

	if (cfi->end - at < 4)
		return;
	memcpy(&begin, at, 4);
	for (uintptr_t i = 0; i < 32; i = 2 * i + 1) {
		uintptr_t pc = (uintptr_t)cfi->header + (uintptr_t)begin + i;
		struct atr_rule rule = atr_cfi_rule(cfi, pc);
		struct atr_cfa cfa;

		CLAIM(rule.kind <= ATR_RULE_OUTERMOST);
		if (atr_cfa_read(cfi, pc, &cfa) &&
		    (rule.kind == ATR_RULE_SP || rule.kind == ATR_RULE_FP))
			CLAIM(cfa.is_of_fp == (rule.kind == ATR_RULE_FP) &&
			      cfa.offset == rule.offset);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char *room;
	struct atr_cfi cfi;

	if (len > LEN_MAX)
		return 0;
	cfi.begin = cfi.header = (const uint8_t *)guarded_copy(&room, false, data, len);
	cfi.end = cfi.begin + len;
	for (size_t entry = 0; entry < 12; entry++)
		ask(&cfi, entry);
	return 0;
}
