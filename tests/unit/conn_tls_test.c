/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/state.h"

#include "preload/conn/probes.h"
#include "tests/http2_peer.h"
#include "tests/unit/conn.h"

#include <stdio.h>

/*
 * A TLS library that demands of its caller what OpenSSL does: a write that was not taken
 * is made again from the same place, unless it may move, and is not shorter. It takes
 * records; before each, where it is in turns, it says once that it takes none now. What
 * it took is on the wire of FD, as plain bytes.
 */
static struct library {
	struct atr_tls_writer writer;
	unsigned modes;
	size_t record;
	bool in_turns, refused;	    /* refused: the write under way was, once */
	bool shakes_hands;	    /* no write is looked at */
	struct atr_tls *calls_back; /* amid a write, once: its session */
	int error;
	const void *at; /* of the write under way */
	size_t len, taken;
	enum atr_tls_end end;
	unsigned nr_wrong; /* writes made again with something else */
} library;

static ssize_t library_write(struct atr_tls_writer *writer, const void *bytes, size_t len)
{
	struct wire *wire = conn_wire(FD);
	bool moves = library.modes & ATR_TLS_MOVING;

	CHECK(writer == &library.writer);
	library.end = ATR_TLS_LATER;
	if (library.shakes_hands)
		return -1;
	if (library.calls_back) {
		struct atr_tls *tls = library.calls_back;

		library.calls_back = NULL;
		CHECK(atr_tls_write(tls, "amid", 4, writer) == 4);
	}
	if (library.at && !(library.modes & ATR_TLS_BY_NULL) &&
	    (len < library.len || (bytes != library.at && !moves))) {
		library.nr_wrong++;
		library.end = ATR_TLS_GARBLED;
		return -1;
	}
	if (library.error) {
		errno = library.error;
		library.end = ATR_TLS_BROKEN;
		return -1;
	}
	do {
		size_t n =
			len - library.taken < library.record ? len - library.taken : library.record;

		if (library.in_turns && !library.refused) {
			library.refused = true;
			library.at = bytes;
			library.len = len;
			return -1;
		}
		library.refused = false;
		CHECK(wire->len + n < sizeof(wire->arrived));
		memcpy(wire->arrived + wire->len, (const char *)bytes + library.taken, n);
		wire->len += n;
		library.taken += n;
	} while (library.taken < len && !(library.modes & ATR_TLS_PARTLY));
	len = library.taken;
	library.at = NULL;
	library.taken = 0;
	return (ssize_t)len;
}

static enum atr_tls_end library_end(struct atr_tls_writer *writer)
{
	(void)writer;
	return library.end;
}

static unsigned library_modes(struct atr_tls_writer *writer)
{
	(void)writer;
	return library.modes;
}

static char session[64];

static struct atr_tls *begin(unsigned modes, enum atr_tls_side side)
{
	struct atr_tls *tls;

	library = (struct library){ .writer = { library_write, library_end, library_modes },
				    .modes = modes,
				    .record = ATR_TLS_RECORD_MAX };
	atr_tls_ended(session); /* of a test that failed */
	conn_wire(FD)->len = 0;
	tls = atr_tls_begin(session, side, &library);
	CHECK(tls && atr_tls_of(session) == tls && atr_tls_library(tls) == &library);
	return tls;
}

/* As a program does: from where it is, or always another place, until all is taken. */
static void write_all(struct atr_tls *tls, const char *text, size_t len)
{
	char *bytes = memcpy(malloc(len), text, len);
	size_t done = 0;

	for (int calls = 0; done < len; calls++) {
		ssize_t n = atr_tls_write(tls, bytes + done, len - done, &library.writer);

		CHECK(calls < 1000 && n <= (ssize_t)(len - done));
		CHECK(n > 0 || library.end == ATR_TLS_LATER);
		CHECK(n <= 0 || n == (ssize_t)len || (library.modes & ATR_TLS_PARTLY));
		if (n > 0)
			done += (size_t)n;
		if (library.modes & ATR_TLS_MOVING) {
			char *other = memcpy(malloc(len), bytes, len);

			memset(bytes, '#', len);
			free(bytes);
			bytes = other;
		}
	}
	free(bytes);
	CHECK(library.nr_wrong == 0);
}

