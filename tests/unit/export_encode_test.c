/* SPDX-License-Identifier: Apache-2.0 */
/* Tests export/encode: what a decoder that is not ours reads, and what both encoders agree on. */
#include "tests/test.h"

#include "export/attr.h"
#include "export/encode/encode.h"

#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct atr_options limits;
static struct atr_buf out;
static _Alignas(8) char record[ATR_SPAN_MAX];

static struct atr_span *begin(void)
{
	struct atr_span *span = atr_span_begin(record);

	limits = (struct atr_options){ .attribute_value_length_limit = UINT32_MAX,
				       .attribute_count_limit = 128,
				       .event_count_limit = 128,
				       .event_attribute_count_limit = 128,
				       .link_count_limit = 128,
				       .link_attribute_count_limit = 128 };
	memset(span->trace_id, 0xab, sizeof(span->trace_id));
	memset(span->span_id, 0xcd, sizeof(span->span_id));
	span->kind = ATR_KIND_SERVER;
	span->flags = 1;
	span->start_ns = 1544712660000000000;
	span->end_ns = 1544712661000000000;
	atr_span_put_str(span, ATR_NAME, ATR_STR("GET"));
	return span;
}

static void encode(const struct atr_encoder *encoder)
{
	static const struct atr_resource_attr resource[] = {
		{ .key = { "service.name", 12 }, .value = { "shop", 4 } },
		{ .key = { "process.pid", 11 }, .number = 7, .type = ATR_RESOURCE_INT },
	};
	const struct atr_span *spans[] = { (const struct atr_span *)(const void *)record };
	struct atr_batch batch = { spans, 1, resource, 2, &limits };

	atr_buf_clear(&out);
	CHECK(encoder->encode(&batch, &out));
}

/* The first span of what was encoded as JSON. */
static cJSON *json_span(void)
{
	cJSON *whole, *at;

	encode(&atr_encoder_otlp_json);
	whole = cJSON_ParseWithLength(out.at, out.len);
	CHECK(whole);
	at = cJSON_GetArrayItem(cJSON_GetObjectItem(whole, "resourceSpans"), 0);
	at = cJSON_GetArrayItem(cJSON_GetObjectItem(at, "scopeSpans"), 0);
	return cJSON_GetArrayItem(cJSON_GetObjectItem(at, "spans"), 0);
}

static const char *text_at(cJSON *object, const char *key)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(object, key));

	return text ? text : "(absent)";
}

static cJSON *value_of(cJSON *span, const char *key)
{
	cJSON *attr;

	cJSON_ArrayForEach(
		attr,
		cJSON_GetObjectItem(
			span, "attributes")) if (!strcmp(text_at(attr, "key"),
							 key)) return cJSON_GetObjectItem(attr,
											  "value");
	return NULL;
}

static bool holds(const char *bytes, size_t len)
{
	return memmem(out.at, out.len, bytes, len) != NULL;
}

TEST(encode_json_has_the_types_of_the_specification)
{
	struct atr_span *span = begin();
	cJSON *json;

	atr_span_put_int(span, ATR_SERVER_PORT, 8080);
	atr_span_put_bool(span, ATR_INCOMPLETE, true);
	json = json_span();
	CHECK(!strcmp(text_at(json, "traceId"), "abababababababababababababababab"));
	CHECK(!strcmp(text_at(json, "spanId"), "cdcdcdcdcdcdcdcd"));
	CHECK(!strcmp(text_at(json, "startTimeUnixNano"), "1544712660000000000"));
	CHECK(cJSON_GetObjectItem(json, "kind")->valueint == 2);
	CHECK(cJSON_GetObjectItem(json, "flags")->valueint == 0x101);
	CHECK(!strcmp(text_at(value_of(json, "server.port"), "intValue"), "8080"));
	CHECK(cJSON_IsTrue(
		cJSON_GetObjectItem(value_of(json, "autotrace.incomplete"), "boolValue")));
}

TEST(encode_json_is_one_line)
{
	struct atr_span *span = begin();

	atr_span_put_str(span, ATR_URL_FULL, ATR_STR("a\nb"));
	encode(&atr_encoder_otlp_json);
	CHECK(!memchr(out.at, '\n', out.len));
}

