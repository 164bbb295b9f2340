/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/buf.h"

#include <sys/mman.h>

#define FIRST_LEN (64 * 1024)
#define KEEP_LEN (1024 * 1024)

char *atr_buf_room(struct atr_buf *b, size_t len)
{
	size_t cap = b->cap ? b->cap : FIRST_LEN;
	void *at;

	if (b->failed)
		return NULL;
	if (b->cap - b->len >= len)
		return b->at + b->len;
	while (cap - b->len < len)
		cap *= 2;
	at = b->cap ? mremap(b->at, b->cap, cap, MREMAP_MAYMOVE) :
		      mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED) {
		b->failed = true;
		return NULL;
	}
	b->at = at;
	b->cap = cap;
	return b->at + b->len;
}

void atr_buf_put(struct atr_buf *b, const void *bytes, size_t len)
{
	char *at = atr_buf_room(b, len);

	if (!at || !len)
		return;
	memcpy(at, bytes, len);
	b->len += len;
}

void atr_buf_clear(struct atr_buf *b)
{
	if (b->cap > KEEP_LEN)
		atr_buf_release(b);
	b->len = 0;
	b->failed = false;
}

void atr_buf_release(struct atr_buf *b)
{
	if (b->cap)
		munmap(b->at, b->cap);
	memset(b, 0, sizeof(*b));
}
