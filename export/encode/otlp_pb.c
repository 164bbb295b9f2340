/* SPDX-License-Identifier: Apache-2.0 */
#include "export/attr.h"
#include "export/encode/encode.h"
#include "export/encode/message.h"
#include "export/encode/pb.h"
#include "export/version.h"

/*
 * OTLP 1.x, opentelemetry/proto/trace/v1/trace.proto; tags are (number << 3 | wire type).
 *
 * Room is asked for once a span, for the most that its record can come to; then
 * all of it is written behind one cursor, without a check in between.
 */

/* The most that text of a record, or of the resource, can come to: replaced byte by byte. */
#define TEXT_MOST(len) (3 * (len) + 8)
/* An item's tags, lengths and key; of a list, also those of its strings, beside their six bytes here. */
#define ITEM_MOST (ATR_ATTR_KEY_LEN + 8 + ATR_LIST_MAX * (2 * (1 + ATR_PB_GAP) - 6))
#define SPAN_MOST(len) (256 + TEXT_MOST(len) + (len) / sizeof(struct atr_item) * ITEM_MOST)
_Static_assert(SPAN_MOST(ATR_SPAN_MAX) * ATR_BATCH_MAX < ATR_PB_GAP_MAX / 2,
	       "a batch's length fits");

static char *put_clean(char *at, char tag, const char *text, size_t len, size_t limit)
{
	char *begin = atr_pb_open(at, tag);

	return atr_pb_close(begin, begin + atr_utf8_clean(text, len, limit, begin));
}

/* The text of an item; of an event's it is not all. */
static char *put_text(char *at, char tag, const char *text, size_t len)
{
	char *begin = atr_pb_number(at, tag, len);

	if (atr_utf8_copy_ascii(text, len, begin))
		return begin + len;
	return put_clean(at, tag, text, len, SIZE_MAX);
}

static uint64_t word_of(const struct atr_item *item)
{
	uint64_t word;

	memcpy(&word, atr_item_bytes(item), 8);
	return word;
}

/*
 * KeyValue { key = 1, value = 2 }, up to the bytes of the value: a message of
 * value_len bytes, whose length is known.
 */
static inline char *put_key(char *at, char tag, const struct atr_attr_key *key, size_t value_len)
{
	size_t key_len = 2 + (size_t)key->len;

	at = atr_pb_number(at, tag, key_len + 1 + atr_pb_varint_len(value_len) + value_len);
	memcpy(at, key, sizeof(*key));
	return atr_pb_number(at + key_len, 0x12, value_len);
}

static char *put_unclean_text(char *at, char tag, const struct atr_attr_key *key,
			      const struct atr_item *item, size_t limit)
{
	char *pair = atr_pb_open(at, tag), *value;

	memcpy(pair, key, sizeof(*key));
	value = atr_pb_open(pair + 2 + key->len, 0x12);
	at = put_clean(value, 0x0a, atr_item_bytes(item), item->len, limit);
	return atr_pb_close(pair, atr_pb_close(value, at));
}

/* AnyValue { array_value = 5 { values = 1 rep AnyValue } }; the key goes on in the item. */
static char *put_list(char *at, char tag, const struct atr_attr_key *key,
		      const struct atr_item *item, size_t limit)
{
	struct atr_item_list list = atr_item_list(item);
	char *pair = atr_pb_open(at, tag), *begin = atr_pb_open(pair, 0x0a), *value, *array;
	struct atr_str text;

	memcpy(begin, key->name, key->len);
	at = begin + key->len;
	at = atr_pb_close(begin, at + atr_utf8_clean(list.key.at, list.key.len, SIZE_MAX, at));
	value = atr_pb_open(at, 0x12);
	array = at = atr_pb_open(value, 0x2a);
	while (atr_item_list_next(&list, &text)) {
		char *one = atr_pb_open(at, 0x0a);

		at = atr_pb_close(one, put_clean(one, 0x0a, text.at, text.len, limit));
	}
	return atr_pb_close(pair, atr_pb_close(value, atr_pb_close(array, at)));
}

