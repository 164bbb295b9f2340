/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_SPAN_H
#define ATR_EXPORT_SPAN_H

/*
 * span: what happened. A finished span as one flat record without a pointer:
 *
 *	struct atr_span | item | item | ...
 *
 * An item is 8 bytes of header and its bytes, padded to a multiple of 8:
 *
 *	u16 id | u8 type | u8 part | u32 len | bytes...
 *
 * Items with part ATR_OF_SPAN are the span's own. An ATR_TYPE_EVENT item opens
 * an event (bytes: u64 unix nanoseconds, then its name); the items with part
 * ATR_OF_EVENT that follow it are that event's attributes. Likewise an
 * ATR_TYPE_LINK item, and ATR_OF_LINK. What was taken back is ATR_OF_NOTHING.
 *
 * A record is built in place by one thread, copied once into the ring, and read
 * by the exporter thread. Nothing here allocates, locks or calls the kernel.
 */
#include "propagator/context.h"

#define ATR_SPAN_VERSION 1
#define ATR_SPAN_MAX 2048 /* bytes of a whole record */

enum atr_kind { /* as OTLP numbers them */
		ATR_KIND_INTERNAL = 1,
		ATR_KIND_SERVER = 2,
		ATR_KIND_CLIENT = 3,
};

enum atr_status { ATR_STATUS_UNSET = 0, ATR_STATUS_OK = 1, ATR_STATUS_ERROR = 2 };

enum atr_type {
	ATR_TYPE_STR = 1, /* bytes, UTF-8 expected; made valid by the encoder */
	ATR_TYPE_INT,	  /* int64_t */
	ATR_TYPE_DOUBLE,
	ATR_TYPE_BOOL,	    /* one byte */
	ATR_TYPE_EVENT,	    /* u64 time, name */
	ATR_TYPE_LINK,	    /* trace id, span id, flags byte */
	ATR_TYPE_LIST,	    /* of strings: see atr_item_list */
	ATR_TYPE_KEYED_INT, /* int64_t, then the rest of its key: see atr_item_key */
	ATR_TYPE_KEYED_DOUBLE,
	ATR_TYPE_WORDS, /* uint64_t; always ATR_OF_NOTHING */
};

enum atr_part { ATR_OF_SPAN = 0, ATR_OF_EVENT = 1, ATR_OF_LINK = 2, ATR_OF_NOTHING = 3 };

struct atr_span {
	uint32_t len; /* bytes of the record, header included, a multiple of 8 */
	uint16_t version;
	uint8_t kind;	/* enum atr_kind */
	uint8_t status; /* enum atr_status */
	uint8_t trace_id[ATR_TRACE_ID_LEN];
	uint8_t span_id[ATR_SPAN_ID_LEN];
	uint8_t parent_id[ATR_SPAN_ID_LEN]; /* all zero: a root */
	uint64_t start_ns;		    /* unix time */
	uint64_t end_ns;		    /* unix time, never before start_ns */
	uint8_t flags;			    /* W3C trace flags */
	uint8_t parent_remote;		    /* the parent is in another process */
	uint16_t dropped_attributes;	    /* found no room here */
	uint16_t dropped_events;
	uint16_t cut_strings; /* strings shortened to fit */
	uint16_t dropped_links;
	uint16_t unused[3];
};

struct atr_item {
	uint16_t id; /* enum atr_attr */
	uint8_t type;
	uint8_t part;
	uint32_t len;
	/* bytes follow */
};

/* Starts a record in `buf`, of ATR_SPAN_MAX bytes, aligned to 8. All fields but len and version are 0. */
struct atr_span *atr_span_begin(void *buf);

/*
 * The thread that builds the record. What does not fit whole is cut (strings)
 * or dropped (the rest), and counted in the record. An absent string writes
 * nothing. Text longer than ATR_SPAN_STR_MAX is cut to it. The last 384 bytes
 * of a record are kept for `_late` items: what is known only at the end
 * (status code, error.type) must not lose its place to a long URL.
 */
#define ATR_SPAN_STR_MAX 1024
void atr_span_put_str(struct atr_span *span, uint16_t id, struct atr_str text);
void atr_span_put_int(struct atr_span *span, uint16_t id, int64_t value);
void atr_span_put_double(struct atr_span *span, uint16_t id, double value);
void atr_span_put_bool(struct atr_span *span, uint16_t id, bool value);
void atr_span_late_str(struct atr_span *span, uint16_t id, struct atr_str text);
void atr_span_late_int(struct atr_span *span, uint16_t id, int64_t value);

