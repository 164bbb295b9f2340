/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever is said on a kept connection, and however often: what is told of it and what goes out
 * are the same whether it is looked for what is said again (usual.h) or not.
 */
#include "preload/conn/usual.h"

#include "export/attr.h"
#include "preload/conn/capture.h"
#include "preload/conn/redact.h"
#include "preload/conn/routes.h"
#include "preload/conn/state.h"
#include "tests/unit/conn.h"

#include <stdio.h>

#define ROUNDS 100
#define EXCHANGES 60

static uint32_t seed;

static unsigned any(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 10) % n;
}

#define PARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
#define LONG "/goes/on/and/on/and/on/and/on/and/on/and/on/and/on/and/on/and/on"
#define TEXTS_MAX 14

/* What a message is made of, each the first mostly. */
static const char *const request_parts[][TEXTS_MAX] = {
	{ "GET ", "HEAD ", "POST ", "get ", "GETS ", "CONNECT " },
	{ "/a", "/b", "/a?x=1&y=%20", "/c?password=1", "/\xc3\xa4", "*", "http://u/a",
	  "http://u:p@h/", LONG LONG LONG, "", "/ " },
	{ " HTTP/1.1\r\n", " HTTP/1.0\r\n", "  HTTP/1.1\r\n", "\tHTTP/1.1\r\n" },
	{ "Host: h:81\r\n", "Host: other\r\n", "Host:h\r\n", "Host: \r\n", "",
	  "Host: a\r\nHost: b\r\n" },
	{ "User-Agent: u/1\r\n", "", "User-Agent: u/2\r\n", "X-Forwarded-For: 1.2.3.4\r\n",
	  "Forwarded: for=1.2.3.4\r\n", "X: " LONG LONG LONG LONG LONG LONG LONG LONG "\r\n" },
	{ "", "Content-Length: 3\r\n", "Content-Length: 0\r\n", "Expect: 100-continue\r\n",
	  "Connection: close\r\n", "Connection: keep-alive\r\n", "Connection: upgrade\r\n",
	  "Upgrade: x\r\n", "Transfer-Encoding: chunked\r\n" },
	{ "", "traceparent: " PARENT "\r\n", "Traceparent: " PARENT "\r\n",
	  "traceparent: " PARENT " \r\n", "traceparent:  " PARENT "\r\n",
	  "traceparent: 00-" PARENT "\r\n",
	  "traceparent: " PARENT "\r\ntraceparent: " PARENT "\r\n",
	  "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01\r\n",
	  "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00\r\n",
	  "traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01\r\n",
	  "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7-01\r\n",
	  "traceparent: 01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n",
	  "tracespaces: " PARENT "\r\n" },
	{ "", "tracestate: a=b\r\n", "baggage: k=v\r\n" },
	{ "", "Accept: */*\r\n", "X-Amz-Target: t\r\n", "Authorization: Basic x\r\n",
	  "Authorization: AWS4-HMAC-SHA256 Credential=K/20261121/eu-west-1/s3/aws4_request, "
	  "SignedHeaders=host, Signature=0\r\n",
	  "not a field\r\n" },
	{ "\r\n", "\r\nabc", "\n", "\r\n3\r\nabc\r\n0\r\n\r\n" },
};
static const char *const response_parts[][TEXTS_MAX] = {
	{ "HTTP/1.1 200 OK\r\n", "HTTP/1.1 404 Not Found\r\n", "HTTP/1.0 200 OK\r\n",
	  "HTTP/1.1 204 No Content\r\n", "HTTP/1.1 200 ok\r\n", "HTTP/1.1 100 Continue\r\n",
	  "HTTP/1.1 2000 OK\r\n" },
	{ "Date: 1\r\n", "Date: 2\r\n", "", "Date : 1\r\n" },
	{ "Content-Length: 2\r\n", "Content-Length: 3\r\n", "Content-Length: 0\r\n",
	  "Content-Length: 9\r\n", "", "Content-Length: 2\r\nContent-Length: 2\r\n",
	  "content-length: 2\r\n" },
	{ "", "Connection: close\r\n", "Connection: keep-alive\r\n",
	  "Transfer-Encoding: chunked\r\n", "Upgrade: x\r\n", "x-amz-request-id: r\r\n" },
	{ "\r\n", "\n" },
	{ "ok", "", "oks", "3\r\nabc\r\n0\r\n\r\n", "o" },
};
#define NR(parts) (sizeof(parts) / sizeof((parts)[0]))