/* A number whose key goes on in the item. */
static char *put_keyed(char *at, char tag, const struct atr_attr_key *key,
		       const struct atr_item *item)
{
	struct atr_str rest = atr_item_key(item);
	char *pair = atr_pb_open(at, tag), *begin = atr_pb_open(pair, 0x0a), *value;

	memcpy(begin, key->name, key->len);
	at = begin + key->len;
	at = atr_pb_close(begin, at + atr_utf8_clean(rest.at, rest.len, SIZE_MAX, at));
	value = at = atr_pb_open(at, 0x12);
	if (item->type == ATR_TYPE_KEYED_INT)
		at = atr_pb_number(at, 0x18, word_of(item));
	else
		at = atr_pb_fixed64(at, 0x21, word_of(item));
	return atr_pb_close(pair, atr_pb_close(value, at));
}

/* AnyValue: string 1, bool 2, int 3, double 4. */
static inline char *put_attribute(char *at, char tag, const struct atr_item *item, size_t limit)
{
	const struct atr_attr_key *key =
		&atr_attr_keys[item->id < ATR_NR_ATTRS ? item->id : ATR_NAME];
	size_t len = item->len;
	uint64_t word;
	char *to;

	switch (item->type) {
	case ATR_TYPE_INT:
		word = word_of(item);
		at = put_key(at, tag, key, 1 + atr_pb_varint_len(word));
		return atr_pb_number(at, 0x18, word);
	case ATR_TYPE_BOOL:
		return atr_pb_number(put_key(at, tag, key, 2), 0x10, word_of(item) != 0);
	case ATR_TYPE_DOUBLE:
		return atr_pb_fixed64(put_key(at, tag, key, 9), 0x21, word_of(item));
	case ATR_TYPE_LIST:
		return put_list(at, tag, key, item, limit);
	case ATR_TYPE_KEYED_INT:
	case ATR_TYPE_KEYED_DOUBLE:
		return put_keyed(at, tag, key, item);
	}
	if (len <= limit) {
		to = put_key(at, tag, key, 1 + atr_pb_varint_len(len) + len);
		to = atr_pb_number(to, 0x0a, len);
		if (atr_utf8_copy_ascii(atr_item_bytes(item), len, to))
			return to + len;
	}
	return put_unclean_text(at, tag, key, item, limit);
}

static inline char *put_count(char *at, char tag, uint32_t n)
{
	return n ? atr_pb_number(at, tag, n) : at;
}

/* Event: time = 1 fixed64, name = 2, attributes = 3, dropped attributes = 4; from its item on. */
static char *put_event(char *at, const struct atr_span *span, const struct atr_item *item,
		       const struct atr_options *limits)
{
	char *event = atr_pb_open(at, 0x5a);
	uint32_t nr = 0, dropped = 0;

	at = atr_pb_fixed64(event, 0x09, word_of(item));
	at = put_text(at, 0x12, atr_item_bytes(item) + 8, item->len - 8);
	while ((item = atr_span_next(span, item)) && item->type != ATR_TYPE_EVENT) {
		if (item->part != ATR_OF_EVENT)
			continue;
		if (nr++ < limits->event_attribute_count_limit)
			at = put_attribute(at, 0x1a, item, limits->attribute_value_length_limit);
		else
			dropped++;
	}
	return atr_pb_close(event, put_count(at, 0x20, dropped));
}

static char *put_events(char *at, const struct atr_span *span, const struct atr_item *item,
			const struct atr_options *limits)
{
	uint32_t nr = 0, dropped = span->dropped_events;

	for (; item; item = atr_span_next(span, item)) {
		if (item->type != ATR_TYPE_EVENT)
			continue;
		if (nr++ < limits->event_count_limit)
			at = put_event(at, span, item, limits);
		else
			dropped++;
	}
	return put_count(at, 0x60, dropped);
}

/*
 * Link: trace_id = 1, span_id = 2, attributes = 4, dropped attributes = 5, flags = 6 fixed32;
 * from its item on.
 */
