/* SPDX-License-Identifier: Apache-2.0 */
#include "export/attr.h"
#include "export/encode/encode.h"
#include "export/encode/json.h"
#include "export/print.h"
#include "export/version.h"

#include <arpa/inet.h>

/*
 * Zipkin's JSON, version 2, as OpenTelemetry maps spans to it: what has no place of its own
 * is a tag, and every tag is text. Times are microseconds.
 */

/* The text of a value, of whatever type it is. */
static const char *text_of(const struct atr_item *item, size_t limit)
{
	const char *bytes = atr_item_bytes(item);
	char text[ATR_PRINT_DOUBLE_MAX + 1];
	struct atr_print t = { text, 0, sizeof(text) - 1, false };
	int64_t word = 0;
	double real;

	if (item->type == ATR_TYPE_STR)
		return atr_json_text((struct atr_str){ bytes, item->len }, limit);
	memcpy(&word, bytes, 8);
	if (item->type == ATR_TYPE_BOOL)
		return word ? "true" : "false";
	if (item->type == ATR_TYPE_INT || item->type == ATR_TYPE_KEYED_INT) {
		atr_print_int(&t, word);
		return atr_json_text((struct atr_str){ text, t.len }, SIZE_MAX);
	}
	memcpy(&real, bytes, 8);
	if (real != real)
		return "NaN";
	if (real - real != 0)
		return real > 0 ? "Infinity" : "-Infinity";
	return atr_json_text((struct atr_str){ text, atr_print_double(real, text) }, SIZE_MAX);
}

/* The key of a list or a number that goes on in the item. */
static const char *whole_key(const struct atr_item *item, struct atr_str rest,
			     char key[static ATR_SPAN_MAX])
{
	struct atr_print t = { key, 0, ATR_SPAN_MAX - 1, false };

	atr_print(&t, atr_attr_name(item->id));
	atr_print(&t, rest);
	key[t.len] = 0;
	return key;
}

/* name.header: the values, as JSON has a list. */
static void put_list(cJSON *tags, const struct atr_item *item, size_t limit)
{
	struct atr_str text;
	struct atr_item_list list = atr_item_list(item);
	char key[ATR_SPAN_MAX];
	cJSON *values = cJSON_CreateArray();

	while (atr_item_list_next(&list, &text))
		cJSON_AddItemToArray(values, cJSON_CreateString(atr_json_text(text, limit)));
	cJSON_AddStringToObject(tags, whole_key(item, list.key, key),
				cJSON_PrintUnformatted(values));
}

static void put_tag_number(cJSON *tags, const char *key, uint32_t n)
{
	char text[16];
	struct atr_print t = { text, 0, sizeof(text) - 1, false };

	atr_print_uint(&t, n);
	text[t.len] = 0;
	if (n)
		cJSON_AddStringToObject(tags, key, text);
}

static uint32_t put_attributes(cJSON *tags, const struct atr_span *span,
			       const struct atr_options *limits)
{
	const struct atr_item *item = NULL;
	uint32_t nr = 0, dropped = span->dropped_attributes;
	char key[ATR_SPAN_MAX];

	while ((item = atr_span_next(span, item))) {
		if (item->part != ATR_OF_SPAN || item->type == ATR_TYPE_EVENT ||
		    item->id <= ATR_EVENT)
			continue;
		if (nr++ >= limits->attribute_count_limit)
			dropped++;
		else if (item->type == ATR_TYPE_LIST)
			put_list(tags, item, limits->attribute_value_length_limit);
		else
			cJSON_AddStringToObject(
				tags, whole_key(item, atr_item_key(item), key),
				text_of(item, limits->attribute_value_length_limit));
	}
	return dropped;
}

