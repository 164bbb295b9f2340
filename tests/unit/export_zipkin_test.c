/* SPDX-License-Identifier: Apache-2.0 */
/* Tests export/encode/zipkin.c: what is where in a span of Zipkin's. */
#include "tests/test.h"

#include "export/attr.h"
#include "export/encode/encode.h"

#include <cJSON.h>
#include <string.h>

static struct atr_options limits;
static struct atr_buf out;
static _Alignas(8) char record[ATR_SPAN_MAX];
static cJSON *list;

static struct atr_span *begin(enum atr_kind kind)
{
	struct atr_span *span = atr_span_begin(record);

	limits = (struct atr_options){ .attribute_value_length_limit = UINT32_MAX,
				       .attribute_count_limit = 128,
				       .event_count_limit = 128,
				       .event_attribute_count_limit = 128 };
	memset(span->trace_id, 0xab, sizeof(span->trace_id));
	memset(span->span_id, 0x4d, sizeof(span->span_id));
	span->kind = kind;
	span->start_ns = 1544712660000001999;
	span->end_ns = 1544712661000001999;
	atr_span_put_str(span, ATR_NAME, ATR_STR("GET /{id}"));
	return span;
}

static cJSON *encode(void)
{
	static const struct atr_resource_attr service[] = {
		{ .key = { "service.name", 12 }, .value = { "shop", 4 } },
		{ .key = { "service.namespace", 17 }, .value = { "mall", 4 } },
		{ .key = { "process.pid", 11 }, .number = 7, .type = ATR_RESOURCE_INT },
	};
	const struct atr_span *spans[] = { (const struct atr_span *)(const void *)record };
	struct atr_batch batch = { spans, 1, service, 3, &limits };

	cJSON_Delete(list);
	atr_buf_clear(&out);
	CHECK(atr_encoder_zipkin.encode(&batch, &out));
	list = cJSON_ParseWithLength(out.at, out.len);
	CHECK(cJSON_IsArray(list) && cJSON_GetArraySize(list) == 1);
	return cJSON_GetArrayItem(list, 0);
}

static const char *text(const cJSON *of, const char *name)
{
	const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(of, name));

	return value ? value : "(none)";
}

static const char *tag(const char *name)
{
	return text(cJSON_GetObjectItem(cJSON_GetArrayItem(list, 0), "tags"), name);
}

static double number(const cJSON *of, const char *name)
{
	return cJSON_GetNumberValue(cJSON_GetObjectItem(of, name));
}

TEST(zipkin_span_has_ids_times_and_its_service)
{
	struct atr_span *span = begin(ATR_KIND_SERVER);
	cJSON *got = encode();

	CHECK(!strcmp(text(got, "traceId"), "abababababababababababababababab"));
	CHECK(!strcmp(text(got, "id"), "4d4d4d4d4d4d4d4d"));
	CHECK(!cJSON_GetObjectItem(got, "parentId") && !cJSON_GetObjectItem(got, "shared"));
	CHECK(!strcmp(text(got, "name"), "GET /{id}") && !strcmp(text(got, "kind"), "SERVER"));
	CHECK(number(got, "timestamp") == 1544712660000001.0);
	CHECK(number(got, "duration") == 1000000);
	CHECK(!strcmp(text(cJSON_GetObjectItem(got, "localEndpoint"), "serviceName"), "shop"));
	CHECK(!strcmp(tag("service.namespace"), "mall"));
	CHECK(!strcmp(tag("otel.scope.name"), "libautotrace"));
	CHECK(!strcmp(tag("otel.library.name"), "libautotrace"));
	CHECK(!strcmp(tag("process.pid"), "(none)"));
	memset(span->parent_id, 0xef, sizeof(span->parent_id));
	CHECK(!strcmp(text(encode(), "parentId"), "efefefefefefefef"));
	span->kind = ATR_KIND_INTERNAL;
	CHECK(!cJSON_GetObjectItem(encode(), "kind"));
}

TEST(zipkin_duration_is_never_zero)
{
	struct atr_span *span = begin(ATR_KIND_SERVER);

	span->end_ns = span->start_ns;
	CHECK(number(encode(), "duration") == 1);
	span->end_ns = span->start_ns + 1;
	CHECK(number(encode(), "duration") == 1);
}

TEST(zipkin_tags_are_text)
{
	struct atr_span *span = begin(ATR_KIND_SERVER);

	atr_span_put_int(span, ATR_HTTP_RESPONSE_STATUS_CODE, -5);
	atr_span_put_str(span, ATR_URL_PATH, ATR_STR("/\xff\"x"));
	atr_span_put_bool(span, ATR_CLIENT_PORT, true);
	atr_span_put_double(span, ATR_SERVER_PORT, 0.25);
	encode();
	CHECK(!strcmp(tag("http.response.status_code"), "-5"));
	CHECK(!strcmp(tag("url.path"), "/\xef\xbf\xbd\"x"));
	CHECK(!strcmp(tag("client.port"), "true") && !strcmp(tag("server.port"), "0.25"));
}

