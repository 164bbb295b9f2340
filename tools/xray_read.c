/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/xray_read.h"
#include "tools/decode.h"

#include <cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	KIND_INTERNAL = 1,
	KIND_SERVER = 2,
	KIND_CLIENT = 3,
	STATUS_ERROR = 2,
	DEPTH_MAX = 64, /* of values; deeper ones are left out */
};

/* Of a segment in progress, so that a later one of its ids is known to replace it. */
#define IN_PROGRESS "aws.xray.in_progress"

struct reader {
	struct atr_trace *trace;
	struct atr_xray_result *result;
	struct atr_resource *resource;
	struct atr_scope *scope;
};

static const cJSON *member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static struct atr_str text_of(const cJSON *object, const char *name)
{
	const cJSON *item = member(object, name);

	return cJSON_IsString(item) ? atr_str(item->valuestring) : (struct atr_str){ NULL, 0 };
}

/* "1-<8 hex>-<24 hex>", or the 32 digits alone. */
static bool read_trace_id(struct atr_str text, uint8_t out[static ATR_TRACE_ID_LEN])
{
	char digits[2 * ATR_TRACE_ID_LEN];

	if (text.len != 35 || memcmp(text.at, "1-", 2) != 0 || text.at[10] != '-')
		return atr_decode_hex(text, out, ATR_TRACE_ID_LEN);
	memcpy(digits, text.at + 2, 8);
	memcpy(digits + 8, text.at + 11, 24);
	return atr_decode_hex((struct atr_str){ digits, sizeof(digits) }, out, ATR_TRACE_ID_LEN);
}

/* Seconds since 1970 with a fraction, in which a double has room for microseconds; 0: none. */
static uint64_t read_time(const cJSON *object, const char *name)
{
	const cJSON *item = member(object, name);
	double whole, fraction;

	if (!cJSON_IsNumber(item) || !(item->valuedouble > 0) || item->valuedouble > 1e10)
		return 0;
	fraction = modf(item->valuedouble, &whole);
	return (uint64_t)whole * 1000000000u + (uint64_t)(fraction * 1e6 + 0.5) * 1000u;
}

static struct atr_value *add_value(struct reader *r, struct atr_field_list *list,
				   struct atr_str key)
{
	struct atr_field *field = atr_trace_add_field(r->trace, list);

	field->key = atr_trace_copy(r->trace, key);
	return &field->value;
}

static void put_text(struct reader *r, struct atr_field_list *list, const char *key,
		     struct atr_str text)
{
	struct atr_value *value;

	if (!text.at)
		return;
	value = add_value(r, list, atr_str(key));
	value->type = ATR_VALUE_STR;
	value->str = atr_trace_copy(r->trace, text);
}

static void fill_number(struct atr_value *value, double number)
{
	bool is_whole = number == floor(number) && fabs(number) < 0x1p53;

	value->type = is_whole ? ATR_VALUE_INT : ATR_VALUE_DOUBLE;
	if (is_whole)
		value->integer = (int64_t)number;
	else
		value->real = number;
}

static void fill_value(struct reader *r, const cJSON *item, struct atr_value *value, unsigned depth)
{
	const cJSON *inner;

	if (depth > DEPTH_MAX)
		return;
	if (cJSON_IsString(item)) {
		value->type = ATR_VALUE_STR;
		value->str = atr_trace_copy(r->trace, atr_str(item->valuestring));
	} else if (cJSON_IsBool(item)) {
		value->type = ATR_VALUE_BOOL;
		value->truth = cJSON_IsTrue(item);
	} else if (cJSON_IsNumber(item)) {
		fill_number(value, item->valuedouble);
	} else if (cJSON_IsArray(item) || cJSON_IsObject(item)) {
		value->type = cJSON_IsArray(item) ? ATR_VALUE_ARRAY : ATR_VALUE_MAP;
		cJSON_ArrayForEach(inner, item) fill_value(
			r, inner, add_value(r, &value->list, atr_str(inner->string)), depth + 1);
	}
}

