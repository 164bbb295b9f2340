/* SPDX-License-Identifier: Apache-2.0 */
#include "export/attr.h"
#include "export/encode/encode.h"
#include "export/encode/pb.h"
#include "export/version.h"

/* OTLP 1.x, opentelemetry/proto/trace/v1/trace.proto; tags are (number << 3 | wire type). */

static void put_text(struct atr_buf *out, char tag, const char *text, size_t len, size_t limit)
{
	size_t at;

	if (len <= limit && atr_utf8_is_ascii(text, len)) {
		atr_pb_bytes(out, (unsigned char)tag, text, len);
		return;
	}
	at = atr_pb_open(out, tag);
	if (atr_buf_room(out, 3 * len))
		out->len += atr_utf8_clean(text, len, limit, out->at + out->len);
	atr_pb_close(out, at);
}

static int64_t word_of(const struct atr_item *item)
{
	int64_t word;

	memcpy(&word, atr_item_bytes(item), 8);
	return word;
}

/* KeyValue: key = 1, value = 2; AnyValue: string 1, bool 2, int 3, double 4. */
static void put_attribute(struct atr_buf *out, char tag, const struct atr_item *item, size_t limit)
{
	struct atr_str key = atr_attr_name(item->id);
	size_t at = atr_pb_open(out, tag), value;

	atr_pb_bytes(out, 0x0a, key.at, key.len);
	value = atr_pb_open(out, 0x12);
	switch (item->type) {
	case ATR_TYPE_INT: atr_pb_tag_varint(out, 0x18, (uint64_t)word_of(item)); break;
	case ATR_TYPE_BOOL: atr_pb_tag_varint(out, 0x10, word_of(item) != 0); break;
	case ATR_TYPE_DOUBLE: atr_pb_fixed64(out, 0x21, (uint64_t)word_of(item)); break;
	default: put_text(out, 0x0a, atr_item_bytes(item), item->len, limit); break;
	}
	atr_pb_close(out, value);
	atr_pb_close(out, at);
}

/* One of the span's own fields that are text. */
static void put_field(struct atr_buf *out, char tag, const struct atr_span *span, uint16_t id)
{
	const struct atr_item *item = atr_span_find(span, id);

	if (item)
		put_text(out, tag, atr_item_bytes(item), item->len, SIZE_MAX);
}

/* The attributes up to the limit; returns how many were left out. */
static uint32_t put_items(struct atr_buf *out, const struct atr_span *span,
			  const struct atr_options *limits)
{
	const struct atr_item *item = NULL;
	uint32_t nr = 0, dropped = span->dropped_attributes;

	while ((item = atr_span_next(span, item))) {
		if (item->part != ATR_OF_SPAN || item->id <= ATR_EVENT)
			continue;
		if (nr++ < limits->attribute_count_limit)
			put_attribute(out, 0x4a, item, limits->attribute_value_length_limit);
		else
			dropped++;
	}
	return dropped;
}

/* Event: time = 1 fixed64, name = 2, attributes = 3. */
static uint32_t put_events(struct atr_buf *out, const struct atr_span *span,
			   const struct atr_options *limits)
{
	const struct atr_item *item = NULL;
	uint32_t nr = 0, dropped = span->dropped_events;
	size_t event = 0;

	while ((item = atr_span_next(span, item))) {
		if (item->type == ATR_TYPE_EVENT) {
			if (event)
				atr_pb_close(out, event);
			event = 0;
			if (nr++ >= limits->event_count_limit) {
				dropped++;
				continue;
			}
			event = atr_pb_open(out, 0x5a);
			atr_pb_fixed64(out, 0x09, (uint64_t)word_of(item));
			put_text(out, 0x12, atr_item_bytes(item) + 8, item->len - 8, SIZE_MAX);
		} else if (item->part == ATR_OF_EVENT && event) {
			put_attribute(out, 0x1a, item, limits->attribute_value_length_limit);
		}
	}
	if (event)
		atr_pb_close(out, event);
	return dropped;
}

static bool is_zero(const uint8_t *id, size_t len)
{
	while (len--)
		if (id[len])
			return false;
	return true;
}

static void put_status(struct atr_buf *out, const struct atr_span *span)
{
	size_t at;

	if (span->status == ATR_STATUS_UNSET)
		return;
	at = atr_pb_open(out, 0x7a);
	put_field(out, 0x12, span, ATR_STATUS_MESSAGE);
	atr_pb_tag_varint(out, 0x18, span->status);
	atr_pb_close(out, at);
}

