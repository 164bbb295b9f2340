/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/http2.h"

#include "tests/http2_peer.h"
#include "tests/unit/conn.h"

/* How the program writes and what the kernel takes of it; as in conn_sending_test.c. */
struct way {
	size_t cut, most;
	bool in_turns, is_vector, by_frames;
};

static size_t frame_len(const char *at)
{
	const unsigned char *head = (const unsigned char *)at;

	return ATR_HTTP2_FRAME_HEAD + ((size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2]);
}

/* As libnghttp2 hands its frames out. */
static void send_frames(const char *bytes, size_t len)
{
	size_t n = ATR_HTTP2_PREFACE_LEN;

	for (size_t at = 0; at < len; at += n, n = at < len ? frame_len(bytes + at) : 0)
		conn_write_all(FD, bytes + at, n);
}

static void send_in(struct way way, const char *bytes, size_t len)
{
	size_t first = way.cut && way.cut < len ? way.cut : len;
	struct iovec part[2] = { { (void *)bytes, first },
				 { (void *)(bytes + first), len - first } };

	conn_wire(FD)->most = way.most;
	conn_wire(FD)->in_turns = way.in_turns;
	if (way.by_frames) {
		send_frames(bytes, len);
		return;
	}
	if (way.is_vector) {
		conn_writev_all(FD, part, 2);
		return;
	}
	conn_write_all(FD, part[0].iov_base, part[0].iov_len);
	if (part[1].iov_len)
		conn_write_all(FD, part[1].iov_base, part[1].iov_len);
}

static void drop_spans(void)
{
	while (live_next())
		;
}

/* A connection of its own. How many requests came with a field of ours, all else as it was sent. */
static unsigned sent_in(struct way way, const char *bytes, size_t len)
{
	unsigned nr_ours, none;
	const char *got, *want;

	conn_connect(FD);
	send_in(way, bytes, len);
	want = http2_heard(bytes, len, &none);
	got = http2_heard(conn_wire(FD)->arrived, conn_wire(FD)->len, &nr_ours);
	if (strcmp(got, want))
		print_error("cut %zu most %zu turns %d vector %d\n%s\ninstead of\n%s\n", way.cut,
			    way.most, way.in_turns, way.is_vector, got, want);
	CHECK(!none && !strcmp(got, want));
	conn_close(FD);
	conn_wire(FD)->most = conn_wire(FD)->in_turns = 0;
	drop_spans();
	return nr_ours;
}

/* Some of everything that a client sends. */
static struct http2_peer *some_requests(size_t padding_and_long)
{
	static char field[60000];
	struct http2_peer *client = http2_peer(false);

	http2_request(client, "GET", "/a", "", 0);
	http2_request(client, "GET", "/b?c=d", "accept: */*\nuser-agent: x\n", 0);
	client->trailer = "0";
	http2_request(client, "POST", "/c", "content-type: text/plain\n", 300);
	client->trailer = NULL;
	nghttp2_submit_ping(client->session, 0, NULL);
	if (padding_and_long) {
		client->pads = true;
		http2_request(client, "GET", "/d", "x-one: 1\n", 50);
		memset(field, 0, sizeof(field));
		strcpy(field, "x-long: ");
		memset(field + 8, '~', padding_and_long);
		http2_request(client, "GET", "/e", field, 0);
		client->pads = false;
	}
	nghttp2_submit_rst_stream(client->session, 0, 1, NGHTTP2_CANCEL);
	http2_request(client, "GET", "/f", "accept: */*\n", 0);
	return client;
}

TEST(http2_requests_carry_our_field_and_are_else_as_they_were)
{
	struct http2_peer *client = some_requests(0);

	CONN_BEGIN();
	CHECK(sent_in((struct way){ 0 }, client->bytes, client->len) == 4);
	http2_peer_end(client);
	client = some_requests(100);
	CHECK(sent_in((struct way){ 0 }, client->bytes, client->len) == 6);
	http2_peer_end(client);
	conn_end();
}

