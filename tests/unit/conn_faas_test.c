/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/faas.h"
#include "export/env.h"
#include "preload/conn/capture.h"
#include "preload/conn/redact.h"
#include "preload/conn/routes.h"
#include "preload/conn/state.h"
#include "tests/unit/conn.h"

#include <stdio.h>

#define ROOT "Root=1-5759e988-bd862e3fe1be46a994272793"
#define XRAY ROOT ";Parent=53995c3f42cd8ad8;Sampled=1"
#define UNSAMPLED ROOT ";Parent=53995c3f42cd8ad8;Sampled=0"
#define TRACE(text) "Lambda-Runtime-Deadline-Ms: -3\r\nLambda-Runtime-Trace-Id: " text "\r\n"
#define EVENT_PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define CALLED "{\"headers\":{\"traceparent\":\"" EVENT_PARENT "\",\"baggage\":\"k=v\"}}"

static struct atr_next next;
static struct atr_faas_parent parent;
static uint64_t room[ATR_SPAN_MAX / 8];
static struct atr_span *span;

static void begin(const char *const *variables)
{
	conn_begin(variables);
	atr_faas_setup();
}

#define BEGIN(...)                                                                 \
	begin((const char *const[]){                                               \
		"AWS_LAMBDA_FUNCTION_NAME=order", "AWS_LAMBDA_FUNCTION_VERSION=3", \
		"OTEL_PROPAGATORS=xray,tracecontext,baggage",                      \
		"AWS_XRAY_DAEMON_ADDRESS=127.0.0.1:2000", __VA_ARGS__ __VA_OPT__(, ) NULL })

static void end(void)
{
	atr_block_give(parent.block);
	parent.block = 0;
	conn_end();
}

/* The answer to `next`: its fields, and the event. */
static void arrives(const char *fields, const char *event)
{
	char text[8192];
	struct atr_http1_head head;

	snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%sContent-Length: 0\r\n\r\n", fields);
	CHECK(atr_http1_parse_response(text, strlen(text), false, false, &head));
	atr_next_begin(&next);
	atr_next_head(&next, text, strlen(text), &head, 1000);
	atr_event_feed(&next.event, event, strlen(event));
	atr_block_give(parent.block);
	atr_faas_parent(&next, &parent);
	span = atr_span_begin(room);
	span->kind = ATR_KIND_SERVER;
	atr_faas_describe(span, &next, true);
	atr_faas_links(span, &next, &parent);
}

static bool is_trace(const struct atr_context *context, const char *trace, const char *id)
{
	char text[ATR_TRACEPARENT_LEN + 1] = "";

	atr_traceparent_write(context, text);
	return !memcmp(text + 3, trace, 32) && !memcmp(text + 36, id, 16);
}

#define X_TRACE "5759e988bd862e3fe1be46a994272793"
#define E_TRACE "0af7651916cd43dd8448eb211c80319c"
#define NOBODY "0000000000000000"

TEST(faas_with_xray_the_services_segment_is_the_parent_and_the_caller_linked)
{
	BEGIN("OTEL_TRACES_EXPORTER=xray");
	arrives("Lambda-Runtime-Trace-Id: " XRAY "\r\n", CALLED);
	CHECK(is_trace(&parent.context, X_TRACE, "53995c3f42cd8ad8"));
	CHECK(parent.has_other && is_trace(&parent.other, E_TRACE, "b7ad6b7169203331"));
	CHECK(atr_str_equal(parent.context.baggage, ATR_STR("k=v")));
	arrives("Lambda-Runtime-Trace-Id: " UNSAMPLED "\r\n", "{}");
	CHECK(is_trace(&parent.context, X_TRACE, "53995c3f42cd8ad8"));
	CHECK(!(parent.context.flags & ATR_FLAG_SAMPLED));
	end();
}

