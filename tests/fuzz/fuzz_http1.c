/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is one direction of a connection. Claims:
 * - however it is cut, it reads the same;
 * - read says what scan and parse say, and keeps what next_field lists;
 * - whatever head went before, it is read as if none had;
 * - whatever we accept libhttp-parser accepts too, and finds the same method,
 *   status, length, coding and persistence, and the same end of the message.
 * We refuse much that it accepts; that is not looked at.
 */
#include "preload/proto/http1.h"
#include "tests/fuzz/fuzz.h"
#include "tests/http1_reading.h"

#include <http_parser.h>

/* Where we are laxer than it on purpose; all else that it finds wrong is ours to explain. */
static bool may_differ_in_start_line(enum http_errno error)
{
	switch (error) {
	case HPE_INVALID_METHOD: /* it knows some thirty */
	case HPE_INVALID_URL:	 /* it parses them, we pass them on */
	case HPE_INVALID_HOST:
	case HPE_INVALID_PORT:
	case HPE_INVALID_PATH:
	case HPE_INVALID_QUERY_STRING:
	case HPE_INVALID_FRAGMENT:
		return true;
	default:
		return false;
	}
}

/* Framing fields among trailers: it reads them, while they mean nothing there. */
static bool may_differ_in_trailers(enum http_errno error)
{
	return error == HPE_INVALID_CONTENT_LENGTH || error == HPE_UNEXPECTED_CONTENT_LENGTH ||
	       error == HPE_INVALID_TRANSFER_ENCODING;
}

/* One message as we read it. */
struct ours {
	struct atr_http1_head head;
	struct atr_http1_body body;
	const char *bytes;
	size_t head_len, body_len;
};

static bool read_ours(struct ours *ours, struct http1_asked asked, const char *bytes, size_t len)
{
	uint8_t state = 0;
	long head_len = atr_http1_scan(&state, bytes, len), body_len;

	if (head_len <= 0)
		return false;
	ours->bytes = bytes;
	ours->head_len = (size_t)head_len;
	if (!(asked.is_response ? atr_http1_parse_response(bytes, ours->head_len, asked.to_head,
							   asked.to_connect, &ours->head) :
				  atr_http1_parse_request(bytes, ours->head_len, &ours->head)))
		return false;
	atr_http1_body_begin(&ours->body, &ours->head);
	body_len = atr_http1_body_feed(&ours->body, bytes + head_len, len - ours->head_len);
	ours->body_len = body_len < 0 ? 0 : (size_t)body_len;
	return body_len >= 0;
}

/* The same as libhttp-parser read it. */
struct theirs {
	const struct ours *ours;
	bool has_head, complete, keep_alive;
	uint64_t length;
	unsigned int flags;
	size_t end;
};

static int on_headers_complete(http_parser *parser)
{
	struct theirs *theirs = parser->data;
	const struct atr_http1_head *head = &theirs->ours->head;

	theirs->has_head = true;
	theirs->length = parser->content_length;
	theirs->flags = parser->flags;
	theirs->keep_alive = http_should_keep_alive(parser);
	if (!head->is_response)
		return 0;
	/* it leaves to its caller what the request and the status say about a body */
	return head->framing == ATR_HTTP1_TUNNEL ? 2 : head->framing == ATR_HTTP1_NO_BODY;
}

static int on_message_complete(http_parser *parser)
{
	struct theirs *theirs = parser->data;

	theirs->complete = true;
	/* now it knows that no body was to be expected; not later, trailers confuse it */
	if (theirs->ours->head.framing == ATR_HTTP1_NO_BODY)
		theirs->keep_alive = http_should_keep_alive(parser);
	http_parser_pause(parser, 1);
	return 0;
}

static enum http_errno read_theirs(struct theirs *theirs, http_parser *parser,
				   const struct ours *ours, const char *bytes, size_t len)
{
	static const http_parser_settings settings = {
		.on_headers_complete = on_headers_complete,
		.on_message_complete = on_message_complete,
	};

	*theirs = (struct theirs){ .ours = ours };
	http_parser_init(parser, ours->head.is_response ? HTTP_RESPONSE : HTTP_REQUEST);
	parser->data = theirs;
	theirs->end = http_parser_execute(parser, &settings, bytes, len);
	return HTTP_PARSER_ERRNO(parser);
}