TEST(encode_json_writes_doubles_that_json_has_not_as_words)
{
	struct atr_span *span = begin();

	atr_span_put_double(span, ATR_CONNECT_DURATION, (double)__builtin_inf());
	atr_span_put_double(span, ATR_DNS_LOOKUP_DURATION, (double)__builtin_nan(""));
	CHECK(!strcmp(text_at(value_of(json_span(), "autotrace.connect.duration"), "doubleValue"),
		      "Infinity"));
	CHECK(!strcmp(
		text_at(value_of(json_span(), "autotrace.dns.lookup.duration"), "doubleValue"),
		"NaN"));
}

TEST(encode_root_has_no_parent_and_remote_parent_is_told)
{
	struct atr_span *span = begin();

	CHECK(!cJSON_GetObjectItem(json_span(), "parentSpanId"));
	encode(&atr_encoder_otlp_pb);
	CHECK(!holds("\x22\x08", 2));
	memset(span->parent_id, 0xef, sizeof(span->parent_id));
	span->parent_remote = 1;
	CHECK(!strcmp(text_at(json_span(), "parentSpanId"), "efefefefefefefef"));
	CHECK(cJSON_GetObjectItem(json_span(), "flags")->valueint == 0x301);
	encode(&atr_encoder_otlp_pb);
	CHECK(holds("\x22\x08\xef\xef\xef\xef\xef\xef\xef\xef", 10));
	CHECK(holds("\x85\x01\x01\x03\x00\x00", 6));
}

TEST(encode_status_is_written_only_when_set)
{
	struct atr_span *span = begin();

	CHECK(!cJSON_GetObjectItem(cJSON_GetObjectItem(json_span(), "status"), "code"));
	encode(&atr_encoder_otlp_pb);
	CHECK(!holds("\x7a", 1));
	span->status = ATR_STATUS_ERROR;
	atr_span_late_str(span, ATR_STATUS_MESSAGE, ATR_STR("refused"));
	CHECK(cJSON_GetObjectItem(cJSON_GetObjectItem(json_span(), "status"), "code")->valueint ==
	      2);
	CHECK(!strcmp(text_at(cJSON_GetObjectItem(json_span(), "status"), "message"), "refused"));
	CHECK(!value_of(json_span(), ""));
}

TEST(encode_attributes_over_the_count_are_dropped_and_counted)
{
	struct atr_span *span = begin();

	atr_span_put_int(span, ATR_SERVER_PORT, 1);
	atr_span_put_int(span, ATR_CLIENT_PORT, 2);
	limits.attribute_count_limit = 1;
	CHECK(cJSON_GetArraySize(cJSON_GetObjectItem(json_span(), "attributes")) == 1);
	CHECK(cJSON_GetObjectItem(json_span(), "droppedAttributesCount")->valueint == 1);
	encode(&atr_encoder_otlp_pb);
	CHECK(holds("server.port", 11) && !holds("client.port", 11) && holds("\x50\x01", 2));
}

TEST(encode_value_limit_counts_characters)
{
	struct atr_span *span = begin();

	atr_span_put_str(span, ATR_URL_PATH, ATR_STR("\xc3\xa4\xc3\xb6\xc3\xbc"));
	limits.attribute_value_length_limit = 2;
	CHECK(!strcmp(text_at(value_of(json_span(), "url.path"), "stringValue"),
		      "\xc3\xa4\xc3\xb6"));
	encode(&atr_encoder_otlp_pb);
	CHECK(holds("\xc3\xa4\xc3\xb6", 4) && !holds("\xc3\xbc", 2));
}

TEST(encode_text_that_is_no_utf8_is_replaced)
{
	struct atr_span *span = begin();

	atr_span_put_str(span, ATR_URL_PATH,
			 ATR_STR("a\xff\xc0\xaf"
				 "b"));
	CHECK(!strcmp(text_at(value_of(json_span(), "url.path"), "stringValue"),
		      "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
		      "b"));
	encode(&atr_encoder_otlp_pb);
	CHECK(!holds("\xff", 1) || !holds("a\xff", 2));
}

