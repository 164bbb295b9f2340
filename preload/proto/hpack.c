/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/proto/hpack.h"

/* It is built under these names: whatever else is in a program calls another nghttp2. */
#define nghttp2_hd_inflate_new2 atr_nghttp2_hd_inflate_new2
#define nghttp2_hd_inflate_hd2 atr_nghttp2_hd_inflate_hd2
#define nghttp2_hd_inflate_end_headers atr_nghttp2_hd_inflate_end_headers
#define nghttp2_hd_inflate_change_table_size atr_nghttp2_hd_inflate_change_table_size
#define nghttp2_hd_inflate_get_table_entry atr_nghttp2_hd_inflate_get_table_entry
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

/* What a string in Huffman's code was. */
#define STATIC_MAX 61
#define NAMES_MAX 8
#define PACKED_MAX 24u		       /* a date's is of 22 bytes */
#define PLAIN_MAX (PACKED_MAX * 8 / 5) /* the shortest code is of 5 bits */
struct former {
	uint8_t packed_len, plain_len; /* 0: none is known */
	unsigned char packed[PACKED_MAX];
	char plain[PLAIN_MAX];
};

struct atr_hpack {
	nghttp2_mem mem;
	nghttp2_hd_inflater *inflater;
	struct chunk *free;
	uint32_t allowed;
	bool is_broken;
	bool is_amid;			 /* of a field: the decoder has read a part of it */
	struct former value[STATIC_MAX]; /* by the name, which the static table has */
	struct former name[NAMES_MAX];	 /* by how long it is */
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

static inline struct atr_pair pair_of(const nghttp2_nv *nv)
{
	return (struct atr_pair){ .name = { (const char *)nv->name, nv->namelen },
				  .value = { (const char *)nv->value, nv->valuelen } };
}

/* An integer behind the bits of `mask` (RFC 7541 5.1); NULL: not all of it is here, or it is large. */
static inline const unsigned char *read_int(const unsigned char *at, const unsigned char *end,
					    uint32_t mask, uint32_t *out)
{
	uint32_t value;

	if (at == end)
		return NULL;
	value = *at++ & mask;
	for (unsigned shift = 0; value >= mask; shift += 7) {
		if (at == end || shift > 14)
			return NULL;
		value += (uint32_t)(*at & 127) << shift;
		if (!(*at++ & 128))
			break;
	}
	*out = value;
	return at;
}

#define HUFFMAN 0x80
#define LONGEST 65536u /* that the decoder takes */

/* A string's length, where all of it is here. */
static const unsigned char *read_string(const unsigned char *at, const unsigned char *end,
					uint32_t *len)
{
	at = read_int(at, end, 127, len);
	return at && *len <= LONGEST && *len <= end - at ? at : NULL;
}

static bool is_former(const struct former *f, const unsigned char *packed, size_t len)
{
	return f->packed_len && f->packed_len == len && !memcmp(f->packed, packed, len);
}

static void remember(struct former *f, const unsigned char *packed, size_t len, const void *plain,
		     size_t plain_len)
{
	if (len > PACKED_MAX || plain_len > PLAIN_MAX)
		return;
	f->packed_len = (uint8_t)len;
	f->plain_len = (uint8_t)plain_len;
	memcpy(f->packed, packed, len);
	memcpy(f->plain, plain, plain_len);
}

/* A name that is written out, where it can be read; returns its end. */
static const unsigned char *read_name(const struct atr_hpack *h, const unsigned char *begin,
				      const unsigned char *end, struct atr_str *name)
{
	uint32_t n;
	const unsigned char *at = read_string(begin, end, &n);
	const struct former *f;

	if (!at || !n)
		return NULL;
	*name = (struct atr_str){ (const char *)at, n };
	if (*begin & HUFFMAN) {
		f = &h->name[n % NAMES_MAX];
		if (!is_former(f, at, n))
			return NULL;
		*name = (struct atr_str){ f->plain, f->plain_len };
	}
	return at + n;
}

/*
 * A field that is in the table, or goes into none: reading it changes nothing, and the decoder is
 * asked what the table has, but needs not see it. Returns its length; 0: it is the decoder's to read.
 */
static size_t glance(const struct atr_hpack *h, const char *bytes, size_t len,
		     const struct atr_hpack_wish *wish, struct atr_pair *field)
{
	const unsigned char *begin = (const unsigned char *)bytes, *end = begin + len, *at, *value;
	const nghttp2_nv *entry = NULL;
	uint32_t index, n;

	if (*begin & 0x80) {
		at = read_int(begin, end, 127, &index);
		entry = at ? nghttp2_hd_inflate_get_table_entry(h->inflater, index) : NULL;
		if (!entry)
			return 0;
		*field = pair_of(entry);
		return (size_t)(at - begin);
	}
	at = *begin & 0x60 ? NULL : read_int(begin, end, 15, &index);
	if (!at)
		return 0;
	if (index) {
		entry = nghttp2_hd_inflate_get_table_entry(h->inflater, index);
		if (!entry)
			return 0;
		field->name = pair_of(entry).name;
	} else {
		at = read_name(h, at, end, &field->name);
		if (!at)
			return 0;
	}
	value = read_string(at, end, &n);
	if (!value)
		return 0;
	field->value = (struct atr_str){ 0 };
	if (!(*at & HUFFMAN))
		field->value = (struct atr_str){ (const char *)value, n };
	else if (wish->wants(wish->whose, field->name))
		return 0;
	return (size_t)(value + n - begin);
}

/* The string behind the first byte, packed and all of it here; 0: it is none such. */
static size_t packed_len(const unsigned char *at, size_t len)
{
	size_t n = len > 1 && at[1] & HUFFMAN ? at[1] & 127u : 0;

	return n <= PACKED_MAX && n + 2 <= len ? n : 0;
}

/* Of a field that goes into the table: there are servers that put the same ones there with each response. */
static struct former *value_of(struct atr_hpack *h, unsigned char first)
{
	unsigned index = first & 63u;

