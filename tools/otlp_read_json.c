/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/otlp_read.h"
#include "tools/decode.h"

#include <cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	struct atr_trace *trace;
	struct atr_otlp_result *result;
};

/* As in protobuf: what is deeper is no attribute. cJSON itself refuses 1000 levels. */
enum { VALUE_DEPTH_MAX = 64 };

static const cJSON *member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* A missing or mistyped member is as if it had its default: absent. */
static struct atr_str read_text(struct reader *r, const cJSON *object, const char *name)
{
	const cJSON *item = member(object, name);

	if (!cJSON_IsString(item))
		return (struct atr_str){ NULL, 0 };
	return atr_trace_copy(r->trace, atr_str(item->valuestring));
}

/* 64-bit numbers come as decimal strings; plain numbers are accepted as well. */
static uint64_t as_u64(const cJSON *item)
{
	if (cJSON_IsString(item))
		return strtoull(item->valuestring, NULL, 10);
	if (cJSON_IsNumber(item) && item->valuedouble > 0 && item->valuedouble < 0x1p64)
		return (uint64_t)item->valuedouble;
	return 0;
}

static int64_t as_i64(const cJSON *item)
{
	if (cJSON_IsString(item))
		return strtoll(item->valuestring, NULL, 10);
	if (cJSON_IsNumber(item) && item->valuedouble >= -0x1p63 && item->valuedouble < 0x1p63)
		return (int64_t)item->valuedouble;
	return 0;
}

static uint32_t read_u32(const cJSON *object, const char *name)
{
	uint64_t value = as_u64(member(object, name));

	return value <= UINT32_MAX ? (uint32_t)value : 0;
}

/* Enumerations are numbers here; one out of range is read as 0. */
static uint8_t read_enum(const cJSON *object, const char *name, uint32_t count)
{
	uint32_t value = read_u32(object, name);

	return value < count ? (uint8_t)value : 0;
}

/* Ids are hex, not base64. One that is not 2 * len digits is left all zero: invalid, or no parent. */
static void read_id(const cJSON *object, const char *name, uint8_t *out, size_t len)
{
	const cJSON *item = member(object, name);

	if (cJSON_IsString(item))
		atr_decode_hex(atr_str(item->valuestring), out, len);
}

/* Up to the padding or the first character that is no digit. */
static struct atr_str read_base64(struct reader *r, const char *text)
{
	struct atr_str digits = atr_str(text);
	struct atr_str out = atr_trace_copy(r->trace, digits); /* longer than is needed */

	out.len = atr_decode_base64(&digits, (char *)out.at);
	return out;
}

static double as_double(const cJSON *item)
{
	if (cJSON_IsNumber(item))
		return item->valuedouble;
	if (cJSON_IsString(item) && strcmp(item->valuestring, "Infinity") == 0)
		return INFINITY;
	if (cJSON_IsString(item) && strcmp(item->valuestring, "-Infinity") == 0)
		return -INFINITY;
	return NAN;
}

static void read_attributes(struct reader *r, const cJSON *array, struct atr_field_list *list,
			    unsigned depth);
static void read_value(struct reader *r, const cJSON *any, struct atr_value *out, unsigned depth);

static void read_array(struct reader *r, const cJSON *array, struct atr_field_list *list,
		       unsigned depth)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, array)
		read_value(r, item, &atr_trace_add_field(r->trace, list)->value, depth);
}

