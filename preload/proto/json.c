/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/proto/json.h"

#include <string.h>

enum state {
	VALUE,	       /* a value is to come */
	FIRST_ELEMENT, /* a value, or the end of the array */
	FIRST_MEMBER,  /* a name, or the end of the object */
	MEMBER,
	COLON,
	AFTER, /* a value: a comma, or the end of what it is in */
	STRING,
	ESCAPE,
	SCALAR,
	DONE,
	BAD,
};

/*
 * wanted[d] has a bit for each path of which the first d members lead to where we
 * are. Depth 0 is the outermost value.
 */

/* Compares one member of a path, up to its '.', with a name; *rest is behind it. */
static bool is_member(const char *path, const char *key, size_t len, bool is_element)
{
	bool any_case = *path == '~';
	const char *end;
	size_t n;

	if (*path == '*')
		return true;
	if (is_element || (!any_case && (!len || *path != *key)))
		return false;
	path += any_case;
	end = strchrnul(path, '.');
	n = (size_t)(end - path);
	if (n != len)
		return false;
	return any_case ? atr_str_equal_nocase((struct atr_str){ path, n },
					       (struct atr_str){ key, len }) :
			  !memcmp(path, key, len);
}

/* The path's next member from where we are; NULL: it ends here. */
static const char *member_of(const struct atr_json *json, uint32_t depth, unsigned i)
{
	uint8_t at = depth ? json->next[depth][i] : 0;

	return depth && !at ? NULL : json->paths[i] + at;
}

/* The path leads on: notes where, so that it is not looked for again. */
static void note_next(struct atr_json *json, unsigned i, const char *member)
{
	const char *dot = strchr(member, '.');

	json->next[json->depth][i] = dot ? (uint8_t)(dot + 1 - json->paths[i]) : 0;
}

/* Which paths lead to this member (or element) of where we are. */
static void descend(struct atr_json *json, bool is_element)
{
	uint64_t from, to = 0;

	if (json->depth > ATR_JSON_PATH_DEPTH)
		return;
	from = json->wanted[json->depth - 1];
	if (!is_element && json->key_len > ATR_JSON_KEY_MAX)
		from = 0;
	for (; from; from &= from - 1) {
		unsigned i = (unsigned)__builtin_ctzll(from);
		const char *member = member_of(json, json->depth - 1, i);

		if (!member || !is_member(member, json->key, json->key_len, is_element))
			continue;
		to |= UINT64_C(1) << i;
		note_next(json, i, member);
		if (*member == '*' && !is_element) {
			memcpy(json->any, json->key, json->key_len);
			json->any_len = json->key_len;
		}
	}
	json->wanted[json->depth] = to;
}

/* The path that ends here, + 1. */
static uint8_t path_here(const struct atr_json *json)
{
	uint64_t set = json->depth <= ATR_JSON_PATH_DEPTH ? json->wanted[json->depth] : 0;

	for (; set; set &= set - 1) {
		unsigned i = (unsigned)__builtin_ctzll(set);

		if (!member_of(json, json->depth, i))
			return (uint8_t)(i + 1);
	}
	return 0;
}

static void give(struct atr_json *json, const char *at, size_t len, bool is_string, bool ends)
{
	struct atr_json_value value = {
		.path = json->match - 1u,
		.element = json->element,
		.is_string = is_string,
		.ends = ends,
		.key = { json->any, json->any_len },
		.piece = { at, len },
	};

	json->found(json->arg, &value);
}

static bool in_object(const struct atr_json *json)
{
	uint32_t at = json->depth - 1;

	return json->is_object[at / 64] >> (at % 64) & 1;
}

static enum state open_inner(struct atr_json *json, bool is_object)
{
	uint32_t at = json->depth;
	uint64_t bit = UINT64_C(1) << (at % 64);