/* A string that comes in parts. False: it would be cut, and nothing is put. */
bool atr_span_put_parts(struct atr_span *span, uint16_t id, const struct atr_str *parts,
			unsigned nr);
/* Items of another record, as they stand there. False: there is not the room, and nothing is put. */
bool atr_span_put_items(struct atr_span *span, const char *items, size_t len);

/*
 * A list of strings, of at most ATR_LIST_MAX. Its key is what the id names and then `key`,
 * of up to 128 bytes. Text is cut as a string's is; of a list, what finds no room is
 * left out and counted as cut; where not one string does, all is dropped.
 */
#define ATR_LIST_MAX 8
void atr_span_put_list(struct atr_span *span, uint16_t id, struct atr_str key,
		       const struct atr_str *values, unsigned nr);

/*
 * To a copy of a finished record that has `room` bytes for it, on the exporter's thread: text
 * is whole up to ATR_SPAN_ADDED_MAX. What finds no room is dropped, as above.
 */
#define ATR_SPAN_ADDED_MAX 8192
void atr_span_add_str(struct atr_span *span, size_t room, uint16_t id, struct atr_str text);
void atr_span_add_int(struct atr_span *span, size_t room, uint16_t id, int64_t value);
void atr_span_add_double(struct atr_span *span, size_t room, uint16_t id, double value);
void atr_span_add_bool(struct atr_span *span, size_t room, uint16_t id, bool value);
/* Numbers whose key is what the id names and then `key`, of up to 64 bytes. */
void atr_span_add_keyed_int(struct atr_span *span, size_t room, uint16_t id, struct atr_str key,
			    int64_t value);
void atr_span_add_keyed_double(struct atr_span *span, size_t room, uint16_t id, struct atr_str key,
			       double value);

/*
 * Words that are no attribute, and that no encoder sees: for an addition (exporter.h). _begin:
 * room for up to `nr`, NULL where there is none; _end: so many of them were written, 0: none,
 * before anything else is put. _drop: they are not wanted after all.
 */
uint64_t *atr_span_begin_words(struct atr_span *span, uint16_t id, unsigned nr);
void atr_span_end_words(struct atr_span *span, uint64_t *words, unsigned nr);
void atr_span_drop_words(struct atr_span *span, uint16_t id);
/* Copies at most `most` of them, and returns how many. */
unsigned atr_span_words(const struct atr_span *span, uint16_t id, uint64_t *words, unsigned most);

/* A better name than the one that it was given. Counts as late; without room the old one stays. */
void atr_span_rename(struct atr_span *span, struct atr_str name);

/* An event, then its attributes. Counts as late. */
void atr_span_event(struct atr_span *span, uint64_t time_ns, struct atr_str name);
void atr_span_event_str(struct atr_span *span, uint16_t id, struct atr_str text);
void atr_span_event_int(struct atr_span *span, uint16_t id, int64_t value);

/* A link to a span of another trace, then its attributes. What finds no room is counted as dropped. */
void atr_span_link(struct atr_span *span, const struct atr_context *to);
void atr_span_link_str(struct atr_span *span, uint16_t id, struct atr_str text);

/*
 * Reading: the first item for NULL, then the next; NULL after the last. Safe on
 * any record that atr_span_is_whole accepts.
 */
static inline const char *atr_item_bytes(const struct atr_item *item)
{
	return (const char *)(item + 1);
}
static inline const struct atr_item *atr_span_next(const struct atr_span *span,
						   const struct atr_item *item)
{
	const char *end = (const char *)span + span->len;
	const char *at = (const char *)(span + 1);

	if (item)
		at = atr_item_bytes(item) + (((size_t)item->len + 7) & ~(size_t)7);
	return at + sizeof(*item) <= end ? (const struct atr_item *)at : NULL;
}

/*
 * A list's key, behind what its id names, and its strings: each a u16 length and its
 * bytes, the key first. False after the last. Safe as above.
 */
struct atr_item_list {
	struct atr_str key;
	const char *at, *end;
};
bool atr_item_list_next(struct atr_item_list *list, struct atr_str *value);
struct atr_item_list atr_item_list(const struct atr_item *item);

/* A number's key, behind what its id names; empty where the item is of another type. */
struct atr_str atr_item_key(const struct atr_item *item);

/* All of a record that is whole, to where there is as much room. */
void atr_span_copy(void *to, const struct atr_span *span);

/* Whether `len` bytes at span are a whole record of this version. */
bool atr_span_is_whole(const struct atr_span *span, size_t len);

/* The first item of the span's own with this id, or NULL. */
const struct atr_item *atr_span_find(const struct atr_span *span, uint16_t id);

#endif