/* GET / of "h", and x: 800 times "a", in Huffman's code. 999 bytes by the count that servers limit. */
static size_t long_request(char *out)
{
	static const char begin[] = ATR_HTTP2_PREFACE "\0\0\0\4\0\0\0\0\0"
						      "\0\2\0\1\5\0\0\0\1"
						      "\x82\x84\x86\1\1h\x10\1x\xff\xf5\2";
	size_t len = sizeof(begin) - 1;

	memcpy(out, begin, len);
	for (int i = 0; i < 100; i++, len += 5)
		memcpy(out + len, "\x18\xc6\x31\x8c\x63", 5);
	return len;
}

TEST(http2_no_list_of_fields_becomes_longer_than_the_server_allows)
{
	static const char *const allowed[] = { "\0\0\6\4\0\0\0\0\0\0\6\0\0\4\0",
					       "\0\0\6\4\0\0\0\0\0\0\6\0\0\x10\0" };
	char bytes[1000];
	size_t len = long_request(bytes);

	CONN_BEGIN();
	for (int i = 0; i < 2; i++) {
		conn_connect(FD);
		conn_read(FD, allowed[i], 15);
		conn_write_all(FD, bytes, len);
		CHECK(conn_wire(FD)->len == len + (i ? 69 : 0));
		CHECK(i || !memcmp(conn_wire(FD)->arrived, bytes, len));
		conn_close(FD);
		drop_spans();
	}
	conn_end();
}

TEST(http2_requests_are_right_wherever_the_kernel_stops)
{
	struct http2_peer *client = some_requests(100);

	CONN_BEGIN();
	for (size_t most = 1; most < 400; most++)
		for (int turns = 0; turns < 2; turns++)
			CHECK(sent_in((struct way){ .most = most, .in_turns = turns },
				      client->bytes, client->len) == 6);
	http2_peer_end(client);
	conn_end();
}

TEST(http2_requests_are_right_wherever_the_program_cuts)
{
	struct http2_peer *client = some_requests(100);
	unsigned nr_all = 0;

	CONN_BEGIN();
	for (size_t cut = 1; cut < client->len; cut++) {
		unsigned nr = sent_in((struct way){ .cut = cut }, client->bytes, client->len);

		/* the one head that is cut goes as it is; a preface that is, takes what is with it */
		CHECK(nr >= (cut < ATR_HTTP2_TELLING ? 0 : 5));
		nr_all += nr == 6;
		CHECK(sent_in((struct way){ .cut = cut, .most = 7, .in_turns = true },
			      client->bytes, client->len) >= (cut < ATR_HTTP2_TELLING ? 0 : 5));
		CHECK(sent_in((struct way){ .cut = cut, .is_vector = true }, client->bytes,
			      client->len) >= (cut < ATR_HTTP2_TELLING ? 0 : 6));
	}
	CHECK(nr_all > client->len / 3);
	http2_peer_end(client);
	conn_end();
}

/* Around the longest frame: ours fits, is in a CONTINUATION of our own, or follows one of the program's. */
TEST(http2_blocks_of_every_length_are_injected)
{
	CONN_BEGIN();
	for (size_t len = 16200; len < 16420; len++) {
		struct http2_peer *client = some_requests(len);

		CHECK(sent_in((struct way){ 0 }, client->bytes, client->len) == 6);
		CHECK(sent_in((struct way){ .most = 1000 }, client->bytes, client->len) == 6);
		http2_peer_end(client);
	}
	for (size_t len = 30000; len < 30010; len++) {
		struct http2_peer *client = some_requests(len);

		CHECK(sent_in((struct way){ .most = 777 }, client->bytes, client->len) == 6);
		http2_peer_end(client);
	}
	conn_end();
}

TEST(http2_blocks_that_are_sent_frame_by_frame_are_injected)
{
	static const size_t mosts[] = { 0, 13, 1000, 16390 };

	CONN_BEGIN();
	for (size_t len = 16100; len < 50000; len += len < 16500 ? 7 : 1511)
		for (size_t i = 0; i < sizeof(mosts) / sizeof(mosts[0]); i++) {
			struct http2_peer *client = some_requests(len);
			struct way way = { .most = mosts[i],
					   .in_turns = len & 1,
					   .by_frames = true };

			CHECK(sent_in(way, client->bytes, client->len) == 6);
			http2_peer_end(client);
		}
	conn_end();
}