/* "name": {"key": "value"}; without attributes the name alone. */
static const char *annotation_of(const struct atr_span *span, const struct atr_item *item,
				 const struct atr_options *limits)
{
	const char *name = atr_json_text(
			   (struct atr_str){ atr_item_bytes(item) + 8, item->len - 8 }, SIZE_MAX),
		   *of;
	cJSON *attributes = cJSON_CreateObject(), *pair;
	uint32_t nr = 0;

	while ((item = atr_span_next(span, item)) && item->type != ATR_TYPE_EVENT)
		if (item->part == ATR_OF_EVENT && nr++ < limits->event_attribute_count_limit)
			cJSON_AddStringToObject(
				attributes, atr_json_text(atr_attr_name(item->id), SIZE_MAX),
				text_of(item, limits->attribute_value_length_limit));
	if (!nr)
		return name;
	pair = cJSON_CreateObject();
	cJSON_AddItemToObject(pair, name, attributes);
	of = cJSON_PrintUnformatted(pair);
	/* as it is, without the braces around it */
	return of && strlen(of) > 2 ?
		       atr_json_text((struct atr_str){ of + 1, strlen(of) - 2 }, SIZE_MAX) :
		       name;
}

static uint32_t put_events(cJSON *to, const struct atr_span *span, const struct atr_options *limits)
{
	const struct atr_item *item = NULL;
	cJSON *annotations = NULL, *one;
	uint32_t nr = 0, dropped = span->dropped_events;
	uint64_t time_ns;

	while ((item = atr_span_next(span, item))) {
		if (item->type != ATR_TYPE_EVENT)
			continue;
		if (nr++ >= limits->event_count_limit) {
			dropped++;
			continue;
		}
		if (!annotations)
			annotations = cJSON_AddArrayToObject(to, "annotations");
		one = cJSON_CreateObject();
		memcpy(&time_ns, atr_item_bytes(item), 8);
		atr_json_uint(one, "timestamp", time_ns / 1000);
		cJSON_AddStringToObject(one, "value", annotation_of(span, item, limits));
		cJSON_AddItemToArray(annotations, one);
	}
	return dropped;
}

static uint32_t nr_links(const struct atr_span *span)
{
	const struct atr_item *item = NULL;
	uint32_t nr = span->dropped_links;

	while ((item = atr_span_next(span, item)))
		nr += item->type == ATR_TYPE_LINK;
	return nr;
}

static struct atr_str text_at(const struct atr_span *span, uint16_t id)
{
	const struct atr_item *item = atr_span_find(span, id);

	if (!item || item->type != ATR_TYPE_STR)
		return (struct atr_str){ 0 };
	return (struct atr_str){ atr_item_bytes(item), item->len };
}

static void put_port(cJSON *to, const struct atr_span *span, uint16_t id)
{
	const struct atr_item *item = atr_span_find(span, id);
	int64_t port = 0;

	if (item && item->type == ATR_TYPE_INT)
		memcpy(&port, atr_item_bytes(item), 8);
	if (port > 0 && port < 65536)
		atr_json_uint(to, "port", (uint64_t)port);
}

static void put_address(cJSON *to, struct atr_str address)
{
	const char *text = atr_json_text(address, SIZE_MAX);
	struct in6_addr bytes;

	if (inet_pton(AF_INET, text, &bytes) == 1)
		cJSON_AddStringToObject(to, "ipv4", text);
	else if (inet_pton(AF_INET6, text, &bytes) == 1)
		cJSON_AddStringToObject(to, "ipv6", text);
}

/* Whom a client asked. */
static void put_remote(cJSON *to, const struct atr_span *span)
{
	struct atr_str server = text_at(span, ATR_SERVER_ADDRESS);
	struct atr_str peer = text_at(span, ATR_NETWORK_PEER_ADDRESS);
	cJSON *remote;

	if (span->kind != ATR_KIND_CLIENT || (!server.len && !peer.len))
		return;
	remote = cJSON_AddObjectToObject(to, "remoteEndpoint");
	if (server.len)
		cJSON_AddStringToObject(remote, "serviceName", atr_json_text(server, SIZE_MAX));
	put_address(remote, peer.len ? peer : server);
	put_port(remote, span, peer.len ? ATR_NETWORK_PEER_PORT : ATR_SERVER_PORT);
}