static void read_value(struct reader *r, const cJSON *any, struct atr_value *out, unsigned depth)
{
	const cJSON *item;

	if (depth > VALUE_DEPTH_MAX)
		return;
	if (cJSON_IsString(item = member(any, "stringValue"))) {
		out->type = ATR_VALUE_STR;
		out->str = atr_trace_copy(r->trace, atr_str(item->valuestring));
	} else if (cJSON_IsBool(item = member(any, "boolValue"))) {
		out->type = ATR_VALUE_BOOL;
		out->truth = cJSON_IsTrue(item);
	} else if ((item = member(any, "intValue"))) {
		out->type = ATR_VALUE_INT;
		out->integer = as_i64(item);
	} else if ((item = member(any, "doubleValue"))) {
		out->type = ATR_VALUE_DOUBLE;
		out->real = as_double(item);
	} else if ((item = member(any, "arrayValue"))) {
		out->type = ATR_VALUE_ARRAY;
		read_array(r, member(item, "values"), &out->list, depth + 1);
	} else if ((item = member(any, "kvlistValue"))) {
		out->type = ATR_VALUE_MAP;
		read_attributes(r, member(item, "values"), &out->list, depth + 1);
	} else if (cJSON_IsString(item = member(any, "bytesValue"))) {
		out->type = ATR_VALUE_BYTES;
		out->str = read_base64(r, item->valuestring);
	}
}

static void read_attributes(struct reader *r, const cJSON *array, struct atr_field_list *list,
			    unsigned depth)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, array)
	{
		struct atr_field *field = atr_trace_add_field(r->trace, list);

		field->key = read_text(r, item, "key");
		read_value(r, member(item, "value"), &field->value, depth);
	}
}

/* The attributes of any object that has some, and the count of those that were dropped. */
static uint32_t read_attributes_of(struct reader *r, const cJSON *object,
				   struct atr_field_list *list)
{
	read_attributes(r, member(object, "attributes"), list, 0);
	return read_u32(object, "droppedAttributesCount");
}

static void read_events(struct reader *r, const cJSON *array, struct atr_node *node)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, array)
	{
		struct atr_event *event = atr_trace_add_event(r->trace, node);

		event->time_ns = as_u64(member(item, "timeUnixNano"));
		event->name = read_text(r, item, "name");
		event->dropped_attributes = read_attributes_of(r, item, &event->attributes);
	}
}

static void read_links(struct reader *r, const cJSON *array, struct atr_node *node)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, array)
	{
		struct atr_link *link = atr_trace_add_link(r->trace, node);

		read_id(item, "traceId", link->trace_id, ATR_TRACE_ID_LEN);
		read_id(item, "spanId", link->span_id, ATR_SPAN_ID_LEN);
		link->tracestate = read_text(r, item, "traceState");
		link->flags = read_u32(item, "flags");
		link->dropped_attributes = read_attributes_of(r, item, &link->attributes);
	}
}

static void read_span(struct reader *r, const cJSON *object, struct atr_node *node)
{
	const cJSON *status = member(object, "status");

	read_id(object, "traceId", node->trace_id, ATR_TRACE_ID_LEN);
	read_id(object, "spanId", node->span_id, ATR_SPAN_ID_LEN);
	read_id(object, "parentSpanId", node->parent_id, ATR_SPAN_ID_LEN);
	node->tracestate = read_text(r, object, "traceState");
	node->name = read_text(r, object, "name");
	node->kind = read_enum(object, "kind", ATR_NODE_KINDS);
	node->flags = read_u32(object, "flags");
	node->start_ns = as_u64(member(object, "startTimeUnixNano"));
	node->end_ns = as_u64(member(object, "endTimeUnixNano"));
	node->dropped_attributes = read_attributes_of(r, object, &node->attributes);
	read_events(r, member(object, "events"), node);
	node->dropped_events = read_u32(object, "droppedEventsCount");
	read_links(r, member(object, "links"), node);
	node->dropped_links = read_u32(object, "droppedLinksCount");
	node->status = read_enum(status, "code", 3);
	node->status_message = read_text(r, status, "message");
}

static void read_scope_spans(struct reader *r, const cJSON *object, struct atr_resource *resource)
{
	struct atr_scope *scope = atr_trace_add_scope(r->trace, resource);
	const cJSON *told = member(object, "scope"), *item;

	scope->name = read_text(r, told, "name");
	scope->version = read_text(r, told, "version");
	scope->dropped_attributes = read_attributes_of(r, told, &scope->attributes);
	scope->schema_url = read_text(r, object, "schemaUrl");
	cJSON_ArrayForEach(item, member(object, "spans"))
	{
		struct atr_node *node = atr_trace_add_node(r->trace, resource, scope);

		read_span(r, item, node);
		if (atr_trace_keep_valid(r->trace, node))
			r->result->nr_spans++;
		else
			r->result->nr_rejected++;
	}
}