/* Where its last frame begins, what a head says of its length has gone: it goes as it is, and is counted. */
TEST(http2_block_that_is_cut_is_injected_up_to_its_last_frame)
{
	struct http2_peer *client = some_requests(20000);
	size_t last = ATR_HTTP2_PREFACE_LEN, block = 0, end = 0;
	uint64_t left;

	CONN_BEGIN();
	for (size_t at = last; at < client->len; at += frame_len(client->bytes + at)) {
		if (client->bytes[at + 3] == ATR_HTTP2_HEADERS && !end)
			block = at;
		if (client->bytes[at + 3] == ATR_HTTP2_CONTINUATION) {
			last = at;
			end = at + frame_len(client->bytes + at);
		}
	}
	CHECK(end && block < last);
	for (size_t cut = block; cut <= end; cut += cut + 20 < last && cut > block + 20 ? 97 : 1) {
		bool is_lost = cut > last && cut < end;

		left = atr_count_read(ATR_COUNT_HEADS_TOO_LARGE);
		CHECK(sent_in((struct way){ .cut = cut }, client->bytes, client->len) ==
		      (is_lost ? 5 : 6));
		CHECK(atr_count_read(ATR_COUNT_HEADS_TOO_LARGE) - left == is_lost);
		CHECK(sent_in((struct way){ .cut = cut, .most = 501, .in_turns = true },
			      client->bytes, client->len) == (is_lost ? 5 : 6));
	}
	http2_peer_end(client);
	conn_end();
}

/* A head of so many full frames, but for some bytes; returns its end. */
static char *full_frames(char *at, unsigned nr)
{
	size_t value = nr * 16384 - 40, rest = value - 127, len;
	char *begin = at, *text = malloc(nr * 16384), *to = text;

	/* :method GET, :scheme http, :path /, :authority h, x: ~~~ */
	to = (char *)memcpy(to, "\x82\x86\x84\x01\x01h\x00\x01x\x7f", 10) + 10;
	for (; rest >= 128; rest >>= 7)
		*to++ = (char)(rest | 128);
	*to++ = (char)rest;
	memset(to, '~', value);
	len = (size_t)(to + value - text);
	CHECK(len > nr * 16384 - 40 && len < nr * 16384);
	for (unsigned i = 0; i < nr; i++) {
		size_t part = len - i * 16384 < 16384 ? len - i * 16384 : 16384;
		struct atr_http2_frame frame = { .len = (uint32_t)part,
						 .type = i ? ATR_HTTP2_CONTINUATION :
							     ATR_HTTP2_HEADERS,
						 .stream = 1 };

		frame.flags =
			(i ? 0 : ATR_HTTP2_END_STREAM) | (i == nr - 1 ? ATR_HTTP2_END_HEADERS : 0);
		atr_http2_frame_write(frame, at);
		memcpy(at + ATR_HTTP2_FRAME_HEAD, text + i * 16384, part);
		at += ATR_HTTP2_FRAME_HEAD + part;
	}
	free(text);
	CHECK(at > begin);
	return at;
}

/* Servers refuse a block of many frames: nobody adds one to them. */
TEST(http2_block_of_many_frames_gets_no_further_one)
{
	static char bytes[4 * (16384 + ATR_HTTP2_FRAME_HEAD) + 200];
	struct http2_peer *client = http2_peer(false);

	CONN_BEGIN();
	memcpy(bytes, client->bytes, client->len);
	for (unsigned nr = 1; nr <= 4; nr++) {
		size_t len = (size_t)(full_frames(bytes + client->len, nr) - bytes);

		conn_connect(FD);
		conn_write_all(FD, bytes, len);
		CHECK((conn_wire(FD)->len == len) == (nr == 4));
		CHECK(nr < 4 || !memcmp(conn_wire(FD)->arrived, bytes, len));
		conn_close(FD);
		drop_spans();
	}
	http2_peer_end(client);
	conn_end();
}

