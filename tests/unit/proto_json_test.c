/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/proto/json.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What was found, as lines "path[element] key = value". */
static char found[8192];
static char value[4096];

static void note(void *arg, const struct atr_json_value *v)
{
	const char *const *paths = arg;
	size_t len = strlen(value);

	CHECK(len + v->piece.len < sizeof(value));
	memcpy(value + len, v->piece.at, v->piece.len);
	value[len + v->piece.len] = 0;
	if (!v->ends)
		return;
	len = strlen(found);
	snprintf(found + len, sizeof(found) - len, "%s[%u] %.*s %s %s\n", paths[v->path],
		 v->element, (int)v->key.len, v->key.at, v->is_string ? "=" : ":", value);
	value[0] = 0;
}

static bool pick(const char *text, size_t len, size_t step, const char *const *paths, unsigned nr)
{
	struct atr_json json;
	bool ok = true;

	found[0] = value[0] = 0;
	atr_json_begin(&json, paths, nr, note, (void *)paths);
	for (size_t at = 0; at < len; at += step) {
		size_t n = len - at < step ? len - at : step;
		char *copy = malloc(n ? n : 1); /* nothing behind the end may be looked at */

		memcpy(copy, text + at, n);
		ok = atr_json_feed(&json, copy, n) && ok;
		free(copy);
	}
	return ok && atr_json_is_whole(&json);
}

/* The same answer for every way to cut the text. */
static void check(const char *text, const char *expected, const char *const *paths, unsigned nr)
{
	for (size_t step = 1; step <= strlen(text); step++) {
		CHECK(pick(text, strlen(text), step, paths, nr));
		if (strcmp(found, expected))
			print_message("step %zu: <%s> and not <%s>\n", step, found, expected);
		CHECK(!strcmp(found, expected));
	}
}

#define PATHS(...)                                          \
	static const char *const paths[] = { __VA_ARGS__ }; \
	enum { nr = sizeof(paths) / sizeof(paths[0]) }

TEST(json_finds_members_by_their_path)
{
	PATHS("a", "b.c", "b.d.e");

	check("{\"a\": \"one\", \"x\": {\"a\": \"no\"}, \"b\": {\"c\": 12, \"d\": {\"e\": true, "
	      "\"f\": null}},"
	      " \"c\": \"no\"}",
	      "a[0]  = one\nb.c[0]  : 12\nb.d.e[0]  : true\n", paths, nr);
}

TEST(json_numbers_the_elements_of_the_outermost_array)
{
	PATHS("r.*.id", "r.*.tags.*", "s.*");

	check("{\"r\": [{\"id\": \"x\", \"tags\": [\"p\", \"q\"]}, [], 7, {\"id\": \"y\", "
	      "\"tags\": [[1], 2]}],"
	      "\"s\": [1, \"z\"]}",
	      "r.*.id[0]  = x\nr.*.tags.*[0]  = p\nr.*.tags.*[0]  = q\n"
	      "r.*.id[3]  = y\nr.*.tags.*[3]  : 2\ns.*[0]  : 1\ns.*[1]  = z\n",
	      paths, nr);
}

TEST(json_compares_without_case_where_asked_to)
{
	PATHS("headers.~traceparent", "~Records.*.~eventSource");

	check("{\"headers\": {\"TraceParent\": \"00\", \"traceparent2\": 1}, \"Headers\": "
	      "{\"traceparent\": 1},"
	      "\"records\": [{\"EventSource\": \"aws:sns\"}]}",
	      "headers.~traceparent[0]  = 00\n"
	      "~Records.*.~eventSource[0]  = aws:sns\n",
	      paths, nr);
}

TEST(json_any_member_comes_with_its_name)
{
	PATHS("h.*", "m.*.*");

	check("{\"h\": {\"a\": \"1\", \"b\": \"2\"}, \"m\": {\"c\": [\"3\", \"4\"], \"d\": \"5\"}}",
	      "h.*[0] a = 1\nh.*[0] b = 2\nm.*.*[0] c = 3\nm.*.*[1] c = 4\n", paths, nr);
}

TEST(json_resolves_escapes_in_names_and_values)
{
	PATHS("a\"b", "\xc3\xa4");

	check("{\"a\\u0022b\": \"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e4\\u20ac\\ud83d\\ude00\","
	      " \"\\u00E4\": \"\\ud83d\", \"a\\\"b\": \"\\ude00x\\ud83d\\n\\ud83dA\"}",
	      "a\"b[0]  = \"\\/\b\f\n\r\tA\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\n"
	      "\xc3\xa4[0]  = \xef\xbf\xbd\n"
	      "a\"b[0]  = \xef\xbf\xbdx\xef\xbf\xbd\n\xef\xbf\xbd"
	      "A\n",
	      paths, nr);
}