static void read_resource_spans(struct reader *r, const cJSON *object)
{
	struct atr_resource *resource = atr_trace_add_resource(r->trace);
	const cJSON *item;

	resource->dropped_attributes =
		read_attributes_of(r, member(object, "resource"), &resource->attributes);
	resource->schema_url = read_text(r, object, "schemaUrl");
	atr_resource_complete(resource);
	cJSON_ArrayForEach(item, member(object, "scopeSpans")) read_scope_spans(r, item, resource);
}

/* JSON whose shape is not that of TracesData holds no spans, which is no error. */
static void read_request(struct reader *r, const cJSON *request)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, member(request, "resourceSpans")) read_resource_spans(r, item);
}

/*
 * The text with a NUL behind it, of malloc: cJSON 1.7.15 looks one byte beyond
 * the length it is given when a member is cut off after its comma.
 */
static struct atr_str ended_copy(struct atr_str text)
{
	char *copy = malloc(text.len + 1);

	if (!copy)
		return (struct atr_str){ NULL, 0 };
	if (text.len)
		memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	return (struct atr_str){ copy, text.len };
}

/* One JSON object off the front of *text; NULL, and *text as it was, when there is none. */
static cJSON *parse_object(struct atr_str *text)
{
	const char *end = text->at;
	cJSON *object = cJSON_ParseWithLengthOpts(text->at, text->len, &end, false);

	if (!cJSON_IsObject(object)) {
		cJSON_Delete(object);
		return NULL;
	}
	text->len -= (size_t)(end - text->at);
	text->at = end;
	return object;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_space(struct atr_str *text, size_t *line)
{
	for (; text->len && is_space(text->at[0]); text->at++, text->len--)
		*line += text->at[0] == '\n';
}

/* One object and nothing behind it. */
static bool read_only_object(struct reader *r, struct atr_str text)
{
	cJSON *request = parse_object(&text);
	size_t line = 0;
	bool whole;

	if (!request)
		return false;
	skip_space(&text, &line);
	whole = text.len == 0;
	if (whole)
		read_request(r, request);
	cJSON_Delete(request);
	return whole;
}

bool atr_otlp_read_json(struct atr_trace *trace, struct atr_str text,
			struct atr_otlp_result *result)
{
	struct reader r = { trace, result };
	struct atr_str copy = ended_copy(text);
	bool good = copy.at && read_only_object(&r, copy);

	free((void *)copy.at);
	return good;
}

static void skip_line(struct atr_str *text)
{
	while (text->len && text->at[0] != '\n')
		text->at++, text->len--;
}

static size_t read_json_file(struct reader *r, struct atr_str text, size_t *bad_line)
{
	size_t line = 1, nr_bad = 0;

	for (skip_space(&text, &line); text.len; skip_space(&text, &line)) {
		const char *from = text.at;
		cJSON *object = parse_object(&text);

		if (object) {
			read_request(r, object);
			cJSON_Delete(object);
			for (; from < text.at; from++)
				line += *from == '\n';
			continue;
		}
		if (!nr_bad++)
			*bad_line = line;
		skip_line(&text);
	}
	return nr_bad;
}

/*
 * A protobuf request starts with the tag of resource_spans, 0x0a, which is also
 * a line feed: so protobuf is tried first on such a file, and only when it is
 * whole is it taken for that.
 */
size_t atr_otlp_read_file(struct atr_trace *trace, struct atr_str bytes,
			  struct atr_otlp_result *result, size_t *bad_line)
{
	struct reader r = { trace, result };
	struct atr_str text;
	size_t nr_bad;

	if (bytes.len && bytes.at[0] == '\n' && atr_otlp_read_protobuf(trace, bytes, result))
		return 0;
	*bad_line = 1;
	text = ended_copy(bytes);
	nr_bad = text.at ? read_json_file(&r, text, bad_line) : 1;
	free((void *)text.at);
	return nr_bad;
}