/* Says again what was said before, but for one part now and then; `at` is which texts they are. */
static void make(const char *const parts[][TEXTS_MAX], unsigned nr, uint8_t *at, char *out)
{
	unsigned part = any(nr), nr_texts = 0;

	while (nr_texts < TEXTS_MAX && parts[part][nr_texts])
		nr_texts++;
	if (!any(3))
		at[part] = any(3) ? 0 : (uint8_t)any(nr_texts);
	for (*out = 0; nr; nr--, parts++, at++)
		strcat(out, (*parts)[*at]);
}

/* A call that is jumped out of. */
static void begin_to_send(const char *text)
{
	struct iovec all = { (void *)text, strlen(text) };
	struct atr_pieces piece;

	if (atr_conn_plan(atr_fd(FD), FD, &all, 1, 0, 0, &piece))
		atr_block_give(piece.block);
}

/*
 * What a program does with bytes: all at once, in parts, or to a kernel that takes few, or none now
 * and then; and a client's call may be jumped out of, or find that it was answered meanwhile.
 */
static void go(bool is_sent, const char *text)
{
	size_t len = strlen(text), at = any(8) ? len : 1 + any((unsigned)len);
	bool is_asked = !strncmp(text, "GET ", 4);

	if (is_sent && is_asked && !any(40))
		begin_to_send(text);
	if (is_sent && is_asked && !any(40))
		conn_wire(FD)->answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	conn_wire(FD)->in_turns = !any(8);
	conn_wire(FD)->most = any(8) ? 0 : 1 + any(200);
	for (size_t from = 0; from < len; from = at, at = len) {
		struct iovec part[2] = { { (void *)(text + from), at - from }, { NULL, 0 } };
		int nr = 1;

		if (at - from > 1 && !any(8)) {
			part[0].iov_len = 1 + any((unsigned)(at - from - 1));
			part[1] = (struct iovec){ (void *)(text + from + part[0].iov_len),
						  at - from - part[0].iov_len };
			nr = 2;
		}
		if (is_sent)
			conn_writev_all(FD, part, nr);
		else
			atr_conn_received(atr_fd(FD), FD, part, nr, (ssize_t)(at - from));
	}
	conn_wire(FD)->most = 0;
	conn_wire(FD)->in_turns = false;
	conn_wire(FD)->answer = NULL;
}

/* Spans as they are, but for ids that are new and for times; and what arrived. */
struct told {
	size_t len;
	char bytes[1024 * 1024];
};

static void add(struct told *told, const void *bytes, size_t len)
{
	CHECK(told->len + len <= sizeof(told->bytes));
	memcpy(told->bytes + told->len, bytes, len);
	told->len += len;
}

/* Those that are none of the program's. */
static void hide_ids(char *all)
{
	static const char line[] = "traceparent: 00-";
	static const char *const b3[] = { "\r\nb3: ", "\r\nx-b3-traceid: ", "\r\nx-b3-spanid: " };
	char *at = all;

	while ((at = strstr(at, line))) {
		at += strlen(line);
		if (strncmp(at, "4bf92f35", 8) != 0 && strlen(at) > 49)
			memset(at, '.', 32);
		if (strlen(at) > 49 && strncmp(at + 33, "00f067aa", 8) != 0)
			memset(at + 33, '.', 16);
	}
	for (unsigned i = 0; i < NR(b3); i++)
		for (at = all; (at = strstr(at, b3[i]));)
			for (at += strlen(b3[i]); *at != '\r'; at++)
				*at = '.';
}

static void tell(struct told *told)
{
	struct wire *wire = conn_wire(FD);
	const struct atr_span *span;

	while ((span = live_next())) {
		uint64_t copy[ATR_SPAN_MAX / 8];
		struct atr_span *same = (struct atr_span *)copy;

		memcpy(copy, span, span->len);
		if (span->kind == ATR_KIND_CLIENT || !span->parent_remote)
			memset(same->trace_id, 0, sizeof(same->trace_id));
		memset(same->span_id, 0, sizeof(same->span_id));
		same->start_ns = same->end_ns = 0;
		/* when they happened, and how long that was */
		for (const struct atr_item *item = NULL; (item = atr_span_next(same, item));) {
			char *at = (char *)atr_item_bytes(item);

			if (item->type == ATR_TYPE_EVENT || item->type == ATR_TYPE_DOUBLE)
				memset(at, 0, 8);
			memset(at + item->len, 0, -item->len & 7); /* says nothing */
		}
		add(told, copy, span->len);
	}
	wire->arrived[wire->len] = 0;
	hide_ids(wire->arrived);
	add(told, wire->arrived, wire->len);
	wire->len = 0;
}

static void open_one(bool is_server)
{
	if (is_server)
		conn_accept(FD);
	else
		conn_connect(FD);
}

