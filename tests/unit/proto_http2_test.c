/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/proto/hpack.h"
#include "preload/proto/http2.h"

#include "tests/http1_reading.h"
#include "tests/http2_peer.h"
#include "tests/test.h"

/*
 * A direction as text, one line an event, so that two ways of cutting the same bytes
 * can be compared. Every piece lies against a page that may not be touched.
 */
struct reading {
	struct atr_http2_reader reader;
	struct atr_hpack *hpack;
	struct atr_http2_head head;
	bool is_broken;
	size_t payload, len;
	char text[HTTP2_PEER_ROOM];
	char room[65536];
	_Alignas(16) char hpack_room[ATR_HPACK_ROOM];
};

static void say(struct reading *r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	r->len += (size_t)vsnprintf(r->text + r->len, sizeof(r->text) - r->len, format, args);
	va_end(args);
	if (r->len >= sizeof(r->text))
		abort();
}

static bool wants_x(struct atr_str name)
{
	return name.len && name.at[0] == 'x';
}

static struct reading *reading(bool is_request)
{
	struct reading *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	atr_http2_begin(&r->reader, is_request);
	r->hpack = atr_hpack_begin(r->hpack_room);
	return r;
}

static bool read_fields(struct reading *r, struct atr_str part, bool ends)
{
	struct atr_pair field;

	do {
		long used = atr_hpack_read(r->hpack, part.at, part.len, ends, NULL, &field);

		if (used < 0)
			return false;
		part.at += used;
		part.len -= (size_t)used;
		if (field.name.at)
			atr_http2_head_field(&r->head, &field);
	} while (field.name.at);
	return true;
}

static void say_head(struct reading *r, const struct atr_http2_event *e)
{
	const struct atr_http1_head *h = &r->head.http;

	say(r, "%u head %.*s %.*s %.*s %u", e->stream, (int)h->method.len, h->method.at,
	    (int)h->target.len, h->target.at, (int)h->host.len, h->host.at, h->status);
	for (uint32_t i = 0; i < h->nr_kept; i++)
		say(r, " %.*s=%.*s", (int)h->kept[i].name.len, h->kept[i].name.at,
		    (int)h->kept[i].value.len, h->kept[i].value.at);
	say(r, "%s%s%s\n", r->head.is_cut ? " cut" : "", e->ends_stream ? " end" : "",
	    e->is_promise ? " promise" : "");
}

static bool happened(struct reading *r, const struct atr_http2_event *e)
{
	if (r->payload && e->what != ATR_HTTP2_PAYLOAD && e->what != ATR_HTTP2_MORE) {
		say(r, "payload %zu\n", r->payload);
		r->payload = 0;
	}
	switch (e->what) {
	case ATR_HTTP2_BEGINS:
		say(r, "frame %u %u %u %u\n", r->reader.frame.type, r->reader.frame.flags,
		    r->reader.frame.stream, r->reader.frame.len);
		if (r->reader.frame.type == ATR_HTTP2_HEADERS ||
		    r->reader.frame.type == ATR_HTTP2_PUSH_PROMISE)
			atr_http2_head_begin(&r->head, wants_x, r->room, sizeof(r->room));
		return true;
	case ATR_HTTP2_BLOCK:
		return read_fields(r, e->part, false);
	case ATR_HTTP2_BLOCK_ENDS:
		if (!read_fields(r, ATR_STR(""), true))
			return false;
		say_head(r, e);
		return true;
	case ATR_HTTP2_PAYLOAD:
		r->payload += e->part.len;
		return true;
	case ATR_HTTP2_STREAM_ENDS:
		say(r, "%u end\n", e->stream);
		return true;
	case ATR_HTTP2_SET:
		say(r, "set %u %u\n", e->id, e->value);
		return true;
	case ATR_HTTP2_RESET:
		say(r, "%u reset %u\n", e->stream, e->value);
		return true;
	case ATR_HTTP2_GOES:
		say(r, "goes %u %u\n", e->stream, e->value);
		return true;
	default:
		return true;
	}
}

