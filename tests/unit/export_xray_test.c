/* SPDX-License-Identifier: Apache-2.0 */
/* Tests export/encode/xray.c: what is where in a segment document. */
#include "tests/test.h"

#include "export/attr.h"
#include "export/encode/encode.h"

#include <cJSON.h>
#include <stdlib.h>
#include <string.h>

#define DATAGRAM_MAX 65507

static struct atr_options limits;
static struct atr_buf out;
static _Alignas(8) char record[ATR_SPAN_MAX];
static cJSON *document;

static const struct atr_resource_attr service[] = {
	{ .key = { "service.name", 12 }, .value = { "shop", 4 } },
	{ .key = { "service.version", 15 }, .value = { "1.2", 3 } },
	{ .key = { "faas.name", 9 }, .value = { "order", 5 } },
};

static struct atr_span *begin(enum atr_kind kind, bool is_root)
{
	struct atr_span *span = atr_span_begin(record);

	limits = (struct atr_options){ .attribute_value_length_limit = UINT32_MAX,
				       .attribute_count_limit = 128,
				       .link_count_limit = 128,
				       .link_attribute_count_limit = 128 };
	memset(span->trace_id, 0xab, sizeof(span->trace_id));
	memset(span->span_id, 0x4d, sizeof(span->span_id));
	if (!is_root)
		memset(span->parent_id, 0xef, sizeof(span->parent_id));
	span->kind = kind;
	span->start_ns = 1544712660000000000;
	span->end_ns = 1544712661000000000;
	atr_span_put_str(span, ATR_NAME, ATR_STR("GET"));
	return span;
}

/* With the first so many attributes of the service. */
static cJSON *encode(size_t nr_resource)
{
	const struct atr_span *spans[] = { (const struct atr_span *)(const void *)record };
	struct atr_batch batch = { spans, 1, service, nr_resource, &limits };
	static const char head[] = "{\"format\":\"json\",\"version\":1}\n";

	cJSON_Delete(document);
	atr_buf_clear(&out);
	CHECK(atr_encoder_xray.encode(&batch, &out) && out.len <= DATAGRAM_MAX);
	CHECK(!strncmp(out.at, head, strlen(head)));
	document = cJSON_ParseWithLength(out.at + strlen(head), out.len - strlen(head));
	CHECK(document);
	return document;
}

/* The item at "a.b.c", an array's first element by "0"; NULL. */
static cJSON *at(const char *path)
{
	cJSON *item = document;
	char part[64];

	while (item && *path) {
		size_t len = strcspn(path, ".");

		memcpy(part, path, len);
		part[len] = 0;
		item = cJSON_IsArray(item) ? cJSON_GetArrayItem(item, atoi(part)) :
					     cJSON_GetObjectItem(item, part);
		path += len + (path[len] == '.');
	}
	return item;
}

static bool says(const char *path, const char *value)
{
	const char *text = cJSON_GetStringValue(at(path));

	return text && value ? !strcmp(text, value) : !text && !value;
}

static bool is_true(const char *path)
{
	return cJSON_IsTrue(at(path));
}

static bool is_named(enum atr_kind kind, const char *name, const char *expected)
{
	struct atr_span *span = atr_span_begin(record);

	begin(kind, false);
	span->len = sizeof(*span);
	atr_span_put_str(span, ATR_NAME, atr_str(name));
	encode(3);
	return says("name", expected);
}

TEST(xray_names_have_only_what_the_schema_allows)
{
	char long_name[601], cut[201];

	CHECK(is_named(ATR_KIND_INTERNAL, "a b_.:/%&#=+-@Z9", "a b_.:/%&#=+-@Z9"));
	CHECK(is_named(ATR_KIND_INTERNAL, "/pets/{id}?x=\\\"<'\x01\t!", "/pets/idx="));
	CHECK(is_named(ATR_KIND_INTERNAL, "Gr\u00f6\u00dfe \u65e5\u672c \u0416 \u2014\u2713",
		       "Gr\u00f6\u00dfe \u65e5\u672c \u0416 "));
	CHECK(is_named(ATR_KIND_INTERNAL, "a\xff\xc3(\xf0\x9f\x98\x80", "a"));
	CHECK(is_named(ATR_KIND_INTERNAL, "{}", "span"));
	CHECK(is_named(ATR_KIND_INTERNAL, "", "span"));
	memset(long_name, 'x', 600);
	memset(cut, 'x', 200);
	long_name[600] = cut[200] = 0;
	CHECK(is_named(ATR_KIND_INTERNAL, long_name, cut));
}

