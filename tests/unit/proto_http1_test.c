/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/proto/http1.h"
#include "tests/http1_reading.h"
#include "tests/test.h"

#include <dirent.h>

#define REQUEST   \
	{         \
		0 \
	}
#define RESPONSE                    \
	{                           \
		.is_response = true \
	}
#define TO_HEAD                                      \
	{                                            \
		.is_response = true, .to_head = true \
	}
#define TO_CONNECT                                      \
	{                                               \
		.is_response = true, .to_connect = true \
	}

struct sample {
	struct http1_asked asked;
	const char *bytes;
	const char *says;
};

static bool reads_as(const struct sample *sample, size_t len, struct http1_cuts cuts)
{
	struct http1_reading reading;

	http1_read(&reading, sample->asked, cuts, sample->bytes, len);
	if (!strcmp(reading.text, sample->says))
		return true;
	print_error("%.300s\nonce=%zu every=%zu seed=%u read as: %sand not as: %s", sample->bytes,
		    cuts.once, cuts.every, cuts.seed, reading.text, sample->says);
	return false;
}

/* What read does of bytes that begin with a head, said by scan and parse. */
static long scan_and_parse(uint8_t *state, struct http1_asked asked, const char *bytes, size_t len,
			   struct atr_http1_head *out)
{
	long end = atr_http1_scan(state, bytes, len);
	bool good;

	if (end <= 0)
		return end;
	good = asked.is_response ? atr_http1_parse_response(bytes, (size_t)end, asked.to_head,
							    asked.to_connect, out) :
				   atr_http1_parse_request(bytes, (size_t)end, out);
	return good ? end : -1;
}

static long read_at_once(uint8_t *state, struct http1_asked asked, uint32_t wanted,
			 const char *bytes, size_t len, struct atr_http1_former *former,
			 struct atr_http1_head *out)
{
	return asked.is_response ? atr_http1_read_response(state, bytes, len, asked.to_head,
							   asked.to_connect, former, out) :
				   atr_http1_read_request(state, bytes, len, wanted, former, out);
}

static bool reads_at_once_the_same(struct http1_asked asked, bool at_front, const char *bytes,
				   size_t len)
{
	struct atr_http1_head one, other;
	uint8_t state = 0, other_state = 0;
	long end, other_end;

	bytes = http1_guard(0, at_front, bytes, len);
	end = read_at_once(&state, asked, 0, bytes, len, NULL, &one);
	other_end = scan_and_parse(&other_state, asked, bytes, len, &other);
	if (end != other_end || (end == 0 && state != other_state))
		return false;
	return end <= 0 || (one.blank_at == other.blank_at && one.framing == other.framing &&
			    one.content_length == other.content_length &&
			    one.nr_fields == other.nr_fields && state == 0);
}

/* Whole, byte by byte, cut at each place, and at random; against both pages. */
static void check_sample(const struct sample *sample, size_t len)
{
	size_t step = len < 4096 ? 1 : 997;

	for (size_t some = 0; some <= len; some += step)
		CHECK(reads_at_once_the_same(sample->asked, some & 1, sample->bytes, some) &&
		      reads_at_once_the_same(sample->asked, !(some & 1), sample->bytes, some));
	for (int at_front = 0; at_front < 2; at_front++) {
		CHECK(reads_as(sample, len, (struct http1_cuts){ .at_front = at_front }));
		CHECK(reads_as(sample, len,
			       (struct http1_cuts){ .at_front = at_front, .every = 1 }));
		for (size_t once = 1; once < len; once += step)
			CHECK(reads_as(sample, len,
				       (struct http1_cuts){ .at_front = at_front, .once = once }));
		for (uint32_t seed = 1; seed < 10; seed++)
			CHECK(reads_as(sample, len,
				       (struct http1_cuts){ .at_front = at_front, .seed = seed }));
	}
}

static void check_samples(const struct sample *samples, size_t nr_samples)
{
	for (size_t i = 0; i < nr_samples; i++)
		check_sample(&samples[i], strlen(samples[i].bytes));
}

#define CHECK_SAMPLES(samples) check_samples(samples, sizeof(samples) / sizeof((samples)[0]))

/* A body as parse hands it to body_begin. */
static struct atr_http1_body body_of(enum atr_http1_framing framing, uint64_t length)
{
	struct atr_http1_head head = { .framing = framing, .content_length = length };
	struct atr_http1_body body;

	atr_http1_body_begin(&body, &head);
	return body;
}

static bool feeds(struct atr_http1_body *body, const char *text)
{
	long len = (long)strlen(text);

	return atr_http1_body_feed(body, http1_guard(0, false, text, (size_t)len), (size_t)len) ==
	       len;
}

static bool parses(struct http1_asked asked, const char *head, size_t len,
		   struct atr_http1_head *out)
{
	head = http1_guard(0, false, head, len);
	return asked.is_response ?
		       atr_http1_parse_response(head, len, asked.to_head, asked.to_connect, out) :
		       atr_http1_parse_request(head, len, out);
}

/* guess */

static enum atr_http1_guess guess_request(const char *bytes)
{
	size_t len = strlen(bytes);

	return atr_http1_guess_request(http1_guard(0, false, bytes, len), len);
}

static enum atr_http1_guess guess_response(const char *bytes)
{
	size_t len = strlen(bytes);

	return atr_http1_guess_response(http1_guard(0, false, bytes, len), len);
}

TEST(http1_guesses_a_request_from_a_method_and_the_beginning_of_a_target)
{
	CHECK(guess_request("GET /") == ATR_HTTP1_YES);
	CHECK(guess_request("GET / HTTP/1.1\r\n") == ATR_HTTP1_YES);
	CHECK(guess_request("OPTIONS *") == ATR_HTTP1_YES);
	CHECK(guess_request("CONNECT a:443") == ATR_HTTP1_YES);
	CHECK(guess_request("CONNECT [::1]:443") == ATR_HTTP1_YES);
	CHECK(guess_request("GET http://a/b HTTP/1.1") == ATR_HTTP1_YES);
	CHECK(guess_request("VERSION-CONTROL /") == ATR_HTTP1_YES);
	CHECK(guess_request("abcdefghijklmnopqrstuvwxyz012345 /") == ATR_HTTP1_YES);
}

TEST(http1_guesses_maybe_for_each_beginning_of_a_request)
{
	const char *request = "OPTIONS https://a";

	for (size_t len = 0; len < strlen("OPTIONS https://"); len++)
		CHECK(atr_http1_guess_request(http1_guard(0, false, request, len), len) ==
		      ATR_HTTP1_MAYBE);
	CHECK(atr_http1_guess_request(request, strlen("OPTIONS https://")) == ATR_HTTP1_YES);
}