/* Both ends of one connection, FD of a client and SERVER of a server, and their spans. */
static void talk(struct http2_peer *client, struct http2_peer *server)
{
	size_t was;

	conn_connect(FD);
	conn_accept(SERVER);
	conn_write_all(FD, client->bytes, client->len);
	client->len = 0;
	http2_tell(server, conn_wire(FD)->arrived, conn_wire(FD)->len);
	conn_read(SERVER, conn_wire(FD)->arrived, conn_wire(FD)->len);
	http2_pump(server);
	was = server->len;
	conn_write_all(SERVER, server->bytes, server->len);
	conn_read(FD, server->bytes, server->len);
	server->len -= was;
}

/* The server's bytes since the last time go to the client. */
static void answer(struct http2_peer *server)
{
	conn_write_all(SERVER, server->bytes, server->len);
	conn_read(FD, server->bytes, server->len);
	server->len = 0;
}

/* And the client's to the server. */
static void ask(struct http2_peer *client, struct http2_peer *server)
{
	conn_wire(FD)->len = 0;
	conn_write_all(FD, client->bytes, client->len);
	client->len = 0;
	http2_tell(server, conn_wire(FD)->arrived, conn_wire(FD)->len);
	conn_read(SERVER, conn_wire(FD)->arrived, conn_wire(FD)->len);
}

TEST(http2_streams_are_spans_of_both_ends)
{
	struct http2_peer *client = http2_peer(false), *server = http2_peer(true);
	int32_t a, b;
	uint8_t parent[ATR_SPAN_ID_LEN];

	CONN_BEGIN();
	a = http2_request(client, "GET", "/a", "", 0);
	b = http2_request(client, "POST", "/b?x=1", "", 10);
	talk(client, server);
	http2_answer(server, b, "404", 5);
	http2_answer(server, a, "200", 0);
	answer(server);
	CONN_SAYS("SERVER POST 404 /b body=5");
	CONN_SAYS("SERVER GET 200 /a");
	CONN_SAYS("CLIENT POST 404 http://h/b?x=1 body=5 error=404");
	CONN_SAYS("CLIENT GET 200 http://h/a");

	a = http2_request(client, "GET", "/c", "", 0);
	ask(client, server);
	http2_answer(server, a, "200", 0);
	answer(server);
	memcpy(parent, live_next()->parent_id, sizeof(parent));
	CHECK(!memcmp(live_next()->span_id, parent, sizeof(parent)));
	conn_close(FD);
	conn_close(SERVER);
	http2_peer_end(client);
	http2_peer_end(server);
	conn_end();
}

TEST(http2_a_stream_is_found_behind_an_older_one_that_has_its_place)
{
	struct http2_peer *client = http2_peer(false), *server = http2_peer(true);
	int32_t first, a;

	CONN_BEGIN();
	first = http2_request(client, "GET", "/first", "", 0);
	talk(client, server);
	http2_tell(client, conn_wire(SERVER)->arrived, conn_wire(SERVER)->len);
	for (int i = 0; i < ATR_H2_STREAMS_MAX + 2; i++) {
		a = http2_request(client, "GET", "/a", "", 0);
		ask(client, server);
		http2_answer(server, a, "200", 0);
		http2_tell(client, server->bytes, server->len);
		answer(server);
		CONN_SAYS("SERVER GET 200 /a");
		CONN_SAYS("CLIENT GET 200 http://h/a");
	}
	http2_answer(server, first, "200", 0);
	answer(server);
	CONN_SAYS("SERVER GET 200 /first");
	CONN_SAYS("CLIENT GET 200 http://h/first");
	conn_close(FD);
	conn_close(SERVER);
	http2_peer_end(client);
	http2_peer_end(server);
	conn_end();
}

