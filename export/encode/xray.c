/* SPDX-License-Identifier: Apache-2.0 */
#include "export/attr.h"
#include "export/encode/arena.h"
#include "export/encode/encode.h"
#include "export/encode/json.h"
#include "export/env.h"
#include "export/version.h"
#include "propagator/hex.h"

/*
 * X-Ray segment documents (X-Ray developer guide, "Segment documents"; schema
 * version 1.0.0), one a batch of one span, behind the line that the daemon wants.
 *
 * A span that nobody called, or that serves, is a segment; every other is a
 * subsegment that is sent alone. In a Lambda function all are: the service writes
 * the segments itself, and what the function does hangs under the id it was given.
 */

#define NAME_MAX_LEN 200
#define TEXT_MAX_LEN 250

/* "1-8 digits-24 digits" */
static void put_trace_id(cJSON *to, const uint8_t id[static ATR_TRACE_ID_LEN])
{
	char text[36] = "1-";

	atr_hex_write(text + 2, id, 4);
	text[10] = '-';
	*atr_hex_write(text + 11, id + 4, 12) = 0;
	cJSON_AddStringToObject(to, "trace_id", text);
}

/* Seconds with microseconds, written out: a double would be printed with noise. */
static void put_time(cJSON *to, const char *key, uint64_t ns)
{
	char text[32], *at = text + sizeof(text);
	uint64_t us = ns / 1000;

	*--at = 0;
	for (int i = 0; i < 6; i++, us /= 10)
		*--at = (char)('0' + us % 10);
	*--at = '.';
	do
		*--at = (char)('0' + us % 10);
	while (us /= 10);
	cJSON_AddRawToObject(to, key, at);
}

static struct atr_str text_of(const struct atr_item *item)
{
	if (!item || item->type != ATR_TYPE_STR)
		return (struct atr_str){ 0 };
	return (struct atr_str){ atr_item_bytes(item), item->len };
}

static struct atr_str get(const struct atr_span *span, uint16_t id)
{
	return text_of(atr_span_find(span, id));
}

static bool get_int(const struct atr_span *span, uint16_t id, int64_t *out)
{
	const struct atr_item *item = atr_span_find(span, id);

	if (!item || (item->type != ATR_TYPE_INT && item->type != ATR_TYPE_BOOL))
		return false;
	memcpy(out, atr_item_bytes(item), 8);
	return true;
}

static void put_text(cJSON *to, const char *key, struct atr_str text)
{
	if (text.len)
		cJSON_AddStringToObject(to, key, atr_json_text(text, TEXT_MAX_LEN));
}

static struct atr_str resource(const struct atr_batch *batch, struct atr_str key)
{
	for (size_t i = 0; i < batch->nr_resource; i++)
		if (batch->resource[i].type == ATR_RESOURCE_TEXT &&
		    atr_str_equal(batch->resource[i].key, key))
			return batch->resource[i].value;
	return (struct atr_str){ 0 };
}

static bool is_in_lambda(const struct atr_batch *batch)
{
	return resource(batch, ATR_STR("faas.name")).len != 0;
}

static bool is_aws_call(const struct atr_span *span)
{
	return atr_str_equal(get(span, ATR_RPC_SYSTEM), ATR_STR("aws-api"));
}

static bool is_root(const struct atr_span *span)
{
	static const uint8_t none[ATR_SPAN_ID_LEN];

	return !memcmp(span->parent_id, none, sizeof(none));
}

/* Letters of other scripts than Latin's first: those of the schema that come in long runs. */
static bool is_letter(uint32_t c)
{
	static const uint16_t runs[][2] = {
		{ 0xc0, 0xd6 },	    { 0xd8, 0xf6 },	{ 0xf8, 0x2c1 },    { 0x3a3, 0x3f5 },
		{ 0x3f7, 0x481 },   { 0x48a, 0x52f },	{ 0x531, 0x556 },   { 0x561, 0x587 },
		{ 0x5d0, 0x5ea },   { 0x620, 0x64a },	{ 0x671, 0x6d3 },   { 0x904, 0x939 },
		{ 0xe01, 0xe30 },   { 0x10d0, 0x10fa }, { 0x1e00, 0x1f15 }, { 0x3041, 0x3096 },
		{ 0x30a1, 0x30fa }, { 0x3400, 0x4db5 }, { 0x4e00, 0x9fd5 }, { 0xa000, 0xa48c },
		{ 0xac00, 0xd7a3 },
	};

	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
		if (c >= runs[i][0] && c <= runs[i][1])
			return true;
	return false;
}

