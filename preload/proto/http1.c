/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/proto/http1.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define METHOD_MAX 32
#define GUESS_MAX 40
#define HEAD_MIN 16	     /* "HTTP/1.1 200" and two line ends; a request's is longer */
#define LENGTH_MAX INT64_MAX /* more does not fit where most receivers keep a length */
#define CHUNK_DIGITS_MAX 16
#define CHUNK_LINE_MAX 4096
#define TRAILER_MAX 65536

/*
 * Bytes are looked at 16 at a time, with the compiler's vectors: a comparison
 * gives 0xff for each byte where it holds. Its marks are one bit a byte, first
 * byte lowest, MARK_BITS apart.
 */
typedef uint8_t block __attribute__((vector_size(16)));

#if defined(__SSE2__)
#define MARK_BITS 1

static inline uint64_t marks(block found)
{
	return (uint64_t)_mm_movemask_epi8((__m128i)found);
}

#elif defined(__aarch64__)
#define MARK_BITS 4

static inline uint64_t marks(block found)
{
	uint8x8_t halves = vshrn_n_u16((uint16x8_t)found, 4);

	return vget_lane_u64(vreinterpret_u64_u8(halves), 0) & UINT64_C(0x1111111111111111);
}

#else
#define MARK_BITS 1

static inline uint64_t marks(block found)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < sizeof(found); i++)
		bits |= (uint64_t)(found[i] & 1) << i;
	return bits;
}

#endif

#define BLOCK sizeof(block)

_Static_assert(BLOCK <= HEAD_MIN, "the last block of a head begins inside it");

static inline block load(const char *at)
{
	block b;

	memcpy(&b, at, sizeof(b));
	return b;
}

static inline block equal(block b, uint8_t byte)
{
	return (block)(b == byte);
}

/*
 * Bytes that end a run of text: controls but HTAB. (A field value and a reason
 * phrase are text: RFC 9110 5.5; bytes from 0x80 up pass as they are.)
 */
static inline block not_text(block b)
{
	return ((block)(b < 0x20) & ~equal(b, '\t')) | equal(b, 0x7f);
}

/* Bytes that end a request target: controls and SP. */
static inline block not_target(block b)
{
	return (block)(b <= ' ') | equal(b, 0x7f);
}

/* Bytes that field names seldom have. */
static inline block not_letter(block b)
{
	return ~((block)((b | 0x20) - 'a' < 26) | equal(b, '-'));
}

/* RFC 9110 5.6.2: letters, digits and !#$%&'*+-.^_`|~ */
static const bool is_token[256] = {
	['!'] = true,	      ['#' ... '\''] = true, ['*'] = true,	   ['+'] = true,
	['-'] = true,	      ['.'] = true,	     ['0' ... '9'] = true, ['A' ... 'Z'] = true,
	['^' ... 'z'] = true, ['|'] = true,	     ['~'] = true,
};

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Whether a character of text, where HTAB is the only control, is SP or HTAB. */
static inline bool is_blank(char c)
{
	return (uint8_t)c <= ' ';
}

static inline bool is_letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/*
 * "scheme://", as a proxy is asked. Without it lines of other protocols
 * (`get key`, `HELO example.org`) would pass for requests.
 */
static enum atr_http1_guess guess_absolute(const char *bytes, size_t len)
{
	static const char mark[] = "://";
	size_t at = 0;

	if (!is_letter(bytes[0]))
		return ATR_HTTP1_NO;
	while (at < len && (is_letter(bytes[at]) || is_digit(bytes[at]) || bytes[at] == '+' ||
			    bytes[at] == '-' || bytes[at] == '.'))
		at++;
	for (size_t i = 0; mark[i]; i++, at++) {
		if (at == len)
			return ATR_HTTP1_MAYBE;
		if (bytes[at] != mark[i])
			return ATR_HTTP1_NO;
	}
	return ATR_HTTP1_YES;
}

static enum atr_http1_guess guess_target(struct atr_str method, const char *bytes, size_t len)
{
	uint8_t first = (uint8_t)bytes[0];

	if (first == '/' || first == '*')
		return ATR_HTTP1_YES;
	if (atr_str_equal(method, ATR_STR("CONNECT")))
		return first > ' ' && first != 0x7f ? ATR_HTTP1_YES : ATR_HTTP1_NO;
	return guess_absolute(bytes, len);
}

