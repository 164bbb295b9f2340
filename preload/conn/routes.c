/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/routes.h"

#include "export/env.h"
#include "preload/conn/rules.h"

#include <stdint.h>

static const char variable[] = "AUTOTRACE_ROUTES";

/* In the order in which they are preferred: two bits of `order` for each segment. */
enum kind { LITERAL, MIXED, ONE, REST };

/* Kept sorted, so that the first that fits is the one. */
struct route {
	uint64_t order;
	struct atr_str methods; /* by |; absent: any */
	struct atr_str text;
	uint32_t first;	     /* the hash of its first segment; 0: that is no literal */
	uint8_t nr_segments; /* without the rest */
	bool has_rest;
};

static struct route routes[ATR_ROUTES_MAX];
static unsigned nr_routes;

static bool guesses;
#define GUESSES_MAX 512
static _Atomic uint64_t guessed[GUESSES_MAX]; /* hashes; 0: free */

static uint64_t hash_of(struct atr_str text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (size_t i = 0; i < text.len; i++)
		h = (h ^ (unsigned char)text.at[i]) * UINT64_C(0x100000001b3);
	return h ? h : 1;
}

static uint32_t short_hash(struct atr_str text)
{
	uint32_t h = (uint32_t)hash_of(text);

	return h ? h : 1;
}

/* Takes "/segment" off what is left of a path; false when nothing is. */
static bool next_segment(struct atr_str *path, struct atr_str *segment)
{
	const char *slash;

	if (!path->len)
		return false;
	*segment = (struct atr_str){ path->at + 1, path->len - 1 };
	slash = segment->len ? memchr(segment->at, '/', segment->len) : NULL;
	if (slash)
		segment->len = (size_t)(slash - segment->at);
	path->at += segment->len + 1;
	path->len -= segment->len + 1;
	return true;
}

static struct atr_str without_last_slash(struct atr_str path)
{
	if (path.len && path.at[path.len - 1] == '/')
		path.len--;
	return path;
}

static bool ends(struct atr_str text, struct atr_str with)
{
	return text.len >= with.len && !memcmp(text.at + text.len - with.len, with.at, with.len);
}

/* Where a segment's {name} begins and ends (behind the brace); false: it has none. */
static bool find_name(struct atr_str segment, size_t *from, size_t *to)
{
	const char *open = segment.len ? memchr(segment.at, '{', segment.len) : NULL;
	const char *close = segment.len ? memrchr(segment.at, '}', segment.len) : NULL;

	if (!open || !close)
		return false;
	*from = (size_t)(open - segment.at);
	*to = (size_t)(close + 1 - segment.at);
	return true;
}

static bool is_rest(struct atr_str name)
{
	return ends(name, ATR_STR("...")) || ends(name, ATR_STR("+")) ||
	       ends(name, ATR_STR(":path")) || atr_str_begins(name, ATR_STR("*"));
}

static enum kind kind_of(struct atr_str segment)
{
	size_t from, to;

	if (atr_str_equal(segment, ATR_STR("**")))
		return REST;
	if (atr_str_equal(segment, ATR_STR("*")) || (segment.len > 1 && segment.at[0] == ':') ||
	    (segment.len > 2 && segment.at[0] == '<' && segment.at[segment.len - 1] == '>'))
		return ONE;
	if (!find_name(segment, &from, &to))
		return LITERAL;
	if (to - from < segment.len)
		return MIXED;
	return is_rest((struct atr_str){ segment.at + 1, segment.len - 2 }) ? REST : ONE;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Braces come in one pair at most, the first before the second, with something in it. */
static bool braces_are_right(struct atr_str segment)
{
	unsigned nr_open = 0, nr_close = 0;
	size_t from, to;

	for (size_t i = 0; i < segment.len; i++) {
		nr_open += segment.at[i] == '{';
		nr_close += segment.at[i] == '}';
	}
	if (!nr_open && !nr_close)
		return true;
	return nr_open == 1 && nr_close == 1 && find_name(segment, &from, &to) && to > from + 2;
}

static bool is_plain(struct atr_str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] <= ' ' || text.at[i] == 0x7f || text.at[i] == '?' ||
		    text.at[i] == '#')
			return false;
	return true;
}