/* What a span of a stream says: "CLIENT pkg.S/M OK" for a call. */
static const char *next_call(void)
{
	static char text[256];
	const struct atr_span *span = live_next();

	if (!span)
		return "nothing";
	snprintf(text, sizeof(text), "%s %s %s%s%s%s",
		 span->kind == ATR_KIND_SERVER ? "SERVER" : "CLIENT", live_text(span, ATR_NAME),
		 live_text(span, ATR_RPC_STATUS_CODE),
		 span->status == ATR_STATUS_ERROR ? " error=" : "", live_text(span, ATR_ERROR_TYPE),
		 live_number(span, ATR_INCOMPLETE) < 0 ? "" : " incomplete");
	return text;
}
#define CALL_SAYS(line) CHECK(live_is(next_call(), line))

TEST(http2_what_is_read_in_any_parts_makes_the_same_spans)
{
	struct http2_peer *client = some_requests(100), *server = http2_peer(true);

	http2_tell(server, client->bytes, client->len);
	for (int32_t id = 3; id <= 11; id += 2)
		http2_answer(server, id, id == 5 ? "500" : "200", (size_t)id);
	for (size_t every = 1; every < 60; every++) {
		CONN_BEGIN();
		conn_connect(FD);
		conn_accept(SERVER);
		for (size_t at = 0; at < client->len; at += every)
			conn_read(SERVER, client->bytes + at,
				  client->len - at < every ? client->len - at : every);
		conn_write_all(FD, client->bytes, client->len);
		for (size_t at = 0; at < server->len; at += every) {
			size_t n = server->len - at < every ? server->len - at : every;

			conn_write_all(SERVER, server->bytes + at, n);
		}
		for (size_t at = 0; at < server->len; at += every) {
			size_t n = server->len - at < every ? server->len - at : every;

			conn_read(FD, server->bytes + at, n);
		}
		CONN_SAYS("SERVER GET /a incomplete");
		CONN_SAYS("CLIENT GET http://h/a incomplete");
		CONN_SAYS("SERVER GET 200 /b body=3");
		CONN_SAYS("SERVER POST 500 /c body=5 error=500");
		CONN_SAYS("SERVER GET 200 /d body=7");
		CONN_SAYS("SERVER GET 200 /e body=9");
		CONN_SAYS("SERVER GET 200 /f body=11");
		CONN_SAYS("CLIENT GET 200 http://h/b?c=d body=3");
		CONN_SAYS("CLIENT POST 500 http://h/c body=5 error=500");
		CONN_SAYS("CLIENT GET 200 http://h/d body=7");
		CONN_SAYS("CLIENT GET 200 http://h/e body=9");
		CONN_SAYS("CLIENT GET 200 http://h/f body=11");
		conn_end();
	}
	http2_peer_end(client);
	http2_peer_end(server);
}

TEST(http2_a_stream_that_is_reset_or_cut_off_says_so)
{
	struct http2_peer *client = http2_peer(false), *server = http2_peer(true);

	CONN_BEGIN();
	for (int i = 0; i < 4; i++)
		http2_request(client, "GET", "/a", "", 0);
	talk(client, server);
	nghttp2_submit_rst_stream(server->session, 0, 1, NGHTTP2_INTERNAL_ERROR);
	http2_pump(server);
	answer(server);
	CONN_SAYS("SERVER GET /a error=INTERNAL_ERROR");
	CONN_SAYS("CLIENT GET http://h/a error=INTERNAL_ERROR");
	nghttp2_submit_rst_stream(client->session, 0, 3, NGHTTP2_CANCEL);
	http2_pump(client);
	ask(client, server);
	CONN_SAYS("CLIENT GET http://h/a incomplete");
	CONN_SAYS("SERVER GET /a incomplete");
	nghttp2_submit_goaway(server->session, 0, 5, NGHTTP2_NO_ERROR, NULL, 0);
	http2_pump(server);
	answer(server);
	CONN_SAYS("SERVER GET /a error=REFUSED_STREAM");
	CONN_SAYS("CLIENT GET http://h/a error=REFUSED_STREAM");
	conn_read_end(FD);
	CONN_SAYS("CLIENT GET http://h/a error=connection_closed");
	conn_close(SERVER);
	CONN_SAYS("SERVER GET /a incomplete");
	http2_peer_end(client);
	http2_peer_end(server);
	conn_end();
}