enum atr_http1_guess atr_http1_guess_request(const char *bytes, size_t len)
{
	enum atr_http1_guess guess;
	size_t end = 0;

	if (len > GUESS_MAX)
		len = GUESS_MAX;
	while (end < len && is_token[(uint8_t)bytes[end]])
		end++;
	if (end > METHOD_MAX)
		return ATR_HTTP1_NO;
	if (end == len)
		return ATR_HTTP1_MAYBE;
	if (end == 0 || bytes[end] != ' ' || (end == 3 && !memcmp(bytes, "PRI", 3)))
		return ATR_HTTP1_NO;
	if (end + 1 == len)
		return ATR_HTTP1_MAYBE;
	guess = guess_target((struct atr_str){ bytes, end }, bytes + end + 1, len - end - 1);
	return guess == ATR_HTTP1_MAYBE && len == GUESS_MAX ? ATR_HTTP1_NO : guess;
}

enum atr_http1_guess atr_http1_guess_response(const char *bytes, size_t len)
{
	static const char version[] = "HTTP/1.";
	size_t version_len = sizeof(version) - 1;

	if (len <= version_len)
		return len && memcmp(bytes, version, len) ? ATR_HTTP1_NO : ATR_HTTP1_MAYBE;
	return !memcmp(bytes, version, version_len) && is_digit(bytes[version_len]) ?
		       ATR_HTTP1_YES :
		       ATR_HTTP1_NO;
}

enum scan_state {
	SCAN_START, /* before the first byte */
	SCAN_IN_LINE,
	SCAN_CR,	 /* behind the CR of a line with something in it */
	SCAN_LINE_START, /* behind its LF */
	SCAN_BLANK,	 /* behind the blank line's CR */
	SCAN_END,	 /* behind its LF */
	SCAN_BAD,
};

static enum scan_state scan_step(enum scan_state state, char c)
{
	switch (c) {
	case 0:
		return SCAN_BAD;
	case '\r':
		return state == SCAN_IN_LINE	? SCAN_CR :
		       state == SCAN_LINE_START ? SCAN_BLANK :
						  SCAN_BAD;
	case '\n':
		return state == SCAN_CR	   ? SCAN_LINE_START :
		       state == SCAN_BLANK ? SCAN_END :
					     SCAN_BAD;
	default:
		return state == SCAN_CR || state == SCAN_BLANK ? SCAN_BAD : SCAN_IN_LINE;
	}
}

/*
 * Marks what is not an ordinary byte of an ordinary line: a NUL, an LF without
 * a CR before it, a CR without an LF behind it (marked there), and a CR behind
 * an LF, which begins the blank line. Reads from at[-1] to at[15].
 */
static inline uint64_t remarkable(const char *at)
{
	block here = load(at), before = load(at - 1);

	return marks((equal(here, '\n') ^ equal(before, '\r')) | equal(here, 0) |
		     (equal(here, '\r') & equal(before, '\n')));
}

/*
 * The first remarkable byte from bytes[1] on, or len; len is above BLOCK. A
 * verdict rests on two bytes only, so the last block may overlap with the one
 * before.
 */
static size_t ordinary_end(const char *bytes, size_t len)
{
	uint64_t found;
	size_t at;

	for (at = 1; at + BLOCK < len; at += BLOCK) {
		found = remarkable(bytes + at);
		if (found)
			return at + (size_t)__builtin_ctzll(found) / MARK_BITS;
	}
	at = len - BLOCK;
	found = remarkable(bytes + at);
	return found ? at + (size_t)__builtin_ctzll(found) / MARK_BITS : len;
}

/* The state behind an ordinary byte. */
static enum scan_state state_behind(char c)
{
	return c == '\r' ? SCAN_CR : c == '\n' ? SCAN_LINE_START : SCAN_IN_LINE;
}