	return (first & 0xc0) == 0x40 && index && index <= STATIC_MAX ? &h->value[index - 1] : NULL;
}

static void remember_strings(struct atr_hpack *h, const unsigned char *at, size_t n,
			     const nghttp2_nv *nv)
{
	struct former *value = value_of(h, *at);

	if (value)
		remember(value, at + 2, n, nv->value, nv->valuelen);
	else if (*at == 0 || *at == 0x10)
		remember(&h->name[n % NAMES_MAX], at + 2, n, nv->name, nv->namelen);
}

/* As the decoder's own; a value that it has unpacked before it gets as it was then. */
static ssize_t inflate(struct atr_hpack *h, const unsigned char *at, size_t len, bool ends,
		       nghttp2_nv *nv, int *flags)
{
	size_t n = h->is_amid ? 0 : packed_len(at, len);
	const struct former *f = n ? value_of(h, *at) : NULL;
	unsigned char spelt[2 + PLAIN_MAX];
	ssize_t used;

	if (f && is_former(f, at + 2, n)) {
		spelt[0] = *at;
		spelt[1] = f->plain_len;
		memcpy(spelt + 2, f->plain, f->plain_len);
		used = nghttp2_hd_inflate_hd2(h->inflater, nv, flags, spelt, 2u + f->plain_len,
					      false);
		return used < 0 ? used : (ssize_t)n + 2;
	}
	used = nghttp2_hd_inflate_hd2(h->inflater, nv, flags, at, len, ends);
	if (n && *flags & NGHTTP2_HD_INFLATE_EMIT)
		remember_strings(h, at, n, nv);
	return used;
}

/* As atr_hpack_read, by the decoder. */
__attribute__((noinline)) static long decode(struct atr_hpack *h, const char *bytes, size_t len,
					     bool ends, struct atr_pair *field)
{
	nghttp2_nv nv = { 0 };
	int flags = 0;
	ssize_t used;

	*field = (struct atr_pair){ { 0 }, { 0 } };
	if (h->is_broken)
		return -1;
	used = inflate(h, (const unsigned char *)bytes, len, ends, &nv, &flags);
	if (used < 0) {
		h->is_broken = true;
		return -1;
	}
	if (len)
		h->is_amid = !(flags & NGHTTP2_HD_INFLATE_EMIT);
	if (flags & NGHTTP2_HD_INFLATE_EMIT)
		*field = pair_of(&nv);
	if (flags & NGHTTP2_HD_INFLATE_FINAL)
		nghttp2_hd_inflate_end_headers(h->inflater);
	return used;
}

long atr_hpack_read(struct atr_hpack *h, const char *bytes, size_t len, bool ends,
		    const struct atr_hpack_wish *wish, struct atr_pair *field)
{
	size_t seen = wish && len && !(h->is_amid | h->is_broken) ?
			      glance(h, bytes, len, wish, field) :
			      0;

	return seen ? (long)seen : decode(h, bytes, len, ends, field);
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
