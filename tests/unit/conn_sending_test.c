/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/state.h"

#include "tests/unit/conn.h"

#include <stdio.h>

#define GET "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz"
#define CHUNKED                                                                     \
	"PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n" \
	"\r\n\r\r\n0\r\nT: u\r\n\r\n"
#define ANSWER "HTTP/1.1 204 No Content\r\n\r\n"
/* More than any of these requests with its header. */
#define LONGEST 300

/* How the program writes and what the kernel takes of it. */
struct way {
	size_t cut, second_cut; /* the program's first writes end here */
	size_t most;		/* bytes that the kernel takes in a call; 0: all */
	bool in_turns;		/* and after each it says EAGAIN once */
	bool is_vector;		/* the parts go in one writev */
	bool is_kept;		/* the connection has carried a request before */
};

static void send_in(struct way way, const char *text)
{
	size_t len = strlen(text), first = way.cut < len ? way.cut : len;
	size_t second = way.second_cut > first && way.second_cut < len ? way.second_cut : first;
	struct iovec part[3] = {
		{ (void *)text, first },
		{ (void *)(text + first), second - first },
		{ (void *)(text + second), len - second },
	};

	conn_wire(FD)->most = way.most;
	conn_wire(FD)->in_turns = way.in_turns;
	if (way.is_vector) {
		conn_writev_all(FD, part, 3);
		return;
	}
	for (int i = 0; i < 3; i++)
		conn_write_all(FD, part[i].iov_base, part[i].iov_len);
}

static unsigned look_at_spans(void)
{
	unsigned nr = 0;

	while (live_next())
		nr++;
	return nr;
}

static void exchange_one(void)
{
	conn_wire(FD)->most = conn_wire(FD)->in_turns = 0;
	CONN_WRITE(FD, GET);
	CONN_READ(FD, ANSWER);
	CHECK(look_at_spans() == 1);
	conn_wire(FD)->len = conn_wire(FD)->took = 0;
}

/* A connection of its own: what arrives, with a field of ours in each head; then the answers. */
static void check_way(struct way way, const char *text, unsigned nr_heads)
{
	conn_connect(FD);
	if (way.is_kept)
		exchange_one();
	send_in(way, text);
	if (!conn_has_arrived(FD, text, nr_heads)) {
		print_error("cut %zu %zu most %zu turns %d vector %d\n", way.cut, way.second_cut,
			    way.most, way.in_turns, way.is_vector + 2 * way.is_kept);
		CHECK(!"arrived as it should");
	}
	for (unsigned i = 0; i < nr_heads; i++)
		CONN_READ(FD, ANSWER);
	CHECK(look_at_spans() == nr_heads);
	conn_close(FD);
}

static void check_ways(const char *text, unsigned nr_heads)
{
	size_t len = strlen(text), step = len > 60 ? 5 : 1;

	for (size_t cut = 0; cut <= len; cut++)
		for (size_t most = cut % step; most < LONGEST; most += most < 70 ? step : 29)
			for (int kept = 0; kept < 2; kept++)
				check_way((struct way){ .cut = cut, .most = most, .is_kept = kept },
					  text, nr_heads);
	for (size_t cut = 0; cut <= len; cut += step + cut % 3)
		for (size_t most = 1; most < LONGEST; most += step + most % 13)
			for (int way = 1; way < 8; way++)
				check_way((struct way){ .cut = cut,
							.most = most,
							.in_turns = way & 1,
							.is_vector = way & 2,
							.is_kept = way & 4 },
					  text, nr_heads);
}

TEST(sending_a_head_cut_anywhere_and_taken_in_any_steps_carries_one_field)
{
	CONN_BEGIN();
	check_ways(GET, 1);
	conn_end();
}

TEST(sending_a_body_cut_anywhere_and_taken_in_any_steps_is_not_touched)
{
	CONN_BEGIN();
	check_ways(POST, 1);
	conn_end();
}

TEST(sending_requests_one_after_the_other_gives_each_its_field)
{
	CONN_BEGIN();
	check_ways(GET POST GET, 3);
	check_ways(CHUNKED GET, 2);
	conn_end();
}