/* The bytes of the character at `at`, which is well-formed; and whether a name may have it. */
static size_t name_character(const char *at, bool *is_good)
{
	uint8_t c = (uint8_t)*at;

	if (c < 0x80) {
		*is_good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			   (c >= 'A' && c <= 'Z') || strchr(" _.:/%&#=+-@", c);
		return 1;
	}
	if (c < 0xe0) {
		*is_good = is_letter((c & 0x1fu) << 6 | (at[1] & 0x3fu));
		return 2;
	}
	*is_good =
		c < 0xf0 && is_letter((c & 0x0fu) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu));
	return c < 0xf0 ? 3 : 4;
}

static void put_name(cJSON *to, const struct atr_span *span, const struct atr_batch *batch,
		     bool is_segment)
{
	struct atr_str name = get(span, ATR_NAME);
	const char *text;
	char *out;
	size_t n = 0, len;
	bool is_good;

	if (is_segment && span->kind == ATR_KIND_SERVER)
		name = resource(batch, ATR_STR("service.name"));
	else if (is_aws_call(span) && get(span, ATR_RPC_SERVICE).len)
		name = get(span, ATR_RPC_SERVICE);
	else if (span->kind == ATR_KIND_CLIENT && get(span, ATR_SERVER_ADDRESS).len)
		name = get(span, ATR_SERVER_ADDRESS);
	text = atr_json_text(name, NAME_MAX_LEN);
	out = atr_arena_malloc(strlen(text) + 5);
	if (!out)
		return;
	for (; *text; text += len) {
		len = name_character(text, &is_good);
		if (!is_good)
			continue;
		memcpy(out + n, text, len);
		n += len;
	}
	out[n] = 0;
	cJSON_AddStringToObject(to, "name", n ? out : "span");
}

/* Attributes that have a place of their own in the document. */
static bool has_a_place(uint16_t id)
{
	switch (id) {
	case ATR_HTTP_REQUEST_METHOD:
	case ATR_HTTP_RESPONSE_STATUS_CODE:
	case ATR_HTTP_RESPONSE_BODY_SIZE:
	case ATR_URL_FULL:
	case ATR_USER_AGENT_ORIGINAL:
	case ATR_CLIENT_ADDRESS:
	case ATR_RPC_METHOD:
	case ATR_AWS_REQUEST_ID:
	case ATR_EXCEPTION_TYPE:
	case ATR_EXCEPTION_MESSAGE:
	case ATR_EXCEPTION_STACKTRACE:
		return true;
	default:
		return false;
	}
}

/* A server's url.full, which the conventions do not have: put together of its parts. */
static void put_url(cJSON *request, const struct atr_span *span)
{
	struct atr_str parts[] = {
		get(span, ATR_URL_SCHEME), ATR_STR("://"), get(span, ATR_SERVER_ADDRESS),
		get(span, ATR_URL_PATH),   ATR_STR("?"),   get(span, ATR_URL_QUERY)
	};
	struct atr_str full = get(span, ATR_URL_FULL);
	char room[3 * ATR_SPAN_STR_MAX];
	size_t len = 0;

	if (full.len) {
		put_text(request, "url", full);
		return;
	}
	if (!parts[3].len)
		return;
	for (int i = parts[2].len ? 0 : 3; i < (parts[5].len ? 6 : 4); i++) {
		if (parts[i].len > sizeof(room) - len)
			break;
		if (parts[i].len)
			memcpy(room + len, parts[i].at, parts[i].len);
		len += parts[i].len;
	}
	put_text(request, "url", (struct atr_str){ room, len });
}