long atr_http1_scan(uint8_t *state, const char *bytes, size_t len)
{
	enum scan_state now = *state;
	size_t at = 0;

	if (now != SCAN_BAD && len)
		now = scan_step(now, bytes[at++]);
	if (now <= SCAN_LINE_START && len > BLOCK) {
		at = ordinary_end(bytes, len);
		now = at > 1 ? state_behind(bytes[at - 1]) : now;
	}
	while (at < len && now < SCAN_END)
		now = scan_step(now, bytes[at++]);
	*state = now == SCAN_END ? SCAN_START : now;
	return now == SCAN_BAD ? -1 : now == SCAN_END ? (long)at : 0;
}

bool atr_http1_scan_at_blank(uint8_t state)
{
	return state == SCAN_BLANK;
}

/* What the fields said, before it is known what it means for the framing. */
struct facts {
	struct atr_http1_head *out;
	uint32_t nr_hosts;
	bool has_length;
	bool has_coding; /* a Transfer-Encoding */
	bool chunked;	 /* the last coding so far */
	bool has_upgrade;
	bool opt_close, opt_keep_alive, opt_upgrade; /* Connection: */
};

/*
 * Inside a head nothing needs its length at each byte: the head's last byte is
 * an LF, which is no token character, no text and no part of a target, so every
 * search stops there at the latest, and where there is a CR there is a next byte.
 *
 * find() gives the first byte from `at` on that `stops` tells. `last` is where
 * the head's last whole block begins; behind it that block is taken again and
 * the bytes before `at` are shifted out.
 */
static inline __attribute__((always_inline)) const char *find(const char *at, const char *last,
							      block (*stops)(block))
{
	uint64_t found;

	for (; at <= last; at += BLOCK) {
		found = marks(stops(load(at)));
		if (found)
			return at + __builtin_ctzll(found) / MARK_BITS;
	}
	found = marks(stops(load(last))) >> ((at - last) * MARK_BITS);
	return at + __builtin_ctzll(found) / MARK_BITS;
}

static inline const char *token_end(const char *at)
{
	while (is_token[(uint8_t)*at])
		at++;
	return at;
}

/* The same for names, which are mostly letters and hyphens. */
static inline const char *name_end(const char *at, const char *last)
{
	at = find(at, last, not_letter);
	return *at == ':' ? at : token_end(at);
}

static inline bool ends_line(const char *at)
{
	return at[0] == '\r' && at[1] == '\n';
}

static inline uint64_t load64(const char *at)
{
	uint64_t bytes;

	memcpy(&bytes, at, sizeof(bytes));
	return bytes;
}

static inline uint32_t load32(const char *at)
{
	uint32_t bytes;

	memcpy(&bytes, at, sizeof(bytes));
	return bytes;
}

/*
 * Whether `name` is `lower`, which is as long, in any case. Setting 0x20 makes
 * letters small and leaves hyphens and digits alone; what else it would make
 * one of these is no text, so for names and values the answer is exact.
 */
static inline bool same_letters(const char *name, const char *lower, size_t len)
{
	const uint64_t small = UINT64_C(0x2020202020202020);
	uint64_t differ = 0;

	if (len < 8)
		return (((load32(name) | (uint32_t)small) ^ load32(lower)) |
			((load32(name + len - 4) | (uint32_t)small) ^ load32(lower + len - 4))) ==
		       0;
	for (size_t i = 0; i + 8 < len; i += 8)
		differ |= (load64(name + i) | small) ^ load64(lower + i);
	return (differ | ((load64(name + len - 8) | small) ^ load64(lower + len - 8))) == 0;
}

/* The literal has 4 characters at least; NAMED is for names of its length. */
#define NAMED(name, lower) same_letters((name).at, lower, sizeof(lower) - 1)
#define IS(str, lower) ((str).len == sizeof(lower) - 1 && NAMED(str, lower))

/* Takes the first item off a comma-separated list, which is absent after its last. */
static struct atr_str take_item(struct atr_str *list)
{
	struct atr_str item = { list->at, 0 };

	while (item.len < list->len && item.at[item.len] != ',')
		item.len++;
	if (item.len < list->len)
		*list = (struct atr_str){ item.at + item.len + 1, list->len - item.len - 1 };
	else
		*list = (struct atr_str){ 0 };
	return atr_str_trim(item);
}

static void note_connection(struct facts *facts, struct atr_str options)
{
	while (options.at) {
		struct atr_str option = take_item(&options);

		if (IS(option, "close"))
			facts->opt_close = true;
		else if (IS(option, "keep-alive"))
			facts->opt_keep_alive = true;
		else if (IS(option, "upgrade"))
			facts->opt_upgrade = true;
	}
}