TEST(sending_by_single_bytes_and_by_pairs_of_cuts_is_the_same)
{
	const size_t len = strlen(GET);

	CONN_BEGIN();
	for (size_t first = 0; first < len; first++)
		for (size_t second = first; second <= len; second++)
			check_way((struct way){ .cut = first, .second_cut = second }, GET, 1);
	for (size_t most = 0; most < LONGEST; most++) {
		conn_connect(FD);
		conn_wire(FD)->most = most;
		for (size_t i = 0; i < len; i++)
			conn_write_all(FD, &GET[i], 1);
		CHECK(conn_has_arrived(FD, GET, 1));
		CONN_READ(FD, ANSWER);
		CHECK(look_at_spans() == 1);
		conn_close(FD);
	}
	conn_end();
}

/* A vector of more pieces than we lay out at once. */
TEST(sending_many_small_pieces_is_the_same)
{
	struct iovec part[200];
	int nr = (int)strlen(GET POST);

	CONN_BEGIN();
	for (size_t most = 0; most < LONGEST; most += 1 + most % 7) {
		for (int i = 0; i < nr; i++)
			part[i] = (struct iovec){ (void *)&(GET POST)[i], 1 };
		conn_connect(FD);
		conn_wire(FD)->most = most;
		conn_writev_all(FD, part, nr);
		CHECK(conn_has_arrived(FD, GET POST, 2));
		CONN_READ(FD, ANSWER ANSWER);
		CHECK(look_at_spans() == 2);
		conn_close(FD);
	}
	conn_end();
}

TEST(sending_tracestate_and_baggage_too_large_for_the_piece_carries_them_whole)
{
	static char text[2000];
	char parent[ATR_TRACEPARENT_LEN + 1];
	unsigned nr_ours;

	CONN_BEGIN();
	snprintf(text, sizeof(text),
		 "GET /s HTTP/1.1\r\nHost: h\r\ntraceparent: "
		 "00-%032d-%016d-01\r\ntracestate: a=%0200d\r\nbaggage: k=%01000d\r\n\r\n",
		 7, 7, 7, 7);
	conn_accept(SERVER);
	CONN_READ(SERVER, text);
	for (size_t most = 1; most < 1500; most += 1 + most / 5) {
		conn_connect(FD);
		send_in((struct way){ .cut = 10, .most = most, .in_turns = most & 1 }, GET);
		CHECK(live_is(conn_arrived(FD, &nr_ours, parent), GET) && nr_ours == 3);
		CHECK(strstr(conn_wire(FD)->arrived, strstr(text, "baggage:")));
		conn_close(FD);
		CONN_SAYS("CLIENT GET http://h/a incomplete");
	}
	conn_close(SERVER);
	CONN_SAYS("SERVER GET /s incomplete");
	conn_end();
}

TEST(sending_errors_are_the_programs_and_nothing_is_lost_by_them)
{
	CONN_BEGIN();
	for (size_t before = 0; before < strlen(GET); before++) {
		conn_connect(FD);
		conn_write_all(FD, GET, before);
		conn_wire(FD)->error = ENOBUFS;
		errno = 0;
		CHECK(conn_write(FD, &GET[before], strlen(GET) - before, 0) == -1);
		CHECK(errno == ENOBUFS);
		conn_wire(FD)->error = 0;
		CONN_WRITE(FD, &GET[before]);
		CHECK(conn_has_arrived(FD, GET, 1));
		CONN_READ(FD, ANSWER);
		CONN_SAYS("CLIENT GET 204 http://h/a");
		conn_close(FD);
	}
	conn_end();
}

/* Only a part of our field was taken, and then no more for a while. */
TEST(sending_that_stops_in_our_field_goes_on_there)
{
	struct wire *wire = conn_wire(FD);

	CONN_BEGIN();
	for (size_t most = 1; most < 100; most++) {
		ssize_t n;

		conn_connect(FD);
		wire->most = most;
		n = conn_write(FD, GET, strlen(GET), 0);
		CHECK(n >= 0 && (size_t)n <= strlen(GET) && wire->len >= (size_t)n);
		for (int again = 0; again < 3 && (size_t)n < strlen(GET); again++) {
			size_t had = wire->len;

			wire->error = EAGAIN;
			errno = 0;
			CHECK(conn_write(FD, &GET[n], strlen(GET) - (size_t)n, 0) == -1);
			CHECK(errno == EAGAIN && wire->len == had);
		}
		wire->error = 0;
		CONN_WRITE(FD, &GET[n]);
		CHECK(conn_has_arrived(FD, GET, 1));
		CONN_READ(FD, ANSWER);
		CONN_SAYS("CLIENT GET 204 http://h/a");
		conn_close(FD);
	}
	conn_end();
}