TEST(encode_events_carry_their_own_attributes_up_to_the_limit)
{
	struct atr_span *span = begin();
	cJSON *event;

	atr_span_event(span, 5, ATR_STR("dns"));
	atr_span_event_int(span, ATR_SERVER_PORT, 53);
	atr_span_event_int(span, ATR_CLIENT_PORT, 54);
	event = cJSON_GetArrayItem(cJSON_GetObjectItem(json_span(), "events"), 0);
	CHECK(!strcmp(text_at(event, "name"), "dns") &&
	      !strcmp(text_at(event, "timeUnixNano"), "5"));
	CHECK(value_of(event, "server.port") && value_of(event, "client.port"));
	CHECK(!value_of(json_span(), "server.port"));
	limits.event_attribute_count_limit = 1;
	event = cJSON_GetArrayItem(cJSON_GetObjectItem(json_span(), "events"), 0);
	CHECK(cJSON_GetArraySize(cJSON_GetObjectItem(event, "attributes")) == 1);
}

TEST(encode_partial_success_is_read_from_both_forms)
{
	uint64_t rejected = 0;
	struct atr_str message = { 0 };

	atr_encoder_otlp_pb.response(ATR_STR("\x0a\x09\x08\x03\x12\x05large"), &rejected, &message);
	CHECK(rejected == 3 && atr_str_equal(message, ATR_STR("large")));
	rejected = 0;
	message = (struct atr_str){ 0 };
	atr_encoder_otlp_json.response(ATR_STR("{\"partialSuccess\":{\"rejectedSpans\":\"3\","
					       "\"errorMessage\":\"large\"}}"),
				       &rejected, &message);
	CHECK(rejected == 3 && atr_str_equal(message, ATR_STR("large")));
}

TEST(encode_partial_success_of_garbage_is_nothing)
{
	static const char *const bodies[] = {
		"", "{}", "[", "\x0a\xff\xff\xff\xff\x0f", "\x0a", "{\"partialSuccess\":7}", "null"
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		uint64_t rejected = 0;
		struct atr_str message = { 0 };

		atr_encoder_otlp_pb.response(atr_str(bodies[i]), &rejected, &message);
		atr_encoder_otlp_json.response(atr_str(bodies[i]), &rejected, &message);
		CHECK(rejected == 0 && message.len == 0);
	}
}

TEST(encode_protobuf_is_read_by_protoc)
{
	struct atr_span *span = begin();
	char path[] = "/tmp/export_encode.XXXXXX", command[128], text[8192];
	int fd;
	FILE *protoc;
	size_t len;

	if (system("protoc --version >/dev/null 2>&1") != 0)
		SKIP("no protoc");
	atr_span_put_int(span, ATR_SERVER_PORT, 8080);
	atr_span_put_list(span, ATR_HTTP_REQUEST_HEADER, ATR_STR("x-key"),
			  (struct atr_str[]){ ATR_STR("a, b") }, 1);
	atr_span_add_keyed_int(span, ATR_SPAN_MAX, ATR_SYSCALL, ATR_STR("read.count"), 3);
	atr_span_add_keyed_double(span, ATR_SPAN_MAX, ATR_SYSCALL, ATR_STR("read.duration"), 0.25);
	encode(&atr_encoder_otlp_pb);
	fd = mkstemp(path);
	CHECK(fd >= 0 && write(fd, out.at, out.len) == (ssize_t)out.len);
	snprintf(command, sizeof(command), "protoc --decode_raw < %s 2>&1", path);
	protoc = popen(command, "r");
	len = fread(text, 1, sizeof(text) - 1, protoc);
	text[len] = 0;
	CHECK(pclose(protoc) == 0);
	close(fd);
	unlink(path);
	CHECK(strstr(text, "5: \"GET\"") && strstr(text, "6: 2"));
	CHECK(strstr(text, "7: 0x15700095ba4ed800") || strstr(text, "7: 0x"));
	CHECK(strstr(text, "1: \"server.port\"") && strstr(text, "3: 8080"));
	CHECK(strstr(text, "16: 0x00000101"));
	/* key = 1, value = 2 { array_value = 5 { values = 1 { string_value = 1 } } } */
	CHECK(strstr(text, "1: \"http.request.header.x-key\"") && strstr(text, "1: \"a, b\""));
	/* int_value = 3, double_value = 4 */
	CHECK(strstr(text, "1: \"autotrace.syscall.read.count\"\n        2 {\n          3: 3\n"));
	CHECK(strstr(text, "1: \"autotrace.syscall.read.duration\"\n        2 {\n"
			   "          4: 0x3fd0000000000000\n"));
}

