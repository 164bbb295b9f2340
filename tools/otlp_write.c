/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/otlp_write.h"
#include "tools/text.h"

#include <cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/*
 * cJSON takes NULs for ends and bytes for UTF-8. Whatever fails for want of
 * memory gives NULL, which cJSON passes on; the line is then not written.
 */
static cJSON *text_of(struct atr_str text)
{
	char *clean = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&clean, &len);
	cJSON *item = NULL;

	if (!out)
		return NULL;
	while (text.len)
		atr_text_put(out, atr_text_next(&text));
	if (fclose(out) == 0)
		item = cJSON_CreateString(clean);
	free(clean);
	return item;
}

static void put_text(cJSON *object, const char *name, struct atr_str text)
{
	if (text.len)
		cJSON_AddItemToObject(object, name, text_of(text));
}

static void put_u64(cJSON *object, const char *name, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, value);
	cJSON_AddStringToObject(object, name, digits);
}

static void put_u32(cJSON *object, const char *name, uint32_t value)
{
	if (value)
		cJSON_AddNumberToObject(object, name, value);
}

static void put_id(cJSON *object, const char *name, const uint8_t *id, size_t len)
{
	char hex[2 * ATR_TRACE_ID_LEN + 1];
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++) {
		snprintf(hex + 2 * i, 3, "%02x", id[i]);
		any |= id[i];
	}
	if (any)
		cJSON_AddStringToObject(object, name, hex);
}

static cJSON *base64_of(struct atr_str bytes)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = malloc((bytes.len + 2) / 3 * 4 + 1), *at = text;
	cJSON *item;

	if (!text)
		return NULL;
	for (size_t i = 0; i < bytes.len; i += 3) {
		unsigned held = 0, nr = bytes.len - i < 3 ? (unsigned)(bytes.len - i) : 3;

		for (unsigned k = 0; k < 3; k++)
			held = held << 8 | (k < nr ? (unsigned char)bytes.at[i + k] : 0u);
		for (unsigned k = 0; k < 4; k++)
			*at++ = k <= nr ? alphabet[held >> (18 - 6 * k) & 63] : '=';
	}
	*at = '\0';
	item = cJSON_CreateString(text);
	free(text);
	return item;
}

static cJSON *double_of(double value)
{
	if (isnan(value))
		return cJSON_CreateString("NaN");
	if (isinf(value))
		return cJSON_CreateString(value > 0 ? "Infinity" : "-Infinity");
	return cJSON_CreateNumber(value);
}

static cJSON *attributes_of(const struct atr_field_list *list);
static cJSON *value_of(const struct atr_value *value);

static cJSON *array_of(const struct atr_field_list *list)
{
	cJSON *values = cJSON_CreateArray();

	for (const struct atr_field *f = list->first; f; f = f->next)
		cJSON_AddItemToArray(values, value_of(&f->value));
	return values;
}

static cJSON *value_of(const struct atr_value *value)
{
	cJSON *any = cJSON_CreateObject();

	switch (value->type) {
	case ATR_VALUE_STR:
		cJSON_AddItemToObject(any, "stringValue", text_of(value->str));
		break;
	case ATR_VALUE_BOOL:
		cJSON_AddBoolToObject(any, "boolValue", value->truth);
		break;
	case ATR_VALUE_INT: {
		char digits[24];

		snprintf(digits, sizeof(digits), "%" PRId64, value->integer);
		cJSON_AddStringToObject(any, "intValue", digits);
		break;
	}
	case ATR_VALUE_DOUBLE:
		cJSON_AddItemToObject(any, "doubleValue", double_of(value->real));
		break;
	case ATR_VALUE_ARRAY:
		cJSON_AddItemToObject(cJSON_AddObjectToObject(any, "arrayValue"), "values",
				      array_of(&value->list));
		break;
	case ATR_VALUE_MAP:
		cJSON_AddItemToObject(cJSON_AddObjectToObject(any, "kvlistValue"), "values",
				      attributes_of(&value->list));
		break;
	case ATR_VALUE_BYTES:
		cJSON_AddItemToObject(any, "bytesValue", base64_of(value->str));
		break;
	case ATR_VALUE_NONE:
		break;
	}
	return any;
}

static cJSON *attributes_of(const struct atr_field_list *list)
{
	cJSON *array = cJSON_CreateArray();

	for (const struct atr_field *f = list->first; f; f = f->next) {
		cJSON *pair = cJSON_CreateObject();

		cJSON_AddItemToObject(pair, "key", text_of(f->key));
		cJSON_AddItemToObject(pair, "value", value_of(&f->value));
		cJSON_AddItemToArray(array, pair);
	}
	return array;
}

static void put_attributes(cJSON *object, const struct atr_field_list *list, uint32_t dropped)
{
	if (list->first)
		cJSON_AddItemToObject(object, "attributes", attributes_of(list));
	put_u32(object, "droppedAttributesCount", dropped);
}