TEST(sending_keeps_back_the_cr_of_the_blank_line_alone)
{
	const size_t to_cr = strlen(GET) - 1;
	struct wire *wire = conn_wire(FD);

	CONN_BEGIN();
	conn_connect(FD);
	conn_write_all(FD, GET, to_cr);
	CHECK(wire->len == to_cr - 1); /* the program's count is whole all the same */
	conn_write_all(FD, "\n", 1);
	CHECK(conn_has_arrived(FD, GET, 1));
	CONN_READ(FD, ANSWER);
	CONN_SAYS("CLIENT GET 204 http://h/a");
	/* other CRs go out as they are */
	wire->len = 0;
	conn_write_all(FD, GET, strlen("GET /a HTTP/1.1\r"));
	CHECK(wire->len == strlen("GET /a HTTP/1.1\r"));
	conn_close(FD);
	conn_end();
}

TEST(sending_lets_go_of_the_cr_when_nothing_more_will_come)
{
	const size_t to_cr = strlen(GET) - 1;
	struct wire *wire = conn_wire(FD);

	CONN_BEGIN();
	for (int how = 0; how < 3; how++) {
		conn_connect(FD);
		conn_write_all(FD, GET, to_cr);
		CHECK(wire->len == to_cr - 1);
		if (how == 0)
			atr_conn_let_go(FD);
		else if (how == 1)
			atr_conn_shutdown(FD, SHUT_WR);
		else
			atr_conn_closing(FD);
		CHECK(wire->len == to_cr && !memcmp(wire->arrived, GET, to_cr));
		conn_close(FD);
	}
	conn_connect(FD);
	conn_write_all(FD, GET, to_cr);
	atr_conn_shutdown(FD, SHUT_RD);
	CHECK(wire->len == to_cr - 1);
	/* a program that goes on after it was let go gets no field: it is too late for one */
	atr_conn_let_go(FD);
	CONN_WRITE(FD, "\n");
	CHECK(conn_is_untouched(FD, GET));
	CONN_READ(FD, ANSWER);
	CONN_SAYS("CLIENT GET 204 http://h/a");
	conn_close(FD);
	conn_end();
}

TEST(sending_a_cr_that_is_followed_by_no_lf_loses_no_byte)
{
	static const char broken[] = "GET /a HTTP/1.1\r\nHost: h\r\n\rX more";
	const size_t to_cr = strlen("GET /a HTTP/1.1\r\nHost: h\r\n\r");

	CONN_BEGIN();
	for (size_t most = 0; most < 8; most++) {
		conn_connect(FD);
		conn_wire(FD)->most = most;
		conn_write_all(FD, broken, to_cr);
		CONN_WRITE(FD, broken + to_cr);
		CHECK(conn_is_untouched(FD, broken));
		conn_close(FD);
	}
	conn_end();
}

#define TRACED                                                                     \
	"GET /p HTTP/1.1\r\nHost: h\r\n"                                           \
	"traceparent: 00-77777777777777777777777777777777-8888888888888888-01\r\n" \
	"Accept: */*\r\n\r\n"

/* Ours in the place of the one that the program passes on; or its own, whole. */
static bool is_passed_on(bool *is_ours)
{
	const char *value = strstr(TRACED, "00-7");
	size_t at = (size_t)(value - TRACED);
	struct wire *wire = conn_wire(FD);

	if (wire->len != strlen(TRACED) || memcmp(wire->arrived, TRACED, at + 36) ||
	    memcmp(wire->arrived + at + 52, &TRACED[at + 52], strlen(TRACED) - at - 52))
		return false;
	*is_ours = memcmp(wire->arrived + at + 36, &TRACED[at + 36], 16);
	for (size_t i = at + 36; *is_ours && i < at + 52; i++)
		if (!memchr("0123456789abcdef", wire->arrived[i], 16))
			return false;
	return true;
}