TEST(encode_keyed_numbers_are_numbers_under_the_rest_of_their_key)
{
	struct atr_span *span = begin();
	cJSON *duration;

	atr_span_add_keyed_int(span, ATR_SPAN_MAX, ATR_SYSCALL, ATR_STR("read.count"), 3);
	atr_span_add_keyed_double(span, ATR_SPAN_MAX, ATR_SYSCALL, ATR_STR("read.duration"), 0.25);
	CHECK(!strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(
			      value_of(json_span(), "autotrace.syscall.read.count"), "intValue")),
		      "3"));
	duration = cJSON_GetObjectItem(value_of(json_span(), "autotrace.syscall.read.duration"),
				       "doubleValue");
	CHECK(cJSON_GetNumberValue(duration) == 0.25);
}

static const struct atr_str both[] = { { "a, b", 4 }, { "\xff", 1 }, { "", 0 } };

TEST(encode_lists_are_arrays_of_strings_under_the_rest_of_their_key)
{
	struct atr_span *span = begin();
	cJSON *values;

	atr_span_put_list(span, ATR_HTTP_REQUEST_HEADER, ATR_STR("x-key"), both, 3);
	atr_span_put_list(span, ATR_HTTP_RESPONSE_HEADER, ATR_STR("x-\xff"), both, 1);
	values = cJSON_GetObjectItem(
		cJSON_GetObjectItem(value_of(json_span(), "http.request.header.x-key"),
				    "arrayValue"),
		"values");
	CHECK(cJSON_GetArraySize(values) == 3);
	CHECK(!strcmp(cJSON_GetStringValue(
			      cJSON_GetObjectItem(cJSON_GetArrayItem(values, 0), "stringValue")),
		      "a, b"));
	CHECK(!strcmp(cJSON_GetStringValue(
			      cJSON_GetObjectItem(cJSON_GetArrayItem(values, 1), "stringValue")),
		      "\xef\xbf\xbd"));
	CHECK(value_of(json_span(), "http.response.header.x-\xef\xbf\xbd"));
	limits.attribute_value_length_limit = 1;
	values = cJSON_GetObjectItem(
		cJSON_GetObjectItem(value_of(json_span(), "http.request.header.x-key"),
				    "arrayValue"),
		"values");
	CHECK(!strcmp(cJSON_GetStringValue(
			      cJSON_GetObjectItem(cJSON_GetArrayItem(values, 0), "stringValue")),
		      "a"));
}

/* Without a heap that the sanitizers watch a byte too many would not be seen. */
TEST(encode_lists_of_the_worst_kind_find_room)
{
	struct atr_span *span = begin();
	struct atr_str values[ATR_LIST_MAX];
	static char odd[300];

	memset(odd, 0xff, sizeof(odd));
	for (int len = 0; len < 3; len++) {
		span = begin();
		for (int i = 0; i < ATR_LIST_MAX; i++)
			values[i] = (struct atr_str){ odd, (size_t)len };
		while (!span->dropped_attributes)
			atr_span_put_list(span, ATR_HTTP_RESPONSE_HEADER,
					  (struct atr_str){ odd, (size_t)len }, values,
					  ATR_LIST_MAX);
		CHECK(atr_span_is_whole(span, sizeof(record)));
		encode(&atr_encoder_otlp_pb);
		CHECK(!out.failed && out.len < out.cap);
	}
}

