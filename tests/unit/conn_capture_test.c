/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/capture.h"

#include "export/env.h"
#include "preload/conn/redact.h"
#include "tests/unit/live.h"

#include <stdio.h>

static const struct atr_io io;
static uint64_t record[ATR_SPAN_MAX / 8];

#define SET(...) set((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })
#define OF(side, way) "OTEL_INSTRUMENTATION_HTTP_" side "_CAPTURE_" way "_HEADERS="

static void set(const char *const *variables)
{
	atr_env_capture((char *const *)(uintptr_t)variables);
	atr_redact_setup(&io);
	atr_capture_setup();
}

/* "key=value|value;" of each list in a span. */
static const char *lists(const struct atr_span *span)
{
	static char text[4096];
	const struct atr_item *item = NULL;
	struct atr_str value;
	size_t len = 0;

	text[0] = 0;
	while ((item = atr_span_next(span, item))) {
		struct atr_item_list list = atr_item_list(item);
		const char *between = "=";

		if (item->type != ATR_TYPE_LIST)
			continue;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.*s",
					item->id == ATR_HTTP_RESPONSE_HEADER ? "<" : "",
					(int)list.key.len, list.key.at);
		for (; atr_item_list_next(&list, &value); between = "|")
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.*s", between,
						(int)value.len, value.at);
		len += (size_t)snprintf(text + len, sizeof(text) - len, ";");
	}
	return text;
}

static const char *of(enum atr_kind kind, const char *text)
{
	struct atr_span *span = atr_span_begin(record);
	struct atr_http1_head head;

	span->kind = (uint8_t)kind;
	if (!strncmp(text, "HTTP/", 5))
		CHECK(atr_http1_parse_response(text, strlen(text), false, false, &head));
	else
		CHECK(atr_http1_parse_request(text, strlen(text), &head));
	atr_capture_http1(span, text, strlen(text), &head);
	return lists(span);
}

#define REQUEST                                                                   \
	"GET / HTTP/1.1\r\nHost: h\r\nX-Key:  a, b \r\nCookie: c\r\nx-key: d\r\n" \
	"Accept:\r\n\r\n"
#define RESPONSE "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Key: e\r\n\r\n"

TEST(capture_is_of_what_is_asked_for_alone)
{
	SET(OF("SERVER", "REQUEST") "X-KEY, host,accept,none", OF("CLIENT", "RESPONSE") "x-key");
	CHECK(live_is(of(ATR_KIND_SERVER, REQUEST), "x-key=a, b|d;host=h;accept=;"));
	CHECK(live_is(of(ATR_KIND_SERVER, RESPONSE), ""));
	CHECK(live_is(of(ATR_KIND_CLIENT, REQUEST), ""));
	CHECK(live_is(of(ATR_KIND_CLIENT, RESPONSE), "<x-key=e;"));
	SET(OF("CLIENT", "REQUEST") "cookie", OF("SERVER", "RESPONSE") "content-type");
	CHECK(live_is(of(ATR_KIND_CLIENT, REQUEST), "cookie=c;"));
	CHECK(live_is(of(ATR_KIND_SERVER, RESPONSE), "<content-type=text/plain;"));
	CHECK(atr_capture_is_on() && atr_capture_wants(ATR_STR("cookie")));
	CHECK(atr_capture_wants(ATR_STR("Content-Type")) && !atr_capture_wants(ATR_STR("accept")));
	SET();
	CHECK(!atr_capture_is_on() && live_is(of(ATR_KIND_SERVER, REQUEST), ""));
}

TEST(capture_follows_the_rules_of_redaction)
{
	SET(OF("SERVER", "REQUEST") "x-key,cookie,host,accept",
	    "AUTOTRACE_REDACT=header:X-*;header:cookie=drop;attribute:http.request.header.host="
	    "hash",
	    "AUTOTRACE_REDACT_KEY=k");
	CHECK(!strncmp(of(ATR_KIND_SERVER, REQUEST), "x-key=REDACTED|REDACTED;host=hash:", 34));
	CHECK(!strstr(lists((struct atr_span *)record), "cookie"));
	SET();
}

TEST(capture_is_bounded)
{
	char text[8192] = "GET / HTTP/1.1\r\nHost: h\r\n", variable[8192] = OF("SERVER", "REQUEST");

	for (int i = 0; i < 100; i++) {
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "a%d: %d\r\nb: %d\r\n",
			 i, i, i);
		snprintf(variable + strlen(variable), sizeof(variable) - strlen(variable), "a%d,",
			 i);
	}
	strcat(text, "\r\n");
	SET(variable);
	CHECK(strstr(of(ATR_KIND_SERVER, text), "a31=31;") &&
	      !strstr(lists((void *)record), "a32"));
	SET(OF("SERVER", "REQUEST") "b,b,, b ,x y,x:z,a1");
	CHECK(live_is(of(ATR_KIND_SERVER, text), "b=0|1|2|3|4|5|6|7;a1=1;"));
	CHECK(atr_span_is_whole((void *)record, sizeof(record)));
	SET();
}

TEST(capture_of_http2_leaves_calls_by_grpc_alone)
{
	struct atr_http2_head head = { .nr_noted = 1,
				       .noted = { { ATR_STR("x-key"), ATR_STR("v") } } };
	struct atr_span *span = atr_span_begin(record);

	SET(OF("SERVER", "REQUEST") "x-key");
	span->kind = ATR_KIND_SERVER;
	head.content_type = ATR_STR("application/grpc");
	atr_capture_http2(span, &head);
	CHECK(live_is(lists(span), ""));
	head.content_type = ATR_STR("text/plain");
	atr_capture_http2(span, &head);
	CHECK(live_is(lists(span), "x-key=v;"));
	SET();
}