TEST(http1_takes_no_other_protocol_for_a_request)
{
	static const char *const others[] = {
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"\x16\x03\x01\x02",
		"\r\nGET /",
		" GET /",
		"*1\r\n$4\r\nPING\r\n",
		"PING\r\n",
		"get key\r\n",
		"HELO example.org\r\n",
		"USER anonymous\r\n",
		"GET  /",
		"GET\t/",
		"GET \r\n",
		"GET \x01",
		"CONNECT \r\n",
		"SSH-2.0-OpenSSH_9.2\r\n",
		"abcdefghijklmnopqrstuvwxyz0123456 /",
		"GET 1http://",
		"SELECT name FROM",
		"GET http:/a",
		"HTTP/1.1 200 OK\r\n",
		"GET aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		CHECK(guess_request(others[i]) == ATR_HTTP1_NO);
}

TEST(http1_settles_a_guess_within_40_bytes)
{
	char bytes[40];

	memset(bytes, 'a', sizeof(bytes));
	CHECK(atr_http1_guess_request(bytes, sizeof(bytes)) == ATR_HTTP1_NO);
	memcpy(bytes, "GET ", 4);
	CHECK(atr_http1_guess_request(bytes, sizeof(bytes) - 1) == ATR_HTTP1_MAYBE);
	CHECK(atr_http1_guess_request(bytes, sizeof(bytes)) == ATR_HTTP1_NO);
}

TEST(http1_guesses_a_response_from_its_version)
{
	const char *response = "HTTP/1.1 200";

	for (size_t len = 0; len <= 7; len++)
		CHECK(atr_http1_guess_response(http1_guard(0, false, response, len), len) ==
		      ATR_HTTP1_MAYBE);
	CHECK(guess_response("HTTP/1.1") == ATR_HTTP1_YES);
	CHECK(guess_response("HTTP/1.0 200 OK\r\n") == ATR_HTTP1_YES);
	CHECK(guess_response("HTTP/2") == ATR_HTTP1_NO);
	CHECK(guess_response("HTTP/1.x") == ATR_HTTP1_NO);
	CHECK(guess_response("http/1.1") == ATR_HTTP1_NO);
	CHECK(guess_response("220 mail") == ATR_HTTP1_NO);
}

/* scan */

TEST(http1_scan_ends_at_the_blank_line_and_not_behind_it)
{
	const char *text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\nbody\n";
	uint8_t state = 0;

	CHECK(atr_http1_scan(&state, text, strlen(text)) == 27);
	CHECK(state == 0);
}

TEST(http1_scan_knows_the_blank_lines_cr_however_the_head_was_cut)
{
	const char *head = "GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n";
	size_t len = strlen(head);

	for (size_t cut = 1; cut < len; cut++) {
		uint8_t state = 0;

		CHECK(atr_http1_scan(&state, http1_guard(0, false, head, cut), cut) == 0);
		CHECK(atr_http1_scan_at_blank(state) == (cut == len - 1));
	}
}

TEST(http1_scan_stays_refused)
{
	uint8_t state = 0;

	CHECK(atr_http1_scan(&state, "GET / HTTP/1.1\n", 15) == -1);
	CHECK(atr_http1_scan(&state, "", 0) == -1);
	CHECK(atr_http1_scan(&state, "Host: a\r\n\r\n", 11) == -1);
}

/*
 * Each bad pair of bytes at each place of a line, so that it meets the edges of
 * the blocks that are looked at together.
 */
TEST(http1_scan_refuses_a_stray_cr_lf_or_nul_at_every_place)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = { { "\n", 1 }, { "\rx", 2 }, { "\0", 1 }, { "\r\r\n", 3 }, { "\r\n\n", 3 } };
	char text[200];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (size_t at = 1; at < 100; at++) {
			uint8_t state = 0;
			size_t len = at + bad[i].len;

			memset(text, 'x', sizeof(text));
			memcpy(text + at, bad[i].bytes, bad[i].len);
			CHECK(atr_http1_scan(&state, http1_guard(0, false, text, len), len) == -1);
			state = 0;
			CHECK(atr_http1_scan(&state, text, sizeof(text)) == -1);
		}
	}
}

/* messages */

