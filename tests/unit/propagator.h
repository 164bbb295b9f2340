/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TESTS_UNIT_PROPAGATOR_H
#define ATR_TESTS_UNIT_PROPAGATOR_H

/* What the tests of the formats share: text in, a context, text out. */
#include "propagator/propagator.h"

#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define FIELDS_MAX 80

static char carried[ATR_CARRY_MAX];

/* Headers as names and values, up to a NULL. */
typedef const char *const field_list[][2];
#define FIELDS(...) ((field_list){ __VA_ARGS__, { NULL, NULL } })

static inline struct atr_propagators formats_of(const char *text)
{
	struct atr_propagators p;
	struct atr_str unknown;

	atr_propagators_parse(atr_str(text), &p, &unknown);
	CHECK(!unknown.at);
	return p;
}

static inline bool read_fields(const char *formats, const char *const fields[][2],
			       struct atr_context *out)
{
	struct atr_propagators p = formats_of(formats);
	struct atr_pair pairs[FIELDS_MAX];
	size_t n = 0;

	for (; fields[n][0]; n++)
		pairs[n] = (struct atr_pair){ atr_str(fields[n][0]), atr_str(fields[n][1]) };
	return atr_propagators_extract(&p, pairs, n, carried, out);
}

static inline bool read_one(const char *formats, const char *name, const char *value,
			    struct atr_context *out)
{
	return read_fields(formats, FIELDS({ name, value }), out);
}

/*
 * The value lies at a page's end, where one byte more would be noticed, and
 * again at a page's beginning; what is read must be the same.
 */
static inline bool read_guarded(const char *formats, const char *name, struct atr_str value,
				struct atr_context *out)
{
	static char *room;
	const size_t page = 65536;
	struct atr_propagators p = formats_of(formats);
	struct atr_context again;
	struct atr_pair pair = { .name = atr_str(name) };
	bool is_valid;

	if (!room) {
		room = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);
		CHECK(room != MAP_FAILED && !mprotect(room, page, PROT_NONE) &&
		      !mprotect(room + 2 * page, page, PROT_NONE));
	}
	CHECK(value.len <= page);
	pair.value = (struct atr_str){ room + page, value.len };
	memcpy(room + page, value.at, value.len);
	is_valid = atr_propagators_extract(&p, &pair, 1, carried, &again);
	pair.value = (struct atr_str){ room + 2 * page - value.len, value.len };
	memcpy(room + 2 * page - value.len, value.at, value.len);
	CHECK(atr_propagators_extract(&p, &pair, 1, carried, out) == is_valid);
	CHECK(!memcmp(out->trace_id, again.trace_id, 16) &&
	      !memcmp(out->span_id, again.span_id, 8) && out->flags == again.flags &&
	      out->marks == again.marks);
	return is_valid;
}

/* None of these values is a parent, and nothing of them is left. */
static inline void are_no_parents(const char *formats, const char *name, const char *const *values)
{
	static const uint8_t zero[16];
	struct atr_context c;

	for (; *values; values++) {
		CHECK(!read_guarded(formats, name, atr_str(*values), &c));
		CHECK(!memcmp(c.trace_id, zero, 16) && !memcmp(c.span_id, zero, 8) && !c.flags);
	}
}

/*
 * Every cut of a value, and every byte of it made another, is read within
 * bounds; what is accepted is valid.
 */
static inline void is_read_safely(const char *formats, const char *name, const char *value)
{
	static const char bytes[] = { 0,   ' ', '\t', '\r',	  '\n',	     '%', '-',
				      ':', ';', '=',  '/',	  '0',	     'f', 'F',
				      'g', '?', 0x7f, (char)0x80, (char)0xff };
	char text[1024];
	size_t len = strlen(value);
	struct atr_context c;

	for (size_t cut = 0; cut <= len; cut++)
		if (read_guarded(formats, name, (struct atr_str){ value, cut }, &c))
			CHECK(atr_context_is_valid(&c));
	for (size_t i = 0; i < len; i++) {
		for (size_t k = 0; k < sizeof(bytes); k++) {
			memcpy(text, value, len);
			text[i] = bytes[k];
			if (read_guarded(formats, name, (struct atr_str){ text, len }, &c))
				CHECK(atr_context_is_valid(&c));
		}
	}
}

/* The digits of both ids, flags and marks: "TRACE SPAN flags marks". */
static inline const char *said(const struct atr_context *c)
{
	static char text[64];
	char *at = text;

	for (int i = 0; i < 16; i++)
		at += sprintf(at, "%02x", c->trace_id[i]);
	at += sprintf(at, " ");
	for (int i = 0; i < 8; i++)
		at += sprintf(at, "%02x", c->span_id[i]);
	sprintf(at, " %x %x", c->flags, c->marks);
	return text;
}

/* The lines that go out, as text; in a buffer that ends where they do. */
static inline const char *written(const char *formats, const struct atr_context *c, unsigned except)
{
	static char *text;
	struct atr_propagators p = formats_of(formats);
	char room[ATR_INJECT_MAX];
	size_t len = atr_propagators_inject(&p, c, except, room, sizeof(room));

	free(text);
	text = malloc(len + 1);
	CHECK(atr_propagators_inject(&p, c, except, text, len) == len);
	CHECK(!memcmp(text, room, len));
	for (size_t cap = 0; cap < len; cap++)
		CHECK(atr_propagators_inject(&p, c, except, room, cap) == 0);
	text[len] = 0;
	return text;
}

/* The variables that go out, each followed by a '\n' in the place of its NUL. */
static inline const char *written_env(const char *formats, const struct atr_context *c)
{
	static char text[4096];
	struct atr_propagators p = formats_of(formats);
	unsigned nr;
	size_t len = atr_propagators_inject_env(&p, c, text, sizeof(text) - 1, &nr);

	CHECK(nr <= ATR_ENV_VARIABLES_MAX);
	for (size_t i = 0; i < len; i++)
		if (!text[i])
			text[i] = '\n', nr--;
	CHECK(nr == 0);
	text[len] = 0;
	return text;
}

static inline bool is_text(const char *is, const char *expected)
{
	if (!strcmp(is, expected))
		return true;
	fprintf(stderr, "is:\n%s\nexpected:\n%s\n", is, expected);
	return false;
}

static inline bool is_str(struct atr_str is, const char *expected)
{
	if (atr_str_equal(is, atr_str(expected)))
		return true;
	fprintf(stderr, "is: %.*s\nexpected: %s\n", (int)is.len, is.at ? is.at : "", expected);
	return false;
}

/* A header written over in place: the new value, or NULL. */
static inline const char *rewritten(const char *formats, const char *name, const char *value,
				    const struct atr_context *c)
{
	static char text[1024];
	struct atr_propagators p = formats_of(formats);
	size_t len = strlen(value);

	memset(text, '#', sizeof(text));
	if (!atr_propagators_rewrite(&p, atr_str(name), atr_str(value), c, text))
		return NULL;
	CHECK(text[len] == '#');
	text[len] = 0;
	return text;
}

#endif
