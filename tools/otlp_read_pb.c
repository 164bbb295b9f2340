/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/otlp_read.h"

#include <string.h>

/*
 * A message under the reader: what is left of it. One that is malformed is left
 * empty with `failed` set, so that every loop over it ends at once.
 */
struct message {
	const unsigned char *at, *end;
	bool failed;
};

enum wire { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

/* A field as it lies on the wire. Numbers are in `number`, whatever their width. */
struct pb_field {
	uint32_t id;
	enum wire wire;
	uint64_t number;
	struct atr_str bytes;
};

struct reader {
	struct atr_trace *trace;
	struct atr_otlp_result *result;
};

/* Deeper values are not OTLP's (AttributeValueDepthLimit) but somebody's try at our stack. */
enum { VALUE_DEPTH_MAX = 64 };

static struct message message_of(struct atr_str bytes)
{
	const unsigned char *at = (const unsigned char *)bytes.at;

	return (struct message){ at, at + bytes.len, false };
}

static void fail(struct message *m)
{
	m->at = m->end;
	m->failed = true;
}

static uint64_t read_varint(struct message *m)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && m->at < m->end; shift += 7) {
		unsigned char byte = *m->at++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	fail(m);
	return 0;
}

static uint64_t read_fixed(struct message *m, unsigned width)
{
	uint64_t value = 0;

	if ((size_t)(m->end - m->at) < width) {
		fail(m);
		return 0;
	}
	for (unsigned i = 0; i < width; i++)
		value |= (uint64_t)*m->at++ << (8 * i);
	return value;
}

static struct atr_str read_bytes(struct message *m)
{
	uint64_t len = read_varint(m);
	struct atr_str bytes = { (const char *)m->at, 0 };

	if (m->failed || len > (uint64_t)(m->end - m->at)) {
		fail(m);
		return bytes;
	}
	bytes.len = len;
	m->at += len;
	return bytes;
}

/* The next field; false at the end of the message, or when it is malformed. */
static bool next_field(struct message *m, struct pb_field *field)
{
	uint64_t tag;

	if (m->at == m->end)
		return false;
	tag = read_varint(m);
	field->id = (uint32_t)(tag >> 3);
	field->wire = tag & 7;
	if (!field->id || tag >> 32)
		fail(m);
	else if (field->wire == VARINT)
		field->number = read_varint(m);
	else if (field->wire == FIXED64)
		field->number = read_fixed(m, 8);
	else if (field->wire == FIXED32)
		field->number = read_fixed(m, 4);
	else if (field->wire == BYTES)
		field->bytes = read_bytes(m);
	else
		fail(m); /* groups, which proto3 does not have */
	return !m->failed;
}

/* A field of a known id but another type is unknown; ids are matched with their type. */
#define PB(id, wire) ((id) << 3 | (wire))
static uint32_t key_of(const struct pb_field *field)
{
	return PB(field->id, (uint32_t)field->wire);
}

static bool read_id(struct atr_str bytes, uint8_t *out, size_t len)
{
	if (bytes.len != len)
		return false;
	memcpy(out, bytes.at, len);
	return true;
}

static bool read_key_value(struct reader *r, struct atr_str bytes, struct atr_field_list *list,
			   unsigned depth);

/* AnyValue. Of several members the last one counts, as for every oneof. */
static bool read_value(struct reader *r, struct atr_str bytes, struct atr_value *out,
		       unsigned depth);

/* ArrayValue: its elements are AnyValues, kept as fields without a key. */
static bool read_array(struct reader *r, struct atr_str bytes, struct atr_field_list *list,
		       unsigned depth)
{
	struct message m = message_of(bytes);
	struct pb_field f;

	while (next_field(&m, &f)) {
		if (key_of(&f) != PB(1, BYTES))
			continue;
		if (!read_value(r, f.bytes, &atr_trace_add_field(r->trace, list)->value, depth))
			return false;
	}
	return !m.failed;
}

/* KeyValueList */
static bool read_map(struct reader *r, struct atr_str bytes, struct atr_field_list *list,
		     unsigned depth)
{
	struct message m = message_of(bytes);
	struct pb_field f;

	while (next_field(&m, &f)) {
		if (key_of(&f) == PB(1, BYTES) && !read_key_value(r, f.bytes, list, depth))
			return false;
	}
	return !m.failed;
}