static bool begins_with(struct atr_str str, struct atr_str start)
{
	return str.len >= start.len &&
	       atr_str_equal_nocase((struct atr_str){ str.at, start.len }, start);
}

/* Whether a list has an item like "chu": behind it and a comma it does not see "chunked". */
static bool has_part_of_chunked(struct atr_str list)
{
	const char *comma;

	while ((comma = memchr(list.at, ',', list.len))) {
		size_t len = (size_t)(comma - list.at);
		struct atr_str item = atr_str_trim((struct atr_str){ list.at, len });

		if (begins_with(ATR_STR("chunked"), item))
			return true;
		list = (struct atr_str){ comma + 1, list.len - len - 1 };
	}
	return false;
}

/* It takes "Transfer-Encoding-X" for a Transfer-Encoding in part. */
static bool is_misread_coding(const struct atr_pair *field)
{
	const struct atr_str name = ATR_STR("Transfer-Encoding");

	return begins_with(field->name, name) &&
	       (field->name.len > name.len || has_part_of_chunked(field->value));
}

/* "close" and a tab behind it: it takes that for a part of the word. */
static bool is_before_tab(struct atr_str value)
{
	const char *at = value.at + value.len;

	while (*at == ' ')
		at++;
	return *at == '\t';
}

/* A list of options, of which it misses some ("c, close"), or a name that is only its own. */
static bool is_misread_connection(const struct atr_pair *field)
{
	if (atr_str_equal_nocase(field->name, ATR_STR("Proxy-Connection")))
		return true;
	return atr_str_equal_nocase(field->name, ATR_STR("Connection")) &&
	       (memchr(field->value.at, ',', field->value.len) || is_before_tab(field->value));
}

static bool has_field(const struct ours *ours, bool (*is_it)(const struct atr_pair *))
{
	uint32_t at = ours->head.fields_at;
	struct atr_pair field;

	while (atr_http1_next_field(ours->bytes, ours->head_len, &at, &field))
		if (is_it(&field))
			return true;
	return false;
}

static bool may_differ_in_keep_alive(const struct ours *ours, const struct theirs *theirs)
{
	const unsigned int both = F_CONNECTION_CLOSE | F_CONNECTION_KEEP_ALIVE;

	return ours->head.framing == ATR_HTTP1_TUNNEL ||
	       (theirs->flags & both) == both || /* RFC 9112 9.3: close wins */
	       has_field(ours, is_misread_connection);
}

static void compare_heads(const struct ours *ours, const struct theirs *theirs,
			  const http_parser *parser)
{
	const struct atr_http1_head *head = &ours->head;

	CLAIM(theirs->has_head);
	CLAIM(parser->http_major == 1 && parser->http_minor == head->minor);
	if (head->is_response)
		CLAIM(parser->status_code == head->status);
	if (head->framing == ATR_HTTP1_CHUNKED)
		CLAIM(theirs->flags & F_CHUNKED);
	if (head->framing == ATR_HTTP1_LENGTH)
		CLAIM(theirs->length == head->content_length);
	if (head->framing == ATR_HTTP1_UNTIL_CLOSE ||
	    (head->framing == ATR_HTTP1_NO_BODY && !head->is_response))
		CLAIM(theirs->length == UINT64_MAX && !(theirs->flags & F_CHUNKED));
	if (!may_differ_in_keep_alive(ours, theirs))
		CLAIM(theirs->keep_alive == head->keep_alive);
}

static void compare_ends(const struct ours *ours, const struct theirs *theirs, size_t len)
{
	size_t end = ours->head_len + (ours->head.framing == ATR_HTTP1_TUNNEL ? 0 : ours->body_len);
	bool complete = ours->body.done || ours->head.framing == ATR_HTTP1_TUNNEL;

	CLAIM(theirs->complete == complete);
	CLAIM(theirs->end == (complete ? end : len));
}

/*
 * The message again with a start line it understands; `grown` by so many bytes.
 */
static char *with_plain_start_line(const struct ours *ours, size_t len, long *grown)
{
	const struct atr_http1_head *head = &ours->head;
	bool connect = atr_str_equal(head->method, ATR_STR("CONNECT"));
	const char *plain = connect ? "CONNECT a:1" : "GET /";
	size_t old = (size_t)(head->target.at + head->target.len - ours->bytes);
	char *copy = malloc(strlen(plain) + len - old);

	if (!copy)
		abort();
	memcpy(copy, plain, strlen(plain));
	memcpy(copy + strlen(plain), ours->bytes + old, len - old);
	*grown = (long)strlen(plain) - (long)old;
	return copy;
}

