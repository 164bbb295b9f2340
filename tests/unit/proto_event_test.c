/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/proto/event.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct atr_event event;

static bool wants(struct atr_str name)
{
	return atr_str_equal_nocase(name, ATR_STR("traceparent")) ||
	       atr_str_equal_nocase(name, ATR_STR("x-amzn-trace-id"));
}

static void feed(const char *text, size_t step)
{
	size_t len = strlen(text);

	atr_event_begin(&event, wants);
	for (size_t at = 0; at < len; at += step)
		atr_event_feed(&event, text + at, len - at < step ? len - at : step);
}

static bool says(enum atr_fact_id id, unsigned element, const char *value)
{
	return atr_str_equal(atr_event_get(&event, id, element), atr_str(value));
}

static bool is_absent(enum atr_fact_id id, unsigned element)
{
	return !atr_event_get(&event, id, element).at;
}

/* The names and values of one kind, as "name=value;". */
static bool names(enum atr_fact_id id, unsigned element, const char *expected)
{
	struct atr_pair pairs[16];
	size_t nr = atr_event_named(&event, id, element, pairs, 16);
	char text[1024] = "";

	for (size_t i = 0; i < nr; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%.*s=%.*s;",
			 (int)pairs[i].name.len, pairs[i].name.at, (int)pairs[i].value.len,
			 pairs[i].value.at);
	if (strcmp(text, expected))
		print_message("<%s> and not <%s>\n", text, expected);
	return !strcmp(text, expected);
}

#define EACH_CUT(text)                                      \
	for (size_t step = 1; step <= strlen(text); step++) \
		if (feed(text, step), true)

TEST(event_of_a_rest_api_has_its_route_and_headers)
{
	static const char text[] =
		"{\"resource\":\"/pets/{id}\",\"path\":\"/pets/"
		"7\",\"httpMethod\":\"GET\",\"headers\":"
		"{\"Accept\":\"*/*\",\"TraceParent\":\"00-a\",\"X-Amzn-Trace-Id\":\"Root=1\"},"
		"\"multiValueHeaders\":{\"TraceParent\":[\"00-a\",\"00-b\"],\"Accept\":[\"*/*\"]},"
		"\"requestContext\":{\"stage\":\"prod\",\"identity\":{\"sourceIp\":\"192.0.2.1\","
		"\"userAgent\":\"curl/8\"},\"protocol\":\"HTTP/"
		"1.1\"},\"body\":\"{\\\"httpMethod\\\":\\\"PUT\\\"}\"}";

	EACH_CUT(text)
	{
		CHECK(says(ATR_FACT_RESOURCE, 0, "/pets/{id}"));
		CHECK(says(ATR_FACT_HTTP_METHOD, 0, "GET"));
		CHECK(says(ATR_FACT_CONTEXT_STAGE, 0, "prod"));
		CHECK(says(ATR_FACT_CONTEXT_SOURCE_IP, 0, "192.0.2.1"));
		CHECK(names(ATR_FACT_HEADER, 0, "TraceParent=00-a;X-Amzn-Trace-Id=Root=1;"));
		CHECK(names(ATR_FACT_MULTI_HEADER, 0, "TraceParent=00-a;TraceParent=00-b;"));
		CHECK(is_absent(ATR_FACT_VERSION, 0));
		CHECK(atr_event_records(&event) == 0);
	}
}

TEST(event_of_a_function_url_has_its_request)
{
	static const char text[] =
		"{\"version\":\"2.0\",\"routeKey\":\"$default\",\"rawPath\":\"/"
		"a\",\"rawQueryString\":\"x=1\","
		"\"headers\":{\"traceparent\":\"00-a\"},\"requestContext\":{\"domainName\":"
		"\"abc.lambda-url.eu-west-1.on.aws\",\"http\":{\"method\":\"POST\",\"path\":\"/"
		"a\",\"protocol\":"
		"\"HTTP/"
		"1.1\",\"sourceIp\":\"192.0.2.9\",\"userAgent\":\"agent\"}},\"isBase64Encoded\":"
		"false}";

	EACH_CUT(text)
	{
		CHECK(says(ATR_FACT_VERSION, 0, "2.0"));
		CHECK(says(ATR_FACT_CONTEXT_HTTP_METHOD, 0, "POST"));
		CHECK(says(ATR_FACT_CONTEXT_DOMAIN, 0, "abc.lambda-url.eu-west-1.on.aws"));
		CHECK(names(ATR_FACT_HEADER, 0, "traceparent=00-a;"));
	}
}