TEST(faas_with_otlp_the_caller_is_the_parent_and_else_the_trace_of_lambda)
{
	BEGIN("OTEL_TRACES_EXPORTER=otlp");
	arrives("Lambda-Runtime-Trace-Id: " XRAY "\r\n", CALLED);
	CHECK(is_trace(&parent.context, E_TRACE, "b7ad6b7169203331"));
	CHECK(parent.has_other && is_trace(&parent.other, X_TRACE, "53995c3f42cd8ad8"));
	arrives("Lambda-Runtime-Trace-Id: " XRAY "\r\n", "{}");
	CHECK(is_trace(&parent.context, X_TRACE, NOBODY));
	/* what Lambda does not sample is none of our business: no link to what is not there */
	arrives("Lambda-Runtime-Trace-Id: " UNSAMPLED "\r\n", CALLED);
	CHECK(is_trace(&parent.context, E_TRACE, "b7ad6b7169203331") && !parent.has_other);
	CHECK(is_trace(&parent.header, X_TRACE, "53995c3f42cd8ad8"));
	end();
}

TEST(faas_headers_that_are_missing_malformed_or_at_odds_make_a_new_trace)
{
	static const char *const bad[] = {
		"",
		TRACE(""),
		TRACE("Root=1-5759e988"),
		TRACE("Root=1-zzzze988-bd862e3fe1be46a994272793;Parent=1;Sampled=1"),
		TRACE("Parent=53995c3f42cd8ad8;Sampled=1"),
		TRACE(";;;=;Root"),
		TRACE("1"),
	};

	for (int otlp = 0; otlp < 2; otlp++) {
		BEGIN(otlp ? "OTEL_TRACES_EXPORTER=otlp" : "OTEL_TRACES_EXPORTER=xray");
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			arrives(bad[i], "no json");
			CHECK(!atr_context_is_valid(&parent.context) && !parent.has_other);
			CHECK(!atr_context_is_valid(&parent.header));
			CHECK(live_is(live_text(span, ATR_NAME), "order"));
			CHECK(live_is(live_text(span, ATR_FAAS_TRIGGER), "other"));
			CHECK(live_number(span, ATR_FAAS_DEADLINE) == -1);
		}
		end();
	}
}

TEST(faas_headers_of_the_event_are_told_where_they_are_asked_for)
{
	struct atr_item_list list;
	struct atr_str value = { 0 };

	BEGIN("OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_REQUEST_HEADERS=x-key",
	      "AUTOTRACE_REDACT=header:x-key", "AUTOTRACE_ROUTES=/{other}/{route}");
	atr_redact_setup(NULL);
	atr_capture_setup();
	atr_routes_setup(NULL);
	arrives("", "{\"resource\":\"/pets/{id}\",\"httpMethod\":\"GET\",\"path\":\"/pets/7\","
		    "\"headers\":{\"X-Key\":\"planted\",\"Y\":\"1\"},\"requestContext\":{\"stage\":"
		    "\"prod\"}}");
	list = atr_item_list(atr_span_find(span, ATR_HTTP_REQUEST_HEADER));
	CHECK(atr_str_equal(list.key, ATR_STR("x-key")) && atr_item_list_next(&list, &value));
	CHECK(atr_str_equal(value, ATR_STR("REDACTED")) && !atr_item_list_next(&list, &value));
	CHECK(!memmem(span, span->len, "planted", 7));
	/* the event's own route is stronger; where it has none, the variable's holds */
	CHECK(live_is(live_text(span, ATR_HTTP_ROUTE), "/pets/{id}"));
	arrives("", "{\"version\":\"2.0\",\"routeKey\":\"$default\",\"rawPath\":\"/a/1\","
		    "\"requestContext\":{\"http\":{\"method\":\"GET\"}}}");
	CHECK(live_is(live_text(span, ATR_HTTP_ROUTE), "/{other}/{route}"));
	end();
	atr_env_capture((char *[]){ NULL });
	atr_redact_setup(NULL);
	atr_capture_setup();
	atr_routes_setup(NULL);
}

