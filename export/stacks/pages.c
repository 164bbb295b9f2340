/* SPDX-License-Identifier: Apache-2.0 */
#include "export/stacks/pages.h"

#include <sys/mman.h>

struct atr_pages_block {
	struct atr_pages_block *before;
	size_t len;
	_Alignas(16) char bytes[];
};

void *atr_pages_take(struct atr_pages *pages, size_t len)
{
	struct atr_pages_block *block;

	if (len > ATR_PAGES_MAX - pages->total)
		return NULL;
	block = mmap(NULL, sizeof(*block) + len, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (block == MAP_FAILED)
		return NULL;
	block->before = pages->last;
	block->len = sizeof(*block) + len;
	pages->last = block;
	pages->total += len;
	return block->bytes;
}

void atr_pages_give(struct atr_pages *pages)
{
	while (pages->last) {
		struct atr_pages_block *block = pages->last;

		pages->last = block->before;
		munmap(block, block->len);
	}
	pages->total = 0;
}