static char *put_link(char *at, const struct atr_span *span, const struct atr_item *item,
		      const struct atr_options *limits)
{
	const char *bytes = atr_item_bytes(item);
	char *link = atr_pb_open(at, 0x6a);
	uint32_t flags = (uint8_t)bytes[ATR_TRACE_ID_LEN + ATR_SPAN_ID_LEN] | 0x300u;
	uint32_t nr = 0, dropped = 0;

	at = atr_pb_bytes(link, 0x0a, bytes, ATR_TRACE_ID_LEN);
	at = atr_pb_bytes(at, 0x12, bytes + ATR_TRACE_ID_LEN, ATR_SPAN_ID_LEN);
	while ((item = atr_span_next(span, item)) && item->part == ATR_OF_LINK) {
		if (nr++ < limits->link_attribute_count_limit)
			at = put_attribute(at, 0x22, item, limits->attribute_value_length_limit);
		else
			dropped++;
	}
	at = put_count(at, 0x28, dropped);
	*at++ = 0x35;
	memcpy(at, &flags, 4);
	return atr_pb_close(link, at + 4);
}

static char *put_links(char *at, const struct atr_span *span, const struct atr_item *item,
		       const struct atr_options *limits)
{
	uint32_t nr = 0, dropped = span->dropped_links;

	for (; item; item = atr_span_next(span, item)) {
		if (item->type != ATR_TYPE_LINK)
			continue;
		if (nr++ < limits->link_count_limit)
			at = put_link(at, span, item, limits);
		else
			dropped++;
	}
	return put_count(at, 0x70, dropped);
}

static char *put_status(char *at, const struct atr_span *span, const struct atr_item *message)
{
	char *status = atr_pb_open(at, 0x7a);

	at = status;
	if (message)
		at = put_text(at, 0x12, atr_item_bytes(message), message->len);
	return atr_pb_close(status, atr_pb_number(at, 0x18, span->status));
}

/*
 * What is an item: name = 5, trace_state = 3, attributes = 9, their dropped = 10,
 * events = 11, theirs = 12, status = 15. Of a field that is there twice the first counts.
 */
static char *put_items(char *at, const struct atr_span *span, const struct atr_options *limits)
{
	const struct atr_item *item = NULL, *field[ATR_EVENT + 1] = { NULL };
	uint32_t nr = 0, dropped = span->dropped_attributes;

	while ((item = atr_span_next(span, item))) {
		if (item->part != ATR_OF_SPAN)
			continue;
		if (item->id <= ATR_EVENT) {
			if (!field[item->id])
				field[item->id] = item;
			continue;
		}
		if (nr++ < limits->attribute_count_limit)
			at = put_attribute(at, 0x4a, item, limits->attribute_value_length_limit);
		else
			dropped++;
	}
	at = put_count(at, 0x50, dropped);
	if ((item = field[ATR_NAME]))
		at = put_text(at, 0x2a, atr_item_bytes(item), item->len);
	if ((item = field[ATR_TRACESTATE]))
		at = put_text(at, 0x1a, atr_item_bytes(item), item->len);
	if (field[ATR_EVENT] || span->dropped_events)
		at = put_events(at, span, field[ATR_EVENT], limits);
	if (field[ATR_LINK] || span->dropped_links)
		at = put_links(at, span, field[ATR_LINK], limits);
	if (span->status != ATR_STATUS_UNSET)
		at = put_status(at, span, field[ATR_STATUS_MESSAGE]);
	return at;
}

static bool is_zero(const uint8_t id[static ATR_SPAN_ID_LEN])
{
	uint64_t word;

	memcpy(&word, id, sizeof(word));
	return !word;
}

/* trace_id = 1, span_id = 2, parent = 4, kind = 6, start = 7, end = 8, flags = 16 fixed32 */
static char *put_span(char *at, const struct atr_span *span, const struct atr_options *limits)
{
	char *begin = atr_pb_open(at, 0x12);
	uint32_t flags = span->flags | 0x100u | (span->parent_remote ? 0x200u : 0);

	at = atr_pb_bytes(begin, 0x0a, span->trace_id, sizeof(span->trace_id));
	at = atr_pb_bytes(at, 0x12, span->span_id, sizeof(span->span_id));
	if (!is_zero(span->parent_id))
		at = atr_pb_bytes(at, 0x22, span->parent_id, sizeof(span->parent_id));
	at = atr_pb_number(at, 0x30, span->kind);
	at = atr_pb_fixed64(at, 0x39, span->start_ns);
	at = atr_pb_fixed64(at, 0x41, span->end_ns);
	*at++ = (char)0x85;
	*at++ = 0x01;
	memcpy(at, &flags, 4);
	return atr_pb_close(begin, put_items(at + 4, span, limits));
}