	if (at == ATR_JSON_DEPTH_MAX)
		return BAD;
	json->is_object[at / 64] = (json->is_object[at / 64] & ~bit) | (is_object ? bit : 0);
	json->depth++;
	if (is_object)
		return FIRST_MEMBER;
	if (!json->array_depth) {
		json->array_depth = json->depth;
		json->element = 0;
	}
	return FIRST_ELEMENT;
}

static enum state after_value(const struct atr_json *json)
{
	return json->depth ? AFTER : DONE;
}

static enum state close_inner(struct atr_json *json)
{
	if (json->array_depth == json->depth) {
		json->array_depth = 0;
		json->element = 0;
	}
	json->depth--;
	return after_value(json);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool begins_scalar(char c)
{
	return c == '-' || (c >= '0' && c <= '9') || c == 't' || c == 'f' || c == 'n';
}

static bool is_scalar(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' ||
	       c == '.' || c == 'E';
}

static enum state begin_value(struct atr_json *json, char c)
{
	if (json->depth && !in_object(json))
		descend(json, true);
	switch (c) {
	case '{':
		return open_inner(json, true);
	case '[':
		return open_inner(json, false);
	case '"':
		json->is_key = false;
		json->match = path_here(json);
		json->high = 0;
		return STRING;
	default:
		if (!begins_scalar(c))
			return BAD;
		json->match = path_here(json);
		return SCALAR;
	}
}

/* One byte of the structure; strings and scalars are taken in runs. */
static enum state step(struct atr_json *json, char c)
{
	switch (json->state) {
	case FIRST_ELEMENT:
		if (c == ']')
			return close_inner(json);
		return begin_value(json, c);
	case VALUE:
		return begin_value(json, c);
	case FIRST_MEMBER:
		if (c == '}')
			return close_inner(json);
		/* fall through */
	case MEMBER:
		json->is_key = true;
		json->match = 0;
		json->key_len = 0;
		json->high = 0;
		return c == '"' ? STRING : BAD;
	case COLON:
		return c == ':' ? VALUE : BAD;
	case AFTER:
		if (c == ',') {
			if (json->array_depth == json->depth)
				json->element++;
			return in_object(json) ? MEMBER : VALUE;
		}
		return c == (in_object(json) ? '}' : ']') ? close_inner(json) : BAD;
	default:
		return BAD;
	}
}

/* A piece of a string, its escapes resolved. */
static void string_piece(struct atr_json *json, const char *at, size_t len)
{
	if (!json->is_key) {
		if (json->match && len)
			give(json, at, len, true, false);
		return;
	}
	if (json->key_len + len <= ATR_JSON_KEY_MAX)
		memcpy(json->key + json->key_len, at, len);
	json->key_len = json->key_len + len <= ATR_JSON_KEY_MAX ? json->key_len + (uint32_t)len :
								  ATR_JSON_KEY_MAX + 1;
}

static size_t utf8(uint32_t code, char out[4])
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

static void put_utf8(struct atr_json *json, uint32_t code)
{
	char text[4];

	string_piece(json, text, utf8(code, text));
}

/* The first half of a pair was not followed by the second. */
static void put_lone_half(struct atr_json *json)
{
	if (json->high)
		put_utf8(json, 0xfffd);
	json->high = 0;
}

/* A \u escape is whole. Half of a pair without the other is replaced. */
static void put_code(struct atr_json *json, uint32_t code)
{
	bool is_low = code >= 0xdc00 && code < 0xe000;

	if (is_low && json->high) {
		code = 0x10000 + ((json->high - 0xd800) << 10) + (code - 0xdc00);
		json->high = 0;
		put_utf8(json, code);
		return;
	}
	put_lone_half(json);
	if (code >= 0xd800 && code < 0xdc00)
		json->high = code;
	else
		put_utf8(json, is_low ? 0xfffd : code);
}

static enum state end_string(struct atr_json *json)
{
	put_lone_half(json);
	if (json->is_key) {
		descend(json, false);
		return COLON;
	}
	if (json->match)
		give(json, "", 0, true, true);
	return after_value(json);
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum state step_escape(struct atr_json *json, char c)
{
	static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *name;
	int digit;

	if (json->escape) {
		digit = hex(c);
		if (digit < 0)
			return BAD;
		json->code = json->code << 4 | (uint32_t)digit;
		if (--json->escape)
			return ESCAPE;
		put_code(json, json->code);
		return STRING;
	}
	if (c == 'u') {
		json->escape = 4;
		json->code = 0;
		return ESCAPE;
	}
	name = c ? strchr(names, c) : NULL;
	if (!name)
		return BAD;
	put_lone_half(json);
	string_piece(json, meant + (name - names), 1);
	return STRING;
}

/*
 * The run of a string up to its end or an escape; nobody wants to see the inside of most.
 * No further than a window, so that a string of escapes is not searched for its end from
 * each of them.
 */
#define WINDOW 256

static size_t string_run(const struct atr_json *json, const char *at, size_t len)
{
	const char *quote = memchr(at, '"', len < WINDOW ? len : WINDOW), *slash;
	size_t n = quote ? (size_t)(quote - at) : len < WINDOW ? len : WINDOW;

	slash = memchr(at, '\\', n);
	n = slash ? (size_t)(slash - at) : n;
	/* control characters are no part of a string */
	if (json->is_key || json->match)
		for (size_t i = 0; i < n; i++)
			if ((unsigned char)at[i] < 0x20)
				return i;
	return n;
}

static size_t feed_string(struct atr_json *json, const char *at, size_t len)
{
	size_t n = string_run(json, at, len);

	if (n) {
		put_lone_half(json);
		string_piece(json, at, n);
	}
	if (n == len || (at[n] != '"' && at[n] != '\\' && n == WINDOW))
		return n;
	if (at[n] == '"')
		json->state = (uint8_t)end_string(json);
	else
		json->state = at[n] == '\\' ? ESCAPE : BAD;
	return n + 1;
}

static size_t feed_scalar(struct atr_json *json, const char *at, size_t len)
{
	size_t n = 0;

	while (n < len && is_scalar(at[n]))
		n++;
	if (json->match && n)
		give(json, at, n, false, false);
	if (n == len)
		return n;
	if (json->match)
		give(json, "", 0, false, true);
	json->state = (uint8_t)after_value(json);
	return n;
}

void atr_json_begin(struct atr_json *json, const char *const *paths, unsigned nr_paths,
		    void (*found)(void *arg, const struct atr_json_value *value), void *arg)
{
	memset(json, 0, offsetof(struct atr_json, is_object));
	json->paths = paths;
	json->nr_paths = nr_paths < ATR_JSON_PATHS_MAX ? nr_paths : ATR_JSON_PATHS_MAX;
	json->found = found;
	json->arg = arg;
	json->wanted[0] = json->nr_paths == 64 ? UINT64_MAX : (UINT64_C(1) << json->nr_paths) - 1;
}

bool atr_json_feed(struct atr_json *json, const char *bytes, size_t len)
{
	size_t at = 0;

	while (at < len && json->state != BAD) {
		switch (json->state) {
		case STRING:
			at += feed_string(json, bytes + at, len - at);
			break;
		case ESCAPE:
			json->state = (uint8_t)step_escape(json, bytes[at++]);
			break;
		case SCALAR:
			at += feed_scalar(json, bytes + at, len - at);
			break;
		default:
			if (is_blank(bytes[at]))
				at++;
			else if (json->state == DONE)
				json->state = BAD;
			else {
				json->state = (uint8_t)step(json, bytes[at]);
				at += json->state != SCALAR;
			}
		}
	}
	return json->state != BAD;
}

bool atr_json_is_whole(const struct atr_json *json)
{
	return json->state == DONE || (json->state == SCALAR && !json->depth);
}
