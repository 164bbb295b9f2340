/* SPDX-License-Identifier: Apache-2.0 */
#include "export/transport/stream.h"

#include "export/kernel.h"
#include "export/print.h"
#include "export/version.h"

#include <stdatomic.h>
#include <time.h>

/* OTLP/HTTP's client: one POST at a time on one connection (RFC 9112); without a body, one GET. */

/* A header field of the head, trimmed; absent when it is not there. */
static struct atr_str field(struct atr_str head, struct atr_str name)
{
	while (head.len) {
		const char *lf = memchr(head.at, '\n', head.len);
		struct atr_str line = { head.at, lf ? (size_t)(lf - head.at) : head.len };
		const char *colon = line.len ? memchr(line.at, ':', line.len) : NULL;

		head.at += line.len + (lf ? 1 : 0);
		head.len -= line.len + (lf ? 1 : 0);
		if (line.len && line.at[line.len - 1] == '\r')
			line.len--;
		if (colon && atr_str_equal_nocase(
				     (struct atr_str){ line.at, (size_t)(colon - line.at) }, name))
			return atr_str_trim((struct atr_str){
				colon + 1, line.len - (size_t)(colon + 1 - line.at) });
	}
	return (struct atr_str){ 0 };
}

#define NUMBER_MAX 9999999999 /* bytes of an answer, or seconds */

/* Two digits, or -1. */
static int two_digits(const char *at)
{
	if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
		return -1;
	return (at[0] - '0') * 10 + at[1] - '0';
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, IMF-fixdate) as unix seconds; -1: it is none. */
static int64_t read_date(struct atr_str text)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	static const char form[] = "xxx, xx xxx xxxx xx:xx:xx GMT";
	int64_t day, month = 0, year, hour, minute, second;

	if (text.len != sizeof(form) - 1)
		return -1;
	for (size_t i = 0; i < text.len; i++)
		if (form[i] != 'x' && form[i] != text.at[i])
			return -1;
	while (month < 12 && memcmp(months + 3 * month, text.at + 8, 3) != 0)
		month++;
	day = two_digits(text.at + 5);
	year = two_digits(text.at + 12) * 100 + two_digits(text.at + 14);
	hour = two_digits(text.at + 17);
	minute = two_digits(text.at + 20);
	second = two_digits(text.at + 23);
	if (month == 12 || day < 1 || day > 31 || year < 1970 || hour < 0 || hour > 23 ||
	    minute < 0 || minute > 59 || second < 0 || second > 60)
		return -1;
	/* years begin in March, so that the day that comes and goes is their last */
	month = (month + 10) % 12;
	year -= month > 9;
	day += year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 - 719469;
	return day * 86400 + hour * 3600 + minute * 60 + second;
}

#define RETRY_AFTER_MOST 86400