/* Why this is no template; NULL when it is one, and is read. */
static const char *read_template(struct route *r)
{
	struct atr_str path = without_last_slash(r->text), segment;
	unsigned shift = 64;

	if (!r->text.len || r->text.at[0] != '/')
		return "a route in it has no path that begins with a slash";
	if (r->text.len > ATR_ROUTE_MAX)
		return "a route in it is longer than 256 bytes";
	if (!is_plain(r->text))
		return "a route in it has characters that no path has";
	while (next_segment(&path, &segment)) {
		enum kind kind = kind_of(segment);

		if (r->has_rest)
			return "in a route in it something follows the rest";
		if (!shift)
			return "a route in it has more than 32 segments";
		if (!braces_are_right(segment))
			return "in a route in it a segment has no single {name}";
		if (kind == LITERAL && shift == 64)
			r->first = short_hash(segment);
		shift -= 2;
		r->order |= (uint64_t)kind << shift;
		r->has_rest = kind == REST;
		r->nr_segments += kind != REST;
	}
	return NULL;
}

static bool is_before(const struct route *a, const struct route *b)
{
	if (a->order != b->order)
		return a->order < b->order;
	return a->methods.len && !b->methods.len;
}

static const char *read_route(struct atr_str rule)
{
	struct route r = { .text = rule };
	size_t len = 0;
	const char *why;
	unsigned at;

	while (len < rule.len && rule.at[len] != ' ' && rule.at[len] != '\t')
		len++;
	if (len < rule.len) {
		r.methods = (struct atr_str){ rule.at, len };
		r.text = atr_str_trim((struct atr_str){ rule.at + len, rule.len - len });
	}
	if (atr_str_equal(r.methods, ATR_STR("*")))
		r.methods.len = 0;
	why = read_template(&r);
	if (why)
		return why;
	if (nr_routes == ATR_ROUTES_MAX)
		return "there are more than 512 routes in it";
	for (at = nr_routes; at && is_before(&r, &routes[at - 1]); at--)
		routes[at] = routes[at - 1];
	routes[at] = r;
	nr_routes++;
	return NULL;
}

void atr_routes_setup(const struct atr_io *io)
{
	struct atr_str text = atr_rules_text(variable, io), rule;
	unsigned told = 0;

	nr_routes = 0;
	while (atr_rules_next(&text, &rule)) {
		const char *why = read_route(rule);

		if (why)
			atr_rules_wrong(variable, rule, why, &told);
	}
	guesses = atr_env_bool("AUTOTRACE_ROUTES_GUESS", false);
	for (unsigned i = 0; i < GUESSES_MAX && guesses; i++)
		guessed[i] = 0;
}

/* ---- matching -------------------------------------------------------------------------------- */

static bool has_method(struct atr_str methods, struct atr_str method)
{
	bool is_head = atr_str_equal(method, ATR_STR("HEAD"));

	while (methods.len) {
		const char *bar = memchr(methods.at, '|', methods.len);
		struct atr_str one = { methods.at, bar ? (size_t)(bar - methods.at) : methods.len };

		if (atr_str_equal(one, method) || (is_head && atr_str_equal(one, ATR_STR("GET"))))
			return true;
		methods.at += one.len + (bar ? 1 : 0);
		methods.len -= one.len + (bar ? 1 : 0);
	}
	return false;
}

static bool fits_segment(struct atr_str pattern, struct atr_str segment)
{
	size_t from, to, behind;

	switch (kind_of(pattern)) {
	case LITERAL:
		return atr_str_equal(pattern, segment);
	case MIXED:
		find_name(pattern, &from, &to);
		behind = pattern.len - to;
		return segment.len > from + behind &&
		       atr_str_begins(segment, (struct atr_str){ pattern.at, from }) &&
		       ends(segment, (struct atr_str){ pattern.at + to, behind });
	default:
		return segment.len != 0;
	}
}

