/* SPDX-License-Identifier: Apache-2.0 */
#include "export/span.h"

#include "export/attr.h"

#define LATE_ROOM 384

static size_t padded(size_t len)
{
	return (len + 7) & ~(size_t)7;
}

struct atr_span *atr_span_begin(void *buf)
{
	struct atr_span *span = buf;

	memset(span, 0, sizeof(*span));
	span->version = ATR_SPAN_VERSION;
	span->len = sizeof(*span);
	return span;
}

/* Room for an item's bytes, which is there. */
static inline char *append(struct atr_span *span, uint16_t id, uint8_t type, uint8_t part,
			   size_t len)
{
	struct atr_item *item = (struct atr_item *)((char *)span + span->len);

	item->id = id;
	item->type = type;
	item->part = part;
	item->len = (uint32_t)len;
	span->len += (uint32_t)(sizeof(*item) + padded(len));
	return (char *)(item + 1);
}

/* The same below `limit`; NULL when there is none. */
static char *add(struct atr_span *span, size_t limit, uint16_t id, uint8_t type, uint8_t part,
		 size_t len)
{
	if (span->len + sizeof(struct atr_item) + padded(len) > limit)
		return NULL;
	return append(span, id, type, part, len);
}

static void drop(struct atr_span *span)
{
	if (span->dropped_attributes < UINT16_MAX)
		span->dropped_attributes++;
}

/* Cuts text so that it does not end within a character of UTF-8. */
static size_t cut(struct atr_str text, size_t len)
{
	if (text.len <= len)
		return text.len;
	while (len && ((unsigned char)text.at[len] & 0xc0) == 0x80)
		len--;
	return len;
}

/* There is not the room for all of it, or hardly. */
__attribute__((noinline)) static void put_cut_str(struct atr_span *span, size_t limit,
						  size_t longest, uint16_t id, uint8_t part,
						  struct atr_str text)
{
	size_t room = limit - span->len, len;
	char *at;

	if (span->len + sizeof(struct atr_item) + 8 > limit) {
		drop(span);
		return;
	}
	room = (room - sizeof(struct atr_item)) & ~(size_t)7;
	len = cut(text, room < longest ? room : longest);
	if (len < text.len)
		span->cut_strings++;
	at = add(span, limit, id, ATR_TYPE_STR, part, len);
	if (at)
		atr_str_put(at, (struct atr_str){ text.at, len });
}

static void put_long_str(struct atr_span *span, size_t limit, size_t longest, uint16_t id,
			 uint8_t part, struct atr_str text)
{
	size_t needs = sizeof(struct atr_item) + padded(text.len) + 8;

	if (!text.at)
		return;
	if (__builtin_expect(text.len > longest || span->len + needs > limit, 0))
		put_cut_str(span, limit, longest, id, part, text);
	else
		atr_str_put(append(span, id, ATR_TYPE_STR, part, text.len), text);
}

static void put_str(struct atr_span *span, size_t limit, uint16_t id, uint8_t part,
		    struct atr_str text)
{
	put_long_str(span, limit, ATR_SPAN_STR_MAX, id, part, text);
}

static void put_word(struct atr_span *span, size_t limit, uint16_t id, uint8_t type, uint8_t part,
		     const void *word)
{
	char *at = add(span, limit, id, type, part, 8);

	if (at)
		memcpy(at, word, 8);
	else
		drop(span);
}

void atr_span_put_str(struct atr_span *span, uint16_t id, struct atr_str text)
{
	put_str(span, ATR_SPAN_MAX - LATE_ROOM, id, ATR_OF_SPAN, text);
}

bool atr_span_put_parts(struct atr_span *span, uint16_t id, const struct atr_str *parts,
			unsigned nr)
{
	size_t len = 0;
	char *at;

	for (unsigned i = 0; i < nr; i++)
		len += parts[i].len;
	at = len <= ATR_SPAN_STR_MAX ?
		     add(span, ATR_SPAN_MAX - LATE_ROOM, id, ATR_TYPE_STR, ATR_OF_SPAN, len) :
		     NULL;
	for (unsigned i = 0; at && i < nr; at += parts[i++].len)
		atr_str_put(at, parts[i]);
	return at;
}

bool atr_span_put_items(struct atr_span *span, const char *items, size_t len)
{
	if (span->len + len > ATR_SPAN_MAX - LATE_ROOM)
		return false;
	memcpy((char *)span + span->len, items, len);
	span->len += (uint32_t)len;
	return true;
}

void atr_span_put_int(struct atr_span *span, uint16_t id, int64_t value)
{
	put_word(span, ATR_SPAN_MAX - LATE_ROOM, id, ATR_TYPE_INT, ATR_OF_SPAN, &value);
}

void atr_span_put_double(struct atr_span *span, uint16_t id, double value)
{
	put_word(span, ATR_SPAN_MAX - LATE_ROOM, id, ATR_TYPE_DOUBLE, ATR_OF_SPAN, &value);
}