TEST(http1_reads_requests)
{
	static const struct sample samples[] = {
		{ REQUEST, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		  "GET / 1.1 host=a keep none body=0 @27\n" },
		{ REQUEST, "GET / HTTP/1.0\r\n\r\n", "GET / 1.0 close none body=0 @18\n" },
		{ REQUEST, "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
		  "GET / 1.0 keep none body=0 @42\n" },
		{ REQUEST, "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
		  "GET / 1.0 close none body=0 @49\n" },
		{ REQUEST, "GET / HTTP/1.1\r\nhost:a\r\nconnection: TE,\tCLOSE , x\r\n\r\n",
		  "GET / 1.1 host=a close none body=0 @53\n" },
		{ REQUEST, "GET / HTTP/1.1\r\nHost: a\r\nConnection: x-close\r\n\r\n",
		  "GET / 1.1 host=a keep none body=0 @48\n" },
		{ REQUEST,
		  "GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n",
		  "GET / 1.1 host=a close none body=0 @61\n" },
		{ REQUEST,
		  "POST /p?q=1#f HTTP/1.1\r\nHost:   a:80 \t\r\nContent-Length: 5\r\n\r\nhello",
		  "POST /p?q=1#f 1.1 host=a:80 keep length=5 body=5 @66\n" },
		{ REQUEST, "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		  "PUT /x 1.1 host=a keep length=0 body=0 @47\n" },
		{ REQUEST,
		  "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\nx",
		  "PUT /x 1.1 host=a keep length=9223372036854775807 body=1 open\n" },
		{ REQUEST,
		  "PUT /x HTTP/1.1\r\nHost:\r\nContent-Length: 0000000000000000003\r\n\r\nabc",
		  "PUT /x 1.1 host= keep length=3 body=3 @66\n" },
		{ REQUEST,
		  "PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n",
		  "PUT /x 1.1 host=a keep expect length=1 body=0 open\n" },
		{ REQUEST, "PUT /x HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
		  "PUT /x 1.0 close none body=0 @41\n" },
		{ REQUEST, "GET http://b/c?d HTTP/1.1\r\nHost: b\r\n\r\n",
		  "GET http://b/c?d 1.1 host=b keep none body=0 @38\n" },
		{ REQUEST, "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n",
		  "CONNECT b:443 1.1 host=b:443 keep none body=0 @39\n" },
		{ REQUEST, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
		  "OPTIONS * 1.1 host=a keep none body=0 @31\n" },
		{ REQUEST, "GET /\xc3\xbc HTTP/1.1\r\nHost: a\r\nX: \xc3\xbc\t \xff\r\n\r\n",
		  "GET /\xc3\xbc 1.1 host=a keep none body=0 @39\n" },
		{ REQUEST, "M!#$%&'*+-.^_`|~9 / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~9: \r\n\r\n",
		  "M!#$%&'*+-.^_`|~9 / 1.1 host=a keep none body=0 @61\n" },
		{ REQUEST,
		  "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: "
		  "websocket\r\n\r\n",
		  "GET /ws 1.1 host=a keep upgrade none body=0 @82\n" },
		{ REQUEST, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\r\n",
		  "GET /ws 1.1 host=a keep none body=0 @50\n" },
		{ REQUEST, "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
		  "GET /ws 1.1 host=a keep none body=0 @49\n" },
		{ REQUEST, "GET /ws HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		  "GET /ws 1.0 close none body=0 @61\n" },
	};

	CHECK_SAMPLES(samples);
}

TEST(http1_reads_responses)
{
	static const struct sample samples[] = {
		{ RESPONSE, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
		  "200 1.1 keep length=3 body=3 @41\n" },
		{ RESPONSE, "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
		  "200 1.1 keep length=0 body=0 @36\n" },
		{ RESPONSE, "HTTP/1.1 200\r\n\r\nabc", "200 1.1 close until-close body=3 open\n" },
		{ RESPONSE,
		  "HTTP/1.1 999 \xfc\tnot a reason: at all\r\nConnection: close\r\n\r\n\r\n",
		  "999 1.1 close until-close body=2 open\n" },
		{ RESPONSE, "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na",
		  "200 1.0 close length=1 body=1 @39\n" },
		{ RESPONSE,
		  "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na",
		  "200 1.0 keep length=1 body=1 @63\n" },
		{ RESPONSE, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
		  "200 1.1 close until-close body=3 open\n" },
		{ RESPONSE, "HTTP/1.1 204 No Content\r\n\r\n", "204 1.1 keep none body=0 @27\n" },
		{ RESPONSE, "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
		  "304 1.1 keep none body=0 @48\n" },
		{ RESPONSE, "HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n",
		  "204 1.1 keep none body=0 @46\n" },
		{ RESPONSE,
		  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		  "100 1.1 keep none body=0 @25\n200 1.1 keep length=0 body=0 @63\n" },
		{ RESPONSE,
		  "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: "
		  "h2c\r\n\r\nPRI",
		  "101 1.1 close upgrade tunnel body=3 open\n" },
	};

	CHECK_SAMPLES(samples);
}

TEST(http1_reads_a_response_by_what_was_asked)
{
	static const struct sample samples[] = {
		{ TO_HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
		  "200 1.1 keep none body=0 @38\n" },
		{ TO_HEAD, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		  "200 1.1 keep none body=0 @47\n" },
		{ TO_HEAD, "HTTP/1.1 200 OK\r\n\r\n", "200 1.1 keep none body=0 @19\n" },
		{ TO_CONNECT, "HTTP/1.1 200 Connected\r\nContent-Length: 3\r\n\r\n\x16\x03",
		  "200 1.1 close tunnel body=2 open\n" },
		{ TO_CONNECT, "HTTP/1.1 204 x\r\n\r\n\x16\x03",
		  "204 1.1 close tunnel body=2 open\n" },
		{ TO_CONNECT, "HTTP/1.1 407 Who\r\nContent-Length: 2\r\n\r\nno",
		  "407 1.1 keep length=2 body=2 @41\n" },
	};

	CHECK_SAMPLES(samples);
}

#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_SAYS "POST / 1.1 host=a keep chunked body="

TEST(http1_reads_chunked_bodies)
{
	static const struct sample samples[] = {
		{ REQUEST, CHUNKED "0\r\n\r\n", CHUNKED_SAYS "0 @61\n" },
		{ REQUEST, CHUNKED "3\r\nabc\r\n0\r\n\r\n", CHUNKED_SAYS "3 @69\n" },
		{ REQUEST, CHUNKED "0000000000000003\r\nabc\r\n00\r\n\r\n",
		  CHUNKED_SAYS "3 @85\n" },
		{ REQUEST, CHUNKED "a\r\n0123456789\r\nA\r\n\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n",
		  CHUNKED_SAYS "20 @91\n" },
		{ REQUEST, CHUNKED "3;a\r\nabc\r\n3 ; b=\"c d\"\t;e\r\nabc\r\n0;\r\n\r\n",
		  CHUNKED_SAYS "6 @93\n" },
		{ REQUEST, CHUNKED "0\r\nX: y\r\nDate:\r\n\r\n", CHUNKED_SAYS "0 @74\n" },
		{ REQUEST, CHUNKED "7fffffffffffffff\r\nab", CHUNKED_SAYS "2 open\n" },
		{ REQUEST,
		  "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTRANSFER-ENCODING:   "
		  "CHUNKED \r\n\r\n0\r\n\r\n",
		  "PUT / 1.1 host=a keep chunked body=0 @88\n" },
		{ RESPONSE,
		  "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip ,chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
		  "200 1.1 keep chunked body=1 @64\n" },
	};

	CHECK_SAMPLES(samples);
}

TEST(http1_reads_pipelined_messages)
{
	static const struct sample samples[] = {
		{ REQUEST,
		  "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n" CHUNKED "1\r\nx\r\n0\r\n\r\n"
		  "PUT /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n\r\n\r\n"
		  "GET /4 HTTP/1.1\r\nHost",
		  "GET /1 1.1 host=a keep none body=0 @28\n" CHUNKED_SAYS "1 @95\n"
		  "PUT /3 1.1 host=a keep length=4 body=4 @146\npart\n" },
		{ REQUEST, "GET /1 HTTP/1.0\r\n\r\n\r\nGET /2 HTTP/1.0\r\n\r\n",
		  "GET /1 1.0 close none body=0 @19\nrefused\n" },
	};

	CHECK_SAMPLES(samples);
}

TEST(http1_notes_the_first_of_each_field_it_keeps)
{
	const char *text =
		"GET / HTTP/1.1\r\nhOST: h\r\nUser-agent:  u 1 \r\nForwarded: for=f\r\n"
		"X-Forwarded-For: 1, 2\r\nx-forwarded-for: 3\r\nX-Forwarded-Host: xh\r\n"
		"X-Forwarded-Proto: https\r\nUser-Agent: other\r\nX-Forwarded-Fox: no\r\n\r\n";
	struct atr_http1_head head;

	CHECK(parses((struct http1_asked)REQUEST, text, strlen(text), &head));
	CHECK(atr_str_equal(head.host, ATR_STR("h")));
	CHECK(atr_str_equal(head.user_agent, ATR_STR("u 1")));
	CHECK(atr_str_equal(head.forwarded, ATR_STR("for=f")));
	CHECK(atr_str_equal(head.x_forwarded_for, ATR_STR("1, 2")));
	CHECK(atr_str_equal(head.x_forwarded_host, ATR_STR("xh")));
	CHECK(atr_str_equal(head.x_forwarded_proto, ATR_STR("https")));
	CHECK(head.nr_fields == 9);
}

TEST(http1_lists_the_fields_in_order_and_says_where_one_can_be_added)
{
	const char *text = "GET / HTTP/1.1\r\nHost: a\r\nEmpty:\r\nX-Tab:\tb c\t\r\n\r\n";
	size_t len = strlen(text);
	struct atr_http1_head head;
	struct atr_pair field;
	uint32_t at;

	CHECK(parses((struct http1_asked)REQUEST, text, len, &head));
	CHECK(head.fields_at == 16 && head.blank_at == len - 2);
	at = head.fields_at;
	CHECK(atr_http1_next_field(text, len, &at, &field));
	CHECK(atr_str_equal(field.name, ATR_STR("Host")));
	CHECK(atr_str_equal(field.value, ATR_STR("a")));
	CHECK(atr_http1_next_field(text, len, &at, &field));
	CHECK(atr_str_equal(field.name, ATR_STR("Empty")) && field.value.len == 0);
	CHECK(atr_http1_next_field(text, len, &at, &field));
	CHECK(atr_str_equal(field.name, ATR_STR("X-Tab")));
	CHECK(atr_str_equal(field.value, ATR_STR("b c")));
	CHECK(!atr_http1_next_field(text, len, &at, &field));
	CHECK(at == head.blank_at);
}

TEST(http1_lists_no_fields_of_a_head_without_any)
{
	struct atr_http1_head head;
	struct atr_pair field;

	CHECK(parses((struct http1_asked)REQUEST, "GET / HTTP/1.0\r\n\r\n", 18, &head));
	CHECK(head.nr_fields == 0 && head.fields_at == head.blank_at);
	CHECK(!atr_http1_next_field("GET / HTTP/1.0\r\n\r\n", 18, &head.fields_at, &field));
}

/* Names of a known length that differ from the known one in one bit are other names. */
TEST(http1_knows_names_exactly)
{
	const char *text = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
	size_t len = strlen(text), name = strlen("HTTP/1.1 200 OK\r\n");
	struct atr_http1_head head;
	char changed[64];

	for (size_t i = 0; i < strlen("Content-Length"); i++) {
		for (int bit = 0; bit < 8; bit++) {
			bool other_case = bit == 5 && text[name + i] != '-';

			memcpy(changed, text, len);
			changed[name + i] ^= (char)(1 << bit);
			if (parses((struct http1_asked)RESPONSE, changed, len, &head))
				CHECK((head.framing == ATR_HTTP1_LENGTH) == other_case);
			else
				CHECK(!other_case);
		}
	}
}

/* read */

TEST(http1_reads_a_head_at_once_and_not_what_is_behind_it)
{
	const char *text = "POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 6\r\n\r\n\r\n\r\nhi";
	struct atr_http1_head head;
	uint8_t state = 0;

	CHECK(atr_http1_read_request(&state, text, strlen(text), 0, NULL, &head) ==
	      (long)strlen(text) - 6);
	CHECK(state == 0 && head.content_length == 6 && head.nr_kept == 0 && head.wanted == 0);
	CHECK(atr_str_equal(head.target, ATR_STR("/a")) && atr_str_equal(head.host, ATR_STR("b")));
}

TEST(http1_read_leaves_a_head_in_pieces_to_scan)
{
	const char *text = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n";
	size_t len = strlen(text);
	struct atr_http1_head head;

	for (size_t cut = 0; cut < len; cut++) {
		uint8_t state = 0;

		CHECK(atr_http1_read_response(&state, text, cut, false, false, NULL, &head) == 0);
		CHECK(atr_http1_scan_at_blank(state) == (cut == len - 1));
		CHECK(atr_http1_scan(&state, text + cut, len - cut) == (long)(len - cut));
	}
}

TEST(http1_read_refuses_for_good_a_whole_head_that_is_ill_formed)
{
	const char *text = "GET / HTTP/1.1\r\nHost : a\r\n\r\n";
	struct atr_http1_head head;
	uint8_t state = 0;

	/* before its end has come it is for scan to judge */
	CHECK(atr_http1_read_request(&state, text, strlen(text) - 1, 0, NULL, &head) == 0);
	state = 0;
	CHECK(atr_http1_read_request(&state, text, strlen(text), 0, NULL, &head) == -1);
	CHECK(atr_http1_scan(&state, text, strlen(text)) == -1);
}

static bool kept_is(const struct atr_pair *kept, struct atr_str name, struct atr_str value)
{
	return atr_str_equal(kept->name, name) && atr_str_equal(kept->value, value);
}

TEST(http1_keeps_fields_by_the_length_of_their_names)
{
	const char *text = "GET / HTTP/1.1\r\nHost: a\r\nTraceParent:  p \r\nname: no\r\n"
			   "User-Agent: u\r\ntracestate:s\r\nConnection: close\r\n"
			   "A-Name-Of-Thirty-One-Characters: 31\r\ntracestate:\r\n"
			   "A-Name-Of-Some-More-Than-Thirty-One-Characters: 46\r\n"
			   "A-Name-Of-But-Thirty-Characters: no\r\n\r\n";
	const uint32_t wanted = 1u << 11 | 1u << 10 | 1u << 31;
	struct atr_http1_head head;
	uint8_t state = 0;

	CHECK(atr_http1_read_request(&state, text, strlen(text), wanted, NULL, &head) ==
	      (long)strlen(text));
	CHECK(head.nr_fields == 10 && head.wanted == wanted);
	CHECK(head.nr_kept == 6);
	CHECK(kept_is(&head.kept[0], ATR_STR("TraceParent"), ATR_STR("p")));
	CHECK(kept_is(&head.kept[1], ATR_STR("tracestate"), ATR_STR("s")));
	CHECK(head.kept[2].name.len == 31 && atr_str_equal(head.kept[2].value, ATR_STR("31")));
	CHECK(kept_is(&head.kept[3], ATR_STR("tracestate"), ATR_STR("")));
	CHECK(head.kept[4].name.len == 46 && atr_str_equal(head.kept[4].value, ATR_STR("46")));
	CHECK(atr_str_equal(head.user_agent, ATR_STR("u")) && !head.keep_alive);
}

TEST(http1_counts_wanted_fields_beyond_those_it_keeps)
{
	char text[1024] = "GET / HTTP/1.0\r\n";
	size_t len = strlen(text);
	struct atr_http1_head head;
	uint8_t state = 0;

	for (int i = 0; i < ATR_HTTP1_KEPT_MAX + 3; i++)
		len += (size_t)sprintf(text + len, "wanted: %d\r\n", i);
	len += (size_t)sprintf(text + len, "\r\n");
	CHECK(atr_http1_read_request(&state, text, len, 1u << 6, NULL, &head) == (long)len);
	CHECK(head.nr_kept == ATR_HTTP1_KEPT_MAX + 3);
	CHECK(atr_str_equal(head.kept[ATR_HTTP1_KEPT_MAX - 1].value, ATR_STR("15")));
}

/*
 * A line's text is looked at in blocks and words: what is special must be seen in
 * every place of them, with any number of bytes behind the head.
 */
static bool same_str(struct atr_str a, struct atr_str b)
{
	return a.at == b.at && a.len == b.len;
}

static bool same_kept(const struct atr_http1_head *a, const struct atr_http1_head *b)
{
	for (uint32_t i = 0; i < a->nr_kept && i < ATR_HTTP1_KEPT_MAX; i++)
		if (!same_str(a->kept[i].name, b->kept[i].name) ||
		    !same_str(a->kept[i].value, b->kept[i].value))
			return false;
	return a->nr_kept == b->nr_kept && a->wanted == b->wanted;
}

static bool same_head(const struct atr_http1_head *a, const struct atr_http1_head *b)
{
	return a->is_response == b->is_response && a->minor == b->minor && a->status == b->status &&
	       same_str(a->method, b->method) && same_str(a->target, b->target) &&
	       same_str(a->host, b->host) && same_str(a->user_agent, b->user_agent) &&
	       same_str(a->forwarded, b->forwarded) &&
	       same_str(a->x_forwarded_for, b->x_forwarded_for) &&
	       same_str(a->x_forwarded_host, b->x_forwarded_host) &&
	       same_str(a->x_forwarded_proto, b->x_forwarded_proto) &&
	       a->keep_alive == b->keep_alive && a->upgrade == b->upgrade &&
	       a->expect_continue == b->expect_continue && a->framing == b->framing &&
	       a->content_length == b->content_length && a->nr_fields == b->nr_fields &&
	       a->fields_at == b->fields_at && a->blank_at == b->blank_at && same_kept(a, b);
}

/* Whether a head is read as it would be, had none gone before it. */
static bool reads_as_alone(struct http1_asked asked, uint32_t wanted, const char *bytes, size_t len,
			   struct atr_http1_former *former)
{
	struct atr_http1_head one, other;
	uint8_t state = 0, other_state = 0;
	long end, other_end;

	bytes = http1_guard(0, false, bytes, len);
	end = read_at_once(&state, asked, wanted, bytes, len, former, &one);
	other_end = read_at_once(&other_state, asked, wanted, bytes, len, NULL, &other);
	return end == other_end && state == other_state && (end <= 0 || same_head(&one, &other));
}

#define WANTS_TRACEPARENT (1u << 11)

/* Heads of which each goes before each. */
static const struct sample in_turn[] = {
	{ .bytes = "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: me/1\r\nAccept: */*\r\n\r\n" },
	{ .bytes = "GET /b HTTP/1.1\r\nHost: a\r\nUser-Agent: me/1\r\nAccept: */*\r\n\r\n" },
	{ .bytes = "GET / HTTP/1.0\r\nHost: a\r\nUser-Agent: me/1\r\nAccept: */*\r\n\r\n" },
	{ .bytes =
		  "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: me/1\r\nAccept: */*\r\nTo: x\r\n\r\n" },
	{ .bytes =
		  "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: me/1\r\nAccept: */*\r\n more\r\n\r\n" },
	{ .bytes = "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: me/1\r\nAccept: */*\r\nHost: "
		   "b\r\n\r\n" },
	{ .bytes = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\ntraceparent: 1\r\n\r\n" },
	{ .bytes = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\ntraceparent: 2\r\n\r\n" },
	{ .bytes = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\ntraceparent: 2\r\n"
		   "Content-Length: 5\r\n\r\n" },
	{ .bytes = "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\ntraceparent: "
		   "2\r\n\r\n" },
	{ .bytes = "POST / HTTP/1.1\r\nHost: a\r\ntraceparent: 2\r\nContent-Length: 7\r\n"
		   "User-Agent: me\r\n\r\n" },
	{ .bytes = "POST / HTTP/1.1\r\nHost: a\r\ntraceparent: 2\r\nConnection: close\r\n\r\n" },
	{ .bytes = "GET / HTTP/1.1\r\ntraceparent: 2\r\nHost: a\r\n\r\n" },
	{ .bytes = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" },
	{ .bytes = "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" },
	{ .bytes = "GET / HTTP/1.1\r\nHost: a\r\nForwarded: for=b\r\n\r\n" },
	{ .bytes = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: b\r\n\r\n" },
	{ .bytes = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: b\r\nConnection: upgrade\r\n\r\n" },
	{ .bytes = "GET / HTTP/1.1\r\n\r\n" },
	{ .bytes = "GET / HTTP/1.0\r\n\r\n" },
};

TEST(http1_reads_a_head_the_same_whichever_went_before)
{
	const size_t nr = sizeof(in_turn) / sizeof(in_turn[0]);
	struct http1_asked asked = { .is_response = false };

	for (size_t i = 0; i < nr * nr; i++) {
		const char *first = in_turn[i / nr].bytes, *then = in_turn[i % nr].bytes;
		struct atr_http1_former former = { .len = 0 };

		CHECK(reads_as_alone(asked, WANTS_TRACEPARENT, first, strlen(first), &former));
		for (size_t len = 0; len <= strlen(then); len++) {
			struct atr_http1_former same = former;

			CHECK(reads_as_alone(asked, WANTS_TRACEPARENT, then, len, &same));
		}
		/* and what is wanted may be another */
		CHECK(reads_as_alone(asked, UINT32_MAX, then, strlen(then), &former));
	}
}

TEST(http1_reads_a_response_the_same_whichever_byte_of_the_one_before_was_another)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nServer: a\r\nContent-Length: 16\r\n"
				   "Connection: keep-alive\r\n\r\n{";
	static const char others[] = { '\0', '\t', '\n', '\r', ' ', '-',
				       '0',  '7',  ':',	 'c',  'K', '\x80' };
	struct http1_asked asked = { .is_response = true };
	char other[sizeof(text)];

	for (size_t i = 0; i < (sizeof(text) - 1) * sizeof(others); i++) {
		struct atr_http1_former former = { .len = 0 };

		memcpy(other, text, sizeof(text));
		other[i / sizeof(others)] = others[i % sizeof(others)];
		CHECK(reads_as_alone(asked, 0, other, sizeof(text) - 1, &former));
		CHECK(reads_as_alone(asked, 0, text, sizeof(text) - 1, &former));
		CHECK(reads_as_alone(asked, 0, other, sizeof(text) - 1, &former));
		asked.to_head = !asked.to_head;
		CHECK(reads_as_alone(asked, 0, other, sizeof(text) - 1, &former));
	}
}

TEST(http1_remembers_up_to_the_first_field_that_is_kept)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\ntraceparent: 1\r\nTo: b\r\n\r\n";
	struct atr_http1_former former = { .len = 0 };
	struct http1_asked asked = { .is_response = false };

	CHECK(reads_as_alone(asked, WANTS_TRACEPARENT, text, strlen(text), &former));
	CHECK(former.len == strlen("Host: a\r\n"));
	CHECK(reads_as_alone(asked, 0, text, strlen(text), &former));
	CHECK(former.len == strlen("Host: a\r\ntraceparent: 1\r\nTo: b\r\n"));
}

TEST(http1_stops_remembering_where_each_head_is_another)
{
	struct atr_http1_former former = { .len = 0 };
	struct http1_asked asked = { .is_response = false };
	char text[64];

	for (int i = 0; i < 100; i++) {
		int len =
			snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %d\r\n\r\n", i / 10);

		CHECK(reads_as_alone(asked, 0, text, (size_t)len, &former));
		CHECK(former.len);
	}
	for (int i = 0; i < 100; i++) {
		int len = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %d\r\n\r\n", i);

		CHECK(reads_as_alone(asked, 0, text, (size_t)len, &former));
	}
	CHECK(!former.len);
	CHECK(reads_as_alone(asked, 0, text, strlen(text), &former));
	CHECK(!former.len);
}

TEST(http1_sees_special_bytes_at_every_place_of_a_line)
{
	static const struct {
		const char *bytes;
		bool is_text;
	} special[] = {
		{ "\t", true },	   { "\xc3\xa4", true }, { "\xff\t\x80", true }, { ":", true },
		{ "\x7f", false }, { "\x01", false },	 { "\r", false },	 { "\n", false },
	};
	char text[512];

	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
		for (int before = 0; before < 140; before++) {
			int len = sprintf(text, "GET / HTTP/1.0\r\nX: %0*d%sy\r\nLast: z\r\n\r\n",
					  before + 1, 0, special[i].bytes);
			struct atr_http1_head head;
			uint8_t state = 0;
			const char *at;

			for (int behind = 0; behind < 70; behind += 7) {
				memset(text + len, '\n', (size_t)behind);
				at = http1_guard(0, behind & 1, text, (size_t)(len + behind));
				state = 0;
				CHECK((atr_http1_read_request(&state, at, (size_t)(len + behind), 0,
							      NULL, &head) == len) ==
				      special[i].is_text);
				CHECK(!special[i].is_text || head.nr_fields == 2);
			}
		}
	}
}

TEST(http1_finds_the_colon_behind_a_name_of_any_length)
{
	char text[256];

	for (int name = 1; name < 100; name++) {
		for (int value = 0; value < 20; value++) {
			int len = sprintf(
				text, "GET / HTTP/1.0\r\n%.*s:%.*s\r\n\r\n", name,
				"Abcdefghijklmnopqrstuvwxyz-Abcdefghijklmnopqrstuvwxyz-Abcdefg"
				"hijklmnopqrstuvwxyz-Abcdefghijklmnopqrstuvwxyz",
				value, "0123456789abcdefghij");
			const char *at = http1_guard(0, false, text, (size_t)len);
			struct atr_http1_head head;
			struct atr_pair field;
			uint8_t state = 0;
			uint32_t first = 16;

			CHECK(atr_http1_read_request(&state, at, (size_t)len, UINT32_MAX, NULL,
						     &head) == len);
			CHECK(atr_http1_next_field(at, (size_t)len, &first, &field));
			CHECK(field.name.len == (size_t)name && field.value.len == (size_t)value);
			CHECK(name == 4 || name == 6 || head.nr_kept == 1);
			CHECK(!head.nr_kept || kept_is(&head.kept[0], field.name, field.value));
		}
	}
}

/* refusals */

#define HEAD "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define OK "HTTP/1.1 200 OK\r\n"

TEST(http1_refuses_what_two_parties_could_read_differently)
{
	static const struct sample samples[] = {
		/* both framings */
		{ REQUEST, POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
		  "refused\n" },
		{ REQUEST, POST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
		  "refused\n" },
		{ RESPONSE, OK "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
		  "refused\n" },
		{ RESPONSE, OK "Transfer-Encoding: gzip\r\nContent-Length: 4\r\n\r\n",
		  "refused\n" },
		/* lengths */
		{ REQUEST, POST "Content-Length: 4\r\nContent-Length: 5\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Content-Length: 4\r\nContent-Length: 4\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Content-Length: 4, 4\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Content-Length: -1\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Content-Length: +4\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Content-Length: 4 2\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Content-Length: 0x4\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Content-Length: 4.0\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Content-Length: 4;\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Content-Length: \"4\"\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Content-Length:\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Content-Length:  \t\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Content-Length: \xd9\xa4\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Content-Length: 9223372036854775808\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Content-Length: 9999999999999999999\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Content-Length: 18446744073709551616\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Content-Length: 00000000000000000001\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Content-Length : 4\r\n\r\n", "refused\n" },
		{ RESPONSE, OK "Content-Length: -1\r\n\r\n", "refused\n" },
		{ TO_HEAD, OK "Content-Length: x\r\n\r\n", "refused\n" },
		{ RESPONSE, "HTTP/1.1 304 x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n",
		  "refused\n" },
		/* codings */
		{ REQUEST, POST "Transfer-Encoding: chunked, chunked\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		  "refused\n" },
		{ REQUEST, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
		  "refused\n" },
		{ REQUEST, POST "Transfer-Encoding: chunked, gzip\r\n\r\n", "refused\n" },
		{ RESPONSE, OK "Transfer-Encoding: chunked, gzip\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Transfer-Encoding: gzip\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Transfer-Encoding: identity\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Transfer-Encoding: xchunked\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Transfer-Encoding: chunked;q=1\r\n\r\n", "refused\n" },
		{ RESPONSE, OK "Transfer-Encoding: chunked;q=1\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Transfer-Encoding: \"chunked\"\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Transfer-Encoding: , chunked\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Transfer-Encoding: chunked,\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Transfer-Encoding:\r\n\r\n", "refused\n" },
		{ RESPONSE, OK "Transfer-Encoding:\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Transfer-Encoding : chunked\r\n\r\n", "refused\n" },
		{ REQUEST,
		  POST "Transfer-Encoding: \x0b"
		       "chunked\r\n\r\n",
		  "refused\n" },
		{ REQUEST, POST "Transfer-Encoding\x80: chunked\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Transfer-Encoding: chunked gzip\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Transfer-Encoding:\tchunked\r\n\r\n", "refused\n" },
		{ RESPONSE, OK "Transfer-Encoding: chunked\t\r\n\r\n", "refused\n" },
		{ RESPONSE, OK "Transfer-Encoding: gzip,\tchunked\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Content-Length:\t4\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Content-Length: 4\t\r\n\r\n", "refused\n" },
		{ REQUEST, POST "Transfer-Encoding:\r\n chunked\r\n\r\n", "refused\n" },
		{ REQUEST, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "refused\n" },
		{ RESPONSE, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "refused\n" },
		/* host */
		{ REQUEST, "GET / HTTP/1.1\r\n\r\n", "refused\n" },
		{ REQUEST, "GET / HTTP/1.1\r\nX-Host: a\r\n\r\n", "refused\n" },
		{ REQUEST, HEAD "Host: a\r\n\r\n", "refused\n" },
		{ REQUEST, "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "refused\n" },
		/* a body where a tunnel begins */
		{ REQUEST, "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
		  "refused\n" },
		{ REQUEST, "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
		  "refused\n" },
	};

	CHECK_SAMPLES(samples);
}

TEST(http1_refuses_ill_formed_lines)
{
	static const struct sample samples[] = {
		/* line ends */
		{ REQUEST, "GET / HTTP/1.1\nHost: a\n\n", "refused\n" },
		{ REQUEST, "GET / HTTP/1.1\r\nHost: a\n\r\n", "refused\n" },
		{ REQUEST, HEAD "\n", "refused\n" },
		{ REQUEST, HEAD "\r\r\n", "refused\n" },
		{ REQUEST, HEAD "X: y\rZ: z\r\n\r\n", "refused\n" },
		{ REQUEST, HEAD "X: y\r\r\n\r\n", "refused\n" },
		{ REQUEST, "\r\n" HEAD "\r\n", "refused\n" },
		{ REQUEST, "\n" HEAD "\r\n", "refused\n" },
		{ RESPONSE, "\r\n" OK "\r\n", "refused\n" },
		/* fields */
		{ REQUEST, HEAD "X: y\r\n z\r\n\r\n", "refused\n" },
		{ REQUEST, HEAD "X: y\r\n\tz: 1\r\n\r\n", "refused\n" },
		{ REQUEST, "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "refused\n" },
		{ REQUEST, HEAD "X : y\r\n\r\n", "refused\n" },
		{ REQUEST, HEAD "X\t: y\r\n\r\n", "refused\n" },
		{ REQUEST, HEAD "X Y: z\r\n\r\n", "refused\n" },
		{ REQUEST, HEAD ": y\r\n\r\n", "refused\n" },
		{ REQUEST, HEAD "X\r\n\r\n", "refused\n" },
		{ REQUEST, HEAD "X@Y: z\r\n\r\n", "refused\n" },
		{ REQUEST, HEAD "X\xff: z\r\n\r\n", "refused\n" },
		{ REQUEST, HEAD "X(: z\r\n\r\n", "refused\n" },
		{ REQUEST, HEAD "X: \x01\r\n\r\n", "refused\n" },
		{ REQUEST,
		  HEAD "X: a\x0b"
		       "b\r\n\r\n",
		  "refused\n" },
		{ REQUEST, HEAD "X: a\x7f\r\n\r\n", "refused\n" },
		{ REQUEST, HEAD "X: 0123456789abcdef0123456789abcdef\x1f\r\n\r\n", "refused\n" },
		/* start lines */
		{ REQUEST, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, "GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, "GET /a\x01 HTTP/1.1\r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, "GET /a\x7f HTTP/1.1\r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, " GET / HTTP/1.1\r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, "GET HTTP/1.1\r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, "GET  HTTP/1.1\r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, "GET /\r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, " / HTTP/1.1\r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, "GET / HTTP/1.2\r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, "GET / HTTP/1./\r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, "GET / HTTP/0.9\r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, "GET / HTTP/1.10\r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, "GET / HTTP/01.1\r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, "GET / http/1.1\r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, "GET / HTTP/1.\r\nHost: a\r\n\r\n", "refused\n" },
		{ REQUEST, "GET / HTTP/1\r\n\r\n", "refused\n" },
		{ REQUEST, "GET /\r\n\r\n", "refused\n" },
		{ REQUEST, "A B\r\n\r\n", "refused\n" },
		{ REQUEST, "GET /abcdefgh \r\n\r\n", "refused\n" },
		{ REQUEST, "abcdefghijklmnopqrstuvwxyz0123456 / HTTP/1.0\r\n\r\n", "refused\n" },
		{ REQUEST, OK "\r\n", "refused\n" },
		{ RESPONSE, HEAD "\r\n", "refused\n" },
		{ RESPONSE, "HTTP/1.1 099 x\r\n\r\n", "refused\n" },
		{ RESPONSE, "HTTP/1.1 20 OK\r\n\r\n", "refused\n" },
		{ RESPONSE, "HTTP/1.1 2000 OK\r\n\r\n", "refused\n" },
		{ RESPONSE, "HTTP/1.1 2x0 OK\r\n\r\n", "refused\n" },
		{ RESPONSE, "HTTP/1.1  200 OK\r\n\r\n", "refused\n" },
		{ RESPONSE, "HTTP/1.1\t200 OK\r\n\r\n", "refused\n" },
		{ RESPONSE, "HTTP/1.1 200\tOK\r\n\r\n", "refused\n" },
		{ RESPONSE, "HTTP/1.1 200 O\x01K\r\n\r\n", "refused\n" },
		{ RESPONSE, "HTTP/1.2 200 OK\r\n\r\n", "refused\n" },
		{ RESPONSE, "HTTP/1.1 20\r\n\r\n", "refused\n" },
		{ RESPONSE, "HTTP/1.1\r\n\r\n", "refused\n" },
	};

	CHECK_SAMPLES(samples);
}

/* A head with `byte` in place of its one '?'. */
static bool accepts_byte(struct http1_asked asked, const char *head, int byte)
{
	size_t len = strlen(head);
	struct atr_http1_head out;
	char changed[128];

	memcpy(changed, head, len);
	*(char *)memchr(changed, '?', len) = (char)byte;
	return parses(asked, changed, len, &out);
}

TEST(http1_takes_only_the_characters_that_each_part_may_have)
{
	const struct http1_asked request = REQUEST, response = RESPONSE;

	for (int byte = 1; byte < 256; byte++) {
		bool letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
		bool token =
			letter || (byte >= '0' && byte <= '9') || strchr("!#$%&'*+-.^_`|~", byte);
		bool visible = byte > ' ' && byte != 0x7f;

		CHECK(accepts_byte(request, "G?T / HTTP/1.0\r\n\r\n", byte) == token);
		CHECK(accepts_byte(request, "GET /a? HTTP/1.0\r\n\r\n", byte) == visible);
		CHECK(accepts_byte(request, "GET / HTTP/1.0\r\nN?me: v\r\n\r\n", byte) ==
		      (token || byte == ':'));
		CHECK(accepts_byte(request, "GET / HTTP/1.0\r\nLong-Long-Long-Name?X: v\r\n\r\n",
				   byte) == (token || byte == ':'));
		CHECK(accepts_byte(request, "GET / HTTP/1.0\r\nX: v?v\r\n\r\n", byte) ==
		      (visible || byte == ' ' || byte == '\t'));
		CHECK(accepts_byte(response, "HTTP/1.1 200 O?K\r\n\r\n", byte) ==
		      (visible || byte == ' ' || byte == '\t'));
	}
}

TEST(http1_refuses_a_nul_everywhere_in_a_head)
{
	char head[] = HEAD "User-Agent: x\r\n\r\n";
	size_t len = sizeof(head) - 1;

	for (size_t i = 0; i < len; i++) {
		struct sample sample = { REQUEST, head, "refused\n" };
		struct atr_http1_head out;
		char kept = head[i];

		head[i] = 0;
		CHECK(reads_as(&sample, len, (struct http1_cuts){ 0 }));
		CHECK(!parses((struct http1_asked)REQUEST, head, len, &out));
		head[i] = kept;
	}
}

TEST(http1_parse_refuses_a_head_with_bytes_missing_or_behind_it)
{
	const char *text = HEAD "\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
	struct atr_http1_head out;

	for (size_t len = 0; len <= strlen(text); len++)
		CHECK(parses((struct http1_asked)REQUEST, text, len, &out) ==
		      (len == strlen(HEAD) + 2));
}

TEST(http1_refuses_ill_formed_chunks)
{
	static const struct sample samples[] = {
		{ REQUEST, CHUNKED "\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED ";a\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED " 3\r\nabc\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "-1\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "+3\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "0x3\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "3\nabc\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "3\r\r\nabc\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "3\rxabc\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "3 \r\nabc\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "3\t\r\nabc\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "3 3\r\nabc\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "3g\r\nabc\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "3;a\n\r\nabc\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "3;\x01\r\nabc\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "8000000000000000\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "ffffffffffffffff\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "00000000000000003\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "10000000000000003\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "3\r\nabcd\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "3\r\nabc\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "3\r\nabc\rx", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "3\r\nabc0\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "0\r\n\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "0\r\n\rx", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "0\r\nX\r\n\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "0\r\nX : y\r\n\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "0\r\n: y\r\n\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "0\r\nX: y\n\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "0\r\nX: y\rz", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "0\r\nX: \x01\r\n\r\n", CHUNKED_SAYS },
		{ REQUEST, CHUNKED "0\r\nX: y\r\n z\r\n\r\n", CHUNKED_SAYS },
	};

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct sample sample = samples[i];

		sample.says = "POST / 1.1 host=a keep chunked refused\n";
		check_sample(&sample, strlen(sample.bytes));
	}
}

TEST(http1_stays_refused_in_a_body)
{
	struct atr_http1_body body = body_of(ATR_HTTP1_CHUNKED, 0);

	CHECK(atr_http1_body_feed(&body, "x", 1) == -1);
	CHECK(atr_http1_body_feed(&body, "3\r\n", 3) == -1);
	CHECK(atr_http1_body_feed(&body, "", 0) == -1);
}

/* bounds */

/* `before`, then `fill` up to `len` bytes in all with `after`, which ends them. */
static char *filled(const char *before, char fill, const char *after, size_t len)
{
	char *text = malloc(len + 1);

	if (!text)
		abort();
	memset(text, fill, len);
	memcpy(text, before, strlen(before));
	memcpy(text + len - strlen(after), after, strlen(after) + 1);
	return text;
}

static void check_filled(const char *before, char fill, const char *after, size_t len,
			 const char *says)
{
	struct sample sample = { REQUEST, filled(before, fill, after, len), says };

	check_sample(&sample, len);
	free((void *)sample.bytes);
}

TEST(http1_reads_a_head_of_64_kib_and_refuses_a_longer_one)
{
	check_filled("GET / HTTP/1.0\r\nX: ", 'x', "\r\n\r\n", ATR_HTTP1_HEAD_MAX,
		     "GET / 1.0 close none body=0 @65536\n");
	check_filled("GET / HTTP/1.0\r\nX: ", 'x', "\r\n\r\n", ATR_HTTP1_HEAD_MAX + 1, "refused\n");
	check_filled("GET /", 'x', " HTTP/1.0\r\n\r\n", 70000, "refused\n");
	check_filled("", 'x', " / HTTP/1.0\r\n\r\n", 70000, "refused\n");
	check_filled("GET / HTTP/1.0\r\n", 'x', ":\r\n\r\n", 70000, "refused\n");
}

TEST(http1_parse_itself_refuses_more_than_64_kib)
{
	struct atr_http1_head out;
	char *text = filled("GET / HTTP/1.0\r\nX: ", 'x', "\r\n\r\n", ATR_HTTP1_HEAD_MAX + 1);

	CHECK(!parses((struct http1_asked)REQUEST, text, ATR_HTTP1_HEAD_MAX + 1, &out));
	free(text);
}

TEST(http1_reads_10000_headers)
{
	const char *start = "GET / HTTP/1.0\r\n";
	size_t len = strlen(start);
	char *text = malloc(len + 10000 * 6 + 3);
	struct atr_http1_head out;

	if (!text)
		abort();
	memcpy(text, start, len);
	for (int i = 0; i < 10000; i++, len += 6)
		memcpy(text + len, "ab: \r\n", 6);
	memcpy(text + len, "\r\n", 3);
	len += 2;
	CHECK(parses((struct http1_asked)REQUEST, text, len, &out));
	CHECK(out.nr_fields == 10000);
	check_sample(&(struct sample){ REQUEST, text, "GET / 1.0 close none body=0 @60018\n" },
		     len);
	free(text);
}

TEST(http1_bounds_chunk_extensions_to_4_kib_a_line)
{
	size_t head = strlen(CHUNKED);

	check_filled(CHUNKED "0;", 'x', "\r\n\r\n", head + 4095 + 6, CHUNKED_SAYS "0 @4157\n");
	check_filled(CHUNKED "0;", 'x', "\r\n\r\n", head + 4096 + 6,
		     "POST / 1.1 host=a keep chunked refused\n");
	check_filled(CHUNKED "0", ' ', ";\r\n\r\n", head + 4097 + 6,
		     "POST / 1.1 host=a keep chunked refused\n");
}

TEST(http1_counts_chunk_extensions_for_each_line_alone)
{
	struct atr_http1_body body = body_of(ATR_HTTP1_CHUNKED, 0);
	char *line = filled("1;", 'x', "\r\na\r\n", 4000);

	for (int i = 0; i < 10; i++)
		CHECK(feeds(&body, line));
	CHECK(body.size == 10 && !body.done);
	free(line);
}

TEST(http1_bounds_trailers_to_64_kib)
{
	size_t head = strlen(CHUNKED "0\r\n");

	check_filled(CHUNKED "0\r\nX: ", 'x', "\r\n\r\n", head + 65536, CHUNKED_SAYS "0 @65595\n");
	check_filled(CHUNKED "0\r\nX: ", 'x', "\r\n\r\n", head + 65540,
		     "POST / 1.1 host=a keep chunked refused\n");
}

/* run */

static struct atr_str run(struct atr_http1_body *body, struct atr_str *left,
			  enum atr_http1_run *what)
{
	const char *at = http1_guard(0, false, left->at, left->len);
	long n = atr_http1_body_run(body, at, left->len, what);
	struct atr_str taken = { left->at, (size_t)n };

	CHECK(n >= 0);
	left->at += n;
	left->len -= (size_t)n;
	return taken;
}

TEST(http1_runs_tell_the_payload_of_a_chunked_body_from_the_rest)
{
	struct atr_http1_body body = body_of(ATR_HTTP1_CHUNKED, 0);
	struct atr_str left = ATR_STR("3;x\r\nabc\r\n2\r\nde\r\n0\r\nA: b\r\n\r\nGET /");
	enum atr_http1_run what;

	CHECK(atr_str_equal(run(&body, &left, &what), ATR_STR("3;x\r\n")));
	CHECK(what == ATR_HTTP1_CODING);
	CHECK(atr_str_equal(run(&body, &left, &what), ATR_STR("abc")));
	CHECK(what == ATR_HTTP1_PAYLOAD);
	CHECK(atr_str_equal(run(&body, &left, &what), ATR_STR("\r\n2\r\n")));
	CHECK(what == ATR_HTTP1_CODING);
	CHECK(atr_str_equal(run(&body, &left, &what), ATR_STR("de")));
	CHECK(what == ATR_HTTP1_PAYLOAD);
	CHECK(atr_str_equal(run(&body, &left, &what), ATR_STR("\r\n0\r\n")));
	CHECK(what == ATR_HTTP1_CODING);
	CHECK(atr_str_equal(run(&body, &left, &what), ATR_STR("A: b\r\n\r")));
	CHECK(what == ATR_HTTP1_TRAILERS && !body.done);
	CHECK(atr_str_equal(run(&body, &left, &what), ATR_STR("\n")));
	CHECK(what == ATR_HTTP1_CODING && body.done && body.size == 5);
	CHECK(run(&body, &left, &what).len == 0 && left.len == 5);
}

TEST(http1_runs_are_the_payload_alone_without_a_coding)
{
	struct atr_http1_body length = body_of(ATR_HTTP1_LENGTH, 4);
	struct atr_http1_body until_close = body_of(ATR_HTTP1_UNTIL_CLOSE, 0);
	enum atr_http1_run what = ATR_HTTP1_CODING;

	CHECK(atr_http1_body_run(&length, "abcdef", 6, &what) == 4);
	CHECK(what == ATR_HTTP1_PAYLOAD && length.done);
	what = ATR_HTTP1_CODING;
	CHECK(atr_http1_body_run(&until_close, "abcdef", 6, &what) == 6);
	CHECK(what == ATR_HTTP1_PAYLOAD && until_close.size == 6);
}

TEST(http1_runs_refuse_what_feed_refuses)
{
	struct atr_http1_body body = body_of(ATR_HTTP1_CHUNKED, 0);
	enum atr_http1_run what;

	CHECK(atr_http1_body_run(&body, "1\r\nab", 5, &what) == 3);
	CHECK(atr_http1_body_run(&body, "ab", 2, &what) == 1);
	CHECK(atr_http1_body_run(&body, "b", 1, &what) == -1);
}

/* skip */

TEST(http1_skips_unseen_bytes_of_a_known_length)
{
	struct atr_http1_body body = body_of(ATR_HTTP1_LENGTH, 10);

	CHECK(atr_http1_body_skip(&body, 4) && !body.done);
	CHECK(!atr_http1_body_skip(&body, 7));
	CHECK(atr_http1_body_skip(&body, 6) && body.done && body.size == 10);
	CHECK(atr_http1_body_skip(&body, 0));
	CHECK(!atr_http1_body_skip(&body, 1));
}

TEST(http1_skips_inside_a_chunk_but_not_over_its_end)
{
	struct atr_http1_body body = body_of(ATR_HTTP1_CHUNKED, 0);

	CHECK(!atr_http1_body_skip(&body, 1));
	CHECK(atr_http1_body_skip(&body, 0));
	CHECK(feeds(&body, "5"));
	CHECK(!atr_http1_body_skip(&body, 1));
	CHECK(feeds(&body, "\r\na"));
	CHECK(!atr_http1_body_skip(&body, 5));
	CHECK(atr_http1_body_skip(&body, 4));
	CHECK(!atr_http1_body_skip(&body, 1));
	CHECK(feeds(&body, "\r\n0\r\n\r\n") && body.done && body.size == 5);
}

TEST(http1_skips_anything_until_the_connection_closes)
{
	struct atr_http1_body until_close = body_of(ATR_HTTP1_UNTIL_CLOSE, 0);
	struct atr_http1_body tunnel = body_of(ATR_HTTP1_TUNNEL, 0);

	CHECK(atr_http1_body_skip(&until_close, UINT64_C(1) << 40));
	CHECK(until_close.size == UINT64_C(1) << 40 && !until_close.done);
	CHECK(atr_http1_body_skip(&tunnel, 9) && !tunnel.done);
}

TEST(http1_skips_nothing_where_there_is_no_body)
{
	struct atr_http1_body body = body_of(ATR_HTTP1_NO_BODY, 0);

	CHECK(body.done);
	CHECK(!atr_http1_body_skip(&body, 1));
	CHECK(atr_http1_body_feed(&body, "x", 1) == 0);
}

/* the corpus: what begins with ok- is read to its end, what begins with bad- is refused */

static size_t read_file(const char *name, char *bytes, size_t room)
{
	char path[512];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "tests/data/http1/%s", name);
	file = fopen(path, "rb");
	if (!file)
		abort();
	len = fread(bytes, 1, room, file);
	fclose(file);
	return len;
}

static bool corpus_file_keeps_its_name(const char *name)
{
	static char bytes[65536];
	size_t len = read_file(name, bytes, sizeof(bytes));
	struct http1_asked asked = { .is_response = len > 4 && !memcmp(bytes, "HTTP", 4),
				     .to_head = strstr(name, "to-head"),
				     .to_connect = strstr(name, "to-connect") };
	struct http1_reading reading;
	bool refused;

	http1_read(&reading, asked, (struct http1_cuts){ 0 }, bytes, len);
	refused = strstr(reading.text, "refused\n") || strstr(reading.text, "part\n");
	if (refused == !strncmp(name, "bad-", 4))
		return true;
	print_error("%s read as: %s", name, reading.text);
	return false;
}

TEST(http1_corpus_is_read_or_refused_as_its_names_say)
{
	DIR *dir = opendir("tests/data/http1");
	struct dirent *entry;

	if (!dir)
		SKIP("not started from the source tree");
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "ok-", 3) || !strncmp(entry->d_name, "bad-", 4))
			CHECK(corpus_file_keeps_its_name(entry->d_name));
	closedir(dir);
}

#define AGAIN "GET /a HTTP/1.1\r\nHost: a\r\n"
#define PARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

/* How much of the text is a head like this one, which was read before; 0: it is none such. */
static size_t again(const char *text, struct atr_str *traceparent)
{
	struct http1_asked asked = { .is_response = false };
	struct atr_http1_former former = { .len = 0 };
	struct atr_http1_head head;
	struct atr_str target;
	uint8_t state = 0;
	size_t len;

	CHECK(read_at_once(&state, asked, WANTS_TRACEPARENT, AGAIN "\r\n", strlen(AGAIN "\r\n"),
			   &former, &head) > 0);
	len = atr_http1_again_request(&former, text, strlen(text), WANTS_TRACEPARENT, &target,
				      traceparent);
	CHECK(!len || (target.at == text + 4 && target.len && text[4 + target.len] == ' '));
	return len;
}

TEST(http1_head_is_said_again_with_a_traceparent_or_without)
{
	static const char with[] = AGAIN "traceparent: " PARENT "\r\n\r\n";
	struct atr_str value;

	CHECK(again(AGAIN "\r\n", &value) == strlen(AGAIN "\r\n") && !value.at);
	CHECK(again(AGAIN "\r\nmore", &value) == strlen(AGAIN "\r\n") && !value.at);
	CHECK(again("GET /other?x HTTP/1.1\r\nHost: a\r\n\r\n", &value) && !value.at);
	CHECK(again(with, &value) == strlen(with));
	CHECK(atr_str_equal(value, ATR_STR(PARENT)));
}

TEST(http1_head_that_is_not_quite_the_same_is_not_said_again)
{
	static const char *const others[] = {
		"",
		"GET",
		"GET  HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /a  HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /a HTTP/1.0\r\nHost: a\r\n\r\n",
		"GET /a HTTP/1.1\n\nHost: a\r\n\r\n",
		"PUT /a HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /a HTTP/1.1\r\nHost: b\r\n\r\n",
		AGAIN,
		AGAIN "\r",
		AGAIN "\n\r\n",
		AGAIN "X: y\r\n\r\n",
		AGAIN "traceparent: " PARENT,
		AGAIN "traceparent: " PARENT "\r\n",
		AGAIN "traceparent: " PARENT "\r\n\r",
		AGAIN "traceparent: " PARENT "\r\n\n\n",
		AGAIN "traceparent: " PARENT "\n\r\r\n",
		AGAIN "traceparent: " PARENT "0\r\n\r\n",
		AGAIN "traceparent: " PARENT "\r\nX: y\r\n\r\n",
		AGAIN
		"traceparent:  0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n",
		AGAIN "traceparent: 00-4bf92f3577b34\x01"
		      "a6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n",
		AGAIN
		"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b\n-01\r\n\r\n",
		AGAIN
		"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0\r\r\n\r\n",
		AGAIN "Traceparent: " PARENT "\r\n\r\n",
		AGAIN "traceparens: " PARENT "\r\n\r\n",
	};
	struct atr_str value;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		size_t len = again(others[i], &value);

		if (len)
			print_error("%s\n", others[i]);
		CHECK(!len);
	}
}