static bool fits(const struct route *r, struct atr_str path)
{
	struct atr_str template = without_last_slash(r->text), pattern, segment;

	for (unsigned i = 0; i < r->nr_segments; i++)
		if (!next_segment(&template, &pattern) || !next_segment(&path, &segment) ||
		    !fits_segment(pattern, segment))
			return false;
	return r->has_rest || !path.len;
}

struct atr_str atr_routes_match(struct atr_str method, struct atr_str path)
{
	struct atr_str rest, segment;
	unsigned nr = 0;
	uint32_t first = 0;

	if (!nr_routes || !path.len || path.at[0] != '/')
		return (struct atr_str){ 0 };
	path = rest = without_last_slash(path);
	for (; next_segment(&rest, &segment) && nr <= ATR_ROUTE_SEGMENTS_MAX; nr++)
		if (!nr)
			first = short_hash(segment);
	for (const struct route *r = routes; r < routes + nr_routes; r++) {
		if ((r->first && r->first != first) ||
		    (r->has_rest ? r->nr_segments > nr : r->nr_segments != nr))
			continue;
		if ((!r->methods.len || has_method(r->methods, method)) && fits(r, path))
			return r->text;
	}
	return (struct atr_str){ 0 };
}

/* ---- guessing -------------------------------------------------------------------------------- */

#define WORD_MAX 32
#define WORD_DIGITS_MAX 2
#define WORD_CHANGES_MAX 5 /* of case, and digits */
#define HEX_MIN 8
#define SEGMENTS_GUESSED 8

/* Letters and what goes between them, with a digit or two: v1, oauth2, index.html, my-page. */
static bool is_word(struct atr_str segment)
{
	size_t digits = 0, letters = 0, hex = 0, humps = 0;

	for (size_t i = 0; i < segment.len; i++) {
		char c = segment.at[i], lower = (char)(c | 0x20);

		if (c >= '0' && c <= '9')
			digits++;
		else if (lower >= 'a' && lower <= 'z')
			letters++;
		else if (c != '-' && c != '_' && c != '.' && c != '~')
			return false;
		hex += (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'f');
		humps += i && c >= 'A' && c <= 'Z' && segment.at[i - 1] >= 'a';
	}
	if (hex == segment.len && (digits ? hex >= HEX_MIN : hex >= 2 * HEX_MIN))
		return false;
	return segment.len <= WORD_MAX && letters && digits <= WORD_DIGITS_MAX &&
	       digits + humps <= WORD_CHANGES_MAX;
}

/* Whether it is one that was seen, or there is room for one more. */
static bool is_one_of_few(struct atr_str route)
{
	uint64_t hash = hash_of(route);

	for (unsigned i = 0; i < 8; i++) {
		_Atomic uint64_t *slot = &guessed[(hash + i) % GUESSES_MAX];
		uint64_t seen = 0;

		if (__atomic_compare_exchange_n((uint64_t *)slot, &seen, hash, false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
		    seen == hash)
			return true;
	}
	return false;
}

bool atr_routes_are_guessed(void)
{
	return guesses;
}

bool atr_routes_are_any(void)
{
	return guesses || nr_routes;
}

struct atr_str atr_routes_guess(struct atr_str path, char room[static ATR_ROUTE_MAX])
{
	struct atr_str segment, part, rest;
	size_t len = 0;

	if (!guesses || !path.len || path.at[0] != '/')
		return (struct atr_str){ 0 };
	rest = without_last_slash(path);
	for (unsigned i = 0; next_segment(&rest, &segment); i++) {
		part = !segment.len || is_word(segment) ? segment : ATR_STR("{id}");
		if (i == SEGMENTS_GUESSED)
			part = ATR_STR("{rest...}");
		if (len + 1 + part.len > ATR_ROUTE_MAX)
			return (struct atr_str){ 0 };
		room[len++] = '/';
		if (part.len)
			memcpy(room + len, part.at, part.len);
		len += part.len;
		if (i == SEGMENTS_GUESSED)
			break;
	}
	if (!len)
		room[len++] = '/';
	part = (struct atr_str){ room, len };
	return is_one_of_few(part) ? part : (struct atr_str){ 0 };
}