/* An address that is not the connection's own was told by a header. */
static void put_client(cJSON *request, const struct atr_span *span)
{
	struct atr_str client = get(span, ATR_CLIENT_ADDRESS);
	struct atr_str peer = get(span, ATR_NETWORK_PEER_ADDRESS);

	if (!client.len || span->kind != ATR_KIND_SERVER)
		return;
	put_text(request, "client_ip", client);
	if (!atr_str_equal(client, peer))
		cJSON_AddBoolToObject(request, "x_forwarded_for", true);
}

static void put_http(cJSON *to, const struct atr_span *span)
{
	struct atr_str method = get(span, ATR_HTTP_REQUEST_METHOD);
	cJSON *http, *request, *response;
	int64_t status = 0, length = 0;
	bool has_status = get_int(span, ATR_HTTP_RESPONSE_STATUS_CODE, &status);

	if (!method.len && !has_status)
		return;
	http = cJSON_AddObjectToObject(to, "http");
	request = cJSON_AddObjectToObject(http, "request");
	put_text(request, "method", method);
	put_url(request, span);
	put_text(request, "user_agent", get(span, ATR_USER_AGENT_ORIGINAL));
	put_client(request, span);
	if (!has_status)
		return;
	response = cJSON_AddObjectToObject(http, "response");
	cJSON_AddNumberToObject(response, "status", (double)status);
	if (get_int(span, ATR_HTTP_RESPONSE_BODY_SIZE, &length))
		cJSON_AddNumberToObject(response, "content_length", (double)length);
}

static void put_failure(cJSON *to, const struct atr_span *span)
{
	int64_t status = 0;

	if (get_int(span, ATR_HTTP_RESPONSE_STATUS_CODE, &status) && status >= 400) {
		cJSON_AddBoolToObject(to, status < 500 ? "error" : "fault", true);
		if (status == 429)
			cJSON_AddBoolToObject(to, "throttle", true);
	} else if (span->status == ATR_STATUS_ERROR) {
		cJSON_AddBoolToObject(to, "fault", true);
	}
}

/* Each line of a stack is a frame whose label it is: what languages write differs too much. */
static void put_stack(cJSON *exception, struct atr_str text)
{
	cJSON *stack = text.len ? cJSON_AddArrayToObject(exception, "stack") : NULL;

	while (text.len) {
		const char *end = memchr(text.at, '\n', text.len);
		size_t len = end ? (size_t)(end - text.at) : text.len;
		cJSON *frame = cJSON_CreateObject();

		put_text(frame, "label", (struct atr_str){ text.at, len });
		cJSON_AddItemToArray(stack, frame);
		text.at += end ? len + 1 : len;
		text.len -= end ? len + 1 : len;
	}
}

static struct atr_str event_text(const struct atr_span *span, uint16_t id)
{
	const struct atr_item *item = NULL;

	while ((item = atr_span_next(span, item)))
		if (item->part == ATR_OF_EVENT && item->id == id)
			return text_of(item);
	return (struct atr_str){ 0 };
}

/* What went wrong, where more is known of it than the status says. */
static bool find_cause(const struct atr_span *span, struct atr_str *type, struct atr_str *message)
{
	int64_t status = 0;

	*type = event_text(span, ATR_EXCEPTION_TYPE);
	*message = event_text(span, ATR_EXCEPTION_MESSAGE);
	if (type->len)
		return true;
	*message = get(span, ATR_STATUS_MESSAGE);
	*type = get(span, ATR_AWS_ERROR_CODE);
	if (!type->len && !(get_int(span, ATR_HTTP_RESPONSE_STATUS_CODE, &status) && status >= 400))
		*type = get(span, ATR_ERROR_TYPE);
	return type->len != 0;
}

