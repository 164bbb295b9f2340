/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_PROTO_HTTP1_H
#define ATR_PRELOAD_PROTO_HTTP1_H

/*
 * http1: HTTP/1.0 and HTTP/1.1 message syntax and framing (RFC 9110, RFC 9112).
 *
 * Pure: bytes in, answers out; no I/O, no allocation, no state of its own; any
 * thread, also in a signal handler. Never reads beyond the length it is given.
 * Strict where a lenient reading could make two parties disagree about where a
 * message ends: what is not positively well-formed is refused, and the
 * connection is then left alone.
 *
 * Parts that the conductor (conn) puts together:
 *	read   reads a head that is whole, as most are, and else scans it
 *	scan   finds where a head ends, over any split, and refuses early
 *	parse  reads one complete head that lies in one piece
 *	body   follows the framing of a body, over any split
 */
#include "propagator/str.h"

#include <stdint.h>

#define ATR_HTTP1_HEAD_MAX 65536 /* a longer head is not held, and refused */
#define ATR_HTTP1_KEPT_MAX 16	 /* fields that are kept for the caller */

/*
 * Whether the first bytes of a direction can be, or are, an HTTP/1 message.
 * MAYBE asks for more bytes; at most 40 settle it. A request: a method (token
 * characters, at most 32), a space, and what a target begins with: '/', '*',
 * "scheme://", or after CONNECT anything; so that lines of other text protocols
 * ("get key", "HELO example.org") are NO. A response: "HTTP/1." and a digit.
 * HTTP/2's preface ("PRI * HTTP/2.0") is NO.
 */
enum atr_http1_guess { ATR_HTTP1_NO, ATR_HTTP1_MAYBE, ATR_HTTP1_YES };
enum atr_http1_guess atr_http1_guess_request(const char *bytes, size_t len);
enum atr_http1_guess atr_http1_guess_response(const char *bytes, size_t len);

/*
 * Looks for the end of a head in the next bytes of it. *state is 0 for the
 * head's first byte and carries over between calls. Returns the number of bytes
 * up to and with the blank line's LF (> 0) when the head ends here; 0 when it
 * does not end here; -1, then and for all that follows, when it cannot be
 * well-formed (an LF without its CR, a CR without its LF, a NUL). *state is 0
 * again behind a head's end. Empty lines (CRLF) before a request's start line
 * are allowed by RFC 9112 2.2 but refused here, as are all others.
 */
long atr_http1_scan(uint8_t *state, const char *bytes, size_t len);

/* Whether the last byte scanned was the CR that begins the blank line. */
bool atr_http1_scan_at_blank(uint8_t state);

enum atr_http1_framing {
	ATR_HTTP1_NO_BODY,     /* the message ends with its head */
	ATR_HTTP1_LENGTH,      /* content_length bytes */
	ATR_HTTP1_CHUNKED,     /* the last transfer coding is chunked */
	ATR_HTTP1_UNTIL_CLOSE, /* a response that ends with its connection */
	ATR_HTTP1_TUNNEL,      /* a response behind which it is not HTTP (2xx to CONNECT, 101) */
};

struct atr_http1_head {
	bool is_response;
	uint8_t minor;		       /* HTTP/1.minor, 0 or 1 */
	uint16_t status;	       /* a response's, 100..999 */
	struct atr_str method, target; /* a request's */
	struct atr_str host;	       /* a request's one Host field, trimmed; absent */
	struct atr_str user_agent, forwarded, x_forwarded_for, x_forwarded_host,
		x_forwarded_proto; /* a request's first of each, trimmed; absent */
	bool keep_alive;	   /* another message can follow this one */
	bool upgrade;		   /* HTTP/1.1, Connection: upgrade, and an Upgrade field */
	bool expect_continue;	   /* a request's, HTTP/1.1 */
	enum atr_http1_framing framing;
	uint64_t content_length; /* framing LENGTH; for others 0 */
	uint32_t nr_fields;	 /* header lines */
	uint32_t fields_at;	 /* offset of the first header line */
	uint32_t blank_at;	 /* offset of the blank line (its CR): where a field can be added */
	uint32_t wanted;	 /* what read_request was to keep; of parse 0, nothing */
	uint32_t nr_kept;	 /* of so many fields the first KEPT_MAX are kept */
	struct atr_pair kept[ATR_HTTP1_KEPT_MAX]; /* in order, values trimmed */
};

/*
 * Reads a complete head, `len` bytes to its blank line's LF. False: not
 * well-formed, to be left alone; *out is then of no use. Refused are:
 * - more than ATR_HTTP1_HEAD_MAX bytes; bytes behind the blank line;
 * - an unknown version; a method above 32 characters; anything but one SP
 *   between the parts of the start line (a status line may end with its code);
 * - bytes outside field-name tokens, space before the colon, obs-fold; controls
 *   but HTAB inside a value or reason; controls in a target;
 * - more than one Content-Length field (equal ones too, and lists), or one that
 *   is not 1..19 digits and at most INT64_MAX; one beside Transfer-Encoding; a
 *   HTAB in the line of either;
 * - Transfer-Encoding in HTTP/1.0; codings with parameters, empty list items;
 *   chunked not last, or twice, or in a request missing;
 * - an HTTP/1.1 request with no or several Host fields, or an HTTP/1.0 one with
 *   several; a CONNECT that announces a body.
 *
 * A response's framing also depends on its request: parse_response takes
 * whether that was HEAD, and whether it was CONNECT. 1xx (not 101), 204 and 304
 * have no body; 101 and a 2xx to CONNECT open a tunnel. A CONNECT request has
 * no body and is no tunnel yet: a proxy may refuse it and HTTP goes on.
 */
