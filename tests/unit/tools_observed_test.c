/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "tools/observed.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static struct atr_trace trace;
static struct atr_root_span root;
static struct atr_observed *observed;
static uint64_t now;

static void open_one(void)
{
	struct atr_str unknown;

	memset(&trace, 0, sizeof(trace));
	memset(&root, 0, sizeof(root));
	memset(root.context.trace_id, 7, sizeof(root.context.trace_id));
	memset(root.context.span_id, 8, sizeof(root.context.span_id));
	atr_propagators_parse((struct atr_str){ 0 }, &root.formats, &unknown);
	observed = atr_observed_open(&trace, &root, "/bin/gone");
	now = 1000;
}

static void see(enum atr_wire_kind kind, uint32_t process, int fd, const char *bytes)
{
	static struct atr_wire_event event;

	event = (struct atr_wire_event){ .kind = kind, .process = process, .fd = fd };
	event.start_ns = now += 10;
	event.end_ns = now += 10;
	event.bytes_len = (uint32_t)strlen(bytes);
	event.result = (int64_t)strlen(bytes);
	memcpy(event.bytes, bytes, strlen(bytes));
	atr_observed_see(observed, &event, 1000000);
}

static void close_one(void)
{
	atr_observed_close(observed);
	atr_trace_free(&trace);
}

static bool has_text(const struct atr_node *node, const char *key, const char *text)
{
	return atr_str_equal(atr_fields_text(&node->attributes, key), atr_str(text));
}

static int64_t number_of(const struct atr_node *node, const char *key)
{
	int64_t n = -1;

	atr_fields_integer(&node->attributes, key, &n);
	return n;
}

/* Numbers of no process that is there. */
#define P 4000000000u

TEST(observed_exchanges_are_spans_below_the_run)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(80) };
	struct atr_wire_event event = { .kind = ATR_WIRE_CONNECT, .process = P, .fd = 5 };
	const struct atr_node *node;

	open_one();
	inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
	memcpy(event.bytes, &to, sizeof(to));
	event.bytes_len = sizeof(to);
	atr_observed_see(observed, &event, 0);
	see(ATR_WIRE_SAID, P, 5, "GET /a?b=c HTTP/1.1\r\nHost: h:81\r\n\r\n");
	see(ATR_WIRE_HEARD, P, 5, "HTTP/1.1 100 Continue\r\n\r\n");
	see(ATR_WIRE_HEARD, P, 5, "HTTP/1.1 404 X\r\n\r\n");
	see(ATR_WIRE_HEARD, P, 5, "more");
	CHECK(trace.nr_nodes == 0);
	see(ATR_WIRE_CLOSE, P, 5, "");
	CHECK(trace.nr_nodes == 1);
	node = trace.nodes[0];
	CHECK(node->kind == 3 && node->status == 2 && node->start_ns == 1001010);
	CHECK(node->end_ns == 1001080);
	CHECK(!memcmp(node->parent_id, root.context.span_id, sizeof(node->parent_id)));
	CHECK(has_text(node, "url.full", "http://h:81/a") && has_text(node, "error.type", "404"));
	CHECK(has_text(node, "server.address", "h") && number_of(node, "server.port") == 81);
	CHECK(has_text(node, "network.peer.address", "192.0.2.1"));
	CHECK(number_of(node, "http.response.status_code") == 404);
	CHECK(number_of(node, "network.peer.port") == 80);
	CHECK(atr_str_equal(node->resource->service, ATR_STR("unknown_service:gone")));
	close_one();
}

TEST(observed_keep_alive_is_a_span_for_each_request)
{
	open_one();
	for (int i = 0; i < 3; i++) {
		see(ATR_WIRE_HEARD, P, 4, "POST /x HTTP/1.1\r\nHost: h\r\n\r\n");
		see(ATR_WIRE_SAID, P, 4, "HTTP/1.1 200 OK\r\n\r\n");
	}
	CHECK(trace.nr_nodes == 2);
	see(ATR_WIRE_EXIT, P, -1, "");
	CHECK(trace.nr_nodes == 3 && trace.nodes[2]->kind == 2 && trace.nodes[2]->status == 0);
	close_one();
}

TEST(observed_requests_that_the_program_traces_are_left_to_it)
{
	open_one();
	see(ATR_WIRE_SAID, P, 5,
	    "GET /a HTTP/1.1\r\nHost: h\r\n"
	    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n");
	see(ATR_WIRE_HEARD, P, 5, "HTTP/1.1 200 X\r\n\r\n");
	see(ATR_WIRE_SAID, P, 5, "GET /b HTTP/1.1\r\nHost: h\r\n\r\n");
	see(ATR_WIRE_HEARD, P, 5, "HTTP/1.1 200 X\r\n\r\n");
	see(ATR_WIRE_CLOSE, P, 5, "");
	CHECK(trace.nr_nodes == 1 && has_text(trace.nodes[0], "url.full", "http://h/b"));
	close_one();
}

TEST(observed_requests_of_others_are_their_own)
{
	open_one();
	see(ATR_WIRE_SAID, P, 4, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
	see(ATR_WIRE_SAID, P + 1, 4, "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
	see(ATR_WIRE_HEARD, P + 1, 4, "HTTP/1.1 200 OK\r\n\r\n");
	see(ATR_WIRE_EXIT, P + 1, -1, "");
	CHECK(trace.nr_nodes == 1 && has_text(trace.nodes[0], "url.full", "http://h/2"));
	/* the client knows that nothing came */
	see(ATR_WIRE_CLOSE, P, 4, "");
	CHECK(trace.nr_nodes == 2 && has_text(trace.nodes[1], "error.type", "no_response"));
	close_one();
}

TEST(observed_bytes_that_are_no_http_are_nothing)
{
	static const char *const others[] = {
		"GET",
		"GET key\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\n",
		"POSTSCRIPT",
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/",
		"PUT \x01 HTTP/1.1\r\n\r\n",
		"HEAD / HTTP/1.1\r\n\r\n",
		"",
	};

	open_one();
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		see(ATR_WIRE_SAID, P, (int)i, others[i]);
		see(ATR_WIRE_HEARD, P, (int)i, others[i]);
		see(ATR_WIRE_CLOSE, P, (int)i, "");
	}
	/* a file that holds a request, and its reader answers nobody */
	see(ATR_WIRE_HEARD, P, 3, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	see(ATR_WIRE_CLOSE, P, 3, "");
	CHECK(trace.nr_nodes == 0);
	close_one();
}

TEST(observed_garbage_does_no_harm)
{
	static struct atr_wire_event event;

	open_one();
	srandom(1);
	for (int i = 0; i < 20000; i++) {
		for (size_t k = 0; k < sizeof(event) / 4; k += (size_t)(1 + random() % 40))
			memcpy((char *)&event + 4 * k, &(uint32_t){ (uint32_t)random() }, 4);
		event.kind = (uint32_t)random() % 7;
		event.process = (uint32_t)random() % 300 + P;
		event.fd = (int)random() % 20;
		event.bytes_len = (uint32_t)random() % (2 * ATR_WIRE_BYTES_MAX);
		if (i % 2)
			memcpy(event.bytes, "GET / HTTP/1.0\r\n\r\n", 18);
		atr_observed_see(observed, &event, 0);
	}
	close_one();
}