/* A member under another name, when it is a string, a number or a truth. */
static void put_member(struct reader *r, struct atr_field_list *list, const char *key,
		       const cJSON *object, const char *name)
{
	const cJSON *item = member(object, name);

	if (cJSON_IsString(item) || cJSON_IsNumber(item) || cJSON_IsBool(item))
		fill_value(r, item, add_value(r, list, atr_str(key)), 0);
}

static bool is_among(const char *name, const char *const *names)
{
	for (; *names; names++) {
		if (strcmp(name, *names) == 0)
			return true;
	}
	return false;
}

/* Every member, "prefix" before its name, but those that `except` lists. */
static void put_members(struct reader *r, struct atr_field_list *list, const char *prefix,
			const cJSON *object, const char *const *except)
{
	const cJSON *item;
	char key[256];

	if (!cJSON_IsObject(object))
		return;
	cJSON_ArrayForEach(item, object)
	{
		if (is_among(item->string, except))
			continue;
		snprintf(key, sizeof(key), "%s%s", prefix, item->string);
		fill_value(r, item, add_value(r, list, atr_str(key)), 0);
	}
}

static void read_http(struct reader *r, const cJSON *http, struct atr_node *node)
{
	static const struct {
		const char *part, *name, *key;
	} known[] = {
		{ "request", "method", "http.request.method" },
		{ "request", "url", "url.full" },
		{ "request", "user_agent", "user_agent.original" },
		{ "request", "client_ip", "client.address" },
		{ "response", "status", "http.response.status_code" },
		{ "response", "content_length", "http.response.body.size" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		put_member(r, &node->attributes, known[i].key, member(http, known[i].part),
			   known[i].name);
}

static void read_sql(struct reader *r, const cJSON *sql, struct atr_node *node)
{
	static const char *const renamed[] = { "sanitized_query", "database_type", NULL };

	put_member(r, &node->attributes, "db.query.text", sql, "sanitized_query");
	put_member(r, &node->attributes, "db.system.name", sql, "database_type");
	put_members(r, &node->attributes, "sql.", sql, renamed);
}

/* The namespace `default` is where exporters put attributes: theirs go without a prefix. */
static void read_metadata(struct reader *r, const cJSON *metadata, struct atr_node *node)
{
	static const char *const none[] = { NULL };
	const cJSON *space;
	char prefix[256];

	if (!cJSON_IsObject(metadata))
		return;
	cJSON_ArrayForEach(space, metadata)
	{
		bool is_default = strcmp(space->string, "default") == 0;

		snprintf(prefix, sizeof(prefix), "metadata.%s.", space->string);
		put_members(r, &node->attributes, is_default ? "" : prefix, space, none);
	}
}

/* The frames as lines, in memory of the trace. */
static struct atr_str read_stack(struct reader *r, const cJSON *stack)
{
	struct atr_str out = { NULL, 0 };
	const cJSON *frame;
	size_t len = 0;
	char *text = NULL;
	FILE *lines = open_memstream(&text, &len);

	if (!lines)
		return out;
	cJSON_ArrayForEach(frame, stack)
	{
		const cJSON *line = member(frame, "line");
		struct atr_str label = text_of(frame, "label"), path = text_of(frame, "path");

		fprintf(lines, "%.*s (%.*s:%.0f)\n", (int)label.len, label.len ? label.at : "",
			(int)path.len, path.len ? path.at : "",
			cJSON_IsNumber(line) ? line->valuedouble : 0.0);
	}
	if (fclose(lines) == 0 && len)
		out = atr_trace_copy(r->trace, (struct atr_str){ text, len });
	free(text);
	return out;
}

static void read_exceptions(struct reader *r, const cJSON *exceptions, struct atr_node *node)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, exceptions)
	{
		struct atr_event *event = atr_trace_add_event(r->trace, node);

		event->name = ATR_STR("exception");
		event->time_ns = node->end_ns;
		put_text(r, &event->attributes, "exception.type", text_of(item, "type"));
		put_text(r, &event->attributes, "exception.message", text_of(item, "message"));
		put_text(r, &event->attributes, "exception.stacktrace",
			 read_stack(r, member(item, "stack")));
	}
}