TEST(zipkin_list_is_text_as_json_has_it)
{
	static const struct atr_str both[] = { { "a, b", 4 }, { "\xff", 1 } };
	struct atr_span *span = begin(ATR_KIND_SERVER);

	atr_span_put_list(span, ATR_HTTP_REQUEST_HEADER, ATR_STR("x-key"), both, 2);
	encode();
	CHECK(!strcmp(tag("http.request.header.x-key"), "[\"a, b\",\"\xef\xbf\xbd\"]"));
}

TEST(zipkin_keyed_numbers_are_tags_under_the_rest_of_their_key)
{
	struct atr_span *span = begin(ATR_KIND_SERVER);

	atr_span_add_keyed_int(span, ATR_SPAN_MAX, ATR_SYSCALL, ATR_STR("read.count"), 3);
	atr_span_add_keyed_double(span, ATR_SPAN_MAX, ATR_SYSCALL, ATR_STR("read.duration"), 0.25);
	encode();
	CHECK(!strcmp(tag("autotrace.syscall.read.count"), "3"));
	CHECK(!strcmp(tag("autotrace.syscall.read.duration"), "0.25"));
}

TEST(zipkin_error_is_a_tag_also_without_words)
{
	struct atr_span *span = begin(ATR_KIND_CLIENT);

	encode();
	CHECK(!strcmp(tag("error"), "(none)") && !strcmp(tag("otel.status_code"), "(none)"));
	span->status = ATR_STATUS_OK;
	encode();
	CHECK(!strcmp(tag("error"), "(none)") && !strcmp(tag("otel.status_code"), "OK"));
	span->status = ATR_STATUS_ERROR;
	encode();
	CHECK(!strcmp(tag("error"), "") && !strcmp(tag("otel.status_code"), "ERROR"));
	atr_span_put_str(span, ATR_STATUS_MESSAGE, ATR_STR("timed out"));
	encode();
	CHECK(!strcmp(tag("error"), "timed out"));
}

TEST(zipkin_client_names_whom_it_asked)
{
	struct atr_span *span = begin(ATR_KIND_CLIENT);
	cJSON *remote;

	atr_span_put_str(span, ATR_SERVER_ADDRESS, ATR_STR("db.example"));
	atr_span_put_int(span, ATR_SERVER_PORT, 443);
	remote = cJSON_GetObjectItem(encode(), "remoteEndpoint");
	CHECK(!strcmp(text(remote, "serviceName"), "db.example") && number(remote, "port") == 443);
	CHECK(!cJSON_GetObjectItem(remote, "ipv4"));
	atr_span_put_str(span, ATR_NETWORK_PEER_ADDRESS, ATR_STR("::1"));
	atr_span_put_int(span, ATR_NETWORK_PEER_PORT, 0);
	remote = cJSON_GetObjectItem(encode(), "remoteEndpoint");
	CHECK(!strcmp(text(remote, "ipv6"), "::1") && !cJSON_GetObjectItem(remote, "port"));
	span->kind = ATR_KIND_SERVER;
	CHECK(!cJSON_GetObjectItem(encode(), "remoteEndpoint"));
}

TEST(zipkin_events_are_annotations)
{
	struct atr_span *span = begin(ATR_KIND_CLIENT);
	cJSON *list_of, *one;

	atr_span_event(span, 1544712660123456789, ATR_STR("plain"));
	atr_span_event(span, 1544712660123456789, ATR_STR("with"));
	atr_span_event_str(span, ATR_ERROR_TYPE, ATR_STR("a\"b"));
	atr_span_event_int(span, ATR_SERVER_PORT, 80);
	list_of = cJSON_GetObjectItem(encode(), "annotations");
	CHECK(cJSON_GetArraySize(list_of) == 2);
	one = cJSON_GetArrayItem(list_of, 0);
	CHECK(!strcmp(text(one, "value"), "plain"));
	CHECK(number(one, "timestamp") == 1544712660123456.0);
	one = cJSON_GetArrayItem(list_of, 1);
	CHECK(!strcmp(text(one, "value"),
		      "\"with\":{\"error.type\":\"a\\\"b\",\"server.port\":\"80\"}"));
}

TEST(zipkin_what_was_dropped_is_told)
{
	struct atr_span *span = begin(ATR_KIND_CLIENT);

	atr_span_put_int(span, ATR_SERVER_PORT, 1);
	atr_span_put_int(span, ATR_CLIENT_PORT, 1);
	atr_span_event(span, 1, ATR_STR("a"));
	atr_span_event(span, 1, ATR_STR("b"));
	encode();
	CHECK(!strcmp(tag("otel.dropped_attributes_count"), "(none)"));
	CHECK(!strcmp(tag("otel.dropped_events_count"), "(none)"));
	limits.attribute_count_limit = 1;
	limits.event_count_limit = 0;
	encode();
	CHECK(!strcmp(tag("otel.dropped_attributes_count"), "1"));
	CHECK(!strcmp(tag("otel.dropped_events_count"), "2"));
}