static void compare(const struct ours *ours, size_t len)
{
	http_parser parser;
	struct theirs theirs;
	enum http_errno error = read_theirs(&theirs, &parser, ours, ours->bytes, len);

	if (error == HPE_OK || error == HPE_PAUSED) {
		if (!ours->head.is_response)
			CLAIM(atr_str_equal(ours->head.method,
					    atr_str(http_method_str(parser.method))));
	} else if (!theirs.has_head && may_differ_in_start_line(error)) {
		long grown;
		char *plain = with_plain_start_line(ours, len, &grown);

		error = read_theirs(&theirs, &parser, ours, plain, (size_t)((long)len + grown));
		theirs.end = (size_t)((long)theirs.end - grown);
		free(plain);
	}
	compare_heads(ours, &theirs, &parser);
	if (ours->head.framing == ATR_HTTP1_CHUNKED && may_differ_in_trailers(error))
		return;
	CLAIM(error == HPE_OK || error == HPE_PAUSED);
	compare_ends(ours, &theirs, len);
}

static void check_second_opinion(struct http1_asked asked, const char *bytes, size_t len)
{
	struct ours ours;

	while (len && read_ours(&ours, asked, bytes, len)) {
		if (!has_field(&ours, is_misread_coding))
			compare(&ours, len);
		bytes += ours.head_len + ours.body_len;
		len -= ours.head_len + ours.body_len;
	}
}

static void check_cuts(struct http1_asked asked, const char *bytes, size_t len)
{
	struct http1_reading whole, cut;

	http1_read(&whole, asked, (struct http1_cuts){ 0 }, bytes, len);
	for (uint32_t seed = 0; seed < 4; seed++) {
		http1_read(&cut, asked,
			   (struct http1_cuts){ .seed = seed * 7919 + (uint32_t)len * 31,
						.every = seed ? 0 : 1,
						.at_front = seed & 1 },
			   bytes, len);
		CLAIM(whole.len == cut.len && !memcmp(whole.text, cut.text, cut.len));
	}
}

