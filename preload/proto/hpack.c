/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/proto/hpack.h"

/* It is built under these names: whatever else is in a program calls another nghttp2. */
#define nghttp2_hd_inflate_new2 atr_nghttp2_hd_inflate_new2
#define nghttp2_hd_inflate_hd2 atr_nghttp2_hd_inflate_hd2
#define nghttp2_hd_inflate_end_headers atr_nghttp2_hd_inflate_end_headers
#define nghttp2_hd_inflate_change_table_size atr_nghttp2_hd_inflate_change_table_size
#include <nghttp2/nghttp2.h>

/*
 * The room, after what stands at its front, is chunks without a gap:
 *
 *	head | bytes | head | bytes | ... | a last head, in use, of no bytes
 *
 * A head knows its own length and that of the chunk before it, so that chunks
 * that are given back grow together with their neighbours. Those are in a list.
 * The decoder asks for few and small ones, mostly as large as what was given
 * back before: the first in the list that is large enough is taken.
 */
struct chunk {
	uint32_t len;	 /* with the head; a multiple of 16 */
	uint32_t before; /* length of the chunk before it, 0: it is the first */
	bool is_free;
	/* of a free one */
	struct chunk *next, *last;
};

#define HEAD 16u /* bytes of a chunk in use that are ours */

struct atr_hpack {
	nghttp2_mem mem;
	nghttp2_hd_inflater *inflater;
	struct chunk *free;
	uint32_t allowed;
	bool is_broken;
};

_Static_assert(offsetof(struct chunk, next) <= HEAD, "a chunk's head");
#define LEAST ((uint32_t)((sizeof(struct chunk) + 15) / 16 * 16))

static struct chunk *after(struct chunk *c)
{
	return (struct chunk *)((char *)c + c->len);
}

static void unlist(struct atr_hpack *h, struct chunk *c)
{
	if (c->last)
		c->last->next = c->next;
	else
		h->free = c->next;
	if (c->next)
		c->next->last = c->last;
	c->is_free = false;
}

static void list(struct atr_hpack *h, struct chunk *c)
{
	c->is_free = true;
	c->last = NULL;
	c->next = h->free;
	if (h->free)
		h->free->last = c;
	h->free = c;
}

/* Cuts off what is beyond `len`, where that is enough for a chunk. */
static void split(struct atr_hpack *h, struct chunk *c, uint32_t len)
{
	struct chunk *rest;

	if (c->len - len < LEAST)
		return;
	rest = (struct chunk *)((char *)c + len);
	rest->len = c->len - len;
	rest->before = len;
	after(rest)->before = rest->len;
	c->len = len;
	list(h, rest);
}

static void *take(size_t size, void *arg)
{
	struct atr_hpack *h = arg;
	uint32_t len;

	if (size > ATR_HPACK_ROOM)
		return NULL;
	len = HEAD + (uint32_t)((size + 15) / 16 * 16);
	if (len < LEAST)
		len = LEAST;
	for (struct chunk *c = h->free; c; c = c->next) {
		if (c->len < len)
			continue;
		unlist(h, c);
		split(h, c, len);
		return (char *)c + HEAD;
	}
	return NULL;
}

static void give(void *at, void *arg)
{
	struct atr_hpack *h = arg;
	struct chunk *c, *before;

	if (!at)
		return;
	c = (struct chunk *)((char *)at - HEAD);
	if (after(c)->is_free) {
		unlist(h, after(c));
		c->len += after(c)->len;
	}
	if (c->before) {
		before = (struct chunk *)((char *)c - c->before);
		if (before->is_free) {
			unlist(h, before);
			before->len += c->len;
			c = before;
		}
	}
	after(c)->before = c->len;
	list(h, c);
}

static void *take_zeroed(size_t nr, size_t size, void *arg)
{
	void *at = size && nr > ATR_HPACK_ROOM / size ? NULL : take(nr * size, arg);

	return at ? memset(at, 0, nr * size) : NULL;
}

static void *take_larger(void *at, size_t size, void *arg)
{
	size_t had = at ? ((struct chunk *)((char *)at - HEAD))->len - HEAD : 0;
	void *to;

	if (at && size <= had)
		return at;
	to = take(size, arg);
	if (to && at) {
		memcpy(to, at, had);
		give(at, arg);
	}
	return to;
}

/* What it calls in the place of its own. Nothing of it that we use has a default. */
nghttp2_mem *atr_nghttp2_mem_default(void);
void *atr_nghttp2_mem_malloc(nghttp2_mem *mem, size_t size);
void *atr_nghttp2_mem_calloc(nghttp2_mem *mem, size_t nr, size_t size);
void *atr_nghttp2_mem_realloc(nghttp2_mem *mem, void *at, size_t size);
void atr_nghttp2_mem_free(nghttp2_mem *mem, void *at);
void atr_nghttp2_mem_free2(nghttp2_free how, void *at, void *arg);