static double as_double(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static bool read_value(struct reader *r, struct atr_str bytes, struct atr_value *out,
		       unsigned depth)
{
	struct message m = message_of(bytes);
	struct pb_field f;

	if (depth > VALUE_DEPTH_MAX)
		return false;
	while (next_field(&m, &f)) {
		switch (key_of(&f)) {
		case PB(1, BYTES):
			out->type = ATR_VALUE_STR;
			out->str = atr_trace_copy(r->trace, f.bytes);
			break;
		case PB(2, VARINT):
			out->type = ATR_VALUE_BOOL;
			out->truth = f.number != 0;
			break;
		case PB(3, VARINT):
			out->type = ATR_VALUE_INT;
			out->integer = (int64_t)f.number;
			break;
		case PB(4, FIXED64):
			out->type = ATR_VALUE_DOUBLE;
			out->real = as_double(f.number);
			break;
		case PB(5, BYTES):
			*out = (struct atr_value){ .type = ATR_VALUE_ARRAY };
			if (!read_array(r, f.bytes, &out->list, depth + 1))
				return false;
			break;
		case PB(6, BYTES):
			*out = (struct atr_value){ .type = ATR_VALUE_MAP };
			if (!read_map(r, f.bytes, &out->list, depth + 1))
				return false;
			break;
		case PB(7, BYTES):
			out->type = ATR_VALUE_BYTES;
			out->str = atr_trace_copy(r->trace, f.bytes);
			break;
		}
	}
	return !m.failed;
}

/* One KeyValue, added to the list. */
static bool read_key_value(struct reader *r, struct atr_str bytes, struct atr_field_list *list,
			   unsigned depth)
{
	struct atr_field *field = atr_trace_add_field(r->trace, list);
	struct message m = message_of(bytes);
	struct pb_field f;

	while (next_field(&m, &f)) {
		if (key_of(&f) == PB(1, BYTES))
			field->key = atr_trace_copy(r->trace, f.bytes);
		else if (key_of(&f) == PB(2, BYTES) &&
			 !read_value(r, f.bytes, &field->value, depth))
			return false;
	}
	return !m.failed;
}

static bool read_attribute(struct reader *r, const struct pb_field *f, struct atr_field_list *list)
{
	return read_key_value(r, f->bytes, list, 0);
}

static bool read_event(struct reader *r, struct atr_str bytes, struct atr_event *event)
{
	struct message m = message_of(bytes);
	struct pb_field f;

	while (next_field(&m, &f)) {
		switch (key_of(&f)) {
		case PB(1, FIXED64):
			event->time_ns = f.number;
			break;
		case PB(2, BYTES):
			event->name = atr_trace_copy(r->trace, f.bytes);
			break;
		case PB(3, BYTES):
			if (!read_attribute(r, &f, &event->attributes))
				return false;
			break;
		case PB(4, VARINT):
			event->dropped_attributes = (uint32_t)f.number;
			break;
		}
	}
	return !m.failed;
}

static bool read_link(struct reader *r, struct atr_str bytes, struct atr_link *link)
{
	struct message m = message_of(bytes);
	struct pb_field f;

	while (next_field(&m, &f)) {
		switch (key_of(&f)) {
		case PB(1, BYTES):
			read_id(f.bytes, link->trace_id, ATR_TRACE_ID_LEN);
			break;
		case PB(2, BYTES):
			read_id(f.bytes, link->span_id, ATR_SPAN_ID_LEN);
			break;
		case PB(3, BYTES):
			link->tracestate = atr_trace_copy(r->trace, f.bytes);
			break;
		case PB(4, BYTES):
			if (!read_attribute(r, &f, &link->attributes))
				return false;
			break;
		case PB(5, VARINT):
			link->dropped_attributes = (uint32_t)f.number;
			break;
		case PB(6, FIXED32):
			link->flags = (uint32_t)f.number;
			break;
		}
	}
	return !m.failed;
}

static bool read_status(struct reader *r, struct atr_str bytes, struct atr_node *node)
{
	struct message m = message_of(bytes);
	struct pb_field f;

	while (next_field(&m, &f)) {
		if (key_of(&f) == PB(2, BYTES))
			node->status_message = atr_trace_copy(r->trace, f.bytes);
		else if (key_of(&f) == PB(3, VARINT))
			node->status = f.number <= 2 ? (uint8_t)f.number : 0;
	}
	return !m.failed;
}

/* The parts of a span that are messages themselves; the others are read in read_span. */
static bool read_span_part(struct reader *r, const struct pb_field *f, struct atr_node *node)
{
	switch (key_of(f)) {
	case PB(9, BYTES):
		return read_attribute(r, f, &node->attributes);
	case PB(11, BYTES):
		return read_event(r, f->bytes, atr_trace_add_event(r->trace, node));
	case PB(13, BYTES):
		return read_link(r, f->bytes, atr_trace_add_link(r->trace, node));
	case PB(15, BYTES):
		return read_status(r, f->bytes, node);
	}
	return true;
}

static bool read_span(struct reader *r, struct atr_str bytes, struct atr_node *node)
{
	struct message m = message_of(bytes);
	struct pb_field f;

	while (next_field(&m, &f)) {
		switch (key_of(&f)) {
		case PB(1, BYTES):
			read_id(f.bytes, node->trace_id, ATR_TRACE_ID_LEN);
			break;
		case PB(2, BYTES):
			read_id(f.bytes, node->span_id, ATR_SPAN_ID_LEN);
			break;
		case PB(3, BYTES):
			node->tracestate = atr_trace_copy(r->trace, f.bytes);
			break;
		case PB(4, BYTES):
			read_id(f.bytes, node->parent_id, ATR_SPAN_ID_LEN);
			break;
		case PB(5, BYTES):
			node->name = atr_trace_copy(r->trace, f.bytes);
			break;
		case PB(6, VARINT):
			node->kind = f.number < ATR_NODE_KINDS ? (uint8_t)f.number : 0;
			break;
		case PB(7, FIXED64):
			node->start_ns = f.number;
			break;
		case PB(8, FIXED64):
			node->end_ns = f.number;
			break;
		case PB(10, VARINT):
			node->dropped_attributes = (uint32_t)f.number;
			break;
		case PB(12, VARINT):
			node->dropped_events = (uint32_t)f.number;
			break;
		case PB(14, VARINT):
			node->dropped_links = (uint32_t)f.number;
			break;
		case PB(16, FIXED32):
			node->flags = (uint32_t)f.number;
			break;
		default:
			if (!read_span_part(r, &f, node))
				return false;
		}
	}
	return !m.failed;
}

static bool read_scope(struct reader *r, struct atr_str bytes, struct atr_scope *scope)
{
	struct message m = message_of(bytes);
	struct pb_field f;

	while (next_field(&m, &f)) {
		switch (key_of(&f)) {
		case PB(1, BYTES):
			scope->name = atr_trace_copy(r->trace, f.bytes);
			break;
		case PB(2, BYTES):
			scope->version = atr_trace_copy(r->trace, f.bytes);
			break;
		case PB(3, BYTES):
			if (!read_attribute(r, &f, &scope->attributes))
				return false;
			break;
		case PB(4, VARINT):
			scope->dropped_attributes = (uint32_t)f.number;
			break;
		}
	}
	return !m.failed;
}

static bool read_scope_spans(struct reader *r, struct atr_str bytes, struct atr_resource *resource)
{
	struct atr_scope *scope = atr_trace_add_scope(r->trace, resource);
	struct message m = message_of(bytes);
	struct pb_field f;

	while (next_field(&m, &f)) {
		struct atr_node *node;

		switch (key_of(&f)) {
		case PB(1, BYTES):
			if (!read_scope(r, f.bytes, scope))
				return false;
			break;
		case PB(2, BYTES):
			node = atr_trace_add_node(r->trace, resource, scope);
			if (!read_span(r, f.bytes, node))
				return false;
			if (atr_trace_keep_valid(r->trace, node))
				r->result->nr_spans++;
			else
				r->result->nr_rejected++;
			break;
		case PB(3, BYTES):
			scope->schema_url = atr_trace_copy(r->trace, f.bytes);
			break;
		}
	}
	return !m.failed;
}

static bool read_resource(struct reader *r, struct atr_str bytes, struct atr_resource *resource)
{
	struct message m = message_of(bytes);
	struct pb_field f;

	while (next_field(&m, &f)) {
		if (key_of(&f) == PB(1, BYTES) && !read_attribute(r, &f, &resource->attributes))
			return false;
		if (key_of(&f) == PB(2, VARINT))
			resource->dropped_attributes = (uint32_t)f.number;
	}
	return !m.failed;
}

static bool read_resource_spans(struct reader *r, struct atr_str bytes)
{
	struct atr_resource *resource = atr_trace_add_resource(r->trace);
	struct message m = message_of(bytes);
	struct pb_field f;
	bool good = true;

	while (good && next_field(&m, &f)) {
		switch (key_of(&f)) {
		case PB(1, BYTES):
			good = read_resource(r, f.bytes, resource);
			break;
		case PB(2, BYTES):
			good = read_scope_spans(r, f.bytes, resource);
			break;
		case PB(3, BYTES):
			resource->schema_url = atr_trace_copy(r->trace, f.bytes);
			break;
		}
	}
	atr_resource_complete(resource);
	return good && !m.failed;
}

bool atr_otlp_read_protobuf(struct atr_trace *trace, struct atr_str bytes,
			    struct atr_otlp_result *result)
{
	struct atr_trace_mark mark = atr_trace_mark(trace);
	struct atr_otlp_result before = *result;
	struct reader r = { trace, result };
	struct message m = message_of(bytes);
	struct pb_field f;

	while (next_field(&m, &f)) {
		if (key_of(&f) == PB(1, BYTES) && !read_resource_spans(&r, f.bytes))
			fail(&m);
	}
	if (m.failed) {
		atr_trace_rewind(trace, mark);
		*result = before;
	}
	return !m.failed;
}

/* ---- lines of the log -------------------------------------------------------------------------- */

static bool read_line(struct reader *r, struct atr_str bytes, struct atr_log_line *line)
{
	struct atr_field_list attributes = { 0 };
	struct atr_value body = { 0 };
	struct message m = message_of(bytes);
	struct pb_field f;
	bool good = true;

	while (good && next_field(&m, &f)) {
		switch (key_of(&f)) {
		case PB(1, FIXED64):
			line->time_ns = f.number;
			break;
		case PB(3, BYTES):
			line->severity = atr_trace_copy(r->trace, f.bytes);
			break;
		case PB(5, BYTES):
			good = read_value(r, f.bytes, &body, 0);
			break;
		case PB(6, BYTES):
			good = read_attribute(r, &f, &attributes);
			break;
		case PB(9, BYTES):
			read_id(f.bytes, line->trace_id, ATR_TRACE_ID_LEN);
			break;
		case PB(10, BYTES):
			read_id(f.bytes, line->span_id, ATR_SPAN_ID_LEN);
			break;
		}
	}
	if (body.type == ATR_VALUE_STR)
		line->text = body.str;
	line->stream = atr_fields_text(&attributes, "log.iostream");
	return good && !m.failed;
}

/* Down to what is at `path`, the numbers of messages that are repeated; 0 ends it. */
static bool read_lines(struct reader *r, struct atr_str bytes, const uint32_t *path)
{
	struct message m = message_of(bytes);
	struct pb_field f;

	if (!*path)
		return read_line(r, bytes, atr_trace_add_line(r->trace));
	while (next_field(&m, &f)) {
		if (key_of(&f) == PB(*path, BYTES) && !read_lines(r, f.bytes, path + 1))
			return false;
	}
	return !m.failed;
}

bool atr_otlp_read_logs(struct atr_trace *trace, struct atr_str bytes)
{
	/* resource_logs = 1, scope_logs = 2, log_records = 2 */
	static const uint32_t path[] = { 1, 2, 2, 0 };
	struct atr_log_line *before = trace->lines;
	size_t nr_before = trace->nr_lines;
	struct reader r = { trace, NULL };

	if (read_lines(&r, bytes, path))
		return true;
	trace->lines = before;
	trace->nr_lines = nr_before;
	return false;
}