/* By its name: what the parser itself reads is not kept. */
static bool is_read(struct atr_str name)
{
	static const char *const names[] = {
		"host",
		"expect",
		"upgrade",
		"connection",
		"user-agent",
		"forwarded",
		"x-forwarded-for",
		"x-forwarded-host",
		"content-length",
		"x-forwarded-proto",
		"transfer-encoding",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (atr_str_equal_nocase(name, atr_str(names[i])))
			return true;
	return false;
}

static void check_kept(const struct atr_http1_head *head, const char *bytes, size_t len)
{
	uint32_t at = head->fields_at, nr = 0;
	struct atr_pair field;

	while (atr_http1_next_field(bytes, len, &at, &field)) {
		size_t bit = field.name.len < 31 ? field.name.len : 31;

		if (!(head->wanted >> bit & 1) || is_read(field.name))
			continue;
		if (nr < ATR_HTTP1_KEPT_MAX)
			CLAIM(head->kept[nr].name.at == field.name.at &&
			      head->kept[nr].name.len == field.name.len &&
			      head->kept[nr].value.at == field.value.at &&
			      head->kept[nr].value.len == field.value.len);
		nr++;
	}
	CLAIM(nr == head->nr_kept);
}

static void check_read(struct http1_asked asked, bool at_front, const char *bytes, size_t len)
{
	uint32_t wanted = (uint32_t)len * 2654435761u;
	uint8_t state = 0, scan_state = 0;
	struct atr_http1_head head, parsed;
	long end, scanned;

	bytes = http1_guard(0, at_front, bytes, len);
	scanned = atr_http1_scan(&scan_state, bytes, len);
	if (scanned > 0 &&
	    !(asked.is_response ? atr_http1_parse_response(bytes, (size_t)scanned, asked.to_head,
							   asked.to_connect, &parsed) :
				  atr_http1_parse_request(bytes, (size_t)scanned, &parsed)))
		scanned = -1;
	end = asked.is_response ? atr_http1_read_response(&state, bytes, len, asked.to_head,
							  asked.to_connect, NULL, &head) :
				  atr_http1_read_request(&state, bytes, len, wanted, NULL, &head);
	CLAIM(end == scanned);
	CLAIM(end < 0 || state == scan_state);
	if (end > 0 && !asked.is_response)
		check_kept(&head, bytes, (size_t)end);
}

static long read_after(struct http1_asked asked, uint32_t wanted, const char *bytes, size_t len,
		       struct atr_http1_former *former, struct atr_http1_head *head)
{
	uint8_t state = 0;

	memset(head, 0, sizeof(*head));
	return asked.is_response ? atr_http1_read_response(&state, bytes, len, asked.to_head,
							   asked.to_connect, former, head) :
				   atr_http1_read_request(&state, bytes, len, wanted, former, head);
}

static bool is_same(struct atr_str a, struct atr_str b)
{
	return a.at == b.at && a.len == b.len;
}

/* What is said to be like the former is what it is read to be. */
static void check_again_request(uint32_t wanted, const char *bytes, size_t len, long end,
				struct atr_http1_former *former, const struct atr_http1_head *read)
{
	struct atr_str target, traceparent;
	size_t again = atr_http1_again_request(former, bytes, len, wanted, &target, &traceparent);
	struct atr_http1_head head;

	if (!again)
		return;
	CLAIM(end == (long)again && read->framing == ATR_HTTP1_NO_BODY &&
	      read->nr_kept == (traceparent.at ? 1 : 0));
	if (traceparent.at)
		CLAIM(atr_str_equal_nocase(read->kept[0].name, ATR_STR("traceparent")) &&
		      is_same(read->kept[0].value, traceparent));
	atr_http1_again_head(former, bytes, target, &head);
	CLAIM(is_same(head.method, read->method) && is_same(head.target, read->target) &&
	      is_same(head.host, read->host) && is_same(head.user_agent, read->user_agent) &&
	      !(read->forwarded.at || read->x_forwarded_for.at || read->x_forwarded_host.at ||
		read->x_forwarded_proto.at));
	CLAIM(head.is_response == read->is_response && head.minor == read->minor &&
	      head.keep_alive == read->keep_alive && head.upgrade == read->upgrade &&
	      head.expect_continue == read->expect_continue && head.framing == read->framing &&
	      head.content_length == read->content_length);
}

static void check_again_response(const char *bytes, size_t len, long end,
				 struct atr_http1_former *former, const struct atr_http1_head *read)
{
	uint64_t content_length;
	size_t again = atr_http1_again_response(former, bytes, len, &content_length);

	if (again)
		CLAIM(end == (long)again && read->status == 200 &&
		      read->framing == ATR_HTTP1_LENGTH && read->keep_alive && !read->upgrade &&
		      read->content_length == content_length);
}

/* The same head again, and one with another byte somewhere. */
static void check_former(struct http1_asked asked, char *bytes, size_t len)
{
	uint32_t any = (uint32_t)len * 2654435761u;
	struct atr_http1_former former = { .len = 0 };
	struct atr_http1_head head, alone;

	for (int i = 0; i < 8; i++) {
		long end = read_after(asked, any, bytes, len, &former, &head);

		CLAIM(end == read_after(asked, any, bytes, len, NULL, &alone));
		CLAIM(end <= 0 || !memcmp(&head, &alone, sizeof(head)));
		if (!asked.is_response)
			check_again_request(any, bytes, len, end, &former, &head);
		else if (!asked.to_head && !asked.to_connect)
			check_again_response(bytes, len, end, &former, &head);
		if (len && i & 1)
			bytes[(any >> i) % len] ^= (char)(1 << (any >> 29 ^ i) % 8);
	}
}

static void check(struct http1_asked asked, const char *bytes, size_t len)
{
	static char copy[GUARDED_LEN];

	check_cuts(asked, bytes, len);
	check_read(asked, false, bytes, len);
	check_read(asked, true, bytes, len);
	memcpy(copy, bytes, len);
	check_former(asked, copy, len);
	check_second_opinion(asked, bytes, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *bytes = (const char *)data;

	if (len > GUARDED_LEN)
		return 0;
	atr_http1_guess_request(bytes, len);
	if (atr_http1_guess_response(bytes, len) != ATR_HTTP1_YES) {
		check((struct http1_asked){ .is_response = false }, bytes, len);
		return 0;
	}
	check((struct http1_asked){ .is_response = true }, bytes, len);
	check((struct http1_asked){ .is_response = true, .to_head = true }, bytes, len);
	check((struct http1_asked){ .is_response = true, .to_connect = true }, bytes, len);
	return 0;
}