static const struct atr_span *client_span(void)
{
	const struct atr_span *span = live_next();

	CHECK(span && span->kind == ATR_KIND_CLIENT);
	return span;
}

static bool names_span(const struct atr_span *span)
{
	char id[17];

	for (int i = 0; i < 8; i++)
		sprintf(id + 2 * i, "%02x", span->span_id[i]);
	return memmem(conn_wire(FD)->arrived, conn_wire(FD)->len, id, 16) != NULL;
}

TEST(sending_a_request_passed_on_names_our_span_in_its_own_field)
{
	bool is_ours;

	CONN_BEGIN();
	conn_accept(SERVER);
	CONN_READ(SERVER, TRACED);
	for (size_t most = 0; most < strlen(TRACED) + 2; most++) {
		for (int in_turns = 0; in_turns < 2; in_turns++) {
			conn_connect(FD);
			send_in((struct way){ .most = most, .in_turns = in_turns && most }, TRACED);
			CHECK(is_passed_on(&is_ours) && is_ours);
			CONN_READ(FD, ANSWER);
			CHECK(names_span(client_span()));
			conn_close(FD);
		}
	}
	conn_close(SERVER);
	CONN_SAYS("SERVER GET /p incomplete");
	conn_end();
}

/* A field that was on its way before the head's end was there stays the program's. */
TEST(sending_a_request_passed_on_in_parts_names_one_span_whole)
{
	const size_t value = (size_t)(strstr(TRACED, "00-7") - TRACED);
	bool is_ours;

	CONN_BEGIN();
	conn_accept(SERVER);
	CONN_READ(SERVER, TRACED);
	for (size_t cut = 0; cut < strlen(TRACED); cut++) {
		for (size_t most = 0; most < strlen(TRACED); most += 1 + most % 5) {
			conn_connect(FD);
			send_in((struct way){ .cut = cut, .most = most }, TRACED);
			CHECK(is_passed_on(&is_ours));
			CHECK(is_ours == (cut <= value));
			CONN_READ(FD, ANSWER);
			if (is_ours)
				CHECK(names_span(client_span()));
			CHECK(!live_next());
			conn_close(FD);
		}
	}
	conn_close(SERVER);
	CONN_SAYS("SERVER GET /p incomplete");
	conn_end();
}

#define ROOT "Root=1-77777777-777777777777777777777777"
#define XRAY(parent) \
	"X-Amzn-Trace-Id: " ROOT ";Parent=" parent ";Sampled=1;Lineage=a87bd80c:1|68fd508a:5\r\n"
#define WITH(fields) "GET /p HTTP/1.1\r\nHost: h\r\n" fields "Accept: */*\r\n\r\n"
#define SIGNED(headers)                                                                     \
	"Authorization: AWS4-HMAC-SHA256 Credential=a/20261121/eu-west-1/s3/aws4_request, " \
	"SignedHeaders=" headers ", Signature=0\r\n"

/* What arrived, with the id of the next span, a client's, written as 8s. */
static const char *arrived_with_ids_as_8s(void)
{
	static char text[4096];
	struct wire *wire = conn_wire(FD);
	const struct atr_span *span = client_span();
	char id[17], *at = text;

	for (int i = 0; i < 8; i++)
		sprintf(id + 2 * i, "%02x", span->span_id[i]);
	CHECK(wire->len < sizeof(text));
	memcpy(text, wire->arrived, wire->len);
	text[wire->len] = 0;
	while ((at = strstr(at, id)))
		memset(at, '8', 16);
	return text;
}

/* The request read by the server is passed on with `fields`, and goes out as `expected`. */
static void passes_on(const char *formats, const char *read, const char *sent, const char *expected)
{
	char variable[64];

	snprintf(variable, sizeof(variable), "OTEL_PROPAGATORS=%s", formats);
	CONN_BEGIN(variable);
	conn_accept(SERVER);
	conn_read(SERVER, read, strlen(read));
	for (size_t most = 0; most < strlen(sent) + 2; most += 1 + most / 9) {
		conn_connect(FD);
		send_in((struct way){ .most = most, .in_turns = most & 1 }, sent);
		CONN_READ(FD, ANSWER);
		CHECK(live_is(arrived_with_ids_as_8s(), expected));
		CHECK(!live_next());
		conn_close(FD);
	}
	conn_close(SERVER);
	CONN_SAYS("SERVER GET /p incomplete");
	conn_end();
}