#define WRITE(tls, text) write_all(tls, text, strlen(text))
#define READ(tls, text) atr_tls_received(tls, text, strlen(text))
#define GET "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define ANSWER "HTTP/1.1 204 No Content\r\n\r\n"

static void end(void)
{
	atr_tls_ended(session);
	CHECK(!atr_tls_of(session));
	conn_end();
}

TEST(tls_request_has_our_header_on_the_plain_side)
{
	CONN_BEGIN();
	struct atr_tls *tls = begin(0, ATR_TLS_CLIENT);

	WRITE(tls, GET);
	READ(tls, ANSWER);
	CHECK(conn_has_arrived(FD, GET, 1));
	CONN_SAYS("CLIENT GET 204 https://h/a");
	end();
}

static const unsigned all_modes[] = { 0, ATR_TLS_MOVING, ATR_TLS_PARTLY,
				      ATR_TLS_PARTLY | ATR_TLS_MOVING,
				      ATR_TLS_PARTLY | ATR_TLS_MOVING | ATR_TLS_BY_NULL };

/* A CR that may be of the blank line is not kept back here: such a head goes out as it is. */
static bool ends_at_blank(const char *text, size_t len)
{
	return len > 2 && !memcmp(text + len - 3, "\r\n\r", 3);
}

static void check_writes(const char *text, unsigned nr_heads)
{
	static const size_t records[] = { 1, 7, 50, 97, 300, 16384 };
	size_t len = strlen(text);

	for (size_t m = 0; m < sizeof(all_modes) / sizeof(all_modes[0]); m++)
		for (size_t r = 0; r < sizeof(records) / sizeof(records[0]); r++)
			for (size_t cut = 0; cut<len; cut += len> 1000 ? len / 7 : 5) {
				struct atr_tls *tls = begin(all_modes[m], ATR_TLS_CLIENT);
				unsigned nr = nr_heads - ends_at_blank(text, cut);

				if (len > 1000 && records[r] < 300)
					continue;
				library.record = records[r];
				library.in_turns = cut & 1;
				if (cut)
					write_all(tls, text, cut);
				write_all(tls, text + cut, len - cut);
				for (unsigned i = 0; i < nr_heads; i++)
					READ(tls, ANSWER);
				if (!conn_has_arrived(FD, text, nr))
					print_error("modes %u record %zu cut %zu\n", all_modes[m],
						    records[r], cut);
				CHECK(conn_has_arrived(FD, text, nr));
				for (unsigned i = 0; i < nr_heads; i++)
					CHECK(live_next());
			}
}

TEST(tls_write_made_again_is_the_same_one_in_all_modes)
{
	CONN_BEGIN();
	check_writes(GET, 1);
	check_writes("POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz", 1);
	check_writes(GET "GET /b HTTP/1.1\r\nHost: h\r\n\r\n", 2);
	end();
}

TEST(tls_head_with_a_body_of_many_records_goes_out_in_parts)
{
	static char text[60000];
	int head = sprintf(text, "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 50000\r\n\r\n");

	CONN_BEGIN();
	memset(text + head, 'b', 50000);
	text[head + 50000] = 0;
	check_writes(text, 1);
	end();
}

static void check_frames(const struct http2_peer *client, const char *want, unsigned modes,
			 size_t record, size_t cut)
{
	struct atr_tls *tls = begin(modes, ATR_TLS_CLIENT);
	const struct wire *wire = conn_wire(FD);
	unsigned nr_ours, nr_spans = 0;
	const char *got;

	library.record = record;
	library.in_turns = cut & 1;
	if (cut)
		write_all(tls, client->bytes, cut);
	write_all(tls, client->bytes + cut, client->len - cut);
	got = http2_heard(wire->arrived, wire->len, &nr_ours);
	if (strcmp(got, want) || nr_ours != 3)
		print_error("modes %u record %zu cut %zu: %u of ours\n", modes, record, cut,
			    nr_ours);
	CHECK(!strcmp(got, want) && nr_ours == 3);
	atr_tls_ended(session);
	while (live_next())
		nr_spans++;
	CHECK(nr_spans == 3);
}