TEST(xray_a_span_that_serves_or_that_nobody_called_is_a_segment_but_not_in_a_function)
{
	begin(ATR_KIND_SERVER, false);
	encode(2);
	CHECK(says("name", "shop") && says("type", NULL) && says("service.version", "1.2"));
	CHECK(says("aws.xray.sdk", "autotrace for c"));
	begin(ATR_KIND_CLIENT, true);
	encode(2);
	CHECK(says("name", "GET") && says("type", NULL) && says("parent_id", NULL));
	begin(ATR_KIND_SERVER, false);
	encode(3);
	CHECK(says("name", "GET") && says("type", "subsegment") && !at("service"));
	CHECK(says("parent_id", "efefefefefefefef") && !at("aws.xray"));
	begin(ATR_KIND_INTERNAL, false);
	encode(2);
	CHECK(says("type", "subsegment") && says("namespace", NULL));
}

TEST(xray_a_status_is_error_throttle_or_fault_and_needs_no_cause)
{
	static const struct {
		int status;
		bool error, throttle, fault;
	} cases[] = {
		{ 200, false, false, false }, { 302, false, false, false },
		{ 400, true, false, false },  { 429, true, true, false },
		{ 500, false, false, true },  { 503, false, false, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct atr_span *span = begin(ATR_KIND_CLIENT, false);

		atr_span_put_int(span, ATR_HTTP_RESPONSE_STATUS_CODE, cases[i].status);
		if (cases[i].status >= 400) {
			span->status = ATR_STATUS_ERROR;
			atr_span_put_str(span, ATR_ERROR_TYPE, ATR_STR("400"));
		}
		encode(2);
		CHECK(at("http.response.status")->valueint == cases[i].status);
		CHECK(is_true("error") == cases[i].error && is_true("fault") == cases[i].fault);
		CHECK(is_true("throttle") == cases[i].throttle && !at("cause"));
	}
}

TEST(xray_an_error_without_a_status_is_a_fault_with_its_cause)
{
	struct atr_span *span = begin(ATR_KIND_CLIENT, false);

	span->status = ATR_STATUS_ERROR;
	atr_span_put_str(span, ATR_ERROR_TYPE, ATR_STR("connection_reset"));
	encode(2);
	CHECK(is_true("fault") && !at("error") && !at("cause.exceptions.0.remote"));
	CHECK(says("cause.exceptions.0.type", "connection_reset"));
	CHECK(says("cause.exceptions.0.id", "cd4d4d4d4d4d4d4d"));
	span = begin(ATR_KIND_SERVER, false);
	span->status = ATR_STATUS_ERROR;
	atr_span_event(span, 1, ATR_STR("exception"));
	atr_span_event_str(span, ATR_EXCEPTION_TYPE, ATR_STR("KeyError"));
	atr_span_event_str(span, ATR_EXCEPTION_MESSAGE, ATR_STR("no such pet"));
	atr_span_event_str(span, ATR_EXCEPTION_STACKTRACE, ATR_STR("at a\nat b"));
	encode(3);
	CHECK(says("cause.exceptions.0.type", "KeyError"));
	CHECK(says("cause.exceptions.0.message", "no such pet"));
	CHECK(says("cause.exceptions.0.stack.1.label", "at b"));
	CHECK(!at("cause.exceptions.0.stack.2"));
}

TEST(xray_a_service_of_aws_says_what_was_wrong_itself)
{
	struct atr_span *span = begin(ATR_KIND_CLIENT, false);

	span->status = ATR_STATUS_ERROR;
	atr_span_put_str(span, ATR_RPC_SYSTEM, ATR_STR("aws-api"));
	atr_span_put_str(span, ATR_RPC_SERVICE, ATR_STR("Kinesis"));
	atr_span_put_str(span, ATR_RPC_METHOD, ATR_STR("PutRecord"));
	atr_span_put_str(span, ATR_CLOUD_REGION, ATR_STR("eu-west-1"));
	atr_span_put_str(span, ATR_AWS_KINESIS_STREAM_NAME, ATR_STR("orders"));
	atr_span_put_int(span, ATR_HTTP_RESPONSE_STATUS_CODE, 400);
	atr_span_put_str(span, ATR_AWS_ERROR_CODE, ATR_STR("ResourceNotFoundException"));
	atr_span_put_str(span, ATR_STATUS_MESSAGE, ATR_STR("no such stream"));
	encode(3);
	CHECK(says("namespace", "aws") && says("name", "Kinesis") && is_true("error"));
	CHECK(says("aws.operation", "PutRecord") && says("aws.region", "eu-west-1"));
	CHECK(says("aws.stream_name", "orders"));
	CHECK(says("cause.exceptions.0.type", "ResourceNotFoundException"));
	CHECK(says("cause.exceptions.0.message", "no such stream"));
	CHECK(is_true("cause.exceptions.0.remote"));
}

TEST(xray_links_keep_their_attributes_and_are_at_most_twenty)
{
	struct atr_context to = { .trace_id = { 1 }, .span_id = { 2 } };
	struct atr_span *span = begin(ATR_KIND_SERVER, false);

	for (int i = 0; i < 25; i++)
		atr_span_link(span, &to);
	encode(3);
	CHECK(cJSON_GetArraySize(at("links")) == 20);
	limits.link_count_limit = 3;
	encode(3);
	CHECK(cJSON_GetArraySize(at("links")) == 3);
	span = begin(ATR_KIND_SERVER, false);
	atr_span_link(span, &to);
	atr_span_link_str(span, ATR_MESSAGING_MESSAGE_ID, ATR_STR("m1"));
	atr_span_put_str(span, ATR_URL_PATH, ATR_STR("/a"));
	encode(3);
	CHECK(says("links.0.trace_id", "1-01000000-000000000000000000000000"));
	CHECK(says("links.0.id", "0200000000000000"));
	CHECK(strstr(out.at, "\"attributes\":{\"messaging.message.id\":\"m1\"}}]"));
	limits.link_attribute_count_limit = 0;
	encode(3);
	CHECK(says("links.0.id", "0200000000000000") && !memmem(out.at, out.len, "m1", 2));
}

TEST(xray_a_client_told_by_a_header_is_said_to_be)
{
	struct atr_span *span = begin(ATR_KIND_SERVER, false);

	atr_span_put_str(span, ATR_HTTP_REQUEST_METHOD, ATR_STR("GET"));
	atr_span_put_str(span, ATR_CLIENT_ADDRESS, ATR_STR("203.0.113.7"));
	atr_span_put_str(span, ATR_NETWORK_PEER_ADDRESS, ATR_STR("10.0.0.1"));
	encode(2);
	CHECK(says("http.request.client_ip", "203.0.113.7"));
	CHECK(is_true("http.request.x_forwarded_for"));
	span = begin(ATR_KIND_SERVER, false);
	atr_span_put_str(span, ATR_HTTP_REQUEST_METHOD, ATR_STR("GET"));
	atr_span_put_str(span, ATR_CLIENT_ADDRESS, ATR_STR("10.0.0.1"));
	atr_span_put_str(span, ATR_NETWORK_PEER_ADDRESS, ATR_STR("10.0.0.1"));
	encode(2);
	CHECK(says("http.request.client_ip", "10.0.0.1") && !at("http.request.x_forwarded_for"));
}

TEST(xray_the_variables_limits_hold_for_its_metadata)
{
	struct atr_span *span = begin(ATR_KIND_CLIENT, false);

	atr_span_put_str(span, ATR_URL_PATH, ATR_STR("/abcdef"));
	atr_span_put_int(span, ATR_SERVER_PORT, 80);
	limits.attribute_value_length_limit = 3;
	limits.attribute_count_limit = 1;
	encode(2);
	CHECK(strstr(out.at, "\"metadata\":{\"default\":{\"url.path\":\"/ab\"}}"));
	limits.attribute_count_limit = 0;
	encode(2);
	CHECK(!at("metadata"));
}

TEST(xray_a_header_is_a_list_of_its_metadata)
{
	struct atr_span *span = begin(ATR_KIND_CLIENT, false);

	atr_span_put_list(span, ATR_HTTP_REQUEST_HEADER, ATR_STR("x-key"),
			  (struct atr_str[]){ ATR_STR("a"), ATR_STR("b") }, 2);
	encode(2);
	CHECK(strstr(out.at, "\"http.request.header.x-key\":[\"a\",\"b\"]"));
}

TEST(xray_keyed_numbers_are_of_its_metadata)
{
	struct atr_span *span = begin(ATR_KIND_CLIENT, false);

	atr_span_add_keyed_int(span, ATR_SPAN_MAX, ATR_SYSCALL, ATR_STR("read.count"), 3);
	atr_span_add_keyed_double(span, ATR_SPAN_MAX, ATR_SYSCALL, ATR_STR("read.duration"), 0.25);
	encode(2);
	CHECK(strstr(out.at, "\"autotrace.syscall.read.count\":3,"
			     "\"autotrace.syscall.read.duration\":0.25"));
}

/* What is no UTF-8 is three times as long, what is escaped six times. */
TEST(xray_the_largest_records_are_one_datagram)
{
	static const char odd[] = { '\xff', '\x01', '\n' };
	const struct atr_span *spans[16];
	struct atr_batch batch = { spans, 0, service, 3, &limits };
	char text[ATR_SPAN_STR_MAX];

	for (size_t i = 0; i < sizeof(odd); i++) {
		struct atr_span *span = begin(ATR_KIND_SERVER, false);

		memset(text, odd[i], sizeof(text));
		span->status = ATR_STATUS_ERROR;
		atr_span_put_str(span, ATR_URL_PATH, (struct atr_str){ text, 800 });
		atr_span_event(span, 1, ATR_STR("exception"));
		atr_span_event_str(span, ATR_EXCEPTION_TYPE, ATR_STR("E"));
		atr_span_event_str(span, ATR_EXCEPTION_STACKTRACE, (struct atr_str){ text, 1024 });
		while (!span->dropped_attributes)
			atr_span_late_int(span, ATR_HTTP_REQUEST_METHOD_ORIGINAL, INT64_MIN);
		encode(3);
	}
	begin(ATR_KIND_SERVER, false);
	while (!((struct atr_span *)(void *)record)->dropped_attributes)
		atr_span_late_int((struct atr_span *)(void *)record,
				  ATR_AWS_STEP_FUNCTIONS_STATE_MACHINE_ARN, INT64_MIN);
	encode(3);
	for (; batch.nr_spans < atr_encoder_otlp_xray.spans_max; batch.nr_spans++)
		spans[batch.nr_spans] = (const struct atr_span *)(const void *)record;
	atr_buf_clear(&out);
	CHECK(atr_encoder_otlp_xray.encode(&batch, &out) && out.len <= DATAGRAM_MAX);
	begin(ATR_KIND_SERVER, false);
	memset(text, 0xff, sizeof(text));
	atr_span_late_str((struct atr_span *)(void *)record, ATR_URL_PATH,
			  (struct atr_str){ text, 1024 });
	atr_span_late_str((struct atr_span *)(void *)record, ATR_URL_QUERY,
			  (struct atr_str){ text, 800 });
	atr_buf_clear(&out);
	CHECK(atr_encoder_otlp_xray.encode(&batch, &out) && out.len <= DATAGRAM_MAX);
	cJSON_Delete(document);
	document = NULL;
}