static void note_expect(struct facts *facts, struct atr_str expectations)
{
	while (expectations.at) {
		struct atr_str expectation = take_item(&expectations);

		if (IS(expectation, "100-continue"))
			facts->out->expect_continue = true;
	}
}

/* Whether the line of `name` has a HTAB; not every receiver takes that for a blank. */
static bool has_tab(struct atr_str name)
{
	const char *at = name.at + name.len;

	while (*at != '\t' && *at != '\r')
		at++;
	return *at == '\t';
}

static bool note_length(struct facts *facts, struct atr_str name, struct atr_str digits)
{
	uint64_t length = 0;

	if (facts->has_length || has_tab(name) || digits.len < 1 || digits.len > 19)
		return false;
	for (size_t i = 0; i < digits.len; i++) {
		if (!is_digit(digits.at[i]))
			return false;
		length = length * 10 + (uint64_t)(digits.at[i] - '0');
	}
	facts->has_length = true;
	facts->out->content_length = length;
	return length <= LENGTH_MAX;
}

/*
 * Codings of several fields follow each other. Chunked may come once and last;
 * parameters and empty items, which some receivers skip and others do not, are
 * refused.
 */
static bool note_coding(struct facts *facts, struct atr_str name, struct atr_str codings)
{
	if (has_tab(name))
		return false;
	while (codings.at) {
		struct atr_str coding = take_item(&codings);

		if (facts->chunked || coding.len == 0 ||
		    token_end(coding.at) != coding.at + coding.len)
			return false;
		facts->has_coding = true;
		facts->chunked = IS(coding, "chunked");
	}
	return true;
}

static inline void keep_first(struct atr_str *kept, struct atr_str value)
{
	if (!kept->at)
		*kept = value;
}

/* Most names are told apart by their length alone. False: the field breaks the head. */
static inline bool note_field(struct facts *facts, struct atr_str name, struct atr_str value)
{
	struct atr_http1_head *out = facts->out;

	switch (name.len) {
	case 4:
		if (NAMED(name, "host")) {
			facts->nr_hosts++;
			keep_first(&out->host, value);
		}
		break;
	case 6:
		if (NAMED(name, "expect"))
			note_expect(facts, value);
		break;
	case 7:
		if (NAMED(name, "upgrade"))
			facts->has_upgrade = true;
		break;
	case 9:
		if (NAMED(name, "forwarded"))
			keep_first(&out->forwarded, value);
		break;
	case 10:
		if (NAMED(name, "user-agent"))
			keep_first(&out->user_agent, value);
		else if (NAMED(name, "connection"))
			note_connection(facts, value);
		break;
	case 14:
		return !NAMED(name, "content-length") || note_length(facts, name, value);
	case 15:
		if (NAMED(name, "x-forwarded-for"))
			keep_first(&out->x_forwarded_for, value);
		break;
	case 16:
		if (NAMED(name, "x-forwarded-host"))
			keep_first(&out->x_forwarded_host, value);
		break;
	case 17:
		if (NAMED(name, "x-forwarded-proto"))
			keep_first(&out->x_forwarded_proto, value);
		else
			return !NAMED(name, "transfer-encoding") || note_coding(facts, name, value);
		break;
	}
	return true;
}

/*
 * One header line. Returns the next line, NULL when this one is not well-formed.
 * The line's end is not sought from the colon on but beside it: lines then wait
 * for each other only by their ends.
 */
static inline __attribute__((always_inline)) const char *
read_field(const char *line, const char *last, struct atr_pair *field)
{
	const char *end = find(line, last, not_text), *next = end + 2;
	const char *colon = name_end(line, last), *value = colon + 1;

	if (colon == line || *colon != ':' || !ends_line(end))
		return NULL;
	while (value < end && is_blank(*value))
		value++;
	while (end > value && is_blank(end[-1]))
		end--;
	field->name = (struct atr_str){ line, (size_t)(colon - line) };
	field->value = (struct atr_str){ value, (size_t)(end - value) };
	return next;
}