/* Cuts between frames: a head that is cut by the program goes without ours. */
TEST(tls_frames_of_http2_carry_ours_in_all_modes)
{
	static const size_t records[] = { 29, 300, 16384 };
	struct http2_peer *client = http2_peer(false);
	size_t first, second;
	unsigned none;
	char *want;

	CONN_BEGIN();
	http2_request(client, "GET", "/a", "", 0);
	first = client->len;
	http2_request(client, "POST", "/b", "content-type: text/plain\n", 400);
	second = client->len;
	http2_request(client, "GET", "/c", "", 0);
	want = strdup(http2_heard(client->bytes, client->len, &none));
	for (size_t m = 0; m < sizeof(all_modes) / sizeof(all_modes[0]); m++)
		for (size_t r = 0; r < sizeof(records) / sizeof(records[0]); r++) {
			if (all_modes[m] & ATR_TLS_BY_NULL)
				continue; /* frames are not followed through such a write */
			check_frames(client, want, all_modes[m], records[r], 0);
			check_frames(client, want, all_modes[m], records[r], first);
			check_frames(client, want, all_modes[m], records[r], second);
			check_frames(client, want, all_modes[m], records[r], second - 1);
		}
	free(want);
	http2_peer_end(client);
	end();
}

TEST(tls_write_that_is_not_the_same_is_refused_as_it_would_be)
{
	CONN_BEGIN();
	struct atr_tls *tls = begin(0, ATR_TLS_CLIENT);
	static const char other[] = GET;

	library.in_turns = true;
	CHECK(atr_tls_write(tls, GET, strlen(GET), &library.writer) == -1);
	CHECK(atr_tls_write(tls, other + 1, strlen(GET) - 1, &library.writer) == -1);
	CHECK(library.nr_wrong == 1 && library.end == ATR_TLS_GARBLED);
	end();
}

TEST(tls_write_while_hands_are_shaken_is_made_again_from_anywhere)
{
	CONN_BEGIN();
	char first[] = GET;
	struct atr_tls *tls = begin(0, ATR_TLS_CLIENT);

	for (int i = 0; i < 3; i++) {
		library.shakes_hands = true;
		CHECK(atr_tls_write(tls, first, strlen(first), &library.writer) == -1);
		atr_tls_write_unseen(tls);
	}
	library.shakes_hands = false;
	memset(first, '#', strlen(first));
	WRITE(tls, GET);
	READ(tls, ANSWER);
	WRITE(tls, GET);
	READ(tls, ANSWER);
	CHECK(conn_has_arrived(FD, GET GET, 2));
	CONN_SAYS("CLIENT GET 204 https://h/a");
	CONN_SAYS("CLIENT GET 204 https://h/a");
	end();
}

TEST(tls_write_amid_another_goes_out_as_it_is)
{
	CONN_BEGIN();
	struct atr_tls *tls = begin(ATR_TLS_MOVING, ATR_TLS_CLIENT);

	library.calls_back = tls;
	WRITE(tls, GET);
	CHECK(!memcmp(conn_wire(FD)->arrived, "amidGET", 7));
	WRITE(tls, GET); /* what came first of the two is not known here */
	CHECK(conn_wire(FD)->len > 4 + 2 * strlen(GET));
	CHECK(conn_wire(FD)->len < 4 + 2 * strlen(GET) + 2 * 70);
	atr_tls_ended(session);
	CHECK(live_next() && !live_next()); /* of the one whose write it was */
	end();
}