TEST(faas_names_and_triggers_are_the_events)
{
	static const struct {
		const char *event, *trigger, *name, *attribute;
		uint16_t id;
	} cases[] = {
		{ "{\"resource\":\"/pets/{id}\",\"httpMethod\":\"GET\",\"path\":\"/pets/7\","
		  "\"requestContext\":{\"stage\":\"prod\"}}",
		  "http", "/pets/{id}", "/pets/{id}", ATR_HTTP_ROUTE },
		{ "{\"version\":\"2.0\",\"routeKey\":\"GET /a/{b}\",\"rawPath\":\"/a/1\","
		  "\"requestContext\":{\"http\":{\"method\":\"GET\"}}}",
		  "http", "order", "/a/{b}", ATR_HTTP_ROUTE },
		{ "{\"httpMethod\":\"POST\",\"path\":\"/x\","
		  "\"requestContext\":{\"elb\":{\"targetGroupArn\":\"arn:t\"}}}",
		  "http", "order", "/x", ATR_URL_PATH },
		{ "{\"Records\":[{\"eventSource\":\"aws:sqs\",\"eventSourceARN\":\"arn:a:b:c:d:q\","
		  "\"messageId\":\"m\"}]}",
		  "pubsub", "order", "q", ATR_MESSAGING_DESTINATION_NAME },
		{ "{\"Records\":[{\"EventSource\":\"aws:sns\",\"Sns\":{\"TopicArn\":\"arn:t:u\"}}]"
		  "}",
		  "pubsub", "order", "u", ATR_MESSAGING_DESTINATION_NAME },
		{ "{\"Records\":[{\"eventSource\":\"aws:s3\",\"eventName\":\"ObjectCreated:Put\","
		  "\"s3\":{\"bucket\":{\"name\":\"b\"},\"object\":{\"key\":\"k\"}}}]}",
		  "datasource", "order", "k", ATR_FAAS_DOCUMENT_NAME },
		{ "{\"Records\":[{\"eventSource\":\"aws:dynamodb\",\"eventName\":\"MODIFY\"}]}",
		  "datasource", "order", "edit", ATR_FAAS_DOCUMENT_OPERATION },
		{ "{\"Records\":[{\"eventSource\":\"aws:kinesis\",\"eventSourceARN\":\"arn:s\"}]}",
		  "datasource", "order", "s", ATR_FAAS_DOCUMENT_COLLECTION },
		{ "{\"source\":\"aws.events\",\"detail-type\":\"Scheduled Event\",\"time\":\"T\"}",
		  "timer", "order", "T", ATR_FAAS_TIME },
		{ "{\"source\":\"shop\",\"detail-type\":\"Sold\",\"detail\":{}}", "pubsub", "order",
		  "order", ATR_NAME },
		{ "{}", "other", "order", "order", ATR_NAME },
		{ "[1,2", "other", "order", "order", ATR_NAME },
	};

	BEGIN("OTEL_TRACES_EXPORTER=otlp");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		arrives("", cases[i].event);
		CHECK(live_is(live_text(span, ATR_FAAS_TRIGGER), cases[i].trigger));
		CHECK(live_is(live_text(span, ATR_NAME), cases[i].name));
		CHECK(live_is(live_text(span, cases[i].id), cases[i].attribute));
	}
	end();
}

TEST(faas_arns_lose_their_alias_for_the_version)
{
	static const char *const arn = "arn:aws:lambda:eu-west-1:123456789012:function:order";
	char field[300];

	BEGIN("OTEL_TRACES_EXPORTER=otlp");
	snprintf(field, sizeof(field),
		 "Lambda-Runtime-Invoked-Function-Arn: %s:live\r\n"
		 "lambda-runtime-aws-request-id: id7\r\nLambda-Runtime-Deadline-Ms: 77\r\n",
		 arn);
	arrives(field, "{}");
	CHECK(live_is(live_text(span, ATR_CLOUD_ACCOUNT_ID), "123456789012"));
	CHECK(live_is(live_text(span, ATR_FAAS_INVOCATION_ID), "id7"));
	CHECK(live_number(span, ATR_FAAS_DEADLINE) == 77);
	CHECK(live_number(span, ATR_FAAS_COLDSTART) == 1);
	snprintf(field, sizeof(field), "%s:3", arn);
	CHECK(live_is(live_text(span, ATR_CLOUD_RESOURCE_ID), field));
	snprintf(field, sizeof(field), "Lambda-Runtime-Invoked-Function-Arn: %s\r\n", arn);
	arrives(field, "{}");
	CHECK(live_is(live_text(span, ATR_CLOUD_RESOURCE_ID), arn));
	end();
}

static unsigned links(void)
{
	const struct atr_item *item = NULL;
	unsigned nr = 0;

	while ((item = atr_span_next(span, item)))
		nr += item->type == ATR_TYPE_LINK;
	return nr;
}