static void speak(bool is_server, uint32_t round, bool is_usual, struct told *told)
{
	uint8_t request[NR(request_parts)] = { 0 }, response[NR(response_parts)] = { 0 };
	char text[4096];

	seed = round * 2654435761u;
	told->len = 0;
	atr_usual_is_on = is_usual;
	open_one(is_server);
	for (int i = 0; i < EXCHANGES; i++) {
		/* of a pipeline, and of answers before they were asked for, there are some */
		for (unsigned n = any(20) ? 1 : any(3); n; n--) {
			make(request_parts, NR(request_parts), request, text);
			go(!is_server, text);
		}
		for (unsigned n = any(20) ? 1 : any(3); n; n--) {
			make(response_parts, NR(response_parts), response, text);
			go(is_server, text);
		}
		tell(told);
		if (atr_fd_is_conn(atr_fd(FD)))
			continue;
		conn_close(FD);
		open_one(is_server);
		memset(request, 0, sizeof(request));
		memset(response, 0, sizeof(response));
	}
	conn_close(FD);
	tell(told);
	atr_usual_is_on = true;
}

/* What is different first, and a little around it. */
static void show(const struct told *told, size_t at)
{
	for (size_t i = at < 200 ? 0 : at - 200; i < at + 200 && i < told->len; i++)
		print_error(told->bytes[i] >= ' ' && told->bytes[i] <= '~' ? "%c" : "\\%02x",
			    (uint8_t)told->bytes[i]);
	print_error("\n");
}

static bool same(const struct told *a, const struct told *b)
{
	size_t at = 0;

	while (at < a->len && at < b->len && a->bytes[at] == b->bytes[at])
		at++;
	if (at == a->len && at == b->len)
		return true;
	show(a, at);
	show(b, at);
	return false;
}

/* The process was started with this context, or none. */
static void compare(const struct atr_context *context)
{
	static struct told usual, other;

	for (uint32_t round = 0; round < ROUNDS; round++)
		for (int is_server = 0; is_server < 2; is_server++) {
			atr_work_setup(context);
			speak(is_server, round, false, &other);
			atr_work_setup(context);
			speak(is_server, round, true, &usual);
			CHECK(same(&usual, &other));
		}
}

TEST(usual_requests_and_responses_are_told_as_all_others_are)
{
	CONN_BEGIN();
	compare(NULL);
	conn_end();
}

/* With what each test has, and these; NULL: nothing more. */
static void begin(const char *const more[static 2])
{
	static const struct atr_io io;

	CONN_BEGIN(more[0], more[1]);
	atr_routes_setup(&io);
	atr_redact_setup(&io);
	atr_capture_setup();
}

TEST(usual_requests_are_told_as_others_whatever_is_asked_for)
{
	static const char *const asked[][2] = {
		{ "OTEL_TRACES_SAMPLER=parentbased_always_off" },
		{ "OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=1" },
		{ "OTEL_PROPAGATORS=b3,tracecontext" },
		{ "OTEL_PROPAGATORS=b3multi" },
		{ "OTEL_PROPAGATORS=none" },
		{ "OTEL_SDK_DISABLED=true" },
		{ "OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_REQUEST_HEADERS=user-agent",
		  "OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_RESPONSE_HEADERS=date" },
		{ "AUTOTRACE_ROUTES_GUESS=true" },
		{ "AUTOTRACE_ROUTES=/a;/c" },
		{ "AUTOTRACE_REDACT=header:user-agent=drop;query:x;path:/b=hash" },
	};

	const struct atr_context parent = live_parent(7);
	struct atr_context with_text = parent;

	with_text.tracestate = ATR_STR("a=b");
	with_text.baggage = ATR_STR("k=v");

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		begin(asked[i]);
		compare(NULL);
		conn_end();
	}
	begin((const char *const[2]){ NULL });
	compare(&parent);
	compare(&with_text);
	conn_end();
}

#define GET "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define TOLD "CLIENT GET 200 http://h/a body=2"

static void exchange(void)
{
	CONN_WRITE(FD, GET);
	CONN_READ(FD, OK);
	CONN_SAYS(TOLD);
}

/* The third is a usual one: the first has made the connection, and the second is as it was. */
static void open_for_usual(void)
{
	conn_connect(FD);
	exchange();
	exchange();
}

static bool goes_untouched(int fd)
{
	conn_wire(fd)->len = 0;
	CONN_WRITE(fd, GET);
	return conn_is_untouched(fd, GET);
}

