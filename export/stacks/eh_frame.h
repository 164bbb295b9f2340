/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_STACKS_EH_FRAME_H
#define ATR_EXPORT_STACKS_EH_FRAME_H

/* eh_frame: where a loaded object's tables are, and the entry of a function among them (the LSB's). */
#include "export/stacks/bytes.h"
#include "export/stacks/cfi.h"

#include <link.h>

/* By its program headers; all NULL where it has no tables, or they are not mapped readable. */
static inline struct atr_cfi atr_eh_frame_of(uintptr_t base, const ElfW(Phdr) * parts, unsigned nr)
{
	struct atr_cfi found = { NULL, NULL, NULL };
	uintptr_t header = 0;

	for (unsigned i = 0; i < nr; i++)
		if (parts[i].p_type == PT_GNU_EH_FRAME)
			header = base + parts[i].p_vaddr;
	for (unsigned i = 0; i < nr && header; i++) {
		uintptr_t at = base + parts[i].p_vaddr;

		if (parts[i].p_type == PT_LOAD && parts[i].p_flags & PF_R &&
		    header - at < parts[i].p_filesz)
			found = (struct atr_cfi){ (const uint8_t *)at,
						  (const uint8_t *)at + parts[i].p_filesz,
						  (const uint8_t *)header };
	}
	return found;
}

/*
 * The header's table begins at `from`: nr pairs of a function's begin and its entry, 4 bytes
 * each, from the header, sorted. The entry of what begins last before `at`; NULL: there is none.
 */
static inline const uint8_t *atr_eh_frame_entry(const struct atr_cfi *cfi, struct atr_bytes from,
						size_t nr, uintptr_t at)
{
	int64_t wanted = (int64_t)(at - (uintptr_t)cfi->header);
	size_t low = 0, high = nr;
	int32_t pair[2];

	if (high > atr_bytes_left(&from) / sizeof(pair))
		return NULL;
	while (low < high) {
		size_t middle = (low + high) / 2;

		memcpy(pair, from.at + middle * sizeof(pair), sizeof(pair));
		if (pair[0] <= wanted)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	memcpy(pair, from.at + (low - 1) * sizeof(pair), sizeof(pair));
	if (pair[1] < cfi->begin - cfi->header || pair[1] >= cfi->end - cfi->header)
		return NULL;
	return cfi->header + pair[1];
}

#endif