TEST(http2_an_upgrade_goes_on_as_the_first_stream)
{
	static const char ask[] =
		"GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, "
		"HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
			  switches[] = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
				       "Upgrade: h2c\r\n\r\n";
	static const uint8_t settings[] = { 0, 3, 0, 0, 0, 100 };
	struct http2_peer *client = http2_peer(false), *server = http2_peer(true);
	size_t len;

	CHECK(!nghttp2_session_upgrade2(client->session, settings, sizeof(settings), 0, NULL));
	CHECK(!nghttp2_session_upgrade2(server->session, settings, sizeof(settings), 0, NULL));
	http2_answer(server, 1, "200", 6);
	len = server->len;
	memmove(server->bytes + sizeof(switches) - 1, server->bytes, len);
	memcpy(server->bytes, switches, sizeof(switches) - 1);
	len += sizeof(switches) - 1;
	for (size_t cut = 0; cut < len; cut++) {
		CONN_BEGIN();
		conn_connect(FD);
		conn_accept(SERVER);
		CONN_WRITE(FD, ask);
		CONN_READ(SERVER, ask);
		if (cut) {
			conn_write_all(SERVER, server->bytes, cut);
			conn_read(FD, server->bytes, cut);
		}
		conn_write_all(SERVER, server->bytes + cut, len - cut);
		conn_read(FD, server->bytes + cut, len - cut);
		CONN_SAYS("SERVER GET 200 /up body=6");
		CONN_SAYS("CLIENT GET 200 http://h/up body=6");
		conn_wire(FD)->len = 0;
		client->len = 0;
		http2_request(client, "GET", "/more", "", 0);
		http2_peer_end(client);
		client = http2_peer(false);
		CHECK(!nghttp2_session_upgrade2(client->session, settings, sizeof(settings), 0,
						NULL));
		http2_request(client, "GET", "/more", "", 0);
		conn_write_all(FD, client->bytes, client->len);
		CHECK(conn_wire(FD)->len > client->len + ATR_TRACEPARENT_LEN);
		conn_read(SERVER, conn_wire(FD)->arrived, conn_wire(FD)->len);
		conn_close(FD);
		conn_close(SERVER);
		CONN_SAYS("CLIENT GET http://h/more incomplete");
		CONN_SAYS("SERVER GET /more incomplete");
		conn_end();
	}
	http2_peer_end(client);
	http2_peer_end(server);
}

#define CALL "content-type: application/grpc\nte: trailers\n"

TEST(http2_calls_by_grpc_are_named_and_judged_by_its_conventions)
{
	static const struct {
		const char *status, *server, *client;
	} cases[] = {
		{ "0", "SERVER pkg.S/M OK", "CLIENT pkg.S/M OK" },
		{ "5", "SERVER pkg.S/M NOT_FOUND", "CLIENT pkg.S/M NOT_FOUND error=NOT_FOUND" },
		{ "13", "SERVER pkg.S/M INTERNAL error=INTERNAL",
		  "CLIENT pkg.S/M INTERNAL error=INTERNAL" },
		{ "77", "SERVER pkg.S/M UNKNOWN error=UNKNOWN",
		  "CLIENT pkg.S/M UNKNOWN error=UNKNOWN" },
	};
	struct http2_peer *client = http2_peer(false), *server = http2_peer(true);
	nghttp2_nv only_trailers[] = { HTTP2_NV(":status", "200"), HTTP2_NV("grpc-status", "12") };
	int32_t id;

	CONN_BEGIN();
	for (unsigned i = 0; i < 4; i++) {
		id = http2_request(client, "POST", "/pkg.S/M", CALL, 20);
		if (i)
			ask(client, server);
		else
			talk(client, server);
		server->trailer = cases[i].status;
		http2_answer(server, id, "200", 9);
		answer(server);
		CALL_SAYS(cases[i].server);
		CALL_SAYS(cases[i].client);
	}
	id = http2_request(client, "POST", "/pkg.S/M", CALL, 20);
	ask(client, server);
	nghttp2_submit_response(server->session, id, only_trailers, 2, NULL);
	http2_pump(server);
	answer(server);
	CALL_SAYS("SERVER pkg.S/M UNIMPLEMENTED error=UNIMPLEMENTED");
	CALL_SAYS("CLIENT pkg.S/M UNIMPLEMENTED error=UNIMPLEMENTED");
	/* from a proxy that does not speak it */
	id = http2_request(client, "POST", "/pkg.S/M", CALL, 20);
	ask(client, server);
	server->trailer = NULL;
	http2_answer(server, id, "503", 0);
	answer(server);
	CALL_SAYS("SERVER pkg.S/M UNAVAILABLE error=UNAVAILABLE");
	CALL_SAYS("CLIENT pkg.S/M UNAVAILABLE error=UNAVAILABLE");
	/* given up by the client */
	id = http2_request(client, "POST", "/pkg.S/M", CALL, 20);
	ask(client, server);
	nghttp2_submit_rst_stream(client->session, 0, id, NGHTTP2_CANCEL);
	http2_pump(client);
	ask(client, server);
	CALL_SAYS("CLIENT pkg.S/M  incomplete");
	CALL_SAYS("SERVER pkg.S/M CANCELLED incomplete");
	http2_peer_end(client);
	http2_peer_end(server);
	conn_end();
}