static void put_span(struct atr_buf *out, const struct atr_span *span,
		     const struct atr_options *limits)
{
	size_t at = atr_pb_open(out, 0x12);
	uint32_t dropped, flags = span->flags | 0x100u | (span->parent_remote ? 0x200u : 0);
	char fixed[6] = { (char)0x85, 0x01 };

	atr_pb_bytes(out, 0x0a, span->trace_id, sizeof(span->trace_id));
	atr_pb_bytes(out, 0x12, span->span_id, sizeof(span->span_id));
	put_field(out, 0x1a, span, ATR_TRACESTATE);
	if (!is_zero(span->parent_id, sizeof(span->parent_id)))
		atr_pb_bytes(out, 0x22, span->parent_id, sizeof(span->parent_id));
	put_field(out, 0x2a, span, ATR_NAME);
	atr_pb_tag_varint(out, 0x30, span->kind);
	atr_pb_fixed64(out, 0x39, span->start_ns);
	atr_pb_fixed64(out, 0x41, span->end_ns);
	dropped = put_items(out, span, limits);
	if (dropped)
		atr_pb_tag_varint(out, 0x50, dropped);
	dropped = put_events(out, span, limits);
	if (dropped)
		atr_pb_tag_varint(out, 0x60, dropped);
	put_status(out, span);
	memcpy(fixed + 2, &flags, 4);
	atr_buf_put(out, fixed, sizeof(fixed));
	atr_pb_close(out, at);
}

static void put_resource(struct atr_buf *out, const struct atr_batch *batch)
{
	size_t at = atr_pb_open(out, 0x0a);

	for (size_t i = 0; i < batch->nr_resource; i++) {
		const struct atr_resource_attr *attr = &batch->resource[i];
		size_t pair = atr_pb_open(out, 0x0a), value;

		put_text(out, 0x0a, attr->key.at, attr->key.len, SIZE_MAX);
		value = atr_pb_open(out, 0x12);
		if (attr->is_number)
			atr_pb_tag_varint(out, 0x18, (uint64_t)attr->number);
		else
			put_text(out, 0x0a, attr->value.at, attr->value.len, SIZE_MAX);
		atr_pb_close(out, value);
		atr_pb_close(out, pair);
	}
	atr_pb_close(out, at);
}

static bool encode(const struct atr_batch *batch, struct atr_buf *out)
{
	size_t resource_spans = atr_pb_open(out, 0x0a), scope_spans, scope;

	put_resource(out, batch);
	scope_spans = atr_pb_open(out, 0x12);
	scope = atr_pb_open(out, 0x0a);
	atr_pb_bytes(out, 0x0a, "libautotrace", 12);
	atr_pb_bytes(out, 0x12, ATR_VERSION, sizeof(ATR_VERSION) - 1);
	atr_pb_close(out, scope);
	for (size_t i = 0; i < batch->nr_spans; i++)
		put_span(out, batch->spans[i], batch->limits);
	atr_pb_bytes(out, 0x1a, ATR_SCHEMA_URL, sizeof(ATR_SCHEMA_URL) - 1);
	atr_pb_close(out, scope_spans);
	atr_pb_close(out, resource_spans);
	return !out->failed;
}

static bool read_varint(struct atr_str *in, uint64_t *out)
{
	*out = 0;
	for (unsigned shift = 0; in->len && shift < 64; shift += 7) {
		unsigned char c = (unsigned char)*in->at++;

		in->len--;
		*out |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return true;
	}
	return false;
}

/* Fields that are varints or bytes; anything else ends the reading. */
static bool read_field(struct atr_str *in, uint64_t *tag, uint64_t *number, struct atr_str *bytes)
{
	if (!read_varint(in, tag) || !read_varint(in, number))
		return false;
	*bytes = (struct atr_str){ 0 };
	if ((*tag & 7) == 0)
		return true;
	if ((*tag & 7) != 2 || *number > in->len)
		return false;
	*bytes = (struct atr_str){ in->at, (size_t)*number };
	in->at += *number;
	in->len -= (size_t)*number;
	return true;
}

/* ExportTraceServiceResponse: partial_success = 1 { rejected_spans = 1, error_message = 2 } */
static void response(struct atr_str body, uint64_t *rejected, struct atr_str *message)
{
	struct atr_str part, bytes;
	uint64_t tag, number;

	while (read_field(&body, &tag, &number, &part)) {
		if (tag != 0x0a)
			continue;
		while (read_field(&part, &tag, &number, &bytes)) {
			if (tag == 0x08)
				*rejected = number;
			else if (tag == 0x12)
				*message = bytes;
		}
	}
}

const struct atr_encoder atr_encoder_otlp_pb = {
	"otlp/protobuf", "application/x-protobuf", encode, response,
};
