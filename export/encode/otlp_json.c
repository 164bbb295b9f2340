/* SPDX-License-Identifier: Apache-2.0 */
#include "export/attr.h"
#include "export/encode/arena.h"
#include "export/encode/encode.h"
#include "export/encode/json.h"
#include "export/encode/message.h"
#include "export/print.h"
#include "export/version.h"

/*
 * OTLP's JSON: ids in hex, 64-bit numbers as decimal strings, enums as numbers. Numbers
 * are printed here: cJSON prints them by stdio, in the program's locale.
 */

/* A 64-bit number: a string. */
static void put_number(cJSON *to, const char *key, int64_t value)
{
	char text[24];
	struct atr_print t = { text, 0, sizeof(text) - 1, false };

	atr_print_int(&t, value);
	text[t.len] = 0;
	cJSON_AddStringToObject(to, key, text);
}

/* What JSON has no number for is a word, as in protobuf's mapping to JSON. */
static void put_double(cJSON *to, const char *key, double value)
{
	char text[ATR_PRINT_DOUBLE_MAX + 1];

	if (value != value) {
		cJSON_AddStringToObject(to, key, "NaN");
	} else if (value - value != 0) {
		cJSON_AddStringToObject(to, key, value > 0 ? "Infinity" : "-Infinity");
	} else {
		text[atr_print_double(value, text)] = 0;
		cJSON_AddRawToObject(to, key, text);
	}
}

/* {"key": ..., "value": {...}} appended to an array; returns the value to be filled. */
static cJSON *add_pair(cJSON *array, struct atr_str key)
{
	cJSON *pair = cJSON_CreateObject();

	cJSON_AddStringToObject(pair, "key", atr_json_text(key, SIZE_MAX));
	cJSON_AddItemToArray(array, pair);
	return cJSON_AddObjectToObject(pair, "value");
}

/* The key of a list or a number that goes on in the item. */
static struct atr_str whole_key(const struct atr_item *item, struct atr_str rest,
				char key[static 512])
{
	struct atr_str prefix = atr_attr_name(item->id);

	if (rest.len > 512 - prefix.len)
		rest.len = 512 - prefix.len;
	memcpy(key, prefix.at, prefix.len);
	memcpy(key + prefix.len, rest.at, rest.len);
	return (struct atr_str){ key, prefix.len + rest.len };
}

/* {"arrayValue": {"values": [{"stringValue": ...}]}}; the key goes on in the item. */
static void put_list(cJSON *array, const struct atr_item *item, size_t limit)
{
	struct atr_str text;
	struct atr_item_list list = atr_item_list(item);
	char key[512];
	cJSON *values, *one;

	values = add_pair(array, whole_key(item, list.key, key));
	values = cJSON_AddArrayToObject(cJSON_AddObjectToObject(values, "arrayValue"), "values");
	while (atr_item_list_next(&list, &text)) {
		one = cJSON_CreateObject();
		cJSON_AddStringToObject(one, "stringValue", atr_json_text(text, limit));
		cJSON_AddItemToArray(values, one);
	}
}

static void put_attribute(cJSON *array, const struct atr_item *item, size_t limit)
{
	const char *bytes = atr_item_bytes(item);
	char key[512];
	int64_t word = 0;
	double real;
	cJSON *value;

	if (item->type == ATR_TYPE_LIST) {
		put_list(array, item, limit);
		return;
	}
	value = add_pair(array, whole_key(item, atr_item_key(item), key));
	if (item->type != ATR_TYPE_STR)
		memcpy(&word, bytes, 8);
	switch (item->type) {
	case ATR_TYPE_INT:
	case ATR_TYPE_KEYED_INT:
		put_number(value, "intValue", word);
		break;
	case ATR_TYPE_BOOL:
		cJSON_AddBoolToObject(value, "boolValue", word != 0);
		break;
	case ATR_TYPE_DOUBLE:
	case ATR_TYPE_KEYED_DOUBLE:
		memcpy(&real, bytes, 8);
		put_double(value, "doubleValue", real);
		break;
	default:
		cJSON_AddStringToObject(value, "stringValue",
					atr_json_text((struct atr_str){ bytes, item->len }, limit));
	}
}