/*
 * Reads the header lines from `line` to the blank line. A blank line before that
 * is a field without a name; the last field ends where read_head() saw it end.
 */
static bool read_fields(struct facts *facts, const char *head, size_t len, const char *line)
{
	const char *blank = head + len - 2, *last = head + len - BLOCK;
	struct atr_pair field;
	uint32_t nr_fields = 0;

	facts->out->fields_at = (uint32_t)(line - head);
	while (line < blank) {
		line = read_field(line, last, &field);
		if (!line || !note_field(facts, field.name, field.value))
			return false;
		nr_fields++;
	}
	facts->out->nr_fields = nr_fields;
	facts->out->blank_at = (uint32_t)(blank - head);
	return true;
}

/* "HTTP/1.0" or "HTTP/1.1" in the 8 bytes at `at`. */
static inline bool read_version(const char *at, uint8_t *minor)
{
	if (memcmp(at, "HTTP/1.", 7) != 0)
		return false;
	*minor = (uint8_t)(at[7] - '0');
	return *minor <= 1;
}

/* Returns the line after it, NULL when it is not well-formed. */
static const char *read_request_line(const char *head, size_t len, struct atr_http1_head *out)
{
	const char *last = head + len - BLOCK;
	const char *method_end = token_end(head), *target = method_end + 1;
	const char *target_end, *version;

	if (method_end == head || method_end - head > METHOD_MAX || *method_end != ' ')
		return NULL;
	target_end = find(target, last, not_target);
	version = target_end + 1;
	if (target_end == target || *target_end != ' ' || head + len - version < 8 + 4 ||
	    !read_version(version, &out->minor) || !ends_line(version + 8))
		return NULL;
	out->method = (struct atr_str){ head, (size_t)(method_end - head) };
	out->target = (struct atr_str){ target, (size_t)(target_end - target) };
	return version + 10;
}

/*
 * As read_request_line. The SP before an absent reason may be missing too: many
 * servers leave it out, and nobody reads such a line differently.
 */