TEST(sending_an_xray_header_passed_on_has_its_parent_replaced_and_all_else_kept)
{
	passes_on("xray", WITH(XRAY("1111111111111111")), WITH(XRAY("1111111111111111")),
		  WITH(XRAY("8888888888888888")));
	passes_on("xray,tracecontext", WITH(XRAY("1111111111111111")),
		  WITH("x-amzn-trace-id:Parent=1111111111111111;" ROOT "\r\n"),
		  WITH("x-amzn-trace-id:Parent=8888888888888888;" ROOT "\r\n"));
}

#define TRACEPARENT(parent) "traceparent: 00-77777777777777777777777777777777-" parent "-01\r\n"

TEST(sending_several_trace_headers_passed_on_replaces_each)
{
	char text[2][2048];

	passes_on("xray,tracecontext", WITH(XRAY("1111111111111111")),
		  WITH(XRAY("1111111111111111") "A: b\r\n" TRACEPARENT("1111111111111111")),
		  WITH(XRAY("8888888888888888") "A: b\r\n" TRACEPARENT("8888888888888888")));
	/* with more between them than there is room for in a piece */
	for (int i = 0; i < 2; i++)
		snprintf(text[i], sizeof(text[i]), WITH("traceparent: %s-01\r\nA: %0999d\r\n%s"),
			 i ? "00-77777777777777777777777777777777-8888888888888888" :
			     "00-77777777777777777777777777777777-1111111111111111",
			 7, i ? XRAY("8888888888888888") : XRAY("1111111111111111"));
	passes_on("xray,tracecontext", WITH(XRAY("1111111111111111")), text[0], text[1]);
}

#define B3(parent, state)                                                        \
	"X-B3-TraceId: 77777777777777777777777777777777\r\nX-B3-SpanId: " parent \
	"\r\nX-B3-Sampled: " state "\r\n"
#define OT(parent)                                                                \
	"ot-tracer-traceid: 7777777777777777\r\not-tracer-spanid: " parent "\r\n" \
	"ot-tracer-sampled: true\r\n"

TEST(sending_a_format_of_several_headers_passed_on_has_its_span_replaced)
{
	passes_on("b3multi", WITH(B3("1111111111111111", "1")), WITH(B3("1111111111111111", "1")),
		  WITH(B3("8888888888888888", "1")));
	passes_on("ottrace", WITH(OT("1111111111111111")), WITH(OT("1111111111111111")),
		  WITH(OT("8888888888888888")));
	passes_on("tracecontext,b3", WITH(B3("1111111111111111", "1")),
		  WITH(TRACEPARENT("1111111111111111") B3("1111111111111111", "1")),
		  WITH(TRACEPARENT("8888888888888888") B3("8888888888888888", "1")));
}

TEST(sending_leaves_what_a_signature_covers)
{
	char sent[1024], expected[1024];

	passes_on("xray", WITH(XRAY("1111111111111111")),
		  WITH(SIGNED("host;x-amz-date") XRAY("1111111111111111")),
		  WITH(SIGNED("host;x-amz-date") XRAY("8888888888888888")));
	passes_on("xray", WITH(XRAY("1111111111111111")),
		  WITH(SIGNED("host;x-amzn-trace-id") XRAY("1111111111111111")),
		  WITH(SIGNED("host;x-amzn-trace-id") XRAY("1111111111111111")));
	/* the other formats go beside it, where no signature looks */
	snprintf(sent, sizeof(sent), "%s",
		 WITH(SIGNED("host;x-amzn-trace-id") XRAY("1111111111111111")));
	snprintf(expected, sizeof(expected), "%.*s%s\r\n", (int)strlen(sent) - 2, sent,
		 TRACEPARENT("8888888888888888"));
	passes_on("xray,tracecontext", WITH(XRAY("1111111111111111")), sent, expected);
}