static uint32_t put_items(cJSON *to, const struct atr_span *span, const struct atr_options *limits)
{
	const struct atr_item *item = NULL;
	cJSON *attributes = cJSON_CreateArray();
	uint32_t nr = 0, dropped = span->dropped_attributes;

	while ((item = atr_span_next(span, item))) {
		struct atr_str text = { atr_item_bytes(item), item->len };

		if (item->part != ATR_OF_SPAN || item->type == ATR_TYPE_EVENT)
			continue;
		if (item->id == ATR_NAME)
			cJSON_AddStringToObject(to, "name", atr_json_text(text, SIZE_MAX));
		else if (item->id == ATR_TRACESTATE)
			cJSON_AddStringToObject(to, "traceState", atr_json_text(text, SIZE_MAX));
		else if (item->id > ATR_EVENT && nr++ < limits->attribute_count_limit)
			put_attribute(attributes, item, limits->attribute_value_length_limit);
		else if (item->id > ATR_EVENT)
			dropped++;
	}
	cJSON_AddItemToObject(to, "attributes", attributes);
	return dropped;
}

/* An event from its item on, with its attributes up to the limit. */
static cJSON *event_of(const struct atr_span *span, const struct atr_item *item,
		       const struct atr_options *limits)
{
	cJSON *event = cJSON_CreateObject(), *attributes;
	uint32_t nr = 0, dropped = 0;
	uint64_t time_ns;

	memcpy(&time_ns, atr_item_bytes(item), 8);
	put_number(event, "timeUnixNano", (int64_t)time_ns);
	cJSON_AddStringToObject(
		event, "name",
		atr_json_text((struct atr_str){ atr_item_bytes(item) + 8, item->len - 8 },
			      SIZE_MAX));
	attributes = cJSON_AddArrayToObject(event, "attributes");
	while ((item = atr_span_next(span, item)) && item->type != ATR_TYPE_EVENT) {
		if (item->part != ATR_OF_EVENT)
			continue;
		if (nr++ < limits->event_attribute_count_limit)
			put_attribute(attributes, item, limits->attribute_value_length_limit);
		else
			dropped++;
	}
	if (dropped)
		atr_json_uint(event, "droppedAttributesCount", dropped);
	return event;
}

static uint32_t put_events(cJSON *to, const struct atr_span *span, const struct atr_options *limits)
{
	const struct atr_item *item = NULL;
	cJSON *events = NULL;
	uint32_t nr = 0, dropped = span->dropped_events;

	while ((item = atr_span_next(span, item))) {
		if (item->type != ATR_TYPE_EVENT)
			continue;
		if (nr++ >= limits->event_count_limit) {
			dropped++;
			continue;
		}
		if (!events)
			events = cJSON_AddArrayToObject(to, "events");
		cJSON_AddItemToArray(events, event_of(span, item, limits));
	}
	return dropped;
}

static cJSON *link_of(const struct atr_span *span, const struct atr_item *item,
		      const struct atr_options *limits)
{
	const uint8_t *bytes = (const uint8_t *)atr_item_bytes(item);
	cJSON *link = cJSON_CreateObject(), *attributes;
	uint32_t nr = 0, dropped = 0;

	atr_json_id(link, "traceId", bytes, ATR_TRACE_ID_LEN);
	atr_json_id(link, "spanId", bytes + ATR_TRACE_ID_LEN, ATR_SPAN_ID_LEN);
	atr_json_uint(link, "flags", bytes[ATR_TRACE_ID_LEN + ATR_SPAN_ID_LEN] | 0x300u);
	attributes = cJSON_AddArrayToObject(link, "attributes");
	while ((item = atr_span_next(span, item)) && item->part == ATR_OF_LINK) {
		if (nr++ < limits->link_attribute_count_limit)
			put_attribute(attributes, item, limits->attribute_value_length_limit);
		else
			dropped++;
	}
	if (dropped)
		atr_json_uint(link, "droppedAttributesCount", dropped);
	return link;
}

static uint32_t put_links(cJSON *to, const struct atr_span *span, const struct atr_options *limits)
{
	const struct atr_item *item = NULL;
	cJSON *links = NULL;
	uint32_t nr = 0, dropped = span->dropped_links;

	while ((item = atr_span_next(span, item))) {
		if (item->type != ATR_TYPE_LINK)
			continue;
		if (nr++ >= limits->link_count_limit) {
			dropped++;
			continue;
		}
		if (!links)
			links = cJSON_AddArrayToObject(to, "links");
		cJSON_AddItemToArray(links, link_of(span, item, limits));
	}
	return dropped;
}

static void put_status(cJSON *to, const struct atr_span *span)
{
	const struct atr_item *message = atr_span_find(span, ATR_STATUS_MESSAGE);
	cJSON *status = cJSON_AddObjectToObject(to, "status");

	if (span->status == ATR_STATUS_UNSET)
		return;
	if (message)
		cJSON_AddStringToObject(
			status, "message",
			atr_json_text((struct atr_str){ atr_item_bytes(message), message->len },
				      SIZE_MAX));
	atr_json_uint(status, "code", span->status);
}

