/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/proto/http1.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define LIKELY(condition) __builtin_expect(condition, 1)
#define UNLIKELY(condition) __builtin_expect(condition, 0)

#define METHOD_MAX 32
#define GUESS_MAX 40
#define HEAD_MIN 16	     /* "HTTP/1.1 200" and two line ends; a request's is longer */
#define LENGTH_MAX INT64_MAX /* more does not fit where most receivers keep a length */
#define CHUNK_DIGITS_MAX 16
#define CHUNK_LINE_MAX 4096
#define TRAILER_MAX 65536

/* Which bit is the first, of some. */
static inline unsigned first_bit(uint64_t bits)
{
	return (unsigned)__builtin_ctzll(bits);
}

/*
 * Bytes are looked at 16 at a time, with the compiler's vectors: a comparison
 * gives 0xff for each byte where it holds. Its marks are one bit a byte, first
 * byte lowest, MARK_BITS apart; those of four blocks in a row are a word.
 */
typedef uint8_t block __attribute__((vector_size(16)));
typedef int8_t signed_block __attribute__((vector_size(16)));

#if defined(__SSE2__)
#define MARK_BITS 1
#define ALL_MARKS UINT64_C(0xffff)

static inline uint64_t marks(block found)
{
	return (uint32_t)_mm_movemask_epi8((__m128i)found);
}

#elif defined(__aarch64__)
#define MARK_BITS 4
#define ALL_MARKS UINT64_C(0x1111111111111111)

static inline uint64_t marks(block found)
{
	uint8x8_t halves = vshrn_n_u16((uint16x8_t)found, 4);

	return vget_lane_u64(vreinterpret_u64_u8(halves), 0) & ALL_MARKS;
}

static inline uint64_t word_of(block a, block b, block c, block d)
{
	const block bit = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128 };
	uint8x16_t ab = vpaddq_u8(a & bit, b & bit), cd = vpaddq_u8(c & bit, d & bit);
	uint8x16_t all = vpaddq_u8(ab, cd);

	return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(all, all)), 0);
}

#else
#define MARK_BITS 1
#define ALL_MARKS UINT64_C(0xffff)

static inline uint64_t marks(block found)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < sizeof(found); i++)
		bits |= (uint64_t)(found[i] & 1) << i;
	return bits;
}

#endif

#define BLOCK sizeof(block)
#define WORD (4 * BLOCK) /* bytes that a word has marks of */

#if MARK_BITS == 1

static inline uint64_t word_of(block a, block b, block c, block d)
{
	uint64_t low = marks(a) | marks(b) << 16, high = marks(c) | marks(d) << 16;

	return low | high << 32;
}

#endif

/* How many bytes from the first on are marked. */
static inline size_t run_of(block found)
{
#if MARK_BITS == 1
	return first_bit(~marks(found));
#else
	uint64_t others = marks(found) ^ ALL_MARKS;

	return others ? first_bit(others) / MARK_BITS : BLOCK;
#endif
}

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
 * Bytes of text: all but controls, and HTAB. (A field value and a reason phrase
 * are text: RFC 9110 5.5; bytes from 0x80 up pass as they are.)
 */
static inline block text(block b)
{
	return ((block)(b >= ' ') | equal(b, '\t')) & ~equal(b, 0x7f);
}

/* The same at the price of one comparison, but for HTAB and bytes from 0x80 up. */
static inline block plain_text(block b)
{
	return (block)((signed_block)(b + 1) > ' ');
}

/* Bytes of a request target: all but controls and SP. */
static inline block visible(block b)
{
	return (block)(b > ' ') & ~equal(b, 0x7f);
}

static inline block plain_visible(block b)
{
	return (block)((signed_block)(b + 1) > '!');
}

