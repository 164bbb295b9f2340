/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/proto/http1.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define METHOD_MAX 32
#define GUESS_MAX 40
#define HEAD_MIN 16 /* "HTTP/1.1 200" and two line ends; a request's is longer */
#define LENGTH_MAX INT64_MAX /* more does not fit where most receivers keep a length */
#define CHUNK_DIGITS_MAX 16
#define CHUNK_LINE_MAX 4096
#define TRAILER_MAX 65536

/*
 * Bytes are looked at 16 at a time, with the compiler's vectors: a comparison
 * gives 0xff for each byte where it holds. Its marks are one bit a byte, first
 * byte lowest; MARK(i) is the bit of byte i and MARK_BITS the way to the next.
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

#define MARK(i) (UINT64_C(1) << ((i) * MARK_BITS))
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

/*
 * The first byte at or after `at` that `stops` tells. A head ends with LF, which
 * stops all: the answer is below len. Near the end the last whole block is
 * taken and the bytes before `at` are shifted out, so nothing behind is read.
 */
static inline __attribute__((always_inline)) size_t find(const char *head, size_t len, size_t at,
							 block (*stops)(block))
{
	uint64_t found;

	for (; at + BLOCK <= len; at += BLOCK) {
		found = marks(stops(load(head + at)));
		if (found)
			return at + (size_t)__builtin_ctzll(found) / MARK_BITS;
	}
	found = marks(stops(load(head + len - BLOCK))) >> ((at + BLOCK - len) * MARK_BITS);
	return at + (size_t)__builtin_ctzll(found) / MARK_BITS;
}

/* RFC 9110 5.6.2: letters, digits and !#$%&'*+-.^_`|~ */
static const bool is_token[256] = {
	['!'] = true, ['#' ... '\''] = true, ['*'] = true, ['+'] = true, ['-'] = true,
	['.'] = true, ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['^' ... 'z'] = true,
	['|'] = true, ['~'] = true,
};

static inline size_t token_end(const char *bytes, size_t len, size_t at)
{
	while (at < len && is_token[(uint8_t)bytes[at]])
		at++;
	return at;
}

/* The same within a head, for names: most are letters and hyphens. */
static inline size_t name_end(const char *head, size_t len, size_t at)
{
	at = find(head, len, at, not_letter);
	return head[at] == ':' ? at : token_end(head, len, at);
}

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline bool is_letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* ---- guess ---- */

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
	size_t end;

	if (len > GUESS_MAX)
		len = GUESS_MAX;
	end = token_end(bytes, len, 0);
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
		       ATR_HTTP1_YES : ATR_HTTP1_NO;
}

/* ---- scan ---- */

/* What the byte before the next one was. */
enum scan_state {
	SCAN_START,	 /* there was none */
	SCAN_IN_LINE,
	SCAN_CR,	 /* the CR of a line with something in it */
	SCAN_LINE_START, /* its LF */
	SCAN_BLANK,	 /* the blank line's CR */
	SCAN_BAD,
};

/* As many bytes as have their marks in one word. */
#define STRIDE (64 / MARK_BITS)

struct stride {
	block part[STRIDE / BLOCK];
};

/*
 * Loads the bytes from `at` on. Near the end the last whole stride is taken and
 * *shift moves the marks of those before `at` out; what is shorter than a
 * stride is filled up with spaces.
 */
static inline struct stride load_stride(const char *bytes, size_t len, size_t at, size_t *shift)
{
	size_t from = len - at >= STRIDE ? at : len - STRIDE;
	char padded[STRIDE];
	struct stride s;

	*shift = 0;
	if (len < STRIDE) {
		memset(padded, ' ', STRIDE);
		memcpy(padded, bytes, len);
		bytes = padded;
		from = 0;
	} else {
		*shift = (at - from) * MARK_BITS;
	}
#pragma GCC unroll 4
	for (size_t i = 0; i < STRIDE / BLOCK; i++)
		s.part[i] = load(bytes + from + i * BLOCK);
	return s;
}

static inline uint64_t stride_marks(const struct stride *s, uint8_t byte)
{
	uint64_t found = 0;

#pragma GCC unroll 4
	for (size_t i = 0; i < STRIDE / BLOCK; i++)
		found |= marks(equal(s->part[i], byte)) << (i * BLOCK * MARK_BITS);
	return found;
}