static void put_cause(cJSON *to, const struct atr_span *span)
{
	struct atr_str type, message;
	uint8_t id[ATR_SPAN_ID_LEN];
	cJSON *exception;

	if (span->status != ATR_STATUS_ERROR || !find_cause(span, &type, &message))
		return;
	exception = cJSON_CreateObject();
	memcpy(id, span->span_id, sizeof(id));
	id[0] ^= 0x80; /* any that no other has */
	atr_json_id(exception, "id", id, ATR_SPAN_ID_LEN);
	put_text(exception, "type", type);
	put_text(exception, "message", message.len ? message : type);
	if (get(span, ATR_AWS_ERROR_CODE).len)
		cJSON_AddBoolToObject(exception, "remote", true);
	put_stack(exception, event_text(span, ATR_EXCEPTION_STACKTRACE));
	cJSON_AddItemToArray(
		cJSON_AddArrayToObject(cJSON_AddObjectToObject(to, "cause"), "exceptions"),
		exception);
}

static void put_aws(cJSON *to, const struct atr_span *span, bool is_segment)
{
	static const struct {
		uint16_t id;
		char key[16];
	} fields[] = {
		{ ATR_RPC_METHOD, "operation" },
		{ ATR_CLOUD_REGION, "region" },
		{ ATR_AWS_REQUEST_ID, "request_id" },
		{ ATR_AWS_EXTENDED_REQUEST_ID, "id_2" },
		{ ATR_AWS_SQS_QUEUE_URL, "queue_url" },
		{ ATR_AWS_DYNAMODB_TABLE_NAMES, "table_name" },
		{ ATR_AWS_S3_BUCKET, "bucket_name" },
		{ ATR_AWS_S3_KEY, "key" },
		{ ATR_AWS_SNS_TOPIC_ARN, "topic_arn" },
		{ ATR_AWS_KINESIS_STREAM_NAME, "stream_name" },
		{ ATR_FAAS_INVOKED_NAME, "function_name" },
	};
	cJSON *aws = cJSON_CreateObject(), *sdk;

	if (is_aws_call(span))
		for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
			put_text(aws, fields[i].key, get(span, fields[i].id));
	put_text(aws, "account_id", get(span, ATR_CLOUD_ACCOUNT_ID));
	if (!is_aws_call(span) && get(span, ATR_FAAS_INVOCATION_ID).len)
		put_text(aws, "request_id", get(span, ATR_FAAS_INVOCATION_ID));
	if (is_segment) {
		sdk = cJSON_AddObjectToObject(aws, "xray");
		cJSON_AddStringToObject(sdk, "sdk", "autotrace for c");
		cJSON_AddStringToObject(sdk, "sdk_version", ATR_VERSION);
		cJSON_AddBoolToObject(sdk, "auto_instrumentation", true);
	}
	if (aws->child)
		cJSON_AddItemToObject(to, "aws", aws);
}

static void put_value(cJSON *to, const char *key, const struct atr_item *item, size_t limit)
{
	int64_t word = 0;
	double real;

	if (item->type == ATR_TYPE_STR) {
		cJSON_AddStringToObject(to, key, atr_json_text(text_of(item), limit));
		return;
	}
	memcpy(&word, atr_item_bytes(item), 8);
	memcpy(&real, &word, 8);
	switch (item->type) {
	case ATR_TYPE_BOOL:
		cJSON_AddBoolToObject(to, key, word != 0);
		break;
	case ATR_TYPE_DOUBLE:
	case ATR_TYPE_KEYED_DOUBLE:
		if (real - real == 0) /* JSON has no other */
			cJSON_AddNumberToObject(to, key, real);
		break;
	default:
		cJSON_AddNumberToObject(to, key, (double)word);
	}
}

/* A key that goes on in the item, or, where there is no memory, as far as it does not. */
static struct atr_str whole_key(const struct atr_item *item, struct atr_str rest)
{
	struct atr_str prefix = atr_attr_name(item->id);
	char *key = rest.len ? atr_arena_malloc(prefix.len + rest.len) : NULL;

	if (!key)
		return prefix;
	memcpy(key, prefix.at, prefix.len);
	memcpy(key + prefix.len, rest.at, rest.len);
	return (struct atr_str){ key, prefix.len + rest.len };
}