static void feed(struct reading *r, const char *bytes, size_t len)
{
	struct atr_http2_event event;

	bytes = http1_guard(0, false, bytes, len);
	do {
		long used = r->is_broken ? -1 : atr_http2_next(&r->reader, bytes, len, &event);

		if (used < 0 || !happened(r, &event)) {
			if (!r->is_broken)
				say(r, "broken\n");
			r->is_broken = true;
			return;
		}
		bytes += used;
		len -= (size_t)used;
	} while (event.what != ATR_HTTP2_MORE);
	CHECK(!len);
}

static char *read_in(bool is_request, const char *bytes, size_t len, size_t cut, size_t every)
{
	struct reading *r = reading(is_request);
	char *text;

	if (cut) {
		feed(r, bytes, cut);
		feed(r, bytes + cut, len - cut);
	} else {
		for (size_t at = 0; at < len; at += every)
			feed(r, bytes + at, len - at < every ? len - at : every);
	}
	text = strdup(r->text);
	free(r);
	return text;
}

static char *read_whole(bool is_request, const char *bytes, size_t len)
{
	return read_in(is_request, bytes, len, 0, len);
}

static struct http2_peer *sample(size_t long_len)
{
	static char field[40000];
	struct http2_peer *p = http2_peer(false);
	nghttp2_settings_entry settings[] = { { NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 100 },
					      { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 } };
	nghttp2_priority_spec priority;

	http2_request(p, "GET", "/a", "x-a: 1\nx-a: 2\nuser-agent: me\n", 0);
	p->trailer = "0";
	p->pads = true;
	http2_request(p, "POST", "/b", "x-b: \nhost: other\n", 1000);
	strcpy(field, "x-long: ");
	memset(field + 8, 'y', long_len);
	field[8 + long_len] = 0;
	http2_request(p, "PUT", "/c", field, 0);
	nghttp2_submit_settings(p->session, 0, settings, 2);
	nghttp2_priority_spec_init(&priority, 1, 7, 1);
	nghttp2_submit_priority(p->session, 0, 3, &priority);
	nghttp2_submit_ping(p->session, 0, NULL);
	nghttp2_submit_rst_stream(p->session, 0, 3, NGHTTP2_CANCEL);
	nghttp2_submit_goaway(p->session, 0, 0, NGHTTP2_NO_ERROR, (const uint8_t *)"bye", 3);
	http2_pump(p);
	return p;
}

TEST(http2_what_another_makes_is_read_as_it_was_meant)
{
	struct http2_peer *p = sample(10);
	char *text = read_whole(true, p->bytes, p->len);

	CHECK(strstr(text, "1 head GET /a h 0 x-a=1 x-a=2 end\n"));
	CHECK(strstr(text, "3 head POST /b h 0 x-b=\n"));
	CHECK(strstr(text, "payload 1000\n"));
	CHECK(strstr(text, "3 head    0 end\n")); /* trailers */
	CHECK(strstr(text, "5 head PUT /c h 0 x-long=yyyyyyyyyy end\n"));
	CHECK(strstr(text, "set 1 100\nset 2 0\n"));
	CHECK(strstr(text, "3 reset 8\n"));
	CHECK(strstr(text, "goes 0 0\n"));
	CHECK(!strstr(text, "broken"));
	free(text);
	http2_peer_end(p);
}

TEST(http2_any_cut_reads_the_same)
{
	for (size_t long_len = 10; long_len < 40000; long_len += 19980) {
		struct http2_peer *p = sample(long_len);
		char *whole = read_whole(true, p->bytes, p->len), *cut;

		CHECK(!strstr(whole, "broken"));
		for (size_t at = 1; at<p->len; at += at> 1500 && at < 36000 ? 97 : 1) {
			cut = read_in(true, p->bytes, p->len, at, 0);
			CHECK(!strcmp(whole, cut));
			free(cut);
		}
		for (size_t every = 1; every < 20; every++) {
			cut = read_in(true, p->bytes, p->len, 0, every);
			CHECK(!strcmp(whole, cut));
			free(cut);
		}
		free(whole);
		http2_peer_end(p);
	}
}