TEST(tls_write_made_again_without_saying_what_is_counted_as_before)
{
	CONN_BEGIN();
	struct atr_tls *tls =
		begin(ATR_TLS_PARTLY | ATR_TLS_MOVING | ATR_TLS_BY_NULL, ATR_TLS_CLIENT);
	char *bytes = strdup(GET);

	library.in_turns = true;
	CHECK(atr_tls_write(tls, bytes, strlen(GET), &library.writer) == -1);
	memset(bytes, '#', strlen(GET));
	free(bytes);
	CHECK(atr_tls_write(tls, NULL, 0, &library.writer) == (ssize_t)strlen(GET));
	library.in_turns = false;
	READ(tls, ANSWER);
	CHECK(conn_has_arrived(FD, GET, 1));
	CONN_SAYS("CLIENT GET 204 https://h/a");
	end();
}

TEST(tls_session_that_ends_amid_a_write_leaves_nothing)
{
	CONN_BEGIN();
	struct atr_tls *tls = begin(0, ATR_TLS_CLIENT);

	library.in_turns = true;
	CHECK(atr_tls_write(tls, GET, strlen(GET), &library.writer) == -1);
	CHECK(live_nr_blocks_out() == 1);
	end();
}

TEST(tls_write_that_fails_is_an_error_of_the_request)
{
	CONN_BEGIN();
	struct atr_tls *tls = begin(0, ATR_TLS_CLIENT);

	library.error = EPIPE;
	errno = 0;
	CHECK(atr_tls_write(tls, GET, strlen(GET), &library.writer) == -1 && errno == EPIPE);
	atr_tls_ended(session);
	CONN_SAYS("CLIENT GET https://h/a error=broken_pipe");
	end();
}

TEST(tls_without_room_for_our_header_writes_the_programs_bytes)
{
	CONN_BEGIN();
	struct atr_tls *tls = begin(0, ATR_TLS_CLIENT);

	live_hold_blocks(0);
	WRITE(tls, GET);
	READ(tls, ANSWER);
	live_release_blocks();
	CHECK(conn_is_untouched(FD, GET));
	CONN_SAYS("CLIENT GET 204 https://h/a");
	end();
}