TEST(event_of_a_queue_has_each_record)
{
	static const char text[] =
		"{\"Records\":[{\"messageId\":\"m0\",\"body\":\"hello \\\"x\\\"\",\"attributes\":"
		"{\"AWSTraceHeader\":\"Root=0\",\"SentTimestamp\":\"1\"},\"messageAttributes\":{"
		"\"traceparent\":"
		"{\"stringValue\":\"00-a\",\"dataType\":\"String\"},\"other\":{\"stringValue\":"
		"\"no\"}},"
		"\"eventSource\":\"aws:sqs\",\"eventSourceARN\":\"arn:q\"},"
		"{\"messageId\":\"m1\",\"attributes\":{},\"eventSource\":\"aws:sqs\","
		"\"eventSourceARN\":\"arn:p\"},"
		"{\"messageId\":\"m2\",\"attributes\":{\"AWSTraceHeader\":\"Root=2\"},"
		"\"eventSource\":\"aws:sqs\"}]}";

	EACH_CUT(text)
	{
		CHECK(atr_event_records(&event) == 3);
		CHECK(says(ATR_FACT_EVENT_SOURCE, 0, "aws:sqs"));
		CHECK(says(ATR_FACT_EVENT_SOURCE_ARN, 1, "arn:p"));
		CHECK(says(ATR_FACT_MESSAGE_ID, 2, "m2"));
		CHECK(says(ATR_FACT_AWS_TRACE_HEADER, 0, "Root=0"));
		CHECK(is_absent(ATR_FACT_AWS_TRACE_HEADER, 1));
		CHECK(says(ATR_FACT_AWS_TRACE_HEADER, 2, "Root=2"));
		CHECK(names(ATR_FACT_MESSAGE_ATTRIBUTE, 0, "traceparent=00-a;"));
	}
}

TEST(event_of_a_notification_in_a_queue_is_read_in_the_message)
{
	static const char text[] =
		"{\"Records\":[{\"messageId\":\"m0\",\"body\":\"{\\\"Type\\\" : "
		"\\\"Notification\\\", \\\"TopicArn\\\""
		": \\\"arn:t\\\", \\\"Message\\\": \\\"say \\\\\\\"hi\\\\\\\"\\\", "
		"\\\"MessageAttributes\\\": {"
		"\\\"traceparent\\\": "
		"{\\\"Type\\\":\\\"String\\\",\\\"Value\\\":\\\"00-\\\\u0061\\\"}}}\","
		"\"eventSource\":\"aws:sqs\"}]}";

	EACH_CUT(text)
	{
		CHECK(says(ATR_FACT_INNER_TYPE, 0, "Notification"));
		CHECK(says(ATR_FACT_INNER_TOPIC, 0, "arn:t"));
		CHECK(names(ATR_FACT_INNER_ATTRIBUTE, 0, "traceparent=00-a;"));
		CHECK(says(ATR_FACT_EVENT_SOURCE, 0, "aws:sqs"));
	}
}

TEST(event_with_a_message_that_breaks_off_inside_a_value_is_read_on)
{
	static const char text[] =
		"{\"Records\":[{\"body\":\"{\\\"Type\\\": \\\"Notif\",\"messageId\":\"m\"},"
		"{\"messageId\":\"n\"}]}";

	EACH_CUT(text)
	{
		CHECK(is_absent(ATR_FACT_INNER_TYPE, 0));
		CHECK(says(ATR_FACT_MESSAGE_ID, 0, "m"));
		CHECK(says(ATR_FACT_MESSAGE_ID, 1, "n"));
	}
}

