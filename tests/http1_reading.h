/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TESTS_HTTP1_READING_H
#define ATR_TESTS_HTTP1_READING_H

/*
 * http1_reading: one direction of a connection, given to the http1 parser in
 * pieces as a conductor would, and put down as text, one line a message, so that
 * two ways of cutting the same bytes can be compared. What a line says:
 *
 *	GET /x 1.1 host=a keep length=5 body=5 @81
 *	200 1.1 close until-close body=12 open
 *
 * "@81" is where the message ends in the bytes; "open" is a body that has not
 * ended, "part" a head that has not, and "refused" ends all.
 *
 * Every piece and every head lies against a page that may not be touched.
 */
#include "preload/proto/http1.h"
#include "tests/guarded.h"

#include <stdarg.h>
#include <stdio.h>

struct http1_asked {
	bool is_response, to_head, to_connect;
};

/* Where to cut: once, or every so many bytes, or at random; all 0 is nowhere. */
struct http1_cuts {
	size_t once, every;
	uint32_t seed;
	bool at_front; /* the forbidden page is before a piece and not behind it */
};

struct http1_reading {
	char text[1024];
	size_t len;
};

/* A copy against a forbidden page. There are two rooms: 0 for pieces, 1 for heads. */
static inline const char *http1_guard(int which, bool at_front, const char *bytes, size_t len)
{
	static char *rooms[2];

	return guarded_copy(&rooms[which], at_front, bytes, len);
}

__attribute__((format(printf, 2, 3))) static inline void http1_say(struct http1_reading *reading,
								   const char *format, ...)
{
	size_t room = sizeof(reading->text) - reading->len;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(reading->text + reading->len, room, format, args);
	va_end(args);
	reading->len += (size_t)n < room ? (size_t)n : room - 1;
}

static inline void http1_say_head(struct http1_reading *reading, const struct atr_http1_head *head)
{
	static const char *const framings[] = {
		[ATR_HTTP1_NO_BODY] = " none",	  [ATR_HTTP1_LENGTH] = " length",
		[ATR_HTTP1_CHUNKED] = " chunked", [ATR_HTTP1_UNTIL_CLOSE] = " until-close",
		[ATR_HTTP1_TUNNEL] = " tunnel",
	};

	if (head->is_response)
		http1_say(reading, "%u 1.%u", head->status, head->minor);
	else
		http1_say(reading, "%.*s %.*s 1.%u", (int)head->method.len, head->method.at,
			  (int)head->target.len, head->target.at, head->minor);
	if (head->host.at)
		http1_say(reading, " host=%.*s", (int)head->host.len, head->host.at);
	http1_say(reading, "%s%s%s%s", head->keep_alive ? " keep" : " close",
		  head->upgrade ? " upgrade" : "", head->expect_continue ? " expect" : "",
		  framings[head->framing]);
	if (head->framing == ATR_HTTP1_LENGTH)
		http1_say(reading, "=%llu", (unsigned long long)head->content_length);
}

struct http1_reader {
	struct http1_asked asked;
	bool at_front;
	struct http1_reading *reading;
	size_t taken;  /* bytes of all messages so far */
	uint8_t state; /* scan's */
	bool in_body, bad;
	struct atr_http1_body body;
	size_t head_len;
	char head[ATR_HTTP1_HEAD_MAX];
};

static inline void http1_refuse(struct http1_reader *r)
{
	r->bad = true;
	http1_say(r->reading, "%srefused\n", r->in_body ? " " : "");
}

static inline void http1_end_message(struct http1_reader *r)
{
	http1_say(r->reading, " body=%llu @%zu\n", (unsigned long long)r->body.size, r->taken);
	r->in_body = false;
}

static inline void http1_begin_body(struct http1_reader *r)
{
	const char *bytes = http1_guard(1, r->at_front, r->head, r->head_len);
	struct atr_http1_head head;
	bool good = r->asked.is_response ?
			    atr_http1_parse_response(bytes, r->head_len, r->asked.to_head,
						     r->asked.to_connect, &head) :
			    atr_http1_parse_request(bytes, r->head_len, &head);

	r->head_len = 0;
	if (!good) {
		http1_refuse(r);
		return;
	}
	http1_say_head(r->reading, &head);
	atr_http1_body_begin(&r->body, &head);
	r->in_body = true;
}

static inline size_t http1_feed_head(struct http1_reader *r, const char *bytes, size_t len)
{
	long end = atr_http1_scan(&r->state, bytes, len);
	size_t n = end > 0 ? (size_t)end : len;

	if (end < 0 || r->head_len + n > sizeof(r->head)) {
		http1_refuse(r);
		return len;
	}
	memcpy(r->head + r->head_len, bytes, n);
	r->head_len += n;
	r->taken += n;
	if (end > 0)
		http1_begin_body(r);
	return n;
}

static inline size_t http1_feed_body(struct http1_reader *r, const char *bytes, size_t len)
{
	long n = atr_http1_body_feed(&r->body, bytes, len);

	if (n < 0) {
		http1_refuse(r);
		return len;
	}
	if ((size_t)n < len && !r->body.done)
		abort(); /* what body_feed promises */
	r->taken += (size_t)n;
	return (size_t)n;
}

static inline void http1_feed(struct http1_reader *r, const char *bytes, size_t len)
{
	for (size_t at = 0; at < len && !r->bad;) {
		if (r->in_body)
			at += http1_feed_body(r, bytes + at, len - at);
		else
			at += http1_feed_head(r, bytes + at, len - at);
		if (r->in_body && r->body.done && !r->bad)
			http1_end_message(r);
	}
}

static inline size_t http1_piece(struct http1_cuts *cuts, size_t at, size_t len)
{
	size_t piece = len - at;

	if (cuts->once > at)
		piece = cuts->once - at;
	if (cuts->every)
		piece = cuts->every;
	if (cuts->seed) {
		cuts->seed = cuts->seed * 1664525 + 1013904223;
		piece = 1 + (cuts->seed >> 16) % ((cuts->seed >> 30) ? 7 : 300);
	}
	return piece < len - at ? piece : len - at;
}

static inline void http1_read(struct http1_reading *reading, struct http1_asked asked,
			      struct http1_cuts cuts, const char *bytes, size_t len)
{
	static struct http1_reader r; /* large */
	size_t piece;

	reading->len = 0;
	reading->text[0] = 0;
	memset(&r, 0, offsetof(struct http1_reader, head));
	r.asked = asked;
	r.at_front = cuts.at_front;
	r.reading = reading;
	for (size_t at = 0; at < len && !r.bad; at += piece) {
		piece = http1_piece(&cuts, at, len);
		http1_feed(&r, http1_guard(0, cuts.at_front, bytes + at, piece), piece);
	}
	if (!r.bad && r.in_body)
		http1_say(reading, " body=%llu open\n", (unsigned long long)r.body.size);
	if (!r.bad && r.head_len)
		http1_say(reading, "part\n");
}

#endif