TEST(http2_more_streams_than_are_followed_pass_untouched)
{
	struct http2_peer *client = http2_peer(false);
	unsigned nr_ours = 0, none, nr = 0;

	CONN_BEGIN();
	for (int i = 0; i < 300; i++)
		http2_request(client, "GET", "/a", "", 0);
	/* the session holds back what its peer has not allowed yet */
	CHECK(client->len);
	conn_connect(FD);
	conn_write_all(FD, client->bytes, client->len);
	http2_heard(client->bytes, client->len, &none);
	http2_heard(conn_wire(FD)->arrived, conn_wire(FD)->len, &nr_ours);
	conn_close(FD);
	while (live_next())
		nr++;
	CHECK(nr == nr_ours && nr_ours && nr <= ATR_H2_STREAMS_MAX);
	http2_peer_end(client);
	conn_end();
}

TEST(http2_a_request_with_a_trace_header_is_left_alone)
{
	struct http2_peer *client = http2_peer(false);

	CONN_BEGIN();
	http2_request(client, "GET", "/a",
		      "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n", 0);
	conn_connect(FD);
	conn_write_all(FD, client->bytes, client->len);
	CHECK(conn_wire(FD)->len == client->len &&
	      !memcmp(conn_wire(FD)->arrived, client->bytes, client->len));
	conn_close(FD);
	CHECK(!live_next());
	http2_peer_end(client);
	conn_end();
}

/* Any byte of what is read or written may be another: what is written passes, in its order and count. */
TEST(http2_what_is_malformed_gives_up_and_passes)
{
	struct http2_peer *client = some_requests(0), *server = http2_peer(true);

	http2_tell(server, client->bytes, client->len);
	http2_answer(server, 3, "200", 3);
	CONN_BEGIN();
	for (size_t at = 0; at < client->len; at++)
		for (int bit = 0; bit < 8; bit++) {
			client->bytes[at] ^= (char)(1 << bit);
			conn_connect(FD);
			conn_accept(SERVER);
			conn_write_all(FD, client->bytes, client->len);
			conn_read(SERVER, client->bytes, client->len);
			CHECK(conn_wire(FD)->len >= client->len);
			conn_close(FD);
			conn_close(SERVER);
			drop_spans();
			client->bytes[at] ^= (char)(1 << bit);
		}
	for (size_t at = 0; at < server->len; at++)
		for (int bit = 0; bit < 8; bit++) {
			server->bytes[at] ^= (char)(1 << bit);
			conn_connect(FD);
			conn_accept(SERVER);
			conn_write_all(FD, client->bytes, client->len);
			conn_read(SERVER, client->bytes, client->len);
			conn_read(FD, server->bytes, server->len);
			conn_write_all(SERVER, server->bytes, server->len);
			CHECK(conn_wire(SERVER)->len == server->len &&
			      !memcmp(conn_wire(SERVER)->arrived, server->bytes, server->len));
			conn_close(FD);
			conn_close(SERVER);
			drop_spans();
			server->bytes[at] ^= (char)(1 << bit);
		}
	http2_peer_end(client);
	http2_peer_end(server);
	conn_end();
}