/*
 * Moves *state over the lines up to the blank line's CR or the end, and returns
 * how many bytes that is. An LF must stand exactly where the byte before is a
 * CR, so (lf ^ cr moved by one byte) marks every stray one; a CR whose byte
 * before is an LF is the blank line's.
 */
static size_t scan_lines(enum scan_state *state, const char *bytes, size_t len)
{
	uint64_t after_cr = *state == SCAN_CR ? MARK(0) : 0;
	uint64_t after_lf = *state == SCAN_LINE_START ? MARK(0) : 0;
	size_t at, n;

	for (at = 0; at < len; at += n) {
		size_t shift;
		struct stride s = load_stride(bytes, len, at, &shift);
		uint64_t cr = stride_marks(&s, '\r') >> shift;
		uint64_t lf = stride_marks(&s, '\n') >> shift;
		uint64_t stray, blank, last;

		n = len - at < STRIDE ? len - at : STRIDE;
		last = MARK(n - 1);
		after_cr |= cr << MARK_BITS;
		after_lf |= lf << MARK_BITS;
		blank = cr & after_lf;
		stray = (lf ^ after_cr) | stride_marks(&s, 0) >> shift;
		stray &= blank ? (blank & -blank) - 1 : last | (last - 1);
		if (stray) {
			*state = SCAN_BAD;
			return at;
		}
		if (blank) {
			*state = SCAN_BLANK;
			return at + (size_t)__builtin_ctzll(blank) / MARK_BITS + 1;
		}
		after_cr = cr & last ? MARK(0) : 0;
		after_lf = lf & last ? MARK(0) : 0;
	}
	*state = after_cr ? SCAN_CR : after_lf ? SCAN_LINE_START : SCAN_IN_LINE;
	return at;
}

long atr_http1_scan(uint8_t *state, const char *bytes, size_t len)
{
	enum scan_state now = *state;
	size_t at = 0;

	if (len == 0)
		return now == SCAN_BAD ? -1 : 0;
	if (now == SCAN_START)
		now = bytes[0] == '\r' ? SCAN_BAD : SCAN_IN_LINE;
	if (now != SCAN_BLANK && now != SCAN_BAD)
		at = scan_lines(&now, bytes, len);
	if (now == SCAN_BLANK && at < len)
		now = bytes[at] == '\n' ? SCAN_START : SCAN_BAD;
	*state = now;
	return now == SCAN_BAD ? -1 : now == SCAN_START ? (long)at + 1 : 0;
}

bool atr_http1_scan_at_blank(uint8_t state)
{
	return state == SCAN_BLANK;
}

/* ---- parse ---- */

/* What the fields said, before it is known what it means for the framing. */
struct facts {
	struct atr_http1_head *out;
	uint32_t nr_hosts;
	bool has_length;
	bool has_coding;    /* a Transfer-Encoding */
	bool chunked;	    /* the last coding so far */
	bool has_upgrade;
	bool opt_close, opt_keep_alive, opt_upgrade; /* Connection: */
};