TEST(sending_an_xray_header_of_another_parent_is_the_programs_own)
{
	static const char sent[] = WITH(XRAY("2222222222222222"));

	CONN_BEGIN("OTEL_PROPAGATORS=xray,tracecontext");
	conn_accept(SERVER);
	CONN_READ(SERVER, WITH(XRAY("1111111111111111")));
	conn_connect(FD);
	CONN_WRITE(FD, sent);
	CHECK(conn_is_untouched(FD, sent));
	CONN_READ(FD, ANSWER);
	CONN_SAYS("nothing");
	conn_close(FD);
	conn_close(SERVER);
	CONN_SAYS("SERVER GET /p incomplete");
	conn_end();
}

TEST(sending_a_request_that_the_program_traces_itself_is_left_alone)
{
	CONN_BEGIN();
	conn_connect(FD);
	CONN_WRITE(FD, TRACED);
	CHECK(conn_is_untouched(FD, TRACED));
	CHECK(atr_count_read(ATR_COUNT_HEADS_LEFT) == 1);
	CONN_READ(FD, ANSWER);
	CONN_SAYS("nothing");
	CONN_WRITE(FD, GET);
	CONN_READ(FD, ANSWER);
	CONN_SAYS("CLIENT GET 204 http://h/a");
	conn_close(FD);
	conn_end();
}

/* Whatever arrived is the text with one whole field, or without any. */
static bool is_whole_or_untouched(const char *text)
{
	char parent[ATR_TRACEPARENT_LEN + 1];
	unsigned nr_ours;
	const char *arrived = conn_arrived(FD, &nr_ours, parent);

	return live_is(arrived, text) && nr_ours <= 1;
}

TEST(sending_without_a_block_left_never_breaks_off_a_field)
{
	struct wire *wire = conn_wire(FD);

	CONN_BEGIN();
	for (unsigned but = 0; but < 3; but++) {
		for (size_t cut = 0; cut <= strlen(GET); cut++) {
			for (size_t most = 1; most < 100; most += 1 + most % 3) {
				conn_connect(FD);
				live_hold_blocks(but);
				wire->most = most;
				conn_write_all(FD, GET, cut);
				CONN_WRITE(FD, &GET[cut]);
				CHECK(is_whole_or_untouched(GET));
				live_release_blocks();
				CONN_READ(FD, ANSWER);
				CHECK(look_at_spans() <= 1);
				conn_close(FD);
			}
		}
	}
	conn_end();
}

/* The last block goes while our field is on its way. */
TEST(sending_whose_last_block_is_taken_in_the_middle_never_breaks_off_a_field)
{
	struct wire *wire = conn_wire(FD);

	CONN_BEGIN();
	for (size_t most = 1; most < 100; most++) {
		ssize_t n;

		conn_connect(FD);
		wire->most = most;
		n = conn_write(FD, GET, strlen(GET), 0);
		CHECK(n >= 0);
		live_hold_blocks(0);
		wire->most = 1 + most / 2;
		CONN_WRITE(FD, &GET[n]);
		CHECK(conn_has_arrived(FD, GET, 1));
		live_release_blocks();
		CONN_READ(FD, ANSWER);
		CONN_SAYS("CLIENT GET 204 http://h/a");
		conn_close(FD);
	}
	conn_end();
}

TEST(sending_with_every_span_taken_goes_out_as_it_is_and_is_counted)
{
	static atr_ref taken[10000];
	unsigned nr = 0;

	CONN_BEGIN();
	while ((taken[nr] = atr_live_open(&atr_self, ATR_KIND_INTERNAL, NULL, 0)))
		nr++;
	atr_count_reset();
	conn_connect(FD);
	send_in((struct way){ .cut = 5, .most = 7 }, POST);
	CHECK(conn_is_untouched(FD, POST));
	CHECK(atr_count_read(ATR_COUNT_LOST_NO_LIVE_SLOT) == 1);
	CONN_READ(FD, ANSWER);
	CONN_SAYS("nothing");
	conn_accept(SERVER);
	CONN_READ(SERVER, GET);
	CONN_WRITE(SERVER, ANSWER);
	CONN_SAYS("nothing");
	CHECK(atr_count_read(ATR_COUNT_LOST_NO_LIVE_SLOT) == 2);
	while (nr)
		atr_live_drop(taken[--nr]);
	CONN_WRITE(FD, GET);
	CONN_READ(FD, ANSWER);
	CONN_SAYS("CLIENT GET 204 http://h/a");
	conn_close(FD);
	conn_close(SERVER);
	conn_end();
}