static cJSON *span_of(const struct atr_span *span, const struct atr_options *limits)
{
	static const uint8_t none[ATR_SPAN_ID_LEN];
	cJSON *to = cJSON_CreateObject();
	uint32_t dropped;

	atr_json_id(to, "traceId", span->trace_id, sizeof(span->trace_id));
	atr_json_id(to, "spanId", span->span_id, sizeof(span->span_id));
	if (memcmp(span->parent_id, none, sizeof(none)) != 0)
		atr_json_id(to, "parentSpanId", span->parent_id, sizeof(span->parent_id));
	atr_json_uint(to, "flags", span->flags | 0x100u | (span->parent_remote ? 0x200u : 0));
	atr_json_uint(to, "kind", span->kind);
	put_number(to, "startTimeUnixNano", (int64_t)span->start_ns);
	put_number(to, "endTimeUnixNano", (int64_t)span->end_ns);
	dropped = put_items(to, span, limits);
	if (dropped)
		atr_json_uint(to, "droppedAttributesCount", dropped);
	dropped = put_events(to, span, limits);
	if (dropped)
		atr_json_uint(to, "droppedEventsCount", dropped);
	dropped = put_links(to, span, limits);
	if (dropped)
		atr_json_uint(to, "droppedLinksCount", dropped);
	put_status(to, span);
	return to;
}

static void put_text(struct atr_buf *out, const char *text)
{
	atr_buf_put(out, text, strlen(text));
}

/* What is always the same is written as it is; the spans one by one. */
static bool encode(const struct atr_batch *batch, struct atr_buf *out)
{
	struct atr_str schema = atr_resource_schema();
	struct atr_message m;

	put_text(out, "{\"resourceSpans\":[{");
	m = (struct atr_message){ .out = out, .is_json = true, .is_first = true };
	atr_message_resource(&m, batch->resource, batch->nr_resource);
	put_text(out,
		 ",\"scopeSpans\":[{\"scope\":{\"name\":\"libautotrace\",\"version\":\"" ATR_VERSION
		 "\"},\"spans\":[");
	for (size_t i = 0; i < batch->nr_spans; i++) {
		if (i)
			put_text(out, ",");
		atr_json_put(out, span_of(batch->spans[i], batch->limits));
	}
	put_text(out, "],\"schemaUrl\":\"" ATR_SCHEMA_URL "\"}]");
	if (schema.len) {
		put_text(out, ",\"schemaUrl\":\"");
		atr_buf_put(out, schema.at, schema.len); /* it has no character that JSON escapes */
		put_text(out, "\"");
	}
	put_text(out, "}]}");
	return !out->failed;
}

/* cJSON goes down into what is nested by calling itself, and our thread's stack is small. */
static bool is_flat(struct atr_str body)
{
	unsigned depth = 0;

	for (size_t i = 0; i < body.len; i++) {
		if (body.at[i] == '{' || body.at[i] == '[')
			depth++;
		else if ((body.at[i] == '}' || body.at[i] == ']') && depth)
			depth--;
		if (depth > 32)
			return false;
	}
	return true;
}

#define MANY 1000000000 /* more spans than any batch has */

/* {"partialSuccess": {"rejectedSpans": "1", "errorMessage": "..."}} */
static void response(struct atr_str body, uint64_t *rejected, struct atr_str *message)
{
	static char kept[256];
	cJSON *all = is_flat(body) ?
			     cJSON_Parse(body.at) :
			     NULL; /* ended by a NUL: with a length it reads a byte too many */
	const cJSON *part = cJSON_GetObjectItemCaseSensitive(all, "partialSuccess");
	const cJSON *number = cJSON_GetObjectItemCaseSensitive(part, "rejectedSpans");
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(part, "errorMessage");

	if (cJSON_IsNumber(number) && number->valuedouble > 0)
		*rejected = number->valuedouble < MANY ? (uint64_t)number->valuedouble : MANY;
	for (const char *c = cJSON_IsString(number) ? number->valuestring : "";
	     *c >= '0' && *c <= '9' && *rejected < MANY; c++)
		*rejected = *rejected * 10 + (uint64_t)(*c - '0');
	if (cJSON_IsString(text)) {
		size_t len = strnlen(text->valuestring, sizeof(kept));

		memcpy(kept, text->valuestring, len);
		*message = (struct atr_str){ kept, len };
	}
	atr_arena_empty();
}

const struct atr_encoder atr_encoder_otlp_json = {
	"otlp/json", "application/json", 0, encode, response,
};