TEST(usual_request_that_its_program_jumped_out_of_is_taken_for_unsent_until_it_is_answered)
{
	struct iovec all = { (void *)GET, strlen(GET) };
	struct atr_pieces piece;

	CONN_BEGIN();
	open_for_usual();
	CHECK(atr_conn_plan(atr_fd(FD), FD, &all, 1, 0, 0, &piece) && piece.usual);
	conn_close(FD);
	CONN_SAYS("nothing");

	open_for_usual();
	CHECK(atr_conn_plan(atr_fd(FD), FD, &all, 1, 0, 0, &piece) && piece.usual);
	exchange();
	CONN_SAYS("nothing");

	/* the kernel took it: so it was when the answer came */
	CHECK(atr_conn_plan(atr_fd(FD), FD, &all, 1, 0, 0, &piece) && piece.usual);
	CONN_READ(FD, OK);
	CONN_SAYS(TOLD);
	exchange();
	exchange();
	conn_end();
}

TEST(usual_request_that_is_answered_before_it_is_out_keeps_its_bytes)
{
	struct iovec all = { (void *)GET, strlen(GET) };
	struct atr_pieces piece;

	CONN_BEGIN();
	open_for_usual();
	/* it takes none of it after all */
	CHECK(atr_conn_plan(atr_fd(FD), FD, &all, 1, 0, 0, &piece) && piece.usual);
	CONN_READ(FD, OK);
	CONN_SAYS(TOLD);
	errno = EAGAIN;
	CHECK(atr_conn_sent(atr_fd(FD), FD, &all, 1, &piece, -1) == -1 && errno == EAGAIN);
	exchange();

	conn_wire(FD)->len = 0;
	conn_wire(FD)->most = sizeof("GET /a HTTP/1.1\r\nHost: h\r\ntrace") - 1;
	conn_wire(FD)->answer = OK;
	CONN_WRITE(FD, GET);
	CONN_SAYS(TOLD);
	conn_wire(FD)->most = 0;
	CHECK(conn_has_arrived(FD, GET, 1));
	exchange();
	exchange();
	CONN_SAYS("nothing");
	conn_end();
}

TEST(usual_request_that_the_kernel_refuses_is_no_call_of_its_work)
{
	const struct atr_live *live;
	struct wire *wire = conn_wire(FD);
	atr_ref work;

	CONN_BEGIN();
	conn_accept(SERVER);
	CONN_READ(SERVER, GET);
	work = atr_work_current(&atr_self, 0);
	live = atr_live_get(work);
	CHECK(live);
	open_for_usual();
	for (int error = EAGAIN; error; error = error == EAGAIN ? EPIPE : 0) {
		/* but for how many were begun */
		uint32_t under_way = atomic_load(&live->phase) & 0xfffff;

		wire->error = error;
		CHECK(conn_write(FD, GET, strlen(GET), 0) == -1 && errno == error);
		CHECK((atomic_load(&live->phase) & 0xfffff) == under_way);
		wire->error = 0;
	}
	conn_close(FD);
	CONN_SAYS("CLIENT GET http://h/a error=broken_pipe");
	CONN_WRITE(SERVER, OK);
	CONN_SAYS("SERVER GET 200 /a body=2");
	conn_end();
}

TEST(usual_requests_end_where_a_connection_is_left_alone)
{
	CONN_BEGIN();
	open_for_usual();
	atr_conn_duplicated(FD, OTHER);
	atr_conn_leave_alone(atr_fd(FD));
	CHECK(goes_untouched(OTHER));
	conn_end();
}

TEST(usual_requests_end_where_bytes_went_by_unseen)
{
	CONN_BEGIN();
	open_for_usual();
	atr_self.inside = true;
	CONN_READ(FD, OK);
	atr_self.inside = false;
	CHECK(goes_untouched(FD));
	conn_end();
}

TEST(usual_requests_end_where_a_tunnel_begins)
{
	CONN_BEGIN();
	open_for_usual();
	CONN_WRITE(FD, "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n");
	CONN_READ(FD, "HTTP/1.1 200 OK\r\n\r\n");
	CHECK(strstr(conn_next(), " 200 http://h:443"));
	CHECK(goes_untouched(FD));
	conn_end();
}

TEST(usual_response_to_a_call_of_a_service_is_looked_at)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
				     "x-amz-request-id: r\r\n\r\nok";
	static const char call[] = "GET /a HTTP/1.1\r\nHost: h\r\nAuthorization: AWS4-HMAC-SHA256 "
				   "Credential=K/20261121/eu-west-1/s3/aws4_request, "
				   "SignedHeaders=host, Signature=0\r\n\r\n";
	const struct atr_span *span;

	CONN_BEGIN();
	conn_connect(FD);
	for (int i = 0; i < 3; i++) {
		CONN_WRITE(FD, i == 2 ? call : GET);
		CONN_READ(FD, answer);
		span = live_next();
		CHECK(span && !atr_span_find(span, ATR_AWS_REQUEST_ID) == (i < 2));
	}
	conn_end();
}
