/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/buf.h"

#include "export/map.h"

#include <stdatomic.h>
#include <sys/mman.h>

#define FIRST_LEN (64 * 1024)
#define KEEP_LEN (1024 * 1024)

/*
 * A process may fork while our thread is in here, and the child goes on with what
 * it finds: a cap that is not 0 always stands for memory that is there. The fence
 * keeps the compiler's order; a fork stops every processor of the process.
 */
static size_t forget(struct atr_buf *b)
{
	size_t cap = b->cap;

	b->cap = 0;
	atomic_signal_fence(memory_order_seq_cst);
	return cap;
}

static void remember(struct atr_buf *b, char *at, size_t cap)
{
	b->at = at;
	atomic_signal_fence(memory_order_seq_cst);
	b->cap = cap;
}

static char *grow(char *at, size_t before, size_t cap)
{
	void *grown = mremap(at, before, cap, MREMAP_MAYMOVE);

	return grown == MAP_FAILED ? NULL : grown;
}

char *atr_buf_room(struct atr_buf *b, size_t len)
{
	size_t cap = b->cap ? b->cap : FIRST_LEN, before;
	char *at;

	if (b->failed)
		return NULL;
	if (b->cap - b->len >= len)
		return b->at + b->len;
	while (cap - b->len < len)
		cap *= 2;
	before = forget(b);
	at = before ? grow(b->at, before, cap) : atr_map_apart(cap);
	if (!at) {
		b->failed = true;
		remember(b, b->at, before);
		return NULL;
	}
	remember(b, at, cap);
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
	size_t cap = forget(b);

	if (cap)
		munmap(b->at, cap);
	memset(b, 0, sizeof(*b));
}