/* What field names are mostly made of. */
static inline block letters(block b)
{
	signed_block from_lowest = (signed_block)((b | 0x20) + (uint8_t)(INT8_MIN - 'a'));

	return (block)(from_lowest < INT8_MIN + 26) | equal(b, '-');
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

/*
 * The first byte from `at` on that is not of this kind, or where the bytes end,
 * which is behind `at`. `last` is where their last whole block begins; behind it
 * that block is taken again and the bytes before `at` are shifted out.
 */
static ALWAYS_INLINE const char *end_of(block (*kind)(block), const char *at, const char *last)
{
	uint64_t others;

	for (; at <= last; at += BLOCK) {
		others = marks(kind(load(at))) ^ ALL_MARKS;
		if (others)
			return at + first_bit(others) / MARK_BITS;
	}
	if (at == last + BLOCK)
		return at;
	others = (marks(kind(load(last))) ^ ALL_MARKS) >> ((size_t)(at - last) * MARK_BITS);
	return others ? at + first_bit(others) / MARK_BITS : last + BLOCK;
}

static __attribute__((noinline, cold)) const char *token_end(const char *at, const char *limit)
{
	while (at < limit && is_token[(uint8_t)*at])
		at++;
	return at;
}

/*
 * The length of the field name at `line`, which is followed by a line's end: mostly it is of
 * few letters and hyphens.
 */
static ALWAYS_INLINE size_t name_len(const char *line, const char *last)
{
	size_t len;

	if (LIKELY(line < last))
		len = run_of(letters(load(line)));
	else /* the last block, from `line` on: the line's end is in it */
		len = first_bit((marks(letters(load(last))) ^ ALL_MARKS) >>
				((size_t)(line - last) * MARK_BITS)) /
		      MARK_BITS;
	if (LIKELY(line[len] == ':'))
		return len;
	return (size_t)(token_end(line + len, last + BLOCK) - line);
}

static inline uint16_t load16(const char *at)
{
	uint16_t bytes;

	memcpy(&bytes, at, sizeof(bytes));
	return bytes;
}

static inline uint32_t load32(const char *at)
{
	uint32_t bytes;

	memcpy(&bytes, at, sizeof(bytes));
	return bytes;
}

static inline uint64_t load64(const char *at)
{
	uint64_t bytes;

	memcpy(&bytes, at, sizeof(bytes));
	return bytes;
}

static inline bool ends_line(const char *at)
{
	return load16(at) == load16("\r\n");
}

/*
 * Whether `name` is `lower`, which is as long, in any case. Setting 0x20 makes
 * letters small and leaves hyphens and digits alone; what else it would make
 * one of these is no text, so for names and values the answer is exact.
 */
static ALWAYS_INLINE bool same_letters(const char *name, const char *lower, size_t len)
{
	const uint64_t small = UINT64_C(0x2020202020202020);

	if (len < 8)
		return (load32(name) | (uint32_t)small) == load32(lower) &&
		       (load32(name + len - 4) | (uint32_t)small) == load32(lower + len - 4);
	for (size_t i = 0; i + 8 < len; i += 8)
		if ((load64(name + i) | small) != load64(lower + i))
			return false;
	return (load64(name + len - 8) | small) == load64(lower + len - 8);
}

/* The literal has 4 characters at least; NAMED is for names of its length. */
#define NAMED(name, lower) same_letters(name, lower, sizeof(lower) - 1)
#define IS(str, lower) ((str).len == sizeof(lower) - 1 && NAMED((str).at, lower))

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

/* What a head says, before it is known what it means for the framing. */
enum said {
	SAID_MINOR_1 = 1 << 0, /* HTTP/1.1 */
	SAID_HOST = 1 << 1,
	SAID_HOST_TWICE = 1 << 2,
	SAID_EXPECT = 1 << 3, /* 100-continue */
	SAID_UPGRADE = 1 << 4,
	OPTION_CLOSE = 1 << 5, /* Connection: */
	OPTION_KEEP_ALIVE = 1 << 6,
	OPTION_UPGRADE = 1 << 7,
	SAID_LENGTH = 1 << 8,
	SAID_CODING = 1 << 9,	/* a Transfer-Encoding */
	SAID_CHUNKED = 1 << 10, /* as the last coding so far */
	SAID_BAD = 1 << 11,	/* by a field that breaks the head */
};

static inline unsigned option(struct atr_str name)
{
	if (IS(name, "keep-alive"))
		return OPTION_KEEP_ALIVE;
	if (IS(name, "close"))
		return OPTION_CLOSE;
	return IS(name, "upgrade") ? OPTION_UPGRADE : 0;
}

static NOINLINE unsigned options(struct atr_str list)
{
	unsigned said = 0;

	while (list.at)
		said |= option(take_item(&list));
	return said;
}

static inline unsigned connection(struct atr_str value)
{
	unsigned said = option(value); /* mostly it is one, and known */

	return said ? said : options(value);
}

static __attribute__((noinline, cold)) unsigned expect(struct atr_str expectations)
{
	unsigned said = 0;

	while (expectations.at) {
		struct atr_str expectation = take_item(&expectations);

		if (IS(expectation, "100-continue"))
			said = SAID_EXPECT;
	}
	return said;
}

static NOINLINE struct atr_str trimmed(const char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	while (end > at && is_blank(end[-1]))
		end--;
	return (struct atr_str){ at, (size_t)(end - at) };
}

/* What is between the colon and the line's end; mostly it has one SP before it and none behind. */
static ALWAYS_INLINE struct atr_str value_of(const char *colon, const char *end)
{
	if (UNLIKELY(colon[1] != ' ' || is_blank(colon[2]) || is_blank(end[-1])))
		return trimmed(colon + 1, end);
	return (struct atr_str){ colon + 2, (size_t)(end - colon - 2) };
}

/* Not every receiver takes a HTAB for a blank. */
static inline bool has_tab(const char *at, const char *end)
{
	while (at < end && *at != '\t')
		at++;
	return at < end;
}

static ALWAYS_INLINE unsigned content_length(unsigned said, const char *colon, const char *end,
					     uint64_t *out)
{
	struct atr_str digits = value_of(colon, end);
	uint64_t length = 0;

	if (said & SAID_LENGTH || digits.len < 1 || digits.len > 19 ||
	    has_tab(colon + 1, digits.at) || has_tab(digits.at + digits.len, end))
		return SAID_BAD;
	for (size_t i = 0; i < digits.len; i++) {
		if (!is_digit(digits.at[i]))
			return SAID_BAD;
		length = length * 10 + (uint64_t)(digits.at[i] - '0');
	}
	*out = length;
	return length <= LENGTH_MAX ? said | SAID_LENGTH : SAID_BAD;
}

/*
 * Codings of several fields follow each other. Chunked may come once and last;
 * parameters and empty items, which some receivers skip and others do not, are
 * refused. Returns what is said now.
 */
static __attribute__((noinline, cold)) unsigned transfer_encoding(unsigned said, const char *colon,
								  const char *end)
{
	struct atr_str codings = value_of(colon, end);

	if (has_tab(colon, end))
		return SAID_BAD;
	while (codings.at) {
		struct atr_str coding = take_item(&codings);
		const char *coding_end = coding.at + coding.len;

		if (said & SAID_CHUNKED || coding.len == 0 ||
		    token_end(coding.at, coding_end) != coding_end)
			return SAID_BAD;
		said |= SAID_CODING;
		if (IS(coding, "chunked"))
			said |= SAID_CHUNKED;
	}
	return said;
}

/* Of several fields of a name the first counts. Says nothing. */
static ALWAYS_INLINE unsigned first(struct atr_str *kept, const char *colon, const char *end)
{
	if (!kept->at)
		*kept = value_of(colon, end);
	return 0;
}

/* What the lines of a head said up to some line. */
struct so_far {
	const char *line;
	unsigned said;
	uint32_t nr_fields;
	uint64_t content_length;
};

static NOINLINE void keep(struct atr_http1_head *out, const char *name, const char *colon,
			  const char *end, struct so_far before, struct so_far *unkept)
{
	if (!out->nr_kept)
		*unkept = before;
	if (out->nr_kept < ATR_HTTP1_KEPT_MAX)
		out->kept[out->nr_kept] = (struct atr_pair){
			{ name, (size_t)(colon - name) },
			value_of(colon, end),
		};
	out->nr_kept++;
}

static inline bool is_wanted(uint32_t wanted, size_t len)
{
	return wanted >> (len < 31 ? len : 31) & 1;
}

/* Lengths of the names that say something, a bit each; longer ones have the bits of shorter ones too. */
#define IN_BOTH (1u << 0 | 1u << 7 | 1u << 10 | 1u << 14 | 1u << 17)
#define IN_REQUESTS (1u << 4 | 1u << 6 | 1u << 9 | 1u << 15 | 1u << 16)

static inline uint32_t telling_lengths(bool is_response, uint32_t wanted)
{
	const uint32_t long_ones = wanted >> 31 ? UINT32_MAX : 0;

	return is_response ? IN_BOTH : IN_BOTH | IN_REQUESTS | wanted | long_ones;
}

/*
 * What a field of `len` letters says, added to what was said; most names are told
 * apart by their length alone. One that means nothing here is kept if wanted.
 */
static ALWAYS_INLINE unsigned note_field(struct atr_http1_head *out, unsigned said,
					 const char *name, size_t len, const char *end,
					 bool is_response, uint32_t wanted, uint32_t nr_before,
					 struct so_far *unkept)
{
	const char *colon = name + len;

	/* most fields end here: to take one of many ways is dear where the ways change */
	if (!(telling_lengths(is_response, wanted) >> len % 32 & 1))
		return said;
	switch (len) {
	case 0:
		return SAID_BAD;
	case 4:
		if (!is_response && NAMED(name, "host")) {
			if (said & SAID_HOST)
				return said | SAID_HOST_TWICE;
			out->host = value_of(colon, end);
			return said | SAID_HOST;
		}
		break;
	case 6:
		if (!is_response && NAMED(name, "expect"))
			return said | expect(value_of(colon, end));
		break;
	case 7:
		if (NAMED(name, "upgrade"))
			return said | SAID_UPGRADE;
		break;
	case 9:
		if (!is_response && NAMED(name, "forwarded"))
			return said | first(&out->forwarded, colon, end);
		break;
	case 10:
		if (!is_response && NAMED(name, "user-agent"))
			return said | first(&out->user_agent, colon, end);
		if (NAMED(name, "connection"))
			return said | connection(value_of(colon, end));
		break;
	case 14:
		if (NAMED(name, "content-length"))
			return content_length(said, colon, end, &out->content_length);
		break;
	case 15:
		if (!is_response && NAMED(name, "x-forwarded-for"))
			return said | first(&out->x_forwarded_for, colon, end);
		break;
	case 16:
		if (!is_response && NAMED(name, "x-forwarded-host"))
			return said | first(&out->x_forwarded_host, colon, end);
		break;
	case 17:
		if (!is_response && NAMED(name, "x-forwarded-proto"))
			return said | first(&out->x_forwarded_proto, colon, end);
		if (NAMED(name, "transfer-encoding"))
			return transfer_encoding(said, colon, end);
		break;
	}
	if (!is_response && is_wanted(wanted, len))
		keep(out, name, colon, end,
		     (struct so_far){ name, said, nr_before, out->content_length }, unkept);
	return said;
}

static inline uint64_t word_at(const char *at)
{
	return ~word_of(plain_text(load(at)), plain_text(load(at + BLOCK)),
			plain_text(load(at + 2 * BLOCK)), plain_text(load(at + 3 * BLOCK)));
}

/* The same of `len` bytes, fewer than a word; behind them nothing stops. */
static __attribute__((noinline, cold)) uint64_t short_word_at(const char *at, size_t len)
{
	char copy[WORD];

	memset(copy, ' ', sizeof(copy));
	memcpy(copy, at, len);
	return word_at(copy);
}

/*
 * Bytes that are not plain text: a bit for each from *at on, over a word's length, of the first
 * word from *at on that has some, which *at is then; 0 when there are none before `limit`.
 */
static ALWAYS_INLINE uint64_t next_stops(const char **at, const char *limit, const char *bytes)
{
	uint64_t bits;

	for (; LIKELY(limit - *at >= (ptrdiff_t)WORD); *at += WORD) {
		bits = word_at(*at);
		if (LIKELY(bits))
			return bits;
	}
	if (*at >= limit)
		return 0;
	if (UNLIKELY(limit - bytes < (ptrdiff_t)WORD))
		return short_word_at(*at, (size_t)(limit - *at));
	return word_at(limit - WORD) >> (*at + WORD - limit);
}

/* The end of a line from a byte of it on that is not plain, and may be text all the same. */
static __attribute__((noinline, cold)) const char *odd_line_end(const char *at, const char *last,
								const char *limit)
{
	at = end_of(text, at, last);
	return at < limit && ends_line(at) ? at : NULL;
}

/*
 * Reads the header lines from `line` to the blank line, which it returns; NULL
 * when that is not there, or not well. What was said before `line` is in *all, and
 * then what all of them said; *unkept is what those before the first that is kept did.
 *
 * `stops` has a bit for each byte of the present line that is not plain text, and
 * of all behind it up to `seen`, so that each word is looked at once. From
 * `limit` on no line ends that has a blank one behind it.
 */
static ALWAYS_INLINE const char *read_fields(struct atr_http1_head *out, struct so_far *all,
					     struct so_far *unkept, const char *bytes,
					     const char *last, bool is_response, uint32_t wanted)
{
	const char *line = all->line, *limit = last + BLOCK - 3, *seen = line, *end;
	unsigned said = all->said, n;
	uint32_t nr_fields = all->nr_fields;
	uint64_t stops = 0;
	size_t len;

	for (; !ends_line(line); line = end + 2, nr_fields++) {
		end = line;
		if (UNLIKELY(!stops)) {
			end = line < seen ? seen : line;
			stops = next_stops(&end, limit, bytes);
			if (!stops)
				return NULL;
			seen = end + WORD;
		}
		n = first_bit(stops);
		end += n;
		stops = stops >> n >> 2;
		if (UNLIKELY(!ends_line(end))) {
			end = odd_line_end(end, last, limit);
			if (!end)
				return NULL;
			seen = end;
			stops = 0;
		}
		len = name_len(line, last);
		if (UNLIKELY(line[len] != ':'))
			return NULL;
		said = note_field(out, said, line, len, end, is_response, wanted, nr_fields,
				  unkept);
	}
	all->said = said;
	all->nr_fields = nr_fields;
	return line;
}

/*
 * A head whose fields begin with those that were remembered goes on behind them, as if they
 * were read. Where heads mostly are others than before, looking costs more than it saves: a
 * miss weighs as much as some hits, and too many of them are the end of it.
 */
#define MISS 4
#define DOUBT_MAX 64

static ALWAYS_INLINE bool says_again(const struct atr_http1_former *former, const char *line,
				     const char *bytes_end, uint32_t wanted)
{
	return former->len && former->wanted == wanted && bytes_end - line >= former->len + 2 &&
	       !memcmp(line, former->bytes, former->len);
}

static inline void believe(struct atr_http1_former *former)
{
	if (UNLIKELY(former->doubt))
		former->doubt--;
}

static ALWAYS_INLINE void recall(struct atr_http1_former *former, struct atr_http1_head *out,
				 struct so_far *all)
{
	const char *line = all->line;

	believe(former);
	if (former->host_at)
		out->host = (struct atr_str){ line + former->host_at, former->host_len };
	if (former->user_agent_at)
		out->user_agent =
			(struct atr_str){ line + former->user_agent_at, former->user_agent_len };
	out->content_length = former->content_length;
	all->said |= former->said;
	all->nr_fields = former->nr_fields;
	all->line = line + former->len;
}

static void remember_value(uint16_t *at, uint16_t *len, struct atr_str value, const char *line,
			   const char *end)
{
	bool is_there = value.at && value.at < end;

	*at = is_there ? (uint16_t)(value.at - line) : 0;
	*len = is_there ? (uint16_t)value.len : 0;
}

/* The fields from `line` on said what is in *so_far. */
static __attribute__((noinline, cold)) void remember(struct atr_http1_former *former,
						     const struct atr_http1_head *out,
						     const char *line, struct so_far so_far,
						     uint32_t wanted)
{
	ptrdiff_t len = so_far.line - line;

	if (former->len)
		former->doubt += MISS;
	former->len = 0;
	if (len < 1 || len > ATR_HTTP1_FORMER_MAX || former->doubt > DOUBT_MAX ||
	    out->forwarded.at || out->x_forwarded_for.at || out->x_forwarded_host.at ||
	    out->x_forwarded_proto.at)
		return;
	memcpy(former->bytes, line, (size_t)len);
	former->turn++;
	former->len = (uint16_t)len;
	former->said = so_far.said & ~SAID_MINOR_1; /* the start line's */
	former->nr_fields = (uint16_t)so_far.nr_fields;
	former->wanted = wanted;
	former->content_length = so_far.content_length;
	remember_value(&former->host_at, &former->host_len, out->host, line, so_far.line);
	remember_value(&former->user_agent_at, &former->user_agent_len, out->user_agent, line,
		       so_far.line);
}

/* "HTTP/1.0" or "HTTP/1.1" in the 8 bytes at `at`. */
static inline bool read_version(const char *at, uint8_t *minor)
{
	*minor = load64(at) == load64("HTTP/1.1");
	return *minor || load64(at) == load64("HTTP/1.0");
}

/* Most targets are visible ASCII characters. */
static inline const char *target_end(const char *at, const char *last)
{
	const char *end = end_of(plain_visible, at, last);

	return end < last + BLOCK && (uint8_t)*end >= 0x80 ? end_of(visible, end, last) : end;
}

/* Returns the line after it, NULL when it is not well-formed or too little is there. */
static inline const char *read_request_line(const char *bytes, const char *last,
					    struct atr_http1_head *out)
{
	const char *limit = last + BLOCK, *method_end = bytes + 3, *target, *end, *version;

	if (load32(bytes) != load32("GET "))
		method_end = token_end(bytes, limit);
	target = method_end + 1;
	if (method_end == bytes || method_end - bytes > METHOD_MAX || target >= limit ||
	    *method_end != ' ')
		return NULL;
	end = target_end(target, last);
	version = end + 1;
	if (end == target || limit - version < 8 + 4 || *end != ' ' ||
	    !read_version(version, &out->minor) || !ends_line(version + 8))
		return NULL;
	out->method = (struct atr_str){ bytes, (size_t)(method_end - bytes) };
	out->target = (struct atr_str){ target, (size_t)(end - target) };
	return version + 10;
}

/* "HTTP/1.1 200 OK" and its line's end, which most responses begin with; a line's end can follow. */
#define USUAL_LEN 17
static ALWAYS_INLINE bool is_usual_status_line(const char *bytes, const char *last)
{
	return last + BLOCK - bytes >= USUAL_LEN + 2 && load64(bytes) == load64("HTTP/1.1") &&
	       load64(bytes + 8) == load64(" 200 OK\r") && bytes[USUAL_LEN - 1] == '\n';
}

/*
 * As read_request_line. The SP before an absent reason may be missing too: many
 * servers leave it out, and nobody reads such a line differently.
 */
static inline const char *read_status_line(const char *bytes, const char *last,
					   struct atr_http1_head *out)
{
	const char *code = bytes + 9, *end = code + 3;

	if (LIKELY(is_usual_status_line(bytes, last))) {
		out->minor = 1;
		out->status = 200;
		return bytes + USUAL_LEN;
	}
	if (!read_version(bytes, &out->minor) || bytes[8] != ' ' || !is_digit(code[0]) ||
	    code[0] == '0' || !is_digit(code[1]) || !is_digit(code[2]))
		return NULL;
	out->status = (uint16_t)((code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0'));
	if (*end == ' ')
		end = end_of(text, end + 1, last);
	return last + BLOCK - end >= 4 && ends_line(end) ? end + 2 : NULL;
}

/*
 * What a head may leave out. The strings by halves: what is made of a longer
 * memset() takes longer than a short head itself.
 */
static inline void clear(struct atr_http1_head *out)
{
	const size_t begin = offsetof(struct atr_http1_head, method);
	const size_t middle = offsetof(struct atr_http1_head, forwarded);
	const size_t end = offsetof(struct atr_http1_head, keep_alive);

	memset((char *)out + begin, 0, middle - begin);
	memset((char *)out + middle, 0, end - middle);
	out->status = 0;
	out->content_length = 0;
	out->wanted = out->nr_kept = 0;
}

static inline bool says_all(unsigned said, unsigned all)
{
	return (said & all) == all;
}

/* What holds for both kinds of message; false when the fields contradict each other. */
static inline bool settle(struct atr_http1_head *out, unsigned said)
{
	if (said & SAID_BAD || says_all(said, SAID_CODING | SAID_LENGTH) ||
	    (said & (SAID_CODING | SAID_MINOR_1)) == SAID_CODING)
		return false;
	out->keep_alive = !(said & OPTION_CLOSE) && said & (SAID_MINOR_1 | OPTION_KEEP_ALIVE);
	out->upgrade = says_all(said, SAID_MINOR_1 | SAID_UPGRADE | OPTION_UPGRADE);
	out->expect_continue = says_all(said, SAID_MINOR_1 | SAID_EXPECT);
	return true;
}

/*
 * All of a head but its framing. Returns the head's length, 0 when there is no
 * whole and well-formed head.
 */
static ALWAYS_INLINE size_t read_head(struct atr_http1_head *out, unsigned *said, const char *bytes,
				      size_t len, bool is_response, uint32_t wanted,
				      struct atr_http1_former *former)
{
	const char *last, *fields, *blank;
	struct so_far all, unkept;
	bool is_known;
	size_t head_len;

	clear(out);
	out->is_response = is_response;
	if (len < HEAD_MIN)
		return 0;
	last = bytes + len - BLOCK;
	fields = is_response ? read_status_line(bytes, last, out) :
			       read_request_line(bytes, last, out);
	if (!fields)
		return 0;
	all = (struct so_far){ .line = fields, .said = out->minor ? SAID_MINOR_1 : 0 };
	is_known = former && says_again(former, fields, bytes + len, wanted);
	if (is_known)
		recall(former, out, &all);
	blank = read_fields(out, &all, &unkept, bytes, last, is_response, wanted);
	if (!blank || !settle(out, all.said))
		return 0;
	head_len = (size_t)(blank + 2 - bytes);
	out->nr_fields = all.nr_fields;
	out->fields_at = (uint32_t)(fields - bytes);
	out->blank_at = (uint32_t)(blank - bytes);
	*said = all.said;
	if (former && !is_known && former->doubt <= DOUBT_MAX) {
		all.line = blank;
		all.content_length = out->content_length;
		remember(former, out, fields, out->nr_kept ? unkept : all, wanted);
	}
	return head_len <= ATR_HTTP1_HEAD_MAX ? head_len : 0;
}

static inline void set_framing(struct atr_http1_head *out, enum atr_http1_framing framing)
{
	out->framing = framing;
	if (framing != ATR_HTTP1_LENGTH)
		out->content_length = 0;
	if (framing == ATR_HTTP1_UNTIL_CLOSE || framing == ATR_HTTP1_TUNNEL)
		out->keep_alive = false;
}

/* Whether what a request's fields say fits together. */
static inline bool is_sound_request(const struct atr_http1_head *out, unsigned said)
{
	if (said & SAID_HOST_TWICE || (said & (SAID_MINOR_1 | SAID_HOST)) == SAID_MINOR_1)
		return false;
	if ((said & (SAID_CODING | SAID_CHUNKED)) == SAID_CODING)
		return false;
	/* some receivers read a body here, others already the tunnel */
	return !(said & SAID_CODING || out->content_length > 0) ||
	       !atr_str_equal(out->method, ATR_STR("CONNECT"));
}

/* RFC 9112 6.3; a 204 to CONNECT, too, opens the tunnel (RFC 9110 9.3.6). */
static inline enum atr_http1_framing response_framing(uint16_t status, unsigned said, bool to_head,
						      bool to_connect)
{
	if (status == 101 || (to_connect && status >= 200 && status < 300))
		return ATR_HTTP1_TUNNEL;
	if (to_head || status < 200 || status == 204 || status == 304)
		return ATR_HTTP1_NO_BODY;
	if (said & SAID_CHUNKED)
		return ATR_HTTP1_CHUNKED;
	return said & SAID_LENGTH ? ATR_HTTP1_LENGTH : ATR_HTTP1_UNTIL_CLOSE;
}

/* No head was read: because it is not whole yet, or because it is not well-formed. */
static __attribute__((noinline, cold)) long not_read(uint8_t *state, const char *bytes, size_t len)
{
	if (atr_http1_scan(state, bytes, len) > 0)
		*state = SCAN_BAD;
	return *state == SCAN_BAD ? -1 : 0;
}

long atr_http1_read_request(uint8_t *state, const char *bytes, size_t len, uint32_t wanted,
			    struct atr_http1_former *former, struct atr_http1_head *out)
{
	unsigned said = 0;
	size_t head_len = read_head(out, &said, bytes, len, false, wanted, former);

	if (!head_len || !is_sound_request(out, said))
		return not_read(state, bytes, len);
	out->wanted = wanted;
	set_framing(out, said & SAID_CHUNKED ? ATR_HTTP1_CHUNKED :
			 said & SAID_LENGTH  ? ATR_HTTP1_LENGTH :
					       ATR_HTTP1_NO_BODY);
	return (long)head_len;
}

long atr_http1_read_response(uint8_t *state, const char *bytes, size_t len, bool to_head,
			     bool to_connect, struct atr_http1_former *former,
			     struct atr_http1_head *out)
{
	unsigned said = 0;
	size_t head_len = read_head(out, &said, bytes, len, true, 0, former);

	if (!head_len)
		return not_read(state, bytes, len);
	set_framing(out, response_framing(out->status, said, to_head, to_connect));
	return (long)head_len;
}

/* Nothing that was said changes where the message ends, or what can follow it, but `also`. */
static inline bool is_plainly_said(const struct atr_http1_former *former, unsigned also)
{
	return (former->said & ~(unsigned)OPTION_KEEP_ALIVE) == also;
}

/* "traceparent: ", 55 bytes of text, and the head's end, in what is left of the bytes. */
#define TRACEPARENT_AT 13
#define TRACEPARENT_LEN 55
#define TRACEPARENT_LINE (TRACEPARENT_AT + TRACEPARENT_LEN + 2)
static ALWAYS_INLINE bool is_traceparent(const char *at, size_t len)
{
	const char *value = at + TRACEPARENT_AT;
	block all;

	if (len < TRACEPARENT_LINE + 2 || load64(at) != load64("tracepar") ||
	    load64(at + 5) != load64("parent: ") || !ends_line(value + TRACEPARENT_LEN) ||
	    !ends_line(value + TRACEPARENT_LEN + 2))
		return false;
	all = plain_visible(load(value)) & plain_visible(load(value + 16)) &
	      plain_visible(load(value + 32)) & plain_visible(load(value + TRACEPARENT_LEN - 16));
	return marks(all) == ALL_MARKS;
}

size_t atr_http1_again_request(struct atr_http1_former *former, const char *bytes, size_t len,
			       uint32_t wanted, struct atr_str *target, struct atr_str *traceparent)
{
	const char *last = bytes + len - BLOCK, *limit = bytes + len, *end, *line;

	if (len < HEAD_MIN || load32(bytes) != load32("GET ") ||
	    !is_plainly_said(former, SAID_HOST))
		return 0;
	end = end_of(plain_visible, bytes + 4, last);
	line = end + 11;
	if (end == bytes + 4 || limit - line < 2 || *end != ' ' ||
	    load64(end + 1) != load64("HTTP/1.1") || !ends_line(end + 9) ||
	    !says_again(former, line, limit, wanted))
		return 0;
	*target = (struct atr_str){ bytes + 4, (size_t)(end - bytes - 4) };
	line += former->len;
	*traceparent = (struct atr_str){ 0 };
	if (!ends_line(line)) {
		if (!is_wanted(wanted, TRACEPARENT_AT - 2) ||
		    !is_traceparent(line, (size_t)(limit - line)))
			return 0;
		*traceparent = (struct atr_str){ line + TRACEPARENT_AT, TRACEPARENT_LEN };
		line += TRACEPARENT_LINE;
	}
	if (line + 2 - bytes > ATR_HTTP1_HEAD_MAX)
		return 0;
	believe(former);
	return (size_t)(line + 2 - bytes);
}

void atr_http1_again_head(const struct atr_http1_former *former, const char *bytes,
			  struct atr_str target, struct atr_http1_head *out)
{
	const char *line = target.at + target.len + 11;

	clear(out);
	out->is_response = false;
	out->minor = 1;
	out->method = (struct atr_str){ bytes, 3 };
	out->target = target;
	out->host = (struct atr_str){ line + former->host_at, former->host_len };
	if (former->user_agent_at)
		out->user_agent =
			(struct atr_str){ line + former->user_agent_at, former->user_agent_len };
	out->keep_alive = true;
	out->upgrade = out->expect_continue = false;
	out->framing = ATR_HTTP1_NO_BODY;
}

size_t atr_http1_again_response(struct atr_http1_former *former, const char *bytes, size_t len,
				uint64_t *content_length)
{
	const char *line = bytes + USUAL_LEN;

	if (len < HEAD_MIN || !is_usual_status_line(bytes, bytes + len - BLOCK) ||
	    !is_plainly_said(former, SAID_LENGTH) || !says_again(former, line, bytes + len, 0) ||
	    !ends_line(line + former->len))
		return 0;
	believe(former);
	*content_length = former->content_length;
	return USUAL_LEN + former->len + 2;
}

bool atr_http1_parse_request(const char *head, size_t len, struct atr_http1_head *out)
{
	uint8_t state = 0;

	return len && atr_http1_read_request(&state, head, len, 0, NULL, out) == (long)len;
}

bool atr_http1_parse_response(const char *head, size_t len, bool to_head, bool to_connect,
			      struct atr_http1_head *out)
{
	uint8_t state = 0;

	return len && atr_http1_read_response(&state, head, len, to_head, to_connect, NULL, out) ==
			      (long)len;
}

bool atr_http1_next_field(const char *head, size_t len, uint32_t *at, struct atr_pair *field)
{
	const char *line = head + *at, *last = head + len - BLOCK;
	const char *colon, *end;

	if (line == head + len - 2)
		return false;
	end = end_of(text, line, last);
	colon = line + name_len(line, last);
	field->name = (struct atr_str){ line, (size_t)(colon - line) };
	field->value = value_of(colon, end);
	*at = (uint32_t)(end + 2 - head);
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

static enum atr_http1_run kind_of(const struct atr_http1_body *body)
{
	if (body->framing != ATR_HTTP1_CHUNKED || body->state == CHUNK_DATA)
		return ATR_HTTP1_PAYLOAD;
	switch (body->state) {
	case CHUNK_TRAILER_START:
	case CHUNK_TRAILER_NAME:
	case CHUNK_TRAILER_VALUE:
	case CHUNK_TRAILER_LF:
		return ATR_HTTP1_TRAILERS;
	default:
		return ATR_HTTP1_CODING;
	}
}

long atr_http1_body_run(struct atr_http1_body *body, const char *bytes, size_t len,
			enum atr_http1_run *what)
{
	size_t at = 0;

	*what = kind_of(body);
	if (*what == ATR_HTTP1_PAYLOAD) {
		if (body->framing == ATR_HTTP1_CHUNKED && len > body->left)
			len = body->left;
		return atr_http1_body_feed(body, bytes, len);
	}
	while (at < len && !body->done && kind_of(body) == *what) {
		if (atr_http1_body_feed(body, bytes + at, 1) < 0)
			return -1;
		at++;
	}
	return (long)at;
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