TEST(faas_each_message_of_a_batch_is_a_link)
{
	char event[4096];
	size_t len;

	BEGIN("OTEL_TRACES_EXPORTER=otlp");
	len = (size_t)snprintf(event, sizeof(event), "{\"Records\":[");
	for (int i = 0; i < 5; i++)
		len += (size_t)snprintf(
			event + len, sizeof(event) - len,
			"%s{\"messageId\":\"m%d\",\"eventSource\":\"aws:sqs\","
			"\"eventSourceARN\":\"arn:q%d\",\"attributes\":{\"AWSTraceHeader\":"
			"\"%s\"}}",
			i ? "," : "", i, i, i == 2 ? "Root=1-nonsense" : XRAY);
	snprintf(event + len, sizeof(event) - len, "]}");
	arrives("", event);
	CHECK(links() == 4);
	CHECK(live_number(span, ATR_MESSAGING_BATCH_MESSAGE_COUNT) == 5);
	CHECK(live_is(live_text(span, ATR_MESSAGING_DESTINATION_NAME), "")); /* several queues */
	end();
}

TEST(faas_what_it_answers_is_its_status)
{
	BEGIN("OTEL_TRACES_EXPORTER=otlp");
	arrives("", "{}");
	atr_next_begin(&next);
	atr_event_feed(&next.event, "{\"statusCode\":503}", 18);
	atr_faas_answer(span, &next, false, false);
	CHECK(span->status != ATR_STATUS_ERROR);
	atr_faas_answer(span, &next, false, true);
	CHECK(span->status == ATR_STATUS_ERROR);
	CHECK(live_number(span, ATR_HTTP_RESPONSE_STATUS_CODE) == 503);
	end();
}

TEST(faas_an_error_is_told_with_its_stack_wherever_it_comes_from)
{
	static const char body[] = "{\"errorType\":\"KeyError\",\"errorMessage\":\"no pet\","
				   "\"stackTrace\":[\"a:1\",\"b:2\"]}";
	/* the same by a stream's trailers */
	static const char trailers[] =
		"Lambda-Runtime-Function-Error-Type: Function.Unknown\r\n"
		"Lambda-Runtime-Function-Error-Body: "
		"eyJlcnJvclR5cGUiOiJLZXlFcnJvciIsImVycm9yTWVzc2FnZSI6Im5vIHBldCJ9\r\n";

	BEGIN("OTEL_TRACES_EXPORTER=otlp");
	arrives("", "{}");
	atr_next_begin(&next);
	atr_event_feed(&next.event, body, strlen(body));
	atr_faas_answer(span, &next, true, false);
	CHECK(span->status == ATR_STATUS_ERROR);
	CHECK(live_is(live_text(span, ATR_ERROR_TYPE), "KeyError"));
	arrives("", "{}");
	atr_next_begin(&next);
	atr_next_trailers(&next, atr_str(trailers));
	atr_faas_answer(span, &next, false, false);
	CHECK(live_is(live_text(span, ATR_ERROR_TYPE), "KeyError"));
	arrives("", "{}");
	atr_next_begin(&next);
	atr_next_error_type(&next, ATR_STR("Runtime.NoSuchHandler"));
	atr_event_feed(&next.event, "garbage", 7);
	atr_faas_answer(span, &next, true, false);
	CHECK(live_is(live_text(span, ATR_ERROR_TYPE), "Runtime.NoSuchHandler"));
	arrives("", "{}");
	atr_next_begin(&next);
	atr_next_trailers(&next, ATR_STR("x\r\n:\r\nLambda-Runtime-Function-Error-Body: !!\r\n:"));
	atr_faas_answer(span, &next, false, false);
	CHECK(span->status != ATR_STATUS_ERROR);
	end();
}

TEST(faas_without_a_block_left_the_trace_of_lambda_is_kept)
{
	BEGIN("OTEL_TRACES_EXPORTER=xray");
	live_hold_blocks(0);
	arrives("Lambda-Runtime-Trace-Id: " XRAY "\r\n", CALLED);
	CHECK(is_trace(&parent.context, X_TRACE, NOBODY) && !parent.has_other);
	live_release_blocks();
	end();
}