/* Many blocks of many fields: the table turns over again and again. */
TEST(http2_a_table_that_turns_over_is_followed)
{
	struct http2_peer *client = http2_peer(false), *server = http2_peer(true);
	struct reading *r = reading(true);
	char more[512], *got, *want;
	unsigned seed = 1;

	http2_tell(client, server->bytes, server->len);
	http2_tell(server, client->bytes, client->len);
	feed(r, client->bytes, client->len);
	for (int i = 0; i < 3000; i++) {
		more[0] = 0;
		for (int k = 0; k < 6; k++) {
			seed = seed * 1103515245 + 12345;
			sprintf(more + strlen(more), "x-%u: %0*u\n", seed >> 16 & 31,
				(int)(seed >> 20 & 63) + 1, seed >> 8 & 255);
		}
		client->len = 0;
		http2_request(client, "GET", "/", more, 0);
		if (!client->len)
			break; /* as many as may be open */
		http2_tell(server, client->bytes, client->len);
		feed(r, client->bytes, client->len);
		server->len = 0;
		http2_answer(server, 2 * i + 1, "200", 0);
		http2_tell(client, server->bytes, server->len);
		server->said[server->said_len] = 0;
		got = strstr(r->text, "head");
		want = strstr(server->said, " x-");
		for (; want; want = strstr(want + 1, " x-")) {
			char field[128], *space;

			snprintf(field, sizeof(field), "%.*s", (int)strcspn(want + 1, "\n"),
				 want + 1);
			space = strchr(field, ' ');
			*space = '=';
			CHECK(got && strstr(got, field));
		}
		r->len = server->said_len = client->said_len = 0;
		CHECK(!r->is_broken);
	}
	free(r);
	http2_peer_end(client);
	http2_peer_end(server);
}

#define SETTINGS "\0\0\0\4\0\0\0\0\0"