static struct atr_str resource(const struct atr_batch *batch, struct atr_str key)
{
	for (size_t i = 0; i < batch->nr_resource; i++)
		if (batch->resource[i].type == ATR_RESOURCE_TEXT &&
		    atr_str_equal(batch->resource[i].key, key))
			return batch->resource[i].value;
	return (struct atr_str){ 0 };
}

static void put_tags(cJSON *to, const struct atr_span *span, const struct atr_batch *batch)
{
	struct atr_str space = resource(batch, ATR_STR("service.namespace"));
	cJSON *tags = cJSON_AddObjectToObject(to, "tags");
	uint32_t dropped = put_attributes(tags, span, batch->limits);

	if (space.len)
		cJSON_AddStringToObject(tags, "service.namespace", atr_json_text(space, SIZE_MAX));
	if (span->status == ATR_STATUS_OK)
		cJSON_AddStringToObject(tags, "otel.status_code", "OK");
	if (span->status == ATR_STATUS_ERROR) {
		cJSON_AddStringToObject(tags, "otel.status_code", "ERROR");
		cJSON_AddStringToObject(tags, "error",
					atr_json_text(text_at(span, ATR_STATUS_MESSAGE), SIZE_MAX));
	}
	cJSON_AddStringToObject(tags, "otel.scope.name", "libautotrace");
	cJSON_AddStringToObject(tags, "otel.scope.version", ATR_VERSION);
	cJSON_AddStringToObject(tags, "otel.library.name", "libautotrace");
	cJSON_AddStringToObject(tags, "otel.library.version", ATR_VERSION);
	put_tag_number(tags, "otel.dropped_attributes_count", dropped);
	put_tag_number(tags, "otel.dropped_events_count", put_events(to, span, batch->limits));
	put_tag_number(tags, "otel.dropped_links_count", nr_links(span)); /* it has none */
}

static cJSON *span_of(const struct atr_span *span, const struct atr_batch *batch)
{
	static const uint8_t none[ATR_SPAN_ID_LEN];
	struct atr_str service = resource(batch, ATR_STR("service.name"));
	uint64_t us = (span->end_ns - span->start_ns + 500) / 1000;
	cJSON *to = cJSON_CreateObject();

	atr_json_id(to, "traceId", span->trace_id, sizeof(span->trace_id));
	atr_json_id(to, "id", span->span_id, sizeof(span->span_id));
	if (memcmp(span->parent_id, none, sizeof(none)) != 0)
		atr_json_id(to, "parentId", span->parent_id, sizeof(span->parent_id));
	cJSON_AddStringToObject(to, "name", atr_json_text(text_at(span, ATR_NAME), SIZE_MAX));
	if (span->kind == ATR_KIND_CLIENT || span->kind == ATR_KIND_SERVER)
		cJSON_AddStringToObject(to, "kind",
					span->kind == ATR_KIND_CLIENT ? "CLIENT" : "SERVER");
	atr_json_uint(to, "timestamp", span->start_ns / 1000);
	atr_json_uint(to, "duration", us ? us : 1);
	if (service.len)
		cJSON_AddStringToObject(cJSON_AddObjectToObject(to, "localEndpoint"), "serviceName",
					atr_json_text(service, SIZE_MAX));
	put_remote(to, span);
	put_tags(to, span, batch);
	return to;
}

static bool encode(const struct atr_batch *batch, struct atr_buf *out)
{
	atr_buf_put(out, "[", 1);
	for (size_t i = 0; i < batch->nr_spans; i++) {
		if (i)
			atr_buf_put(out, ",", 1);
		atr_json_put(out, span_of(batch->spans[i], batch));
	}
	atr_buf_put(out, "]", 1);
	return !out->failed;
}

/* It is 202, and nothing more. */
static void response(struct atr_str body, uint64_t *rejected, struct atr_str *message)
{
	(void)body, (void)rejected, (void)message;
}

const struct atr_encoder atr_encoder_zipkin = {
	"zipkin", "application/json", 0, encode, response,
};
