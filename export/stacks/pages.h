/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_STACKS_PAGES_H
#define ATR_EXPORT_STACKS_PAGES_H

/* pages: what is read of a file while addresses in it are looked up, mapped, and given back in one. */
#include <stddef.h>

struct atr_pages {
	struct atr_pages_block *last;
	size_t total;
};

#define ATR_PAGES_MAX ((size_t)512 << 20) /* at once */

/* NULL: it cannot be had, or would be more than that. */
void *atr_pages_take(struct atr_pages *pages, size_t len);
void atr_pages_give(struct atr_pages *pages);

#endif