/* Tells the buffer how far the cursor came. */
static void wrote(struct atr_buf *out, const char *end)
{
	out->len = (size_t)(end - out->at);
}

bool atr_otlp_put_resource(struct atr_buf *out, const struct atr_resource_attr *attrs, size_t nr)
{
	struct atr_message m;

	atr_message_begin(&m, out, false);
	atr_message_resource(&m, attrs, nr);
	return !out->failed;
}

/* resource_spans = 1 { scope_spans = 2 { scope = 1 { name = 1, version = 2 } ... */
static char *put_scope(char *at)
{
	char *scope = atr_pb_open(at, 0x0a);

	at = atr_pb_bytes(scope, 0x0a, "libautotrace", 12);
	at = atr_pb_bytes(at, 0x12, ATR_VERSION, sizeof(ATR_VERSION) - 1);
	return atr_pb_close(scope, at);
}

/*
 * Each record was written by another processor, and lies in its cache: it is fetched while those
 * before it are encoded. How long it is says itself alone; most are as long as their neighbours.
 */
#define AHEAD 4

static inline void fetch_ahead(const struct atr_batch *batch, size_t i)
{
	if (i + AHEAD < batch->nr_spans)
		for (size_t at = 0; at < batch->spans[i]->len; at += 64)
			__builtin_prefetch((const char *)batch->spans[i + AHEAD] + at);
}

static bool encode(const struct atr_batch *batch, struct atr_buf *out)
{
	size_t resource_spans = out->len + 1 + ATR_PB_GAP, scope_spans;
	struct atr_str schema = atr_resource_schema();
	char *at = atr_buf_room(out, 1 + ATR_PB_GAP), *end;

	if (!at)
		return false;
	wrote(out, atr_pb_open(at, 0x0a));
	if (!atr_otlp_put_resource(out, batch->resource, batch->nr_resource))
		return false;
	scope_spans = out->len + 1 + ATR_PB_GAP;
	at = atr_buf_room(out, 256);
	if (!at)
		return false;
	wrote(out, put_scope(atr_pb_open(at, 0x12)));
	for (size_t i = 0; i < batch->nr_spans; i++) {
		fetch_ahead(batch, i);
		at = atr_buf_room(out, SPAN_MOST(batch->spans[i]->len));
		if (!at)
			return false;
		wrote(out, put_span(at, batch->spans[i], batch->limits));
	}
	at = atr_buf_room(out, 256 + ATR_SCHEMA_URL_MAX);
	if (!at)
		return false;
	/* schema_url = 3 of the scope's spans, and of the resource's */
	end = atr_pb_bytes(at, 0x1a, ATR_SCHEMA_URL, sizeof(ATR_SCHEMA_URL) - 1);
	atr_pb_close(out->at + scope_spans, end);
	if (schema.len)
		end = atr_pb_bytes(end, 0x1a, schema.at, schema.len);
	wrote(out, end);
	atr_pb_close(out->at + resource_spans, end);
	return true;
}

/* ExportTraceServiceResponse: partial_success = 1 { rejected_spans = 1, error_message = 2 } */
static void response(struct atr_str body, uint64_t *rejected, struct atr_str *message)
{
	struct atr_pb_field outer, inner;

	while (atr_pb_read(&body, &outer)) {
		if (outer.tag != 0x0a)
			continue;
		while (atr_pb_read(&outer.bytes, &inner)) {
			if (inner.tag == 0x08 && inner.number <= INT64_MAX) /* none is below 0 */
				*rejected = inner.number;
			else if (inner.tag == 0x12)
				*message = inner.bytes;
		}
	}
}

const struct atr_encoder atr_encoder_otlp_pb = {
	"otlp/protobuf", "application/x-protobuf", 0, encode, response,
};