TEST(encode_links_name_another_trace_and_carry_their_own_attributes)
{
	struct atr_span *span = begin();
	struct atr_context other = { .flags = 1 };
	cJSON *link;

	memset(other.trace_id, 0x12, sizeof(other.trace_id));
	memset(other.span_id, 0x34, sizeof(other.span_id));
	atr_span_link(span, &other);
	atr_span_link_str(span, ATR_MESSAGING_MESSAGE_ID, ATR_STR("m1"));
	atr_span_link(span, &other);
	atr_span_put_str(span, ATR_URL_PATH, ATR_STR("/of-the-span"));
	link = cJSON_GetArrayItem(cJSON_GetObjectItem(json_span(), "links"), 0);
	CHECK(!strcmp(text_at(link, "traceId"), "12121212121212121212121212121212"));
	CHECK(!strcmp(text_at(link, "spanId"), "3434343434343434"));
	CHECK(value_of(link, "messaging.message.id") && !value_of(link, "url.path"));
	CHECK(value_of(json_span(), "url.path") && !value_of(json_span(), "messaging.message.id"));
	encode(&atr_encoder_otlp_pb);
	CHECK(holds("\x0a\x10\x12\x12\x12\x12", 6) && holds("\x12\x08\x34\x34\x34\x34", 6));
	CHECK(holds("messaging.message.id", 20) && !holds("\x28\x01\x35", 3));
	limits.link_attribute_count_limit = 0;
	link = cJSON_GetArrayItem(cJSON_GetObjectItem(json_span(), "links"), 0);
	CHECK(!value_of(link, "messaging.message.id"));
	CHECK(cJSON_GetObjectItem(link, "droppedAttributesCount")->valueint == 1);
	encode(&atr_encoder_otlp_pb);
	CHECK(!holds("messaging.message.id", 20) && holds("\x28\x01\x35", 3));
	limits.link_count_limit = 1;
	CHECK(cJSON_GetArraySize(cJSON_GetObjectItem(json_span(), "links")) == 1);
	CHECK(cJSON_GetObjectItem(json_span(), "droppedLinksCount")->valueint == 1);
	encode(&atr_encoder_otlp_pb);
	CHECK(holds("\x70\x01", 2));
}

TEST(encode_xray_has_a_document_a_span_behind_the_daemons_line)
{
	struct atr_span *span = begin();
	cJSON *document;
	char *line;

	span->kind = ATR_KIND_CLIENT;
	memset(span->parent_id, 0xef, sizeof(span->parent_id));
	atr_span_put_str(span, ATR_SERVER_ADDRESS, ATR_STR("api.example"));
	atr_span_put_str(span, ATR_HTTP_REQUEST_METHOD, ATR_STR("GET"));
	atr_span_put_int(span, ATR_HTTP_RESPONSE_STATUS_CODE, 429);
	encode(&atr_encoder_xray);
	CHECK(!strncmp(out.at, "{\"format\":\"json\",\"version\":1}\n", 30));
	line = strndup(out.at + 30, out.len - 30);
	document = cJSON_Parse(line);
	CHECK(document);
	CHECK(!strcmp(text_at(document, "name"), "api.example"));
	CHECK(!strcmp(text_at(document, "trace_id"), "1-abababab-abababababababababababab"));
	CHECK(!strcmp(text_at(document, "id"), "cdcdcdcdcdcdcdcd"));
	CHECK(!strcmp(text_at(document, "parent_id"), "efefefefefefefef"));
	CHECK(!strcmp(text_at(document, "type"), "subsegment"));
	CHECK(!strcmp(text_at(document, "namespace"), "remote"));
	CHECK(strstr(line, "\"start_time\":1544712660.000000,\"end_time\":1544712661.000000"));
	CHECK(cJSON_IsTrue(cJSON_GetObjectItem(document, "error")));
	CHECK(cJSON_IsTrue(cJSON_GetObjectItem(document, "throttle")));
	CHECK(!cJSON_GetObjectItem(document, "fault"));
	free(line);
	cJSON_Delete(document);
	encode(&atr_encoder_otlp_xray);
	CHECK(!strncmp(out.at, "{\"format\":\"json\",\"version\":1}\nT1SC", 34));
}