TEST(event_of_a_topic_has_its_attributes)
{
	static const char text[] = "{\"Records\":[{\"EventSource\":\"aws:sns\",\"EventVersion\":"
				   "\"1.0\",\"Sns\":{\"TopicArn\":\"arn:t\","
				   "\"MessageId\":\"i\",\"Message\":\"text\",\"MessageAttributes\":"
				   "{\"traceparent\":{\"Type\":\"String\","
				   "\"Value\":\"00-a\"}}}}]}";

	EACH_CUT(text)
	{
		CHECK(says(ATR_FACT_EVENT_SOURCE, 0, "aws:sns"));
		CHECK(says(ATR_FACT_SNS_TOPIC, 0, "arn:t"));
		CHECK(names(ATR_FACT_SNS_ATTRIBUTE, 0, "traceparent=00-a;"));
	}
}

TEST(event_of_error_report_has_type_message_and_stack)
{
	static const char text[] =
		"{\"errorMessage\":\"no such item\",\"errorType\":\"KeyError\",\"stackTrace\":"
		"[\"a:1\",\"b:2\"]}";

	EACH_CUT(text)
	{
		CHECK(says(ATR_FACT_ERROR_TYPE, 0, "KeyError"));
		CHECK(says(ATR_FACT_ERROR_MESSAGE, 0, "no such item"));
		CHECK(says(ATR_FACT_STACK_TRACE, 1, "b:2"));
	}
}

TEST(event_values_too_long_or_too_many_are_left_out_and_the_rest_is_read)
{
	size_t cap = 4u << 20, len = 0;
	char *text = malloc(cap);

	len += (size_t)sprintf(text + len, "{\"headers\":{\"traceparent\":\"");
	memset(text + len, 'x', ATR_EVENT_VALUE_MAX + 1);
	len += ATR_EVENT_VALUE_MAX + 1;
	len += (size_t)sprintf(text + len, "\"},\"path\":\"/ok\",\"Records\":[");
	for (int i = 0; i < 2000; i++)
		len += (size_t)sprintf(text + len,
				       "%s{\"messageId\":\"m%d\",\"eventSource\":\"aws:sqs\","
				       "\"attributes\":{\"AWSTraceHeader\":\"Root=%0200d\"}}",
				       i ? "," : "", i, i);
	sprintf(text + len, "]}");
	feed(text, 4096);
	CHECK(says(ATR_FACT_PATH, 0, "/ok"));
	CHECK(names(ATR_FACT_HEADER, 0, ""));
	CHECK(says(ATR_FACT_MESSAGE_ID, 100, "m100"));
	CHECK(is_absent(ATR_FACT_MESSAGE_ID, ATR_EVENT_ELEMENTS_MAX));
	CHECK(atr_event_records(&event) == 2000);
	free(text);
}

TEST(event_beyond_what_is_looked_at_is_not_read)
{
	char *text = malloc(ATR_EVENT_LOOKED_AT + 100);
	size_t len = (size_t)sprintf(text, "{\"path\":\"/a\",\"x\":\"");

	memset(text + len, 'x', ATR_EVENT_LOOKED_AT - len);
	strcpy(text + ATR_EVENT_LOOKED_AT, "\",\"version\":\"2.0\"}");
	feed(text, 65536);
	CHECK(says(ATR_FACT_PATH, 0, "/a"));
	CHECK(is_absent(ATR_FACT_VERSION, 0));
	free(text);
}

TEST(event_that_is_no_json_says_nothing)
{
	feed("path=/a", 3);
	CHECK(event.nr_facts == 0);
	feed("", 1);
	CHECK(event.nr_facts == 0);
	feed("[\"path\", {\"path\": 1}]", 1);
	CHECK(event.nr_facts == 0);
}