/* error (4xx), throttle (429, beside error) and fault (5xx, exception) in one: the span's status. */
static void read_outcome(struct reader *r, const cJSON *object, struct atr_node *node)
{
	const cJSON *exceptions = member(member(object, "cause"), "exceptions");
	bool is_fault = cJSON_IsTrue(member(object, "fault"));
	bool is_throttle = cJSON_IsTrue(member(object, "throttle"));
	struct atr_str type = text_of(cJSON_GetArrayItem(exceptions, 0), "type");

	read_exceptions(r, exceptions, node);
	if (!is_fault && !is_throttle && !cJSON_IsTrue(member(object, "error")))
		return;
	node->status = STATUS_ERROR;
	/* the sender's own word for it, if it has come as an attribute, says more than ours */
	if (atr_fields_find(&node->attributes, "error.type"))
		return;
	put_text(r, &node->attributes, "error.type",
		 type.len ? type :
			    atr_str(is_fault	? "fault" :
				    is_throttle ? "throttle" :
						  "error"));
}

static void read_links(struct reader *r, const cJSON *links, struct atr_node *node)
{
	static const char *const none[] = { NULL };
	const cJSON *item;

	cJSON_ArrayForEach(item, links)
	{
		struct atr_link *link = atr_trace_add_link(r->trace, node);

		read_trace_id(text_of(item, "trace_id"), link->trace_id);
		atr_decode_hex(text_of(item, "id"), link->span_id, ATR_SPAN_ID_LEN);
		put_members(r, &link->attributes, "", member(item, "attributes"), none);
	}
}

static void read_attributes(struct reader *r, const cJSON *object, struct atr_node *node)
{
	static const char *const none[] = { NULL }, *const aws_known[] = { "xray", NULL };

	read_http(r, member(object, "http"), node);
	put_members(r, &node->attributes, "aws.", member(object, "aws"), aws_known);
	read_sql(r, member(object, "sql"), node);
	put_members(r, &node->attributes, "", member(object, "annotations"), none);
	read_metadata(r, member(object, "metadata"), node);
	put_text(r, &node->attributes, "enduser.id", text_of(object, "user"));
	put_text(r, &node->attributes, "aws.xray.origin", text_of(object, "origin"));
}

/* Where an earlier node of the same ids stands; nr_nodes: nowhere. */
static size_t find_earlier(const struct atr_trace *trace, const struct atr_node *node)
{
	for (size_t i = 0; i + 1 < trace->nr_nodes; i++) {
		const struct atr_node *n = trace->nodes[i];

		if (memcmp(n->span_id, node->span_id, sizeof(n->span_id)) == 0 &&
		    memcmp(n->trace_id, node->trace_id, sizeof(n->trace_id)) == 0)
			return i;
	}
	return trace->nr_nodes;
}

static bool is_in_progress(const struct atr_node *node)
{
	return atr_fields_find(&node->attributes, IN_PROGRESS) != NULL;
}

/* The last node of the trace against one of its ids before it: one of them goes. */
static void settle_progress(struct atr_trace *trace, struct atr_node *node)
{
	size_t at = find_earlier(trace, node);

	if (at == trace->nr_nodes)
		return;
	if (is_in_progress(trace->nodes[at])) {
		trace->nodes[at] = node;
		trace->nr_nodes--;
	} else if (is_in_progress(node)) {
		trace->nr_nodes--;
	}
}

static uint8_t kind_of(const cJSON *object, bool is_segment)
{
	if (is_segment)
		return KIND_SERVER;
	return cJSON_IsString(member(object, "namespace")) ? KIND_CLIENT : KIND_INTERNAL;
}

