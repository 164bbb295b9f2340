/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .eh_frame_hdr and the .eh_frame behind it, as a stack is walked by them. Claims:
 * - reading is within bounds: the bytes end at a page that may not be touched;
 * - what is found can be followed, or is none.
 */
#include "export/stacks/cfi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ROOM (64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint8_t *room_end(void)
{
	static uint8_t *end;

	if (!end) {
		uint8_t *at = mmap(NULL, ROOM + 4096, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (at == MAP_FAILED || mprotect(at + ROOM, 4096, PROT_NONE) != 0)
			abort();
		end = at + ROOM;
	}
	return end;
}

/* What the table says begins there, and some addresses on. */
static void ask(const struct atr_cfi *cfi, size_t entry)
{
	const uint8_t *at = cfi->header + 12 + entry * 8;
	int32_t begin;

	if (cfi->end - at < 4)
		return;
	memcpy(&begin, at, 4);
	for (uintptr_t i = 0; i < 24; i++) {
		struct atr_rule rule =
			atr_cfi_rule(cfi, (uintptr_t)cfi->header + (uintptr_t)begin + i);

		if (rule.kind > ATR_RULE_OUTERMOST)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct atr_cfi cfi = { .end = room_end() };

	if (len > ROOM)
		return 0;
	cfi.begin = cfi.header = cfi.end - len;
	if (len)
		memcpy((void *)cfi.begin, data, len);
	for (size_t entry = 0; entry < 12; entry++)
		ask(&cfi, entry);
	return 0;
}