TEST(http2_malformed_frames_are_refused)
{
#define FRAME(bytes)                     \
	{                                \
		bytes, sizeof(bytes) - 1 \
	}
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {
		FRAME("\0\0\0\1\4\0\0\0\1"),		       /* not SETTINGS first */
		FRAME("\0\0\0\4\1\0\0\0\0"),		       /* nor their ACK */
		FRAME("\0\0\5\4\0\0\0\0\0\0\0\0\0\0"),	       /* of no whole entry */
		FRAME("\0\0\0\4\0\0\0\0\1"),		       /* on a stream */
		FRAME(SETTINGS "\0\0\1\4\1\0\0\0\0\0"),	       /* an ACK that says something */
		FRAME(SETTINGS "\0\0\0\0\1\0\0\0\0"),	       /* DATA on no stream */
		FRAME(SETTINGS "\0\0\0\1\4\0\0\0\0"),	       /* HEADERS on none */
		FRAME(SETTINGS "\0\0\0\0\10\0\0\0\1"),	       /* padded, without a length */
		FRAME(SETTINGS "\0\0\2\0\10\0\0\0\1\2x"),      /* more padding than frame */
		FRAME(SETTINGS "\0\0\4\1\44\0\0\0\1\0\0\0\0"), /* half a priority */
		FRAME(SETTINGS "\0\0\4\2\0\0\0\0\1\0\0\0\0"),  /* the same of its own */
		FRAME(SETTINGS "\0\0\3\3\0\0\0\0\1\0\0\0"),    /* RST_STREAM of 3 */
		FRAME(SETTINGS "\0\0\7\6\0\0\0\0\0"),	       /* PING of 7 */
		FRAME(SETTINGS "\0\0\7\7\0\0\0\0\0"),	       /* GOAWAY of 7 */
		FRAME(SETTINGS "\0\0\3\10\0\0\0\0\0"),	       /* WINDOW_UPDATE of 3 */
		FRAME(SETTINGS "\0\0\0\11\4\0\0\0\1"),	       /* CONTINUATION of nothing */
		FRAME(SETTINGS "\0\0\0\1\0\0\0\0\1\0\0\0\11\4\0\0\0\3"), /* of another's */
		FRAME(SETTINGS "\0\0\0\1\0\0\0\0\1\0\0\0\0\0\0\0\0\1"),	 /* DATA within a block */
		FRAME(SETTINGS "\0\0\1\1\4\0\0\0\1\x80"),		 /* a field of index 0 */
		FRAME(SETTINGS "\0\0\1\1\4\0\0\0\1\xff"),		 /* an index that goes on */
		FRAME(SETTINGS "\0\0\2\1\4\0\0\0\1\x00\x7f"),		 /* a name that goes on */
		FRAME(SETTINGS
		      "\0\0\6\1\4\0\0\0\1\x3f\xff\xff\xff\xff\x7f"),  /* a table too large */
		FRAME(SETTINGS "\0\0\4\1\4\0\0\0\1\x3f\xe2\x1f\x82"), /* by one */
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *text = read_whole(false, bad[i].bytes, bad[i].len);

		if (!strstr(text, "broken"))
			print_error("%zu is read: %s\n", i, text);
		CHECK(strstr(text, "broken"));
		free(text);
	}
	for (size_t at = 0; at < ATR_HTTP2_PREFACE_LEN; at++) {
		char preface[] = ATR_HTTP2_PREFACE, *text;

		preface[at] ^= 32;
		text = read_whole(true, preface, sizeof(preface) - 1);
		CHECK(strstr(text, "broken"));
		free(text);
	}
}

TEST(http2_what_has_no_meaning_here_is_passed_over)
{
	static const char frames[] = SETTINGS "\0\0\2\77\377\0\0\0\1xy"	     /* of unknown type */
					      "\0\0\4\10\0\0\0\0\0\0\0\0\1"  /* WINDOW_UPDATE */
					      "\0\0\5\2\0\0\0\0\1\0\0\0\0\1" /* PRIORITY */
					      "\0\0\0\0\1\0\0\0\1";
	char *text = read_whole(false, frames, sizeof(frames) - 1);

	CHECK(strstr(text, "1 end\n") && !strstr(text, "broken"));
	free(text);
}

/* What stands in a promise changes the table as any block does. */
TEST(http2_a_promise_is_read_and_is_told_of)
{
	static const char frames[] = SETTINGS "\0\0\13\5\4\0\0\0\1\0\0\0\2\x40\1x\2ab\x82"
					      "\0\0\1\1\5\0\0\0\2\xbe";
	char *text = read_whole(false, frames, sizeof(frames) - 1);

	CHECK(strstr(text, "1 head GET   0 x=ab promise\n"));
	CHECK(strstr(text, "2 head    0 x=ab end\n"));
	free(text);
}

TEST(http2_content_that_nobody_shows_is_counted)
{
	static const char front[] = SETTINGS "\0\0\12\0\11\0\0\0\1\2"
					     "abc",
			  rest[] = "\0\0";
	struct atr_http2_event event = { .what = ATR_HTTP2_BEGINS };
	struct reading *r = reading(false);

	feed(r, front, sizeof(front) - 1);
	CHECK(!atr_http2_skip(&r->reader, 5)); /* that is padding */
	CHECK(atr_http2_skip(&r->reader, 4));
	CHECK(!atr_http2_skip(&r->reader, 1));
	CHECK(atr_http2_next(&r->reader, rest, 2, &event) == 2);
	CHECK(event.what == ATR_HTTP2_STREAM_ENDS && event.stream == 1);
	CHECK(!atr_http2_skip(&r->reader, 1));
	free(r);
}