nghttp2_mem *atr_nghttp2_mem_default(void)
{
	return NULL;
}

void *atr_nghttp2_mem_malloc(nghttp2_mem *mem, size_t size)
{
	return take(size, mem->mem_user_data);
}

void *atr_nghttp2_mem_calloc(nghttp2_mem *mem, size_t nr, size_t size)
{
	return take_zeroed(nr, size, mem->mem_user_data);
}

void *atr_nghttp2_mem_realloc(nghttp2_mem *mem, void *at, size_t size)
{
	return take_larger(at, size, mem->mem_user_data);
}

void atr_nghttp2_mem_free(nghttp2_mem *mem, void *at)
{
	give(at, mem->mem_user_data);
}

void atr_nghttp2_mem_free2(nghttp2_free how, void *at, void *arg)
{
	how(at, arg);
}

struct atr_hpack *atr_hpack_begin(char *room)
{
	struct atr_hpack *h = (struct atr_hpack *)room;
	uint32_t front = (uint32_t)((sizeof(*h) + 15) / 16 * 16);
	struct chunk *all = (struct chunk *)(room + front), *end;

	memset(h, 0, sizeof(*h));
	all->len = (uint32_t)(ATR_HPACK_ROOM - front - LEAST) / 16 * 16;
	all->before = 0;
	end = after(all);
	end->len = LEAST;
	end->before = all->len;
	end->is_free = false;
	list(h, all);
	h->allowed = NGHTTP2_DEFAULT_HEADER_TABLE_SIZE;
	h->mem = (nghttp2_mem){ h, take, give, take_zeroed, take_larger };
	return nghttp2_hd_inflate_new2(&h->inflater, &h->mem) ? NULL : h;
}

void atr_hpack_allow(struct atr_hpack *h, uint32_t table_len)
{
	if (table_len > ATR_HPACK_TABLE_MAX)
		table_len = ATR_HPACK_TABLE_MAX;
	if (table_len <= h->allowed || h->is_broken)
		return;
	h->allowed = table_len;
	if (nghttp2_hd_inflate_change_table_size(h->inflater, table_len))
		h->is_broken = true;
}

long atr_hpack_read(struct atr_hpack *h, const char *bytes, size_t len, bool ends,
		    struct atr_pair *field)
{
	nghttp2_nv nv = { 0 };
	int flags = 0;
	ssize_t used;

	*field = (struct atr_pair){ { 0 }, { 0 } };
	if (h->is_broken)
		return -1;
	used = nghttp2_hd_inflate_hd2(h->inflater, &nv, &flags, (const uint8_t *)bytes, len, ends);
	if (used < 0) {
		h->is_broken = true;
		return -1;
	}
	if (flags & NGHTTP2_HD_INFLATE_EMIT) {
		field->name = (struct atr_str){ (const char *)nv.name, nv.namelen };
		field->value = (struct atr_str){ (const char *)nv.value, nv.valuelen };
	}
	if (flags & NGHTTP2_HD_INFLATE_FINAL)
		nghttp2_hd_inflate_end_headers(h->inflater);
	return used;
}

/* ---- writing ---- */

/* A string's length, in 7 bits and the bytes that follow them (RFC 7541 5.1). */
static size_t write_len(size_t len, unsigned char *out)
{
	size_t n = 0;

	if (len < 127) {
		out[n++] = (unsigned char)len;
		return n;
	}
	out[n++] = 127;
	for (len -= 127; len >= 128; len >>= 7)
		out[n++] = (unsigned char)(len | 128);
	out[n++] = (unsigned char)len;
	return n;
}

#define NEVER_INDEXED 0x10
#define LENGTHS_MAX 16 /* the first byte and two lengths, at most */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

size_t atr_hpack_write(struct atr_pair field, char *out, size_t cap)
{
	unsigned char *to = (unsigned char *)out;
	size_t n = 0;

	if (field.name.len >= UINT32_MAX || field.value.len >= UINT32_MAX ||
	    field.name.len + field.value.len + LENGTHS_MAX > cap)
		return 0;
	to[n++] = NEVER_INDEXED;
	n += write_len(field.name.len, to + n);
	for (size_t i = 0; i < field.name.len; i++)
		out[n++] = lower(field.name.at[i]);
	n += write_len(field.value.len, to + n);
	if (field.value.len)
		memcpy(out + n, field.value.at, field.value.len);
	return n + field.value.len;
}