static void put_events(cJSON *object, const struct atr_node *node)
{
	cJSON *array = node->events ? cJSON_AddArrayToObject(object, "events") : NULL;

	for (const struct atr_event *e = node->events; e; e = e->next) {
		cJSON *event = cJSON_CreateObject();

		put_u64(event, "timeUnixNano", e->time_ns);
		put_text(event, "name", e->name);
		put_attributes(event, &e->attributes, e->dropped_attributes);
		cJSON_AddItemToArray(array, event);
	}
	put_u32(object, "droppedEventsCount", node->dropped_events);
}

static void put_links(cJSON *object, const struct atr_node *node)
{
	cJSON *array = node->links ? cJSON_AddArrayToObject(object, "links") : NULL;

	for (const struct atr_link *l = node->links; l; l = l->next) {
		cJSON *link = cJSON_CreateObject();

		put_id(link, "traceId", l->trace_id, sizeof(l->trace_id));
		put_id(link, "spanId", l->span_id, sizeof(l->span_id));
		put_text(link, "traceState", l->tracestate);
		put_attributes(link, &l->attributes, l->dropped_attributes);
		put_u32(link, "flags", l->flags);
		cJSON_AddItemToArray(array, link);
	}
	put_u32(object, "droppedLinksCount", node->dropped_links);
}

static cJSON *span_of(const struct atr_node *node)
{
	cJSON *span = cJSON_CreateObject(), *status;

	put_id(span, "traceId", node->trace_id, sizeof(node->trace_id));
	put_id(span, "spanId", node->span_id, sizeof(node->span_id));
	put_text(span, "traceState", node->tracestate);
	put_id(span, "parentSpanId", node->parent_id, sizeof(node->parent_id));
	put_u32(span, "flags", node->flags);
	put_text(span, "name", node->name);
	put_u32(span, "kind", node->kind);
	put_u64(span, "startTimeUnixNano", node->start_ns);
	put_u64(span, "endTimeUnixNano", node->end_ns);
	put_attributes(span, &node->attributes, node->dropped_attributes);
	put_events(span, node);
	put_links(span, node);
	status = cJSON_AddObjectToObject(span, "status");
	put_u32(status, "code", node->status);
	put_text(status, "message", node->status_message);
	return span;
}

static cJSON *resource_of(const struct atr_resource *resource)
{
	cJSON *object = cJSON_CreateObject();

	put_attributes(object, &resource->attributes, resource->dropped_attributes);
	return object;
}

static cJSON *scope_of(const struct atr_scope *scope)
{
	cJSON *object = cJSON_CreateObject();

	put_text(object, "name", scope->name);
	put_text(object, "version", scope->version);
	put_attributes(object, &scope->attributes, scope->dropped_attributes);
	return object;
}

/* A TracesData of the nodes from *i on that share a resource; *i goes behind them. */
static cJSON *traces_data_of(const struct atr_trace *trace, size_t *i)
{
	const struct atr_resource *resource = trace->nodes[*i]->resource;
	const struct atr_scope *scope = NULL;
	cJSON *data = cJSON_CreateObject(), *of_resource = cJSON_CreateObject();
	cJSON *scopes, *spans = NULL;

	cJSON_AddItemToArray(cJSON_AddArrayToObject(data, "resourceSpans"), of_resource);
	cJSON_AddItemToObject(of_resource, "resource", resource_of(resource));
	scopes = cJSON_AddArrayToObject(of_resource, "scopeSpans");
	put_text(of_resource, "schemaUrl", resource->schema_url);
	for (; *i < trace->nr_nodes && trace->nodes[*i]->resource == resource; ++*i) {
		const struct atr_node *node = trace->nodes[*i];

		if (node->scope != scope) {
			cJSON *of_scope = cJSON_CreateObject();

			scope = node->scope;
			cJSON_AddItemToArray(scopes, of_scope);
			cJSON_AddItemToObject(of_scope, "scope", scope_of(scope));
			put_text(of_scope, "schemaUrl", scope->schema_url);
			spans = cJSON_AddArrayToObject(of_scope, "spans");
		}
		cJSON_AddItemToArray(spans, span_of(node));
	}
	return data;
}

bool atr_otlp_write_json(const struct atr_trace *trace, FILE *out)
{
	for (size_t i = 0; i < trace->nr_nodes;) {
		cJSON *data = traces_data_of(trace, &i);
		char *line = cJSON_PrintUnformatted(data);
		bool written = line && fprintf(out, "%s\n", line) >= 0;

		cJSON_free(line);
		cJSON_Delete(data);
		if (!line)
			errno = ENOMEM;
		if (!written)
			return false;
	}
	return fflush(out) == 0;
}