static const char *read_status_line(const char *head, size_t len, struct atr_http1_head *out)
{
	const char *code = head + 9, *end = code + 3;

	if (!read_version(head, &out->minor) || head[8] != ' ' || !is_digit(code[0]) ||
	    code[0] == '0' || !is_digit(code[1]) || !is_digit(code[2]))
		return NULL;
	out->status = (uint16_t)((code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0'));
	if (*end == ' ')
		end = find(end + 1, head + len - BLOCK, not_text);
	return ends_line(end) ? end + 2 : NULL;
}

/* What holds for both kinds of message; false when the fields contradict each other. */
static bool settle(struct facts *facts)
{
	struct atr_http1_head *out = facts->out;

	if (facts->has_coding && (facts->has_length || out->minor == 0))
		return false;
	out->keep_alive = !facts->opt_close && (out->minor == 1 || facts->opt_keep_alive);
	out->upgrade = out->minor == 1 && facts->opt_upgrade && facts->has_upgrade;
	out->expect_continue = out->expect_continue && out->minor == 1;
	return true;
}

typedef const char *read_start_line(const char *head, size_t len, struct atr_http1_head *out);

/* All of a head but its framing. The first checks are what find() and the start lines rest on. */
static inline __attribute__((always_inline)) bool read_head(struct facts *facts, const char *head,
							    size_t len, read_start_line *read)
{
	const char *fields;

	if (len < HEAD_MIN || len > ATR_HTTP1_HEAD_MAX || memcmp(head + len - 4, "\r\n\r\n", 4))
		return false;
	fields = read(head, len, facts->out);
	return fields && read_fields(facts, head, len, fields) && settle(facts);
}

static void set_framing(struct atr_http1_head *out, enum atr_http1_framing framing)
{
	out->framing = framing;
	if (framing != ATR_HTTP1_LENGTH)
		out->content_length = 0;
	if (framing == ATR_HTTP1_UNTIL_CLOSE || framing == ATR_HTTP1_TUNNEL)
		out->keep_alive = false;
}

bool atr_http1_parse_request(const char *head, size_t len, struct atr_http1_head *out)
{
	struct facts facts = { .out = out };

	*out = (struct atr_http1_head){ .is_response = false };
	if (!read_head(&facts, head, len, read_request_line))
		return false;
	if (facts.nr_hosts > 1 || (facts.nr_hosts == 0 && out->minor == 1))
		return false;
	if (facts.has_coding && !facts.chunked)
		return false;
	/* some receivers read a body here, others already the tunnel */
	if (atr_str_equal(out->method, ATR_STR("CONNECT")) &&
	    (facts.has_coding || out->content_length > 0))
		return false;
	set_framing(out, facts.chunked	  ? ATR_HTTP1_CHUNKED :
			 facts.has_length ? ATR_HTTP1_LENGTH :
					    ATR_HTTP1_NO_BODY);
	return true;
}

/* RFC 9112 6.3; a 204 to CONNECT, too, opens the tunnel (RFC 9110 9.3.6). */
static enum atr_http1_framing response_framing(const struct facts *facts, bool to_head,
					       bool to_connect)
{
	uint16_t status = facts->out->status;

	if (status == 101 || (to_connect && status >= 200 && status < 300))
		return ATR_HTTP1_TUNNEL;
	if (to_head || status < 200 || status == 204 || status == 304)
		return ATR_HTTP1_NO_BODY;
	if (facts->chunked)
		return ATR_HTTP1_CHUNKED;
	return facts->has_length ? ATR_HTTP1_LENGTH : ATR_HTTP1_UNTIL_CLOSE;
}

bool atr_http1_parse_response(const char *head, size_t len, bool to_head, bool to_connect,
			      struct atr_http1_head *out)
{
	struct facts facts = { .out = out };

	*out = (struct atr_http1_head){ .is_response = true };
	if (!read_head(&facts, head, len, read_status_line))
		return false;
	set_framing(out, response_framing(&facts, to_head, to_connect));
	return true;
}

bool atr_http1_next_field(const char *head, size_t len, uint32_t *at, struct atr_pair *field)
{
	const char *line = head + *at;

	if (line == head + len - 2)
		return false;
	*at = (uint32_t)(read_field(line, head + len - BLOCK, field) - head);
	return true;
}

/* What the next byte of a chunked body is. */
enum chunk_state {
	CHUNK_SIZE,
	CHUNK_BLANKS, /* spaces between the size and its extensions */
	CHUNK_EXTENSIONS,
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	CHUNK_TRAILER_START,
	CHUNK_TRAILER_NAME,
	CHUNK_TRAILER_VALUE,
	CHUNK_TRAILER_LF,
	CHUNK_LAST_LF,
	CHUNK_BAD,
};

static inline bool is_text(char c)
{
	return ((uint8_t)c >= 0x20 && c != 0x7f) || c == '\t';
}

static inline int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

static enum chunk_state end_of_size(struct atr_http1_body *body, char c)
{
	if (body->digits == 0 || body->left > LENGTH_MAX)
		return CHUNK_BAD;
	switch (c) {
	case '\r':
		return CHUNK_SIZE_LF;
	case ';':
		return CHUNK_EXTENSIONS;
	case ' ':
		return CHUNK_BLANKS;
	default:
		return CHUNK_BAD;
	}
}

static enum chunk_state step_size(struct atr_http1_body *body, char c)
{
	int value = hex_value(c);

	if (value < 0)
		return end_of_size(body, c);
	if (body->digits == CHUNK_DIGITS_MAX)
		return CHUNK_BAD;
	body->digits++;
	body->left = body->left << 4 | (uint64_t)value;
	return CHUNK_SIZE;
}

static enum chunk_state step_extensions(struct atr_http1_body *body, char c)
{
	if (c == '\r')
		return CHUNK_SIZE_LF;
	return is_text(c) && ++body->extra < CHUNK_LINE_MAX ? CHUNK_EXTENSIONS : CHUNK_BAD;
}

static enum chunk_state step_blanks(struct atr_http1_body *body, char c)
{
	if (c == ';')
		return CHUNK_EXTENSIONS;
	return c == ' ' && ++body->extra < CHUNK_LINE_MAX ? CHUNK_BLANKS : CHUNK_BAD;
}

static enum chunk_state begin_chunk(struct atr_http1_body *body)
{
	body->left = 0;
	body->digits = 0;
	return CHUNK_SIZE;
}

static enum chunk_state end_of_size_line(struct atr_http1_body *body)
{
	body->extra = 0;
	return body->left ? CHUNK_DATA : CHUNK_TRAILER_START;
}

static enum chunk_state step_trailers(struct atr_http1_body *body, char c)
{
	if (++body->extra > TRAILER_MAX)
		return CHUNK_BAD;
	switch (body->state) {
	case CHUNK_TRAILER_START:
		if (c == '\r')
			return CHUNK_LAST_LF;
		return is_token[(uint8_t)c] ? CHUNK_TRAILER_NAME : CHUNK_BAD;
	case CHUNK_TRAILER_NAME:
		if (c == ':')
			return CHUNK_TRAILER_VALUE;
		return is_token[(uint8_t)c] ? CHUNK_TRAILER_NAME : CHUNK_BAD;
	case CHUNK_TRAILER_VALUE:
		if (c == '\r')
			return CHUNK_TRAILER_LF;
		return is_text(c) ? CHUNK_TRAILER_VALUE : CHUNK_BAD;
	default: /* CHUNK_TRAILER_LF */
		return c == '\n' ? CHUNK_TRAILER_START : CHUNK_BAD;
	}
}

/* One byte of the coding itself, not of chunk data. */
static enum chunk_state step_chunked(struct atr_http1_body *body, char c)
{
	switch (body->state) {
	case CHUNK_SIZE:
		return step_size(body, c);
	case CHUNK_BLANKS:
		return step_blanks(body, c);
	case CHUNK_EXTENSIONS:
		return step_extensions(body, c);
	case CHUNK_SIZE_LF:
		return c == '\n' ? end_of_size_line(body) : CHUNK_BAD;
	case CHUNK_DATA_CR:
		return c == '\r' ? CHUNK_DATA_LF : CHUNK_BAD;
	case CHUNK_DATA_LF:
		return c == '\n' ? begin_chunk(body) : CHUNK_BAD;
	case CHUNK_LAST_LF:
		body->done = c == '\n';
		return body->done ? CHUNK_LAST_LF : CHUNK_BAD;
	default:
		return step_trailers(body, c);
	}
}

/* Takes up to `len` payload bytes of what is left; returns how many. */
static uint64_t take(struct atr_http1_body *body, uint64_t len)
{
	uint64_t n = len < body->left ? len : body->left;

	body->left -= n;
	body->size += n;
	if (body->left == 0) {
		if (body->framing == ATR_HTTP1_LENGTH)
			body->done = true;
		else
			body->state = CHUNK_DATA_CR;
	}
	return n;
}

static long feed_chunked(struct atr_http1_body *body, const char *bytes, size_t len)
{
	size_t at = 0;

	while (at < len && !body->done && body->state != CHUNK_BAD) {
		if (body->state == CHUNK_DATA)
			at += take(body, len - at);
		else
			body->state = step_chunked(body, bytes[at++]);
	}
	return body->state == CHUNK_BAD ? -1 : (long)at;
}

void atr_http1_body_begin(struct atr_http1_body *body, const struct atr_http1_head *head)
{
	*body = (struct atr_http1_body){
		.framing = (uint8_t)head->framing,
		.state = CHUNK_SIZE,
		.left = head->content_length,
		.done = head->framing == ATR_HTTP1_NO_BODY ||
			(head->framing == ATR_HTTP1_LENGTH && head->content_length == 0),
	};
}

long atr_http1_body_feed(struct atr_http1_body *body, const char *bytes, size_t len)
{
	if (body->done)
		return 0;
	if (body->framing == ATR_HTTP1_CHUNKED)
		return feed_chunked(body, bytes, len);
	if (body->framing == ATR_HTTP1_LENGTH)
		return (long)take(body, len);
	body->size += len;
	return (long)len;
}

bool atr_http1_body_skip(struct atr_http1_body *body, uint64_t len)
{
	switch (body->framing) {
	case ATR_HTTP1_UNTIL_CLOSE:
	case ATR_HTTP1_TUNNEL:
		body->size += len;
		return true;
	case ATR_HTTP1_CHUNKED:
		if (len && body->state != CHUNK_DATA)
			return false;
		break;
	}
	if (len > body->left)
		return false;
	if (len)
		take(body, len);
	return true;
}