/* What is written is read by the other's decoder, and changes nothing in it. */
TEST(http2_a_field_of_any_length_is_written_right)
{
	static char value[70000], out[80000], room[ATR_HPACK_ROOM] __attribute__((aligned(16)));

	memset(value, 'v', sizeof(value));
	for (size_t len = 0; len < 40000; len = len * 5 / 4 + 1) {
		struct atr_pair field = { ATR_STR("X-Name"), { value, len } }, got;
		struct atr_hpack *hpack = atr_hpack_begin(room);
		size_t n = atr_hpack_write(field, out, sizeof(out));

		CHECK(n && !atr_hpack_write(field, out, len));
		CHECK((unsigned char)out[0] == 0x10);
		CHECK(atr_hpack_read(hpack, out, n, true, NULL, &got) == (long)n);
		CHECK(atr_str_equal(got.name, ATR_STR("x-name")) &&
		      atr_str_equal(got.value, field.value));
	}
}

/* Without end: lists of what fits no table, and values that need more room than there is. */
TEST(http2_what_needs_more_than_its_room_is_refused)
{
	static char block[ATR_HPACK_ROOM * 2], room[ATR_HPACK_ROOM] __attribute__((aligned(16)));
	struct atr_hpack *hpack = atr_hpack_begin(room);
	struct atr_pair field;

	/* a literal of 65,000 bytes and one of 200,000 */
	memset(block, 'v', sizeof(block));
	memcpy(block, "\x40\1x\x7f\xe9\xfa\3", 7);
	CHECK(atr_hpack_read(hpack, block, 65007, false, NULL, &field) < 0 || field.name.len == 1);
	hpack = atr_hpack_begin(room);
	memcpy(block, "\x40\1x\x7f\xc1\x99\xc\0", 7);
	CHECK(atr_hpack_read(hpack, block, sizeof(block), false, NULL, &field) < 0);
	CHECK(atr_hpack_read(hpack, "\x82", 1, true, NULL, &field) < 0);
}

static bool wants_date(const void *whose, struct atr_str name)
{
	(void)whose;
	return atr_str_equal(name, ATR_STR("date")) || atr_str_equal(name, ATR_STR("custom-key"));
}

static const struct atr_hpack_wish date = { wants_date, NULL };

/* The next field of *block as "name: value", or "name" alone; "" where it ends. */
static const char *next_field(struct atr_hpack *hpack, struct atr_str *block,
			      const struct atr_hpack_wish *wish)
{
	static char text[200];
	struct atr_pair field;
	long used = atr_hpack_read(hpack, block->at, block->len, !block->len, wish, &field);

	if (used < 0) {
		block->len = 0;
		return "malformed";
	}
	block->at += used;
	block->len -= (size_t)used;
	snprintf(text, sizeof(text), "%.*s%s%.*s", (int)field.name.len, field.name.at,
		 field.value.at ? ": " : "", (int)field.value.len, field.value.at);
	return text;
}

#define CHECK_FIELD(wish, expected) CHECK(!strcmp(next_field(hpack, &block, wish), expected))

/* As servers write them: some into the table, each time anew, and some into none (RFC 7541 C.6.1, C.4.3). */
#define RESPONSE                                                                           \
	"\x48\x82\x64\x02\x58\x85\xae\xc3\x77\x1a\x4b\x61\x96\xd0\x7a\xbe\x94\x10\x54\xd4" \
	"\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff"                     \
	"\x0f\x1f\x91\x9d\x29\xad\x17\x18\x63\xc7\x8f\x0b\x97\xc8\xe9\xae\x82\xae\x43\xd3" \
	"\x00\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf" \
	"\x00\x83\xf3\xeb\xdf\x83\xf3\xeb\xdf"                                             \
	"\x88"