TEST(tls_that_carries_no_http_is_left_alone)
{
	CONN_BEGIN();
	struct atr_tls *tls = begin(ATR_TLS_PARTLY, ATR_TLS_CLIENT);

	WRITE(tls, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	WRITE(tls, GET);
	CHECK(conn_is_untouched(FD, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" GET));
	end();
}

TEST(tls_server_is_one)
{
	CONN_BEGIN();
	struct atr_tls *tls = begin(0, ATR_TLS_SERVER);

	READ(tls, GET);
	WRITE(tls, ANSWER);
	CHECK(conn_is_untouched(FD, ANSWER));
	CONN_SAYS("SERVER GET 204 /a");
	end();
}

/* ---- descriptors ---- */

static const char *hello(uint8_t random, size_t *len)
{
	static char bytes[60];

	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, "\x16\x03\x01\x00\x37\x01\x00\x00\x33\x03\x03", 11);
	memset(bytes + 11, random, ATR_TLS_RANDOM_LEN);
	*len = sizeof(bytes);
	return bytes;
}

static void tie(struct atr_tls *tls, uint8_t random)
{
	uint8_t all[ATR_TLS_RANDOM_LEN];

	memset(all, random, sizeof(all));
	atr_tls_tie(tls, all);
}

TEST(tls_client_is_tied_by_what_it_sent)
{
	CONN_BEGIN();
	size_t len;
	const char *bytes = hello(1, &len);
	struct atr_tls *tls = begin(0, ATR_TLS_CLIENT);

	conn_connect(FD);
	tie(tls, 1);
	CHECK(!atr_tls_is_tied(tls));
	conn_write_all(FD, bytes, len);
	tie(tls, 2);
	CHECK(!atr_tls_is_tied(tls) && atr_fd_is_conn(atr_fd(FD)));
	tie(tls, 1);
	CHECK(atr_tls_is_tied(tls) && atr_fd_is_conn(atr_fd(FD)));
	conn_wire(FD)->len = 0;
	WRITE(tls, GET);
	CHECK(atr_fd_kind(atr_fd(FD)) == ATR_FD_CIPHER);
	READ(tls, ANSWER);
	const struct atr_span *span = live_next();
	CHECK(span && !strcmp(live_text(span, ATR_NETWORK_PEER_ADDRESS), "127.0.0.1"));
	end();
}

TEST(tls_descriptor_that_is_closed_ends_the_request)
{
	CONN_BEGIN();
	size_t len;
	const char *bytes = hello(3, &len);
	struct atr_tls *tls = begin(0, ATR_TLS_CLIENT);

	conn_connect(FD);
	conn_write_all(FD, bytes, len);
	tie(tls, 3);
	conn_wire(FD)->len = 0;
	WRITE(tls, GET);
	conn_close(FD);
	CONN_SAYS("CLIENT GET https://h/a incomplete");
	end();
}

TEST(tls_server_is_tied_by_what_it_read_however_that_came)
{
	CONN_BEGIN();
	for (size_t cut = 1; cut < 60; cut++) {
		size_t len;
		const char *bytes = hello((uint8_t)(100 + cut), &len);
		struct atr_tls *tls = begin(0, ATR_TLS_SERVER);

		conn_accept(SERVER);
		conn_read(SERVER, bytes, cut);
		conn_read(SERVER, bytes + cut, len - cut);
		tie(tls, (uint8_t)(100 + cut));
		CHECK(atr_tls_is_tied(tls) && atr_conn_awaits_work(atr_fd(SERVER)));
		READ(tls, GET);
		CHECK(!atr_conn_awaits_work(atr_fd(SERVER)));
		WRITE(tls, ANSWER);
		CHECK(atr_conn_awaits_work(atr_fd(SERVER)));
		CHECK(live_next());
		conn_close(SERVER);
	}
	end();
}

TEST(tls_both_ends_in_one_process_are_told_apart)
{
	CONN_BEGIN();
	static char other[64];
	size_t len;
	const char *bytes = hello(5, &len);
	struct atr_tls *client = begin(0, ATR_TLS_CLIENT), *server;

	server = atr_tls_begin(other, ATR_TLS_SERVER, &library);
	conn_connect(FD);
	conn_accept(SERVER);
	conn_write_all(FD, bytes, len);
	conn_read(SERVER, bytes, len);
	tie(server, 5);
	tie(client, 5);
	CHECK(atr_tls_is_tied(client) && atr_tls_is_tied(server));
	CHECK(atr_fd_kind(atr_fd(SERVER)) == ATR_FD_CIPHER);
	READ(client, "H");
	CHECK(atr_fd_kind(atr_fd(FD)) == ATR_FD_CIPHER);
	atr_tls_ended(other);
	end();
}

TEST(tls_that_nobody_knows_is_a_span_of_the_connection)
{
	CONN_BEGIN();
	size_t len;
	const char *bytes = hello(7, &len);

	conn_connect(FD);
	conn_write_all(FD, bytes, len);
	conn_read(FD, "\x16\x03\x03\x00\x10", 5);
	conn_write_all(FD, "\x17\x03\x03\x00\x10", 5);
	conn_read(FD, "\x17\x03\x03\x00\x10 and more", 14);
	conn_close(FD);
	const struct atr_span *span = live_next();
	CHECK(span && span->kind == ATR_KIND_CLIENT);
	CHECK(live_is(live_text(span, ATR_NAME), "TLS 127.0.0.1:8080"));
	end();
}

#define SERVER_HELLO                                   \
	"\x16\x03\x03\x00\x32\x02\x00\x00\x2e\x03\x03" \
	"0123456789abcdef0123456789abcdef\x00\x13\x01\x00\x00\x06\x00\x2b\x00\x02\x03\x04"
#define CHANGE "\x14\x03\x03\x00\x01\x01"

/* What the client says last, and what is told of it. */
static bool ends_as(const char *last, size_t last_len, const char *error, int established)
{
	static uint8_t random = 20;
	const struct atr_span *span;
	size_t len;
	const char *bytes = hello(random++, &len);

	conn_connect(FD);
	conn_write_all(FD, bytes, len);
	conn_read(FD, SERVER_HELLO, sizeof(SERVER_HELLO) - 1);
	if (last_len)
		conn_write_all(FD, last, last_len);
	conn_close(FD);
	span = live_next();
	return span && live_is(live_text(span, ATR_ERROR_TYPE), error) &&
	       live_number(span, ATR_TLS_ESTABLISHED) == established;
}
#define ENDS_AS(last, error, is) CHECK(ends_as(last, sizeof(last) - 1, error, is))

TEST(tls_that_nobody_knows_tells_if_its_client_refused)
{
	char finished[] = CHANGE "\x17\x03\x03\x00\x45 and so on";

	CONN_BEGIN();
	ENDS_AS("", "handshake_failure", 0);
	ENDS_AS(CHANGE "\x17\x03\x03\x00\x13, and what is sealed", "handshake_failure", 0);
	ENDS_AS("\x17\x03\x03\x00\x13, and what is sealed", "handshake_failure", 0);
	ENDS_AS("\x15\x03\x03\x00\x02\x02\x2d", "certificate_expired", 0);
	ENDS_AS(CHANGE "\x15\x03\x03\x00\x02\x02\x30", "unknown_ca", 0);
	CHECK(ends_as(finished, sizeof(finished) - 1, "", 1));
	conn_end();
}

/* A session is known, its handshake over; what goes by then goes past us. */
static struct atr_tls *shaken(uint8_t random)
{
	struct atr_tls *tls = begin(0, ATR_TLS_CLIENT);
	size_t len;
	const char *bytes = hello(random, &len);

	conn_connect(FD);
	conn_write_all(FD, bytes, len);
	conn_read(FD, SERVER_HELLO, sizeof(SERVER_HELLO) - 1);
	tie(tls, random);
	conn_write_all(FD, CHANGE, 6);
	conn_write_all(FD, "\x17\x03\x03\x00\x45 and so on", 14);
	atr_tls_established(tls, &(struct atr_tls_facts){ .version = "1.3" });
	return tls;
}

TEST(tls_that_is_used_past_us_is_a_span_of_the_connection)
{
	CONN_BEGIN();
	const struct atr_span *span;

	shaken(30);
	conn_write_all(FD, "\x17\x03\x03\x00\x20 a request", 15);
	conn_read(FD, "\x17\x03\x03\x00\x20 and more", 14);
	conn_close(FD);
	span = live_next();
	CHECK(span && live_is(live_text(span, ATR_NAME), "TLS 127.0.0.1:8080"));
	CHECK(live_number(span, ATR_TLS_ESTABLISHED) == 1);
	end();
}

TEST(tls_in_which_nothing_is_asked_is_no_span)
{
	CONN_BEGIN();
	shaken(31);

	/* it closes the session, and reads what the server had to say behind the handshake */
	conn_write_all(FD, "\x17\x03\x03\x00\x13, and what is sealed", 24);
	conn_read(FD, "\x17\x03\x03\x00\x20 a ticket", 14);
	conn_close(FD);
	CHECK(!live_next());
	end();
}

TEST(tls_that_was_begun_and_is_none_is_given_up)
{
	CONN_BEGIN();
	static const char text[] =
		"\x16 but nothing that TLS begins with, and long enough to know.";

	conn_connect(FD);
	conn_write_all(FD, text, sizeof(text) - 1);
	CHECK(atr_fd(FD) == 0);
	end();
}

TEST(tls_handshake_is_told_on_the_first_request)
{
	CONN_BEGIN();
	struct atr_tls_facts facts = { .version = "1.3",
				       .cipher = "TLS_X",
				       .is_resumed = true,
				       .protocol = ATR_STR("http/1.1") };
	struct atr_tls *tls = begin(0, ATR_TLS_CLIENT);
	const struct atr_span *span;

	atr_tls_shakes_hands(tls);
	atr_tls_established(tls, &facts);
	CHECK(atr_tls_is_established(tls));
	for (int i = 0; i < 2; i++) {
		WRITE(tls, GET);
		READ(tls, ANSWER);
		span = live_next();
		CHECK(span && live_is(live_text(span, ATR_TLS_PROTOCOL_VERSION), i ? "" : "1.3"));
		CHECK(live_is(live_text(span, ATR_TLS_CIPHER), i ? "" : "TLS_X"));
		CHECK(live_is(live_text(span, ATR_TLS_NEXT_PROTOCOL), i ? "" : "http/1.1"));
	}
	end();
}

TEST(tls_handshake_is_told_on_the_first_stream_of_http2)
{
	CONN_BEGIN();
	struct atr_tls_facts facts = { .version = "1.3", .protocol = ATR_STR("h2") };
	struct atr_tls *tls = begin(0, ATR_TLS_CLIENT);
	struct http2_peer *client = http2_peer(false);
	const struct atr_span *span;

	http2_request(client, "GET", "/a", "", 0);
	http2_request(client, "GET", "/b", "", 0);
	atr_tls_shakes_hands(tls);
	atr_tls_established(tls, &facts);
	write_all(tls, client->bytes, client->len);
	atr_tls_ended(session);
	for (int i = 0; i < 2; i++) {
		span = live_next();
		CHECK(span && live_is(live_text(span, ATR_TLS_PROTOCOL_VERSION), i ? "" : "1.3"));
		CHECK(live_is(live_text(span, ATR_TLS_NEXT_PROTOCOL), i ? "" : "h2"));
	}
	http2_peer_end(client);
	end();
}

TEST(tls_handshake_that_fails_is_a_span)
{
	CONN_BEGIN();
	struct atr_tls *tls = begin(0, ATR_TLS_CLIENT);
	const struct atr_span *span;

	atr_tls_shakes_hands(tls);
	atr_tls_failed(tls, ATR_STR("h.example"), atr_tls_reason_alert(48));
	span = live_next();
	CHECK(span && live_is(live_text(span, ATR_NAME), "TLS client handshake h.example"));
	CHECK(live_is(live_text(span, ATR_ERROR_TYPE), "unknown_ca"));
	end();
}

TEST(tls_handshake_has_a_span_of_its_own_with_its_probe)
{
	CONN_BEGIN("AUTOTRACE_PROBES=http,tls");
	struct atr_tls_facts facts = { .version = "1.2", .server_name = ATR_STR("h.example") };
	struct atr_tls *tls = begin(0, ATR_TLS_SERVER);
	const struct atr_span *span;

	atr_tls_shakes_hands(tls);
	atr_tls_established(tls, &facts);
	span = live_next();
	CHECK(span && live_is(live_text(span, ATR_NAME), "TLS server handshake"));
	CHECK(live_is(live_text(span, ATR_SERVER_ADDRESS), "h.example"));
	end();
}

TEST(tls_of_no_session_is_nobodys)
{
	CONN_BEGIN();
	struct atr_tls *tls = begin(0, ATR_TLS_CLIENT);

	CHECK(!atr_tls_of(NULL));
	atr_tls_ended(NULL);
	CHECK(atr_tls_of(session) == tls);
	WRITE(tls, GET);
	READ(tls, ANSWER);
	CONN_SAYS("CLIENT GET 204 https://h/a");
	end();
}

TEST(tls_sessions_beyond_the_room_are_counted_and_left_alone)
{
	CONN_BEGIN();
	static char many[20000][16];
	uint64_t before = atr_count_read(ATR_COUNT_TLS_NO_SLOT);
	unsigned nr = 0;

	for (int i = 0; i < 20000; i++)
		nr += atr_tls_begin(many[i], ATR_TLS_CLIENT, &library) != NULL;
	CHECK(nr >= 8000 && nr <= ATR_CONNS_MAX);
	CHECK(atr_count_read(ATR_COUNT_TLS_NO_SLOT) - before == 20000 - nr);
	for (int i = 0; i < 20000; i++)
		atr_tls_ended(many[i]);
	CHECK(atr_tls_begin(many[0], ATR_TLS_CLIENT, &library));
	atr_tls_ended(many[0]);
	end();
}