TEST(http2_frames_that_are_malformed_give_up_amid_a_block_and_pass)
{
	struct http2_peer *client = some_requests(17000);

	CONN_BEGIN();
	for (size_t at = 0; at<client->len; at += at> 300 && at + 900 < client->len ? 211 : 1)
		for (int bit = 0; bit < 8; bit++) {
			size_t n = ATR_HTTP2_PREFACE_LEN;

			conn_connect(FD);
			for (size_t from = 0; from < client->len; from += n) {
				n = from ? frame_len(client->bytes + from) : n;
				if (at >= from && at < from + n)
					client->bytes[at] ^= (char)(1 << bit);
				conn_write_all(FD, client->bytes + from, n);
				if (at >= from && at < from + n)
					client->bytes[at] ^= (char)(1 << bit);
			}
			CHECK(conn_wire(FD)->len >= client->len);
			conn_close(FD);
			drop_spans();
		}
	http2_peer_end(client);
	conn_end();
}

/* A connection that is given up while a head of ours is half out is still owed the rest of it. */
TEST(http2_a_head_that_has_begun_is_ended_whatever_happens)
{
	struct http2_peer *client = some_requests(100);
	unsigned none, nr_ours;
	char *want;

	CONN_BEGIN();
	want = strdup(http2_heard(client->bytes, client->len, &none));
	for (size_t most = 60; most < client->len; most++) {
		size_t done;

		conn_connect(FD);
		conn_wire(FD)->most = most;
		done = (size_t)conn_write(FD, client->bytes, client->len, 0);
		conn_wire(FD)->most = 0;
		conn_read(FD, "\0\0\0\7\7\7\7\7\7\7", 10); /* no settings */
		conn_write_all(FD, client->bytes + done, client->len - done);
		CHECK(live_is(http2_heard(conn_wire(FD)->arrived, conn_wire(FD)->len, &nr_ours),
			      want));
		conn_close(FD);
		drop_spans();
	}
	free(want);
	http2_peer_end(client);
	conn_end();
}

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define WITH_PARENT "a: b\ntraceparent: " PARENT "\ncontent-type: text/plain\n"

/* A proxy passes its request's header on: what goes out names the proxy's span. */
TEST(http2_a_context_that_is_passed_on_is_continued_wherever_the_kernel_stops)
{
	struct http2_peer *client = http2_peer(false);
	const char *got;
	char *want;
	unsigned nr;

	CONN_BEGIN();
	http2_request(client, "POST", "/a", WITH_PARENT, 3);
	client->pads = true;
	http2_request(client, "GET", "/b", "", 0);
	want = strdup(http2_heard(client->bytes, client->len, &nr));
	CHECK(nr == 1);
	for (size_t most = 0; most < client->len + 150; most++) {
		uint8_t parent[ATR_SPAN_ID_LEN];
		const struct atr_span *span;

		conn_accept(SERVER);
		CONN_READ(SERVER, "GET /in HTTP/1.1\r\nHost: h\r\ntraceparent: " PARENT "\r\n\r\n");
		conn_connect(FD);
		send_in((struct way){ .most = most, .in_turns = most & 1 }, client->bytes,
			client->len);
		got = http2_heard(conn_wire(FD)->arrived, conn_wire(FD)->len, &nr);
		CHECK(live_is(got, want) && nr == 2);
		CHECK(!memmem(conn_wire(FD)->arrived, conn_wire(FD)->len, PARENT, 55));
		conn_close(FD);
		span = live_next();
		CHECK(span && live_is(live_text(span, ATR_HTTP_REQUEST_METHOD), "POST"));
		memcpy(parent, span->parent_id, sizeof(parent));
		drop_spans();
		conn_close(SERVER);
		span = live_next();
		CHECK(span && !memcmp(span->span_id, parent, sizeof(parent)));
		conn_wire(FD)->most = conn_wire(FD)->in_turns = 0;
	}
	free(want);
	http2_peer_end(client);
	conn_end();
}