static void read_progress(struct reader *r, const cJSON *object, struct atr_node *node)
{
	struct atr_value *value;

	if (!cJSON_IsTrue(member(object, "in_progress")))
		return;
	node->end_ns = node->start_ns;
	value = add_value(r, &node->attributes, ATR_STR(IN_PROGRESS));
	value->type = ATR_VALUE_BOOL;
	value->truth = true;
}

static void read_segment(struct reader *r, const cJSON *object, const struct atr_node *parent);

/* cJSON refuses what is nested a thousand deep, which bounds this recursion too. */
static void read_subsegments(struct reader *r, const cJSON *object, const struct atr_node *node)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, member(object, "subsegments"))
	{
		/* some senders list ids of those that they send alone */
		if (cJSON_IsObject(item))
			read_segment(r, item, node);
	}
}

/* What a nested subsegment leaves out is its parent's: the trace and the parent. */
static void read_ids(const cJSON *object, const struct atr_node *parent, struct atr_node *node)
{
	atr_decode_hex(text_of(object, "id"), node->span_id, ATR_SPAN_ID_LEN);
	if (parent) {
		memcpy(node->trace_id, parent->trace_id, sizeof(node->trace_id));
		memcpy(node->parent_id, parent->span_id, sizeof(node->parent_id));
	} else {
		read_trace_id(text_of(object, "trace_id"), node->trace_id);
		atr_decode_hex(text_of(object, "parent_id"), node->parent_id, ATR_SPAN_ID_LEN);
	}
}

static void read_segment(struct reader *r, const cJSON *object, const struct atr_node *parent)
{
	struct atr_node *node = atr_trace_add_node(r->trace, r->resource, r->scope);
	bool is_segment = !parent && !atr_str_equal(text_of(object, "type"), ATR_STR("subsegment"));

	read_ids(object, parent, node);
	node->name = atr_trace_copy(r->trace, text_of(object, "name"));
	node->start_ns = read_time(object, "start_time");
	node->end_ns = read_time(object, "end_time");
	if (!node->name.len || !node->start_ns)
		memset(node->span_id, 0, sizeof(node->span_id));
	if (!atr_trace_keep_valid(r->trace, node)) {
		r->result->nr_rejected++;
		return;
	}
	r->result->nr_segments++;
	node->kind = kind_of(object, is_segment);
	node->flags = 1;
	read_progress(r, object, node);
	read_attributes(r, object, node);
	read_outcome(r, object, node);
	read_links(r, member(object, "links"), node);
	settle_progress(r->trace, node);
	read_subsegments(r, object, node);
}

static void add_resource(struct reader *r, const cJSON *object, struct atr_str service)
{
	const cJSON *sdk = member(member(object, "aws"), "xray");
	struct atr_field_list *list;

	if (!atr_str_equal(text_of(object, "type"), ATR_STR("subsegment")))
		service = text_of(object, "name");
	r->resource = atr_trace_add_resource(r->trace);
	list = &r->resource->attributes;
	put_text(r, list, "service.name", service);
	put_text(r, list, "service.version", text_of(member(object, "service"), "version"));
	put_text(r, list, "telemetry.sdk.name", text_of(sdk, "sdk"));
	put_text(r, list, "telemetry.sdk.version", text_of(sdk, "sdk_version"));
	atr_resource_complete(r->resource);
	r->scope = atr_trace_add_scope(r->trace, r->resource);
	r->scope->name = ATR_STR("X-Ray");
}

bool atr_xray_read(struct atr_trace *trace, struct atr_str document, struct atr_str service,
		   struct atr_xray_result *result)
{
	struct reader r = { .trace = trace, .result = result };
	char *text = malloc(document.len + 1); /* with a NUL: cJSON looks one byte too far */
	cJSON *object = NULL;
	bool good;

	if (text) {
		memcpy(text, document.at, document.len);
		text[document.len] = '\0';
		object = cJSON_ParseWithOpts(text, NULL, true);
	}
	good = cJSON_IsObject(object);
	if (good) {
		add_resource(&r, object, service);
		read_segment(&r, object, NULL);
	}
	cJSON_Delete(object);
	free(text);
	return good;
}