void atr_span_put_bool(struct atr_span *span, uint16_t id, bool value)
{
	int64_t word = value;

	put_word(span, ATR_SPAN_MAX, id, ATR_TYPE_BOOL, ATR_OF_SPAN, &word);
}

void atr_span_add_str(struct atr_span *span, size_t room, uint16_t id, struct atr_str text)
{
	put_long_str(span, room, ATR_SPAN_ADDED_MAX, id, ATR_OF_SPAN, text);
}

void atr_span_add_int(struct atr_span *span, size_t room, uint16_t id, int64_t value)
{
	put_word(span, room, id, ATR_TYPE_INT, ATR_OF_SPAN, &value);
}

void atr_span_add_double(struct atr_span *span, size_t room, uint16_t id, double value)
{
	put_word(span, room, id, ATR_TYPE_DOUBLE, ATR_OF_SPAN, &value);
}

void atr_span_add_bool(struct atr_span *span, size_t room, uint16_t id, bool value)
{
	int64_t word = value;

	put_word(span, room, id, ATR_TYPE_BOOL, ATR_OF_SPAN, &word);
}

#define NUMBER_KEY_MAX 64

static void put_keyed(struct atr_span *span, size_t limit, uint16_t id, uint8_t type,
		      struct atr_str key, const void *word)
{
	char *at = key.len <= NUMBER_KEY_MAX ?
			   add(span, limit, id, type, ATR_OF_SPAN, 8 + key.len) :
			   NULL;

	if (!at) {
		drop(span);
		return;
	}
	memcpy(at, word, 8);
	memcpy(at + 8, key.at, key.len);
}

void atr_span_add_keyed_int(struct atr_span *span, size_t room, uint16_t id, struct atr_str key,
			    int64_t value)
{
	put_keyed(span, room, id, ATR_TYPE_KEYED_INT, key, &value);
}

void atr_span_add_keyed_double(struct atr_span *span, size_t room, uint16_t id, struct atr_str key,
			       double value)
{
	put_keyed(span, room, id, ATR_TYPE_KEYED_DOUBLE, key, &value);
}

struct atr_str atr_item_key(const struct atr_item *item)
{
	bool is_keyed = item->type == ATR_TYPE_KEYED_INT || item->type == ATR_TYPE_KEYED_DOUBLE;

	return is_keyed && item->len > 8 ?
		       (struct atr_str){ atr_item_bytes(item) + 8, item->len - 8 } :
		       (struct atr_str){ "", 0 };
}

/* A length and its text, in front of *at; less of it where there is not the room. */
static size_t list_text(char *at, size_t room, struct atr_str text)
{
	size_t len = cut(text, room - 2 < ATR_SPAN_STR_MAX ? room - 2 : ATR_SPAN_STR_MAX);
	uint16_t word = (uint16_t)len;

	memcpy(at, &word, 2);
	if (len)
		memcpy(at + 2, text.at, len);
	return 2 + len;
}

#define LIST_KEY_MAX 128

void atr_span_put_list(struct atr_span *span, uint16_t id, struct atr_str key,
		       const struct atr_str *values, unsigned nr)
{
	size_t most = ATR_SPAN_MAX - LATE_ROOM, used = span->len + sizeof(struct atr_item);
	char *at = (char *)span + used;
	size_t room = used < most ? (most - used) & ~(size_t)7 : 0, len;
	unsigned done = 0;

	if (!nr || key.len > LIST_KEY_MAX || room < key.len + 4 + 8) {
		drop(span);
		return;
	}
	len = list_text(at, room, key);
	for (; done < nr && done < ATR_LIST_MAX && len + 2 < room; done++) {
		size_t put = list_text(at + len, room - len, values[done]);

		if (put - 2 < values[done].len)
			span->cut_strings++;
		len += put;
	}
	if (done < nr)
		span->cut_strings++;
	add(span, most, id, ATR_TYPE_LIST, ATR_OF_SPAN, len);
}

bool atr_item_list_next(struct atr_item_list *list, struct atr_str *value)
{
	uint16_t len;

	if (list->end - list->at < 2)
		return false;
	memcpy(&len, list->at, 2);
	if (list->end - list->at - 2 < len)
		return false;
	*value = (struct atr_str){ list->at + 2, len };
	list->at += 2 + len;
	return true;
}

struct atr_item_list atr_item_list(const struct atr_item *item)
{
	struct atr_item_list list = { .at = atr_item_bytes(item),
				      .end = atr_item_bytes(item) + item->len };

	if (!atr_item_list_next(&list, &list.key))
		list.key = (struct atr_str){ "", 0 };
	return list;
}

void atr_span_late_str(struct atr_span *span, uint16_t id, struct atr_str text)
{
	put_str(span, ATR_SPAN_MAX, id, ATR_OF_SPAN, text);
}

void atr_span_late_int(struct atr_span *span, uint16_t id, int64_t value)
{
	put_word(span, ATR_SPAN_MAX, id, ATR_TYPE_INT, ATR_OF_SPAN, &value);
}

