/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/arena.h"

#include "export/map.h"

#include "cJSON.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define FIRST_LEN ((size_t)1 << 20) /* kept between requests */
#define ALL_LEN ((size_t)256 << 20)

/*
 * A process may fork while our thread is in here, and the child goes on with what it finds:
 * what is in the list is mapped.
 */
struct part {
	struct part *before; /* the first one: NULL */
	size_t len, used;    /* this head, too */
	size_t all_len;	     /* with those before it */
};
_Static_assert(sizeof(struct part) % 16 == 0, "what follows it is aligned");
static struct part *last;

/* Each is twice as long as the one before it, or as long as it takes. */
static struct part *grow(size_t need)
{
	size_t so_far = last ? last->all_len : 0, len = last ? 2 * last->len : FIRST_LEN;
	struct part *part;

	if (len - sizeof(*part) < need || len > ALL_LEN - so_far)
		len = atr_page_up(need + sizeof(*part));
	if (len > ALL_LEN - so_far)
		return NULL;
	part = atr_map_apart(len);
	if (!part)
		return NULL;
	*part = (struct part){
		.before = last, .len = len, .used = sizeof(*part), .all_len = so_far + len
	};
	atomic_signal_fence(memory_order_seq_cst);
	last = part;
	return part;
}

/* Each block is preceded by its length, which realloc must know. */
void *atr_arena_malloc(size_t len)
{
	size_t need = 16 + ((len + 15) & ~(size_t)15);
	struct part *part = last;
	char *at;

	if (need < len || need > ALL_LEN - sizeof(*part))
		return NULL;
	if (!part || need > part->len - part->used)
		part = grow(need);
	if (!part)
		return NULL;
	at = (char *)part + part->used;
	memcpy(at, &len, sizeof(len));
	part->used += need;
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

static void unmap_last(void)
{
	struct part *part = last;

	last = part->before;
	munmap(part, part->len);
}

void atr_arena_empty(void)
{
	while (last && (last->before || last->len > FIRST_LEN))
		unmap_last();
	if (last)
		last->used = sizeof(*last);
}

void atr_arena_unmap(void)
{
	while (last)
		unmap_last();
}