static void put_list(cJSON *to, const struct atr_item *item, size_t limit)
{
	struct atr_item_list list = atr_item_list(item);
	cJSON *values =
		cJSON_AddArrayToObject(to, atr_json_text(whole_key(item, list.key), SIZE_MAX));
	struct atr_str text;

	while (atr_item_list_next(&list, &text))
		cJSON_AddItemToArray(values, cJSON_CreateString(atr_json_text(text, limit)));
}

static bool is_listed(struct atr_str list, struct atr_str name)
{
	struct atr_str member;

	while (atr_list_next(&list, &member))
		if (atr_str_equal(member, name))
			return true;
	return false;
}

/* An annotation's key: letters, digits and '_'. */
static const char *annotation_key(struct atr_str name)
{
	char *out = atr_arena_malloc(name.len + 1);

	if (!out)
		return "_";
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		out[i] = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
					 (c >= 'A' && c <= 'Z') || c == '_' ?
				 c :
				 '_';
	}
	out[name.len] = 0;
	return out;
}

/* ColdStart and Service as Powertools' tracer has them; what is asked for; the rest is metadata. */
static void put_attributes(cJSON *to, const struct atr_span *span, const struct atr_batch *batch)
{
	struct atr_str asked = atr_env_get("AUTOTRACE_XRAY_ANNOTATIONS");
	struct atr_str service = resource(batch, ATR_STR("service.name"));
	cJSON *annotations = cJSON_CreateObject(), *values = cJSON_CreateObject();
	size_t most = batch->limits->attribute_value_length_limit;
	uint32_t nr = 0;
	const struct atr_item *item = NULL;
	int64_t cold;

	if (get_int(span, ATR_FAAS_COLDSTART, &cold) && span->kind == ATR_KIND_SERVER) {
		cJSON_AddBoolToObject(annotations, "ColdStart", cold != 0);
		put_text(annotations, "Service", service);
	}
	while ((item = atr_span_next(span, item))) {
		struct atr_str name;

		if (item->part != ATR_OF_SPAN || item->id <= ATR_EVENT ||
		    nr++ >= batch->limits->attribute_count_limit)
			continue;
		name = whole_key(item, atr_item_key(item));
		if (item->type == ATR_TYPE_LIST)
			put_list(values, item, most);
		else if (is_listed(asked, name))
			put_value(annotations, annotation_key(name), item,
				  most < TEXT_MAX_LEN ? most : TEXT_MAX_LEN);
		else if (!has_a_place(item->id))
			put_value(values, atr_json_text(name, SIZE_MAX), item, most);
	}
	if (annotations->child)
		cJSON_AddItemToObject(to, "annotations", annotations);
	if (values->child)
		cJSON_AddItemToObject(cJSON_AddObjectToObject(to, "metadata"), "default", values);
}

#define LINKS_MAX 20

/* What follows the link and is of it, as many as are allowed. */
static void put_link_attributes(cJSON *link, const struct atr_span *span,
				const struct atr_item *item, uint32_t limit)
{
	cJSON *attributes = NULL;

	while ((item = atr_span_next(span, item)) && item->part == ATR_OF_LINK && limit--) {
		if (!attributes)
			attributes = cJSON_AddObjectToObject(link, "attributes");
		put_value(attributes, atr_json_text(atr_attr_name(item->id), SIZE_MAX), item,
			  TEXT_MAX_LEN);
	}
}

static void put_links(cJSON *to, const struct atr_span *span, const struct atr_batch *batch)
{
	uint32_t limit = batch->limits->link_count_limit, nr = 0;
	const struct atr_item *item = NULL;
	cJSON *links = NULL, *link;

	while ((item = atr_span_next(span, item)) && nr < LINKS_MAX && nr < limit) {
		const uint8_t *ids = (const uint8_t *)atr_item_bytes(item);

		if (item->type != ATR_TYPE_LINK)
			continue;
		if (!links)
			links = cJSON_AddArrayToObject(to, "links");
		link = cJSON_CreateObject();
		put_trace_id(link, ids);
		atr_json_id(link, "id", ids + ATR_TRACE_ID_LEN, ATR_SPAN_ID_LEN);
		put_link_attributes(link, span, item, batch->limits->link_attribute_count_limit);
		cJSON_AddItemToArray(links, link);
		nr++;
	}
}

