/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/lambda.h"
#include "tests/unit/conn.h"

#include <stdio.h>

#define API "127.0.0.1:9001"
#define AT_API " HTTP/1.1\r\nHost: " API "\r\n"
#define NEXT "GET /2018-06-01/runtime/invocation/next" AT_API "\r\n"
#define OK "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
#define DOWN "GET /down HTTP/1.1\r\nHost: h\r\n\r\n"
#define XRAY "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"

/* The event, read in pieces of so many bytes. */
static void event_arrives(int fd, const char *id, const char *event, size_t step)
{
	char text[4096];
	size_t len;

	len = (size_t)snprintf(text, sizeof(text),
			       "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: %s\r\n"
			       "Lambda-Runtime-Trace-Id: " XRAY "\r\n"
			       "Content-Length: %zu\r\n\r\n%s",
			       id, strlen(event), event);
	for (size_t at = 0; at < len; at += step)
		conn_read(fd, text + at, len - at < step ? len - at : step);
}

static void asks_next(int fd)
{
	conn_wire(fd)->len = 0;
	CONN_WRITE(fd, NEXT);
	CHECK(conn_is_untouched(fd, NEXT));
}

static void says(int fd, const char *id, const char *call, const char *body)
{
	char text[4096];

	snprintf(text, sizeof(text),
		 "POST /2018-06-01/runtime/invocation/%s/%s" AT_API "Content-Length: %zu\r\n\r\n%s",
		 id, call, strlen(body), body);
	conn_wire(fd)->len = 0;
	CONN_WRITE(fd, text);
	CHECK(conn_is_untouched(fd, text));
}

static void calls_down(int fd, const char *answer)
{
	conn_connect(fd);
	CONN_WRITE(fd, DOWN);
	CONN_READ(fd, answer);
	conn_close(fd);
}

/* The next span, which has this name. */
static const struct atr_span *next_span(const char *name)
{
	const struct atr_span *span = live_next();

	CHECK(span && live_is(live_text(span, ATR_NAME), name));
	return span;
}

/* The process's first invocation has its start as a span before it; these tests are one process. */
static void first_invocation(void)
{
	static bool was;

	if (was)
		return;
	was = true;
	conn_connect(FD);
	asks_next(FD);
	event_arrives(FD, "id0", "{}", 1000);
	says(FD, "id0", "response", "done");
	CONN_READ(FD, OK);
	conn_close(FD);
	CHECK(live_number(next_span("init"), ATR_FAAS_COLDSTART) == 1);
	CHECK(live_number(next_span("order"), ATR_FAAS_COLDSTART) == 1);
}

static void begin(const char *const *variables)
{
	conn_begin(variables);
	atr_lambda_setup();
	first_invocation();
}

#define BEGIN(...)                                                                      \
	begin((const char *const[]){ "AWS_LAMBDA_RUNTIME_API=" API,                     \
				     "AWS_LAMBDA_FUNCTION_NAME=order", "_HANDLER=main", \
				     __VA_ARGS__ __VA_OPT__(, ) NULL })

static void end(void)
{
	conn_end();
	atr_lambda_is_on = false;
}

TEST(lambda_an_invocation_lasts_from_the_event_to_its_response)
{
	const struct atr_span *span;
	uint8_t client_parent[ATR_SPAN_ID_LEN];

	BEGIN();
	for (size_t step = 1; step < 400; step += 1 + step / 3) {
		conn_connect(FD);
		asks_next(FD);
		CHECK(!live_next());
		event_arrives(FD, "id1", "{}", step);
		CHECK(!live_next());
		calls_down(OTHER, "HTTP/1.1 204 No Content\r\n\r\n");
		says(FD, "id1", "response", "done");
		CONN_READ(FD, OK);
		span = next_span("GET");
		memcpy(client_parent, span->parent_id, sizeof(client_parent));
		span = next_span("order");
		CHECK(span->kind == ATR_KIND_SERVER && span->status != ATR_STATUS_ERROR);
		CHECK(!memcmp(span->span_id, client_parent, sizeof(client_parent)));
		CHECK(live_is(live_text(span, ATR_FAAS_INVOCATION_ID), "id1"));
		CHECK(live_number(span, ATR_FAAS_COLDSTART) == 0);
		/* and nobody's parent any more */
		calls_down(OTHER, "HTTP/1.1 204 No Content\r\n\r\n");
		span = next_span("GET");
		CHECK(memcmp(span->parent_id, client_parent, sizeof(client_parent)));
		conn_close(FD);
		CHECK(!live_next());
	}
	end();
}

TEST(lambda_the_platforms_calls_are_no_spans_and_get_no_header)
{
	static const char *const others[] = {
		"POST /2020-01-01/extension/register" AT_API "Content-Length: 2\r\n\r\n{}",
		"GET /2020-01-01/extension/event/next" AT_API "\r\n",
		"PUT /2022-07-01/telemetry" AT_API "Content-Length: 0\r\n\r\n",
		"GET /ping" AT_API "\r\n",
		"GET /2018-06-01/runtime/invocation/" AT_API "\r\n",
		"POST /2018-06-01/runtime/invocation//response" AT_API "Content-Length: 0\r\n\r\n",
		"POST /2018-06-01/runtime/restore/error" AT_API "Content-Length: 0\r\n\r\n",
		"GET /2018-06-01/runtime/restore/next" AT_API "\r\n",
	};

	BEGIN();
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		conn_connect(FD);
		CONN_WRITE(FD, others[i]);
		CHECK(conn_is_untouched(FD, others[i]));
		CONN_READ(FD, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
		conn_close(FD);
		CHECK(!live_next());
	}
	end();
}