bool atr_http1_parse_request(const char *head, size_t len, struct atr_http1_head *out);
bool atr_http1_parse_response(const char *head, size_t len, bool to_head, bool to_connect,
			      struct atr_http1_head *out);

/*
 * The fields of a head that was read, up to the first that was kept for the caller:
 * on a connection the next head's are mostly the same, byte for byte, and then mean the
 * same. Plain data of the caller's, all zero at first; the rest is the parser's own.
 */
#define ATR_HTTP1_FORMER_MAX 448 /* longer ones are read anew each time */
struct atr_http1_former {
	uint16_t len; /* of `bytes`; 0: nothing is remembered */
	uint16_t host_at, host_len, user_agent_at, user_agent_len; /* at 0: absent */
	uint16_t said, nr_fields;
	uint16_t doubt; /* grows with each head that was another */
	uint32_t turn;	/* another with each that is remembered */
	uint32_t wanted;
	uint64_t content_length;
	char bytes[ATR_HTTP1_FORMER_MAX];
};

/*
 * Scan and parse at once, of bytes that begin with a head's first one; *state is
 * 0. Returns the head's length (> 0) when it ends in these bytes and is
 * well-formed; 0 and -1 as scan, for all else of which one cannot know yet, -1
 * also for a whole head that parse would refuse. After 0 scan goes on with
 * *state, and parse reads the head once it is whole. *out is of use when the head
 * was read.
 *
 * `wanted`: which fields of a request are kept for the caller, by the length of
 * their names: bit n for n characters, bit 31 for 31 and more. The fields that
 * mean something to this parser are not among them.
 *
 * `former`: what heads of the same kind and direction said before, for one
 * caller at a time, or NULL. What is answered does not depend on it.
 */
long atr_http1_read_request(uint8_t *state, const char *bytes, size_t len, uint32_t wanted,
			    struct atr_http1_former *former, struct atr_http1_head *out);
long atr_http1_read_response(uint8_t *state, const char *bytes, size_t len, bool to_head,
			     bool to_connect, struct atr_http1_former *former,
			     struct atr_http1_head *out);

/*
 * A head of the most usual kind whose fields are those of the former one, byte for byte: a GET by
 * HTTP/1.1 without a body, or a "200 OK" that says how long it is. Returns its length, as read
 * would; 0: it is none such, or not known to be, and nothing is said of it. Behind the fields a
 * request may have one more, "traceparent" with 55 bytes of text, where that is wanted:
 * *traceparent is its value, or absent. _head: the request's as read would have it, but for where
 * its parts lie (fields_at, blank_at), nr_fields and what is kept.
 */
size_t atr_http1_again_request(struct atr_http1_former *former, const char *bytes, size_t len,
			       uint32_t wanted, struct atr_str *target,
			       struct atr_str *traceparent);
void atr_http1_again_head(const struct atr_http1_former *former, const char *bytes,
			  struct atr_str target, struct atr_http1_head *out);
size_t atr_http1_again_response(struct atr_http1_former *former, const char *bytes, size_t len,
				uint64_t *content_length);

/*
 * The header fields of a head that parse accepted, and of no other, in order;
 * *at starts as out->fields_at. False after the last. Values are trimmed.
 */
bool atr_http1_next_field(const char *head, size_t len, uint32_t *at, struct atr_pair *field);

/* Where in a message's body we are. Plain data: assignment copies it. */
struct atr_http1_body {
	uint8_t framing; /* enum atr_http1_framing */
	uint8_t state;	 /* chunked: which part of the coding */
	uint8_t digits;	 /* chunked: size digits read */
	bool done;
	uint32_t extra; /* bytes of the present line's extensions, or of the trailers */
	uint64_t left;	/* bytes left of the body or of this chunk */
	uint64_t size;	/* payload bytes so far (without the coding's own) */
};

void atr_http1_body_begin(struct atr_http1_body *body, const struct atr_http1_head *head);

/*
 * Follows the next bytes. Returns how many belong to this message; fewer than
 * `len` only when body->done became true (the rest is the next message's).
 * UNTIL_CLOSE and TUNNEL take everything and are never done. -1, then and for
 * all that follows: malformed, which only the chunked coding can be. A chunk's
 * size is 1 to 16 hex digits and at most INT64_MAX, its extensions are below
 * 4 KiB, the trailers up to 64 KiB and shaped as header lines.
 */
long atr_http1_body_feed(struct atr_http1_body *body, const char *bytes, size_t len);

/*
 * The same, of one kind at a time: what the bytes taken are is told in *what, so
 * that the payload can be picked out. Never 0 but when the body is done.
 */
enum atr_http1_run { ATR_HTTP1_CODING, ATR_HTTP1_PAYLOAD, ATR_HTTP1_TRAILERS };
long atr_http1_body_run(struct atr_http1_body *body, const char *bytes, size_t len,
			enum atr_http1_run *what);

/*
 * The same for bytes that nobody shows us (sendfile, splice). False when they
 * go beyond what the framing lets us know: then the place is lost.
 */
bool atr_http1_body_skip(struct atr_http1_body *body, uint64_t len);

#endif