void atr_span_event(struct atr_span *span, uint64_t time_ns, struct atr_str name)
{
	size_t len = cut(name, 128);
	char *at = add(span, ATR_SPAN_MAX - LATE_ROOM / 2, ATR_EVENT, ATR_TYPE_EVENT, ATR_OF_SPAN,
		       8 + len);

	if (!at) {
		span->dropped_events++;
		return;
	}
	memcpy(at, &time_ns, 8);
	memcpy(at + 8, name.at, len);
}

void atr_span_event_str(struct atr_span *span, uint16_t id, struct atr_str text)
{
	put_str(span, ATR_SPAN_MAX - LATE_ROOM / 2, id, ATR_OF_EVENT, text);
}

void atr_span_event_int(struct atr_span *span, uint16_t id, int64_t value)
{
	put_word(span, ATR_SPAN_MAX - LATE_ROOM / 2, id, ATR_TYPE_INT, ATR_OF_EVENT, &value);
}

#define LINK_LEN (ATR_TRACE_ID_LEN + ATR_SPAN_ID_LEN + 1)

void atr_span_link(struct atr_span *span, const struct atr_context *to)
{
	char *at =
		add(span, ATR_SPAN_MAX - LATE_ROOM, ATR_LINK, ATR_TYPE_LINK, ATR_OF_SPAN, LINK_LEN);

	if (!at) {
		span->dropped_links++;
		return;
	}
	memcpy(at, to->trace_id, ATR_TRACE_ID_LEN);
	memcpy(at + ATR_TRACE_ID_LEN, to->span_id, ATR_SPAN_ID_LEN);
	at[ATR_TRACE_ID_LEN + ATR_SPAN_ID_LEN] = (char)to->flags;
}

void atr_span_link_str(struct atr_span *span, uint16_t id, struct atr_str text)
{
	put_str(span, ATR_SPAN_MAX - LATE_ROOM, id, ATR_OF_LINK, text);
}

void atr_span_copy(void *to, const struct atr_span *span)
{
	memcpy(to, span, span->len);
}

bool atr_span_is_whole(const struct atr_span *span, size_t len)
{
	const struct atr_item *item = NULL;
	size_t at = sizeof(*span);

	if (len < sizeof(*span) || span->version != ATR_SPAN_VERSION || span->len < sizeof(*span) ||
	    span->len > len || span->len % 8)
		return false;
	while (at < span->len) {
		item = (const struct atr_item *)((const char *)span + at);
		if (span->len - at < sizeof(*item) ||
		    span->len - at - sizeof(*item) < padded(item->len))
			return false;
		at += sizeof(*item) + padded(item->len);
	}
	return true;
}

const struct atr_item *atr_span_find(const struct atr_span *span, uint16_t id)
{
	const struct atr_item *item = NULL;

	while ((item = atr_span_next(span, item)))
		if (item->id == id && item->part == ATR_OF_SPAN)
			return item;
	return NULL;
}

uint64_t *atr_span_begin_words(struct atr_span *span, uint16_t id, unsigned nr)
{
	return (uint64_t *)add(span, ATR_SPAN_MAX - LATE_ROOM, id, ATR_TYPE_WORDS, ATR_OF_NOTHING,
			       (size_t)nr * 8);
}

void atr_span_end_words(struct atr_span *span, uint64_t *words, unsigned nr)
{
	struct atr_item *item = (struct atr_item *)words - 1;

	item->len = nr * 8;
	span->len = (uint32_t)((char *)(nr ? (void *)(words + nr) : item) - (char *)span);
}

static struct atr_item *find_words(const struct atr_span *span, uint16_t id)
{
	const struct atr_item *item = NULL;

	while ((item = atr_span_next(span, item)))
		if (item->id == id && item->type == ATR_TYPE_WORDS)
			break;
	return (struct atr_item *)item;
}

void atr_span_drop_words(struct atr_span *span, uint16_t id)
{
	struct atr_item *item = find_words(span, id);

	if (item)
		item->type = ATR_TYPE_STR; /* as what was taken back has it */
}

unsigned atr_span_words(const struct atr_span *span, uint16_t id, uint64_t *words, unsigned most)
{
	const struct atr_item *item = find_words(span, id);
	unsigned nr = item ? item->len / 8 : 0;

	if (nr > most)
		nr = most;
	if (nr)
		memcpy(words, atr_item_bytes(item), (size_t)nr * 8);
	return nr;
}

void atr_span_rename(struct atr_span *span, struct atr_str name)
{
	struct atr_item *old = (struct atr_item *)atr_span_find(span, ATR_NAME);

	if (!name.len || name.len > 128 ||
	    span->len + sizeof(struct atr_item) + padded(name.len) > ATR_SPAN_MAX)
		return;
	if (old)
		old->part = ATR_OF_NOTHING;
	atr_span_late_str(span, ATR_NAME, name);
}