TEST(json_the_first_path_of_equal_ones_is_told)
{
	PATHS("a.*", "a.b");

	check("{\"a\": {\"b\": 1}}", "a.*[0] b : 1\n", paths, nr);
}

TEST(json_outermost_scalars_and_arrays_are_texts_too)
{
	PATHS("*.a");

	check(" [ {\"a\": 1} , {\"a\": -2.5e+3} ] ", "*.a[0]  : 1\n*.a[1]  : -2.5e+3\n", paths, nr);
	check("\"x\"", "", paths, nr);
	check("12", "", paths, nr);
}

TEST(json_a_text_that_is_none_ends_the_search)
{
	PATHS("a", "b");
	static const char *const texts[] = {
		"{\"a\": 1, b: 2}",
		"{\"a\": 1 \"b\": 2}",
		"{\"a\": 1,, \"b\": 2}",
		"{\"a\": 1]\"b\": 2}",
		"{\"a\": 1} {\"b\": 2}",
		"{\"a\": 1, \"c\": \"\\x\", \"b\": 2}",
		"{\"a\": 1, \"c\" 3, \"b\": 2}",
		"{\"a\": 1, \"c\": \"\\ud83g\", \"b\": 2}",
		"{\"a\": 1, \"c\": \xff, \"b\": 2}",
		"{\"a\": 1, \"c\": <, \"b\": 2}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (size_t step = 1; step <= strlen(texts[i]); step++) {
			CHECK(!pick(texts[i], strlen(texts[i]), step, paths, nr));
			CHECK(!strcmp(found, "a[0]  : 1\n"));
		}
}

TEST(json_a_text_cut_off_is_not_whole)
{
	PATHS("a");
	static const char text[] = "{\"a\": [\"x\\n\", {\"b\": 1.5}]}";

	for (size_t len = 0; len < sizeof(text) - 1; len++)
		CHECK(!pick(text, len, len ? len : 1, paths, nr));
	CHECK(pick(text, sizeof(text) - 1, 1, paths, nr));
}

TEST(json_nesting_has_a_limit_and_what_is_below_the_paths_is_skipped)
{
	PATHS("z");
	static char text[3 * ATR_JSON_DEPTH_MAX + 64];
	size_t len = 0;

	len += (size_t)sprintf(text, "{\"d\": ");
	memset(text + len, '[', ATR_JSON_DEPTH_MAX - 1);
	len += ATR_JSON_DEPTH_MAX - 1;
	memset(text + len, ']', ATR_JSON_DEPTH_MAX - 1);
	len += ATR_JSON_DEPTH_MAX - 1;
	strcpy(text + len, ", \"z\": 1}");
	CHECK(pick(text, strlen(text), 1000, paths, nr));
	CHECK(!strcmp(found, "z[0]  : 1\n"));
	memset(text + 6, '[', ATR_JSON_DEPTH_MAX);
	CHECK(!pick(text, strlen(text), 1000, paths, nr));
}

TEST(json_long_names_are_nobodys)
{
	static char name[ATR_JSON_KEY_MAX + 1], text[512], expected[512];
	const char *paths[] = { name };

	memset(name, 'n', ATR_JSON_KEY_MAX);
	snprintf(text, sizeof(text), "{\"%sx\": 1, \"%s\": 2}", name, name);
	snprintf(expected, sizeof(expected), "%s[0]  : 2\n", name);
	check(text, expected, paths, 1);
}

/* Its end was once looked for from each escape anew: 4 MiB took more than a minute. */
TEST(json_a_string_of_escapes_takes_no_longer_than_another)
{
	const size_t len = 4u << 20;
	char *text = malloc(len);
	clock_t began = clock();
	PATHS("a");

	memset(text, 'n', len);
	memcpy(text, "{\"b\":\"", 6);
	for (size_t i = 6; i < len - 2; i += 2)
		text[i] = '\\';
	memcpy(text + len - 2, "\"}", 2);
	CHECK(pick(text, len, len, paths, nr));
	CHECK(clock() - began < 10 * CLOCKS_PER_SEC);
	free(text);
}