TEST(sending_a_head_that_is_too_large_goes_out_as_it_is)
{
	static char head[ATR_HTTP1_HEAD_MAX + 1000];
	size_t len = (size_t)sprintf(head, "GET /large HTTP/1.1\r\nHost: h\r\nX: ");

	memset(head + len, 'x', sizeof(head) - len - 5);
	strcpy(head + sizeof(head) - 5, "\r\n\r\n");
	CONN_BEGIN();
	conn_connect(FD);
	conn_write_all(FD, head, sizeof(head) / 2);
	CONN_WRITE(FD, head + sizeof(head) / 2);
	CHECK(conn_is_untouched(FD, head));
	CONN_SAYS("nothing");
	conn_close(FD);
	conn_end();
}

TEST(sending_with_zerocopy_is_not_looked_into)
{
	CONN_BEGIN();
	conn_connect(FD);
	CHECK(conn_write(FD, GET, strlen(GET), 0x4000000) == (ssize_t)strlen(GET));
	CHECK(conn_is_untouched(FD, GET));
	CONN_READ(FD, ANSWER);
	CONN_SAYS("CLIENT GET 204 http://h/a");
	conn_close(FD);
	conn_end();
}

TEST(sending_memory_that_is_not_there_is_the_kernels_to_refuse)
{
	struct iovec bad[2] = { { GET, 5 }, { (void *)16, 10 } };
	struct iovec huge[2] = { { GET, 5 }, { GET, SIZE_MAX } };
	struct atr_pieces piece;

	CONN_BEGIN();
	conn_connect(FD);
	CHECK(atr_conn_plan(atr_fd(FD), FD, bad, 2, 0, 0, &piece) && piece.is_plain);
	errno = EFAULT;
	CHECK(atr_conn_sent(atr_fd(FD), FD, bad, 2, &piece, -1) == -1 && errno == EFAULT);
	CHECK(atr_conn_plan(atr_fd(FD), FD, huge, 2, 0, 0, &piece) && piece.is_plain);
	errno = EINVAL;
	CHECK(atr_conn_sent(atr_fd(FD), FD, huge, 2, &piece, -1) == -1 && errno == EINVAL);
	CHECK(!atr_conn_plan(atr_fd(FD), FD, (void *)16, 2, 0, 0, &piece));
	CHECK(!atr_conn_plan(atr_fd(FD), FD, bad, -1, 0, 0, &piece));
	CONN_WRITE(FD, GET);
	CHECK(conn_has_arrived(FD, GET, 1));
	CONN_READ(FD, ANSWER);
	CONN_SAYS("CLIENT GET 204 http://h/a");
	conn_close(FD);
	conn_end();
}

/* 64 requests wait for their answers: so many are followed, and no more. */
TEST(sending_more_requests_than_are_followed_touches_none_of_the_rest)
{
	static char text[100 * sizeof(GET)];
	struct wire *wire = conn_wire(FD);

	for (int nr = 63; nr <= 66; nr++) {
		CONN_BEGIN();
		text[0] = 0;
		for (int i = 0; i < nr; i++)
			strcat(text, GET);
		for (int at_once = 0; at_once < 2; at_once++) {
			conn_connect(FD);
			if (at_once)
				CONN_WRITE(FD, text);
			for (int i = 0; i < nr && !at_once; i++)
				CONN_WRITE(FD, GET);
			CHECK(conn_has_arrived(FD, text,
					       nr < ATR_EXCHANGES_MAX ? (unsigned)nr :
									ATR_EXCHANGES_MAX));
			CHECK(!wire->error);
			for (int i = 0; i < nr; i++)
				CONN_READ(FD, ANSWER);
			CHECK(look_at_spans() == (unsigned)(nr < 64 ? nr : 64));
			conn_close(FD);
		}
		conn_end();
	}
}