/* The segment's own: what version of the service it is. */
static void put_service(cJSON *to, const struct atr_batch *batch)
{
	struct atr_str version = resource(batch, ATR_STR("service.version"));

	if (version.len)
		put_text(cJSON_AddObjectToObject(to, "service"), "version", version);
}

static cJSON *document(const struct atr_span *span, const struct atr_batch *batch)
{
	bool is_segment = is_root(span) || (span->kind == ATR_KIND_SERVER && !is_in_lambda(batch));
	cJSON *to = cJSON_CreateObject();

	put_name(to, span, batch, is_segment);
	atr_json_id(to, "id", span->span_id, ATR_SPAN_ID_LEN);
	put_trace_id(to, span->trace_id);
	if (!is_root(span))
		atr_json_id(to, "parent_id", span->parent_id, ATR_SPAN_ID_LEN);
	if (!is_segment)
		cJSON_AddStringToObject(to, "type", "subsegment");
	put_time(to, "start_time", span->start_ns);
	put_time(to, "end_time", span->end_ns);
	if (!is_segment && is_aws_call(span))
		cJSON_AddStringToObject(to, "namespace", "aws");
	else if (!is_segment && span->kind == ATR_KIND_CLIENT)
		cJSON_AddStringToObject(to, "namespace", "remote");
	put_http(to, span);
	put_failure(to, span);
	put_cause(to, span);
	put_aws(to, span, is_segment);
	if (is_segment)
		put_service(to, batch);
	put_attributes(to, span, batch);
	put_links(to, span, batch);
	return to;
}

/* One span a document, one document a datagram; what more a batch holds is not looked at. */
static bool encode(const struct atr_batch *batch, struct atr_buf *out)
{
	static const char head[] = "{\"format\":\"json\",\"version\":1}\n";
	char *text = cJSON_PrintUnformatted(document(batch->spans[0], batch));

	if (text) {
		atr_buf_put(out, head, sizeof(head) - 1);
		atr_buf_put(out, text, strlen(text));
	}
	atr_arena_empty();
	return text && !out->failed;
}

/* The daemon does not answer. */
static void response(struct atr_str body, uint64_t *rejected, struct atr_str *message)
{
	(void)body;
	(void)rejected;
	(void)message;
}

const struct atr_encoder atr_encoder_xray = {
	"xray", "application/json", 1, encode, response,
};

/* ---- OTLP through the daemon ------------------------------------------------------------------ */

static bool put_base64(struct atr_buf *out, const char *bytes, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *at = atr_buf_room(out, (len + 2) / 3 * 4);

	if (!at)
		return false;
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t three = (uint32_t)(uint8_t)bytes[i] << 16;

		if (left > 1)
			three |= (uint32_t)(uint8_t)bytes[i + 1] << 8;
		if (left > 2)
			three |= (uint8_t)bytes[i + 2];
		*at++ = digits[three >> 18];
		*at++ = digits[three >> 12 & 63];
		*at++ = left > 1 ? digits[three >> 6 & 63] : '=';
		*at++ = left > 2 ? digits[three & 63] : '=';
	}
	out->len += (len + 2) / 3 * 4;
	return true;
}

/*
 * "T1S" says that it is sampled, which all are that come here. Of so few spans that the
 * largest, each three times as long when it is no UTF-8, are one datagram still.
 */
#define OTLP_SPANS_MAX 5
static bool encode_otlp(const struct atr_batch *batch, struct atr_buf *out)
{
	static const char head[] = "{\"format\":\"json\",\"version\":1}\nT1S";
	static struct atr_buf request;

	atr_buf_clear(&request);
	if (!atr_encoder_otlp_pb.encode(batch, &request))
		return false;
	atr_buf_put(out, head, sizeof(head) - 1);
	return put_base64(out, request.at, request.len) && !out->failed;
}

const struct atr_encoder atr_encoder_otlp_xray = {
	"otlp/xray", "application/x-protobuf", OTLP_SPANS_MAX, encode_otlp, response,
};