/* In milliseconds; 0 when it is not said, over already, or neither seconds nor a date. */
static uint32_t retry_after(struct atr_str value)
{
	uint64_t seconds;
	int64_t then, now = (int64_t)(atr_kernel_ns(CLOCK_REALTIME) / 1000000000);

	if (atr_str_decimal(value, NUMBER_MAX, &seconds))
		return (uint32_t)(seconds < RETRY_AFTER_MOST ? seconds : RETRY_AFTER_MOST) * 1000;
	then = read_date(value);
	if (then <= now)
		return 0;
	return (uint32_t)(then - now < RETRY_AFTER_MOST ? then - now : RETRY_AFTER_MOST) * 1000;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A chunk's line and its size; 0 when it is not whole yet, else where its bytes begin. */
static size_t chunk_at(const char *body, size_t len, size_t at, size_t *size)
{
	const char *end = memchr(body + at, '\n', len - at);

	if (!end)
		return 0;
	*size = 0;
	for (; hex_digit(body[at]) >= 0; at++)
		*size = *size > ATR_ANSWER_MAX ? *size : *size * 16 + (size_t)hex_digit(body[at]);
	return (size_t)(end + 1 - body);
}

/*
 * Takes the chunked coding off, in place, once all of it is there: up to the
 * empty line after the last chunk. The length of what is left, else -1.
 */
static ssize_t dechunk(char *body, size_t len)
{
	size_t at = 0, in, out = 0, size;

	while ((in = chunk_at(body, len, at, &size)) && size) {
		if (size > len || len - in < size + 2)
			return -1;
		at = in + size + 2;
	}
	if (!in || !memmem(body + at, len - at, "\r\n\r\n", 4))
		return -1;
	for (at = 0; (in = chunk_at(body, len, at, &size)) && size; at = in + size + 2) {
		memmove(body + out, body + in, size);
		out += size;
	}
	return (ssize_t)out;
}

static enum atr_outcome outcome_of(int status)
{
	if (status >= 200 && status < 300)
		return ATR_SENT;
	if (status == 429 || status == 502 || status == 503 || status == 504)
		return ATR_RETRY;
	return ATR_REFUSED;
}

/* Drops interim (1xx) heads; where the answer's own head ends, or NULL when it is not whole. */
static char *past_interim(char *buf, size_t *len)
{
	char *blank;

	while ((blank = memmem(buf, *len, "\r\n\r\n", 4)) && *len > 9 && buf[9] == '1') {
		*len -= (size_t)(blank + 4 - buf);
		memmove(buf, blank + 4, *len);
	}
	return blank;
}

/* How the body of an answer ends. */
struct framing {
	bool is_chunked, has_length, closes;
	uint64_t length;
};

/* "HTTP/1.x nnn", or 0. */
static int status_of(struct atr_str head)
{
	int first, rest;

	if (head.len < 16 || memcmp(head.at, "HTTP/1.", 7) != 0)
		return 0;
	first = hex_digit(head.at[9]);
	rest = two_digits(head.at + 10);
	return first < 0 || first > 9 || rest < 0 ? 0 : first * 100 + rest;
}

static struct framing framing_of(struct atr_str head, int status)
{
	struct framing f = { 0 };

	f.has_length =
		atr_str_decimal(field(head, ATR_STR("content-length")), NUMBER_MAX, &f.length);
	f.is_chunked =
		atr_str_equal_nocase(field(head, ATR_STR("transfer-encoding")), ATR_STR("chunked"));
	f.closes = atr_str_equal_nocase(field(head, ATR_STR("connection")), ATR_STR("close"));
	if (status == 204) {
		f.has_length = true;
		f.length = 0;
	}
	return f;
}

/* Whether all of the body is there; its length is then in *len, without its coding. */
static bool is_whole(struct framing *f, char *body, size_t *len)
{
	if (f->is_chunked) {
		ssize_t plain = dechunk(body, *len);

		if (plain >= 0)
			*len = (size_t)plain;
		return plain >= 0;
	}
	if (!f->has_length || *len < f->length)
		return false;
	f->closes |= *len > f->length; /* what is behind it is nothing that we asked for */
	*len = (size_t)f->length;
	return true;
}

/* The next bytes of the answer behind the `len` that are there. */
static bool receive(struct atr_stream *a, char *buf, size_t *len, size_t cap)
{
	ssize_t n = atr_stream_receive(a, buf + *len, cap - *len);

	if (n > 0)
		*len += (size_t)n;
	return n > 0;
}

/* Reads the answer. A failure before its first byte: the connection was dead already. */
static enum atr_outcome read_answer(struct atr_stream *a, struct atr_answer *answer, bool *was_dead)
{
	char *buf = answer->body;
	size_t len = 0, head_len;
	struct framing f;
	char *blank;

	do {
		if (!receive(a, buf, &len, ATR_ANSWER_MAX) || len == ATR_ANSWER_MAX) {
			*was_dead = !len && atr_stream_left_ms(a) > 0;
			return ATR_UNREACHED;
		}
		blank = past_interim(buf, &len);
	} while (!blank);
	head_len = (size_t)(blank + 4 - buf);
	answer->status = status_of((struct atr_str){ buf, head_len });
	if (!answer->status) {
		atr_link_close(a->io, a->link);
		return ATR_REFUSED;
	}
	answer->retry_after_ms =
		retry_after(field((struct atr_str){ buf, head_len }, ATR_STR("retry-after")));
	f = framing_of((struct atr_str){ buf, head_len }, answer->status);
	len -= head_len;
	memmove(buf, buf + head_len, len);
	while (!is_whole(&f, buf, &len)) {
		if (len == ATR_ANSWER_MAX || !receive(a, buf, &len, ATR_ANSWER_MAX)) {
			/* its status is known, which is what matters */
			f.closes = true;
			break;
		}
	}
	answer->body_len = len;
	answer->body[len] = 0;
	if (f.closes)
		atr_link_close(a->io, a->link);
	return outcome_of(answer->status);
}

/* Its length; 0 when it has no room. */
static size_t write_head(const struct atr_exporter_options *to, const struct atr_post *request,
			 char *out, size_t cap)
{
	struct atr_print t = { out, 0, cap, false };
	bool v6 = to->host.len && memchr(to->host.at, ':', to->host.len);

	atr_print(&t, request->body.at ? ATR_STR("POST ") : ATR_STR("GET "));
	atr_print(&t, to->path);
	atr_print(&t, v6 ? ATR_STR(" HTTP/1.1\r\nHost: [") : ATR_STR(" HTTP/1.1\r\nHost: "));
	atr_print(&t, to->host);
	atr_print(&t, v6 ? ATR_STR("]:") : ATR_STR(":"));
	atr_print_uint(&t, to->unix_path.len ? 80 : to->port);
	atr_print(&t, ATR_STR("\r\nUser-Agent: OTel-OTLP-Exporter-C/" ATR_VERSION));
	if (request->body.at) {
		atr_print(&t, ATR_STR("\r\nContent-Type: "));
		atr_print(&t, atr_str(request->content_type));
		atr_print(&t, ATR_STR("\r\nContent-Length: "));
		atr_print_uint(&t, request->body.len);
	}
	if (request->is_gzip)
		atr_print(&t, ATR_STR("\r\nContent-Encoding: gzip"));
	for (unsigned i = 0; i < to->nr_headers; i++) {
		atr_print(&t, ATR_STR("\r\n"));
		atr_print(&t, to->headers[i].name);
		atr_print(&t, ATR_STR(": "));
		atr_print(&t, to->headers[i].value);
	}
	atr_print(&t, ATR_STR("\r\n\r\n"));
	return t.is_cut ? 0 : t.len;
}

static enum atr_outcome try_once(struct atr_stream *a, struct atr_str head, struct atr_str body,
				 struct atr_answer *answer, bool *was_dead)
{
	enum atr_outcome outcome = ATR_UNREACHED;

	*was_dead = false;
	if (!atr_stream_open(a))
		return a->is_no_way ? ATR_NO_WAY : ATR_UNREACHED;
	if (atr_stream_send(a, head) && atr_stream_send(a, body))
		outcome = read_answer(a, answer, was_dead);
	else
		*was_dead = atr_stream_left_ms(a) > 0;
	if (outcome == ATR_UNREACHED)
		atr_link_close(a->io, a->link);
	return outcome;
}

enum atr_outcome atr_http_post(const struct atr_io *io, const struct atr_exporter_options *to,
			       struct atr_link *link, const struct atr_post *request,
			       uint64_t deadline_ms, _Atomic uint64_t *stop_ms,
			       struct atr_answer *answer)
{
	static char head[ATR_HTTP_HEAD_MAX];
	struct atr_stream a = { io, to, link, atr_now_ms(), deadline_ms, 0, false, stop_ms };
	bool was_kept = link->fd >= 0, was_dead;
	size_t head_len = write_head(to, request, head, sizeof(head));
	struct atr_str body = request->body;
	size_t along = body.len < sizeof(head) - head_len ? body.len : sizeof(head) - head_len;
	enum atr_outcome outcome;

	answer->status = 0;
	answer->retry_after_ms = 0;
	answer->stood_still_ms = 0;
	answer->body_len = 0;
	if (!head_len)
		return ATR_REFUSED;
	/* in one piece where it has room: who reads it is not woken for half of it */
	if (along)
		memcpy(head + head_len, body.at, along);
	head_len += along;
	body.at += along;
	body.len -= along;
	outcome = try_once(&a, (struct atr_str){ head, head_len }, body, answer, &was_dead);
	if (outcome == ATR_UNREACHED && was_kept && was_dead)
		outcome = try_once(&a, (struct atr_str){ head, head_len }, body, answer, &was_dead);
	answer->stood_still_ms = a.stood_still_ms;
	if (outcome == ATR_UNREACHED && atr_stream_stop_ms(&a) <= atr_now_ms())
		return ATR_OUT_OF_TIME;
	return outcome;
}
