/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/arena.h"

#include "cJSON.h"

#include <string.h>
#include <sys/mman.h>

#define ARENA_LEN ((size_t)256 << 20) /* address space; pages are touched as they are used */
#define KEEP_LEN ((size_t)1 << 20)

static char *base;
static size_t used;

/* Each block is preceded by its length, which realloc must know. */
void *atr_arena_malloc(size_t len)
{
	size_t need = 16 + ((len + 15) & ~(size_t)15);
	char *at;

	if (!base) {
		void *mapped = mmap(NULL, ARENA_LEN, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (mapped == MAP_FAILED)
			return NULL;
		base = mapped;
	}
	if (need < len || need > ARENA_LEN - used)
		return NULL;
	at = base + used;
	memcpy(at, &len, sizeof(len));
	used += need;
	return at + 16;
}

void *atr_arena_realloc(void *at, size_t len)
{
	size_t before = 0;
	void *to = atr_arena_malloc(len);

	if (to && at) {
		memcpy(&before, (char *)at - 16, sizeof(before));
		memcpy(to, at, before < len ? before : len);
	}
	return to;
}

void atr_arena_free(void *at)
{
	(void)at; /* all at once */
}

void atr_arena_empty(void)
{
	if (used > KEEP_LEN)
		madvise(base + KEEP_LEN, used - KEEP_LEN, MADV_DONTNEED);
	used = 0;
}

void atr_arena_unmap(void)
{
	if (base)
		munmap(base, ARENA_LEN);
	base = NULL;
	used = 0;
}