TEST(lambda_a_runtime_api_in_trouble_makes_no_invocation)
{
	static const char *const answers[] = {
		"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nRequest-Id: i\r\nContent-Length: 9\r\n\r\n{}",
		"garbage\r\n\r\n",
		"",
	};

	BEGIN();
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		conn_connect(FD);
		asks_next(FD);
		if (*answers[i])
			CONN_READ(FD, answers[i]);
		conn_read_end(FD);
		conn_close(FD);
		CHECK(!live_next());
	}
	end();
}

TEST(lambda_a_response_that_is_refused_or_broken_off_is_an_error)
{
	static const struct {
		const char *answer, *error;
	} cases[] = {
		{ "HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n", "413" },
		{ "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "403" },
		{ "HTTP/1.1 418 Tea\r\nContent-Length: 0\r\n\r\n", "_OTHER" },
		{ "", "connection_closed" },
		{ OK, "" },
	};
	const struct atr_span *span;

	BEGIN();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		conn_connect(FD);
		asks_next(FD);
		event_arrives(FD, "id1", "{}", 1000);
		says(FD, "id1", "response", "done");
		if (*cases[i].answer)
			CONN_READ(FD, cases[i].answer);
		else
			conn_read_end(FD);
		conn_close(FD);
		span = next_span("order");
		CHECK(live_is(live_text(span, ATR_ERROR_TYPE), cases[i].error));
	}
	end();
}

TEST(lambda_an_error_report_says_what_was_wrong)
{
	const struct atr_span *span;

	BEGIN();
	conn_connect(FD);
	asks_next(FD);
	event_arrives(FD, "id1", "{}", 1000);
	says(FD, "id1", "error", "{\"errorType\":\"KeyError\",\"errorMessage\":\"no pet\"}");
	CONN_READ(FD, OK);
	span = next_span("order");
	CHECK(span->status == ATR_STATUS_ERROR);
	CHECK(live_is(live_text(span, ATR_ERROR_TYPE), "KeyError"));
	conn_close(FD);
	end();
}

TEST(lambda_a_response_to_another_id_ends_nothing)
{
	BEGIN();
	conn_connect(FD);
	asks_next(FD);
	event_arrives(FD, "id1", "{}", 1000);
	says(FD, "id2", "response", "whose");
	CONN_READ(FD, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
	CHECK(!live_next());
	says(FD, "id1", "response", "done");
	CONN_READ(FD, OK);
	next_span("order");
	says(FD, "id1", "response", "again");
	CONN_READ(FD, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
	CHECK(!live_next());
	conn_close(FD);
	end();
}

TEST(lambda_several_at_once_are_each_their_own_threads)
{
	const struct atr_span *span;

	BEGIN("AWS_LAMBDA_MAX_CONCURRENCY=4");
	conn_connect(FD);
	conn_connect(OTHER);
	asks_next(FD);
	asks_next(OTHER);
	event_arrives(FD, "id1", "{}", 1000);
	event_arrives(OTHER, "id2", "{}", 1000);
	says(FD, "id1", "response", "one");
	CONN_READ(FD, OK);
	span = next_span("order");
	CHECK(live_is(live_text(span, ATR_FAAS_INVOCATION_ID), "id1"));
	says(OTHER, "id2", "response", "two");
	CONN_READ(OTHER, OK);
	span = next_span("order");
	CHECK(live_is(live_text(span, ATR_FAAS_INVOCATION_ID), "id2"));
	conn_close(FD);
	conn_close(OTHER);
	end();
}

TEST(lambda_without_a_block_left_the_function_goes_on_unseen)
{
	BEGIN();
	live_hold_blocks(0);
	conn_connect(FD);
	asks_next(FD);
	event_arrives(FD, "id1", "{}", 1000);
	says(FD, "id1", "response", "done");
	CONN_READ(FD, OK);
	CHECK(!live_next());
	conn_close(FD);
	live_release_blocks();
	end();
}

TEST(lambda_an_event_of_six_megabytes_is_read_in_bounded_memory)
{
	static char piece[65536];
	char head[256];
	size_t size = 6 << 20;

	BEGIN();
	conn_connect(FD);
	asks_next(FD);
	snprintf(head, sizeof(head),
		 "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: id1\r\nContent-Length: "
		 "%zu\r\n\r\n",
		 size);
	CONN_READ(FD, head);
	memset(piece, '[', sizeof(piece));
	for (size_t at = 0; at < size; at += sizeof(piece))
		conn_read(FD, piece, sizeof(piece));
	CHECK(live_nr_blocks_out() <= 1);
	says(FD, "id1", "response", "done");
	CONN_READ(FD, OK);
	next_span("order");
	conn_close(FD);
	end();
}

TEST(lambda_an_extension_is_not_a_function)
{
	static const struct {
		const char *handler, *path;
		bool is_extension;
	} cases[] = {
		{ "_HANDLER=main", "/var/task/bootstrap", false },
		{ "_HANDLER=main", "/opt/extensions/agent", true },
		{ "X=y", "/var/task/bootstrap", true },
		{ "X=y", "", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		BEGIN();
		end();
		conn_begin((const char *const[]){ "AWS_LAMBDA_RUNTIME_API=" API, cases[i].handler,
						  NULL });
		CHECK(atr_lambda_is_extension(atr_str(cases[i].path)) == cases[i].is_extension);
		conn_end();
	}
	conn_begin((const char *const[]){ "X=y", NULL });
	CHECK(!atr_lambda_is_extension(ATR_STR("/opt/extensions/agent")));
	conn_end();
}