static inline bool ends_line(const char *head, size_t at)
{
	/* a head's last byte is LF: where there is a CR there is a next byte */
	return head[at] == '\r' && head[at + 1] == '\n';
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
 * letters small and leaves '-' alone; of other token characters it makes
 * neither, so for a token the answer is exact.
 */
static inline bool same_name(const char *name, const char *lower, size_t len)
{
	const uint64_t small = UINT64_C(0x2020202020202020);
	uint64_t differ = 0;

	if (len < 8)
		return (((load32(name) | (uint32_t)small) ^ load32(lower)) |
			((load32(name + len - 4) | (uint32_t)small) ^ load32(lower + len - 4))) == 0;
	for (size_t i = 0; i + 8 < len; i += 8)
		differ |= (load64(name + i) | small) ^ load64(lower + i);
	return (differ | ((load64(name + len - 8) | small) ^ load64(lower + len - 8))) == 0;
}

#define NAMED(name, lower) same_name((name).at, lower, sizeof(lower) - 1)

/* Takes the next item off a comma-separated list. False when nothing is left. */
static bool next_item(struct atr_str *list, struct atr_str *item)
{
	const char *comma;

	if (!list->at)
		return false;
	comma = memchr(list->at, ',', list->len);
	*item = *list;
	if (comma) {
		item->len = (size_t)(comma - list->at);
		list->at += item->len + 1;
		list->len -= item->len + 1;
	} else {
		*list = (struct atr_str){ 0 };
	}
	*item = atr_str_trim(*item);
	return true;
}

static void note_connection(struct facts *facts, struct atr_str options)
{
	struct atr_str option;

	while (next_item(&options, &option)) {
		if (atr_str_equal_nocase(option, ATR_STR("close")))
			facts->opt_close = true;
		else if (atr_str_equal_nocase(option, ATR_STR("keep-alive")))
			facts->opt_keep_alive = true;
		else if (atr_str_equal_nocase(option, ATR_STR("upgrade")))
			facts->opt_upgrade = true;
	}
}

static void note_expect(struct facts *facts, struct atr_str expectations)
{
	struct atr_str item;

	while (next_item(&expectations, &item))
		if (atr_str_equal_nocase(item, ATR_STR("100-continue")))
			facts->out->expect_continue = true;
}

static bool note_length(struct facts *facts, struct atr_str digits)
{
	uint64_t length = 0;

	if (facts->has_length || digits.len < 1 || digits.len > 19)
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
static bool note_coding(struct facts *facts, struct atr_str codings)
{
	struct atr_str coding;

	while (next_item(&codings, &coding)) {
		if (facts->chunked || coding.len == 0 ||
		    token_end(coding.at, coding.len, 0) != coding.len)
			return false;
		facts->has_coding = true;
		facts->chunked = atr_str_equal_nocase(coding, ATR_STR("chunked"));
	}
	return true;
}

static inline bool keep_first(struct atr_str *kept, struct atr_str value)
{
	if (!kept->at)
		*kept = value;
	return true;
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
		return !NAMED(name, "content-length") || note_length(facts, value);
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
			return !NAMED(name, "transfer-encoding") || note_coding(facts, value);
		break;
	}
	return true;
}

/* One header line at *at, which is below len; *at moves behind its LF. */
static inline __attribute__((always_inline)) bool read_field(const char *head, size_t len, size_t *at, struct atr_pair *field)
{
	size_t colon = name_end(head, len, *at);
	size_t start = colon + 1, end;

	if (colon == *at || head[colon] != ':')
		return false;
	end = find(head, len, start, not_text);
	if (!ends_line(head, end))
		return false;
	field->name = (struct atr_str){ head + *at, colon - *at };
	*at = end + 2;
	while (is_blank(head[start]))
		start++;
	while (end > start && is_blank(head[end - 1]))
		end--;
	field->value = (struct atr_str){ head + start, end - start };
	return true;
}

/* Reads all header lines from `at` on; the blank line must be the head's last. */
static bool read_fields(struct facts *facts, const char *head, size_t len, size_t at)
{
	struct atr_http1_head *out = facts->out;
	struct atr_pair field;

	out->fields_at = (uint32_t)at;
	while (at < len && head[at] != '\r') {
		if (!read_field(head, len, &at, &field) ||
		    !note_field(facts, field.name, field.value))
			return false;
		out->nr_fields++;
	}
	out->blank_at = (uint32_t)at;
	return at + 2 == len;
}

/* "HTTP/1.0" or "HTTP/1.1" at `at`, within a head of `len` bytes. */
static inline bool read_version(const char *head, size_t len, size_t at, uint8_t *minor)
{
	if (len - at < 8 || memcmp(head + at, "HTTP/1.", 7) != 0)
		return false;
	*minor = (uint8_t)(head[at + 7] - '0');
	return *minor <= 1;
}

/* Returns where the header lines begin, 0 when the line is not one. */
static size_t read_request_line(const char *head, size_t len, struct atr_http1_head *out)
{
	size_t method_end = token_end(head, len, 0);
	size_t target_end;

	if (method_end == 0 || method_end > METHOD_MAX || head[method_end] != ' ')
		return 0;
	target_end = find(head, len, method_end + 1, not_target);
	if (target_end == method_end + 1 || head[target_end] != ' ' ||
	    !read_version(head, len, target_end + 1, &out->minor) ||
	    !ends_line(head, target_end + 9))
		return 0;
	out->method = (struct atr_str){ head, method_end };
	out->target = (struct atr_str){ head + method_end + 1, target_end - method_end - 1 };
	return target_end + 11;
}

/*
 * As read_request_line. The SP before an absent reason may be missing too: many
 * servers leave it out, and nobody reads such a line differently.
 */
static size_t read_status_line(const char *head, size_t len, struct atr_http1_head *out)
{
	size_t end;

	if (!read_version(head, len, 0, &out->minor) || head[8] != ' ' || !is_digit(head[9]) ||
	    head[9] == '0' || !is_digit(head[10]) || !is_digit(head[11]))
		return 0;
	out->status = (uint16_t)((head[9] - '0') * 100 + (head[10] - '0') * 10 + (head[11] - '0'));
	end = head[12] == ' ' ? find(head, len, 13, not_text) : 12;
	return ends_line(head, end) ? end + 2 : 0;
}

/* What find() and ends_line() rely on. */
static inline bool is_head_shaped(const char *head, size_t len)
{
	return len >= HEAD_MIN && len <= ATR_HTTP1_HEAD_MAX &&
	       memcmp(head + len - 4, "\r\n\r\n", 4) == 0;
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
	size_t fields_at;

	*out = (struct atr_http1_head){ .is_response = false };
	if (!is_head_shaped(head, len))
		return false;
	fields_at = read_request_line(head, len, out);
	if (!fields_at || !read_fields(&facts, head, len, fields_at) || !settle(&facts))
		return false;
	if (facts.nr_hosts > 1 || (facts.nr_hosts == 0 && out->minor == 1))
		return false;
	if (facts.has_coding && !facts.chunked)
		return false;
	/* some receivers read a body here, others already the tunnel */
	if (atr_str_equal(out->method, ATR_STR("CONNECT")) &&
	    (facts.has_coding || out->content_length > 0))
		return false;
	set_framing(out, facts.chunked	    ? ATR_HTTP1_CHUNKED :
			 facts.has_length ? ATR_HTTP1_LENGTH :
					    ATR_HTTP1_NO_BODY);
	return true;
}

/* RFC 9112 6.3, in its order. */
static enum atr_http1_framing response_framing(const struct facts *facts, bool to_head,
					       bool to_connect)
{
	uint16_t status = facts->out->status;

	if (status == 101)
		return ATR_HTTP1_TUNNEL;
	if (to_head || status < 200 || status == 204 || status == 304)
		return ATR_HTTP1_NO_BODY;
	if (to_connect && status < 300)
		return ATR_HTTP1_TUNNEL;
	if (facts->chunked)
		return ATR_HTTP1_CHUNKED;
	return facts->has_length ? ATR_HTTP1_LENGTH : ATR_HTTP1_UNTIL_CLOSE;
}

bool atr_http1_parse_response(const char *head, size_t len, bool to_head, bool to_connect,
			      struct atr_http1_head *out)
{
	struct facts facts = { .out = out };
	size_t fields_at;

	*out = (struct atr_http1_head){ .is_response = true };
	if (!is_head_shaped(head, len))
		return false;
	fields_at = read_status_line(head, len, out);
	if (!fields_at || !read_fields(&facts, head, len, fields_at) || !settle(&facts))
		return false;
	set_framing(out, response_framing(&facts, to_head, to_connect));
	return true;
}

bool atr_http1_next_field(const char *head, size_t len, uint32_t *at, struct atr_pair *field)
{
	size_t next = *at;

	if (next >= len || !read_field(head, len, &next, field))
		return false;
	*at = (uint32_t)next;
	return true;
}

/* ---- body ---- */

/* What the next byte of a chunked body is. */
enum chunk_state {
	CHUNK_SIZE,
	CHUNK_BLANKS,	    /* spaces between the size and its extensions */
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
	return is_text(c) && ++body->trailer < CHUNK_LINE_MAX ? CHUNK_EXTENSIONS : CHUNK_BAD;
}

static enum chunk_state step_blanks(struct atr_http1_body *body, char c)
{
	if (c == ';')
		return CHUNK_EXTENSIONS;
	return c == ' ' && ++body->trailer < CHUNK_LINE_MAX ? CHUNK_BLANKS : CHUNK_BAD;
}

static enum chunk_state begin_chunk(struct atr_http1_body *body)
{
	body->left = 0;
	body->digits = 0;
	body->trailer = 0;
	return CHUNK_SIZE;
}

static enum chunk_state end_of_size_line(struct atr_http1_body *body)
{
	body->trailer = 0;
	return body->left ? CHUNK_DATA : CHUNK_TRAILER_START;
}

static enum chunk_state step_trailers(struct atr_http1_body *body, char c)
{
	if (++body->trailer > TRAILER_MAX)
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