/* One second later: as long in that code. */
#define LATER                                                                                      \
	"\x61\x96\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x84\xa6\x2d" \
	"\x1b\xff"

TEST(http2_a_value_that_nobody_wants_is_passed_over)
{
	static char room[ATR_HPACK_ROOM] __attribute__((aligned(16)));
	struct atr_hpack *hpack = atr_hpack_begin(room);

	for (int i = 0; i < 3; i++) {
		struct atr_str block = ATR_STR(RESPONSE "\xbe\xc0" LATER);
		const struct atr_hpack_wish *wish = i ? &date : NULL;

		CHECK_FIELD(wish, ":status: 302");
		CHECK_FIELD(wish, "cache-control: private");
		CHECK_FIELD(wish, "date: Mon, 21 Oct 2013 20:13:21 GMT");
		CHECK_FIELD(wish, i ? "location" : "location: https://www.example.com");
		CHECK_FIELD(wish, "custom-key: custom-value");
		CHECK_FIELD(wish, i ? "xyz" : "xyz: xyz");
		CHECK_FIELD(wish, ":status: 200");
		/* the table is as if all had been read */
		CHECK_FIELD(wish, "date: Mon, 21 Oct 2013 20:13:21 GMT");
		CHECK_FIELD(wish, ":status: 302");
		CHECK_FIELD(wish, "date: Mon, 21 Oct 2013 20:13:22 GMT");
		CHECK_FIELD(wish, "");
	}
}

TEST(http2_a_block_reads_the_same_in_pieces)
{
	static char room[ATR_HPACK_ROOM] __attribute__((aligned(16)));
	const struct atr_str whole = ATR_STR(RESPONSE "\xbe\xc0");

	for (size_t cut = 1; cut < whole.len; cut++) {
		struct atr_hpack *hpack = atr_hpack_begin(room);

		for (int i = 0; i < 2; i++) {
			struct atr_str block = { whole.at, cut };
			unsigned nr = 0;

			while (block.len)
				nr += *next_field(hpack, &block, &date) != 0;
			block = (struct atr_str){ whole.at + cut, whole.len - cut };
			while (block.len)
				nr += *next_field(hpack, &block, &date) != 0;
			CHECK(nr == 9);
			CHECK_FIELD(&date, "");
		}
		{
			struct atr_str block = ATR_STR("\xbe\xc0\x0f\xff\x01");

			CHECK_FIELD(&date, "date: Mon, 21 Oct 2013 20:13:21 GMT");
			CHECK_FIELD(&date, ":status: 302");
			CHECK_FIELD(&date, "malformed");
		}
	}
}

static bool notes_two(struct atr_str name)
{
	return atr_str_equal(name, ATR_STR("content-type")) || atr_str_equal(name, ATR_STR("x"));
}

TEST(http2_head_notes_fields_beside_what_they_are)
{
	struct atr_http2_head head;
	char room[64];
	struct atr_pair field = { ATR_STR("content-type"), ATR_STR(" text/plain ") };

	atr_http2_head_begin(&head, NULL, room, sizeof(room));
	head.notes = notes_two;
	atr_http2_head_field(&head, &field);
	CHECK(atr_str_equal(head.content_type, ATR_STR("text/plain")) && head.nr_noted == 1);
	CHECK(atr_str_equal(head.noted[0].name, ATR_STR("content-type")));
	CHECK(atr_str_equal(head.noted[0].value, ATR_STR("text/plain")));
	/* one that finds no room is none, and nothing else is said to be cut for it */
	field = (struct atr_pair){ ATR_STR("x"), { room, 60 } };
	atr_http2_head_field(&head, &field);
	CHECK(head.nr_noted == 1 && !head.is_cut);
	field.value.len = 1;
	for (int i = 0; i < 20; i++)
		atr_http2_head_field(&head, &field);
	CHECK(head.nr_noted > 1 && head.nr_noted <= ATR_HTTP2_NOTED_MAX);
}
