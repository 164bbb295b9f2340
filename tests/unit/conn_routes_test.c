/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/routes.h"

#include "export/env.h"
#include "preload/conn/semconv.h"
#include "tests/unit/live.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const struct atr_io io = { .open = open, .read = read, .close = close };

/* The rules are in force until the next call; the text of them stays. */
static void set(const char *routes, bool guesses)
{
	static char variables[2][16384];
	char *environment[] = { variables[0], variables[1], NULL };

	snprintf(variables[0], sizeof(variables[0]), "AUTOTRACE_ROUTES=%s", routes);
	snprintf(variables[1], sizeof(variables[1]), "AUTOTRACE_ROUTES_GUESS=%s",
		 guesses ? "true" : "");
	atr_env_capture(environment);
	atr_routes_setup(&io);
}

static bool matches(const char *method, const char *path, const char *template)
{
	struct atr_str found = atr_routes_match(atr_str(method), atr_str(path));
	char text[ATR_ROUTE_MAX + 1] = "";

	if (found.len)
		memcpy(text, found.at, found.len);
	return live_is(text, template);
}

static bool guess_is(const char *path, const char *route)
{
	char room[ATR_ROUTE_MAX], text[ATR_ROUTE_MAX + 1] = "";
	struct atr_str guess = atr_routes_guess(atr_str(path), room);

	if (guess.len)
		memcpy(text, guess.at, guess.len);
	return live_is(text, route);
}

TEST(routes_match_by_method_and_segments)
{
	set("GET /orders/{id}; POST|PUT /orders ; /any/:name/x\n* /flask/<int:id>;\r\n"
	    "# GET /comment; /still/comment\n/star/*/end;/",
	    false);
	CHECK(matches("GET", "/orders/7", "/orders/{id}"));
	CHECK(matches("GET", "/orders/7/", "/orders/{id}"));
	CHECK(matches("HEAD", "/orders/7", "/orders/{id}"));
	CHECK(matches("DELETE", "/orders/7", "") && matches("get", "/orders/7", ""));
	CHECK(matches("GET", "/orders/7/lines", "") && matches("GET", "/orders/", ""));
	CHECK(matches("GET", "/orders//", "") && matches("GET", "/Orders/7", ""));
	CHECK(matches("POST", "/orders", "/orders") && matches("PUT", "/orders/", "/orders"));
	CHECK(matches("PU", "/orders", "") && matches("POST|PUT", "/orders", ""));
	CHECK(matches("BREW", "/any/a%20b/x", "/any/:name/x"));
	CHECK(matches("GET", "/flask/12", "/flask/<int:id>"));
	CHECK(matches("GET", "/star/a/end", "/star/*/end") && matches("GET", "/star/end", ""));
	CHECK(matches("GET", "/comment", "") && matches("GET", "/still/comment", ""));
	CHECK(matches("GET", "/", "/") && matches("GET", "", "") && matches("OPTIONS", "*", ""));
	set("", false);
	CHECK(matches("GET", "/", ""));
}

TEST(routes_of_a_part_of_a_segment_and_of_the_rest)
{
	set("/files/{name}.json;/v1/{op}:cancel;/a/{rest...};/b/{proxy+};/c/{*rest};/d/{p:path};/e/"
	    "**",
	    false);
	CHECK(matches("GET", "/files/a.json", "/files/{name}.json"));
	CHECK(matches("GET", "/files/.json", "") && matches("GET", "/files/a.xml", ""));
	CHECK(matches("GET", "/v1/x:cancel", "/v1/{op}:cancel"));
	CHECK(matches("GET", "/a", "/a/{rest...}") && matches("GET", "/a/b/c/d", "/a/{rest...}"));
	CHECK(matches("GET", "/b/c", "/b/{proxy+}") && matches("GET", "/c/x/y", "/c/{*rest}"));
	CHECK(matches("GET", "/d/x/y", "/d/{p:path}") && matches("GET", "/e//", "/e/**"));
	CHECK(matches("GET", "/aa", ""));
	set("/**", false);
	CHECK(matches("GET", "/", "/**") && matches("GET", "/x/y", "/**"));
}

TEST(routes_most_specific_is_taken_wherever_it_stands)
{
	set("/**;/{a}/{b};/users/{rest...};/users/{id};/users/me;GET /users/{any};"
	    "/users/{id}.txt;/users/{same};/{a}/me",
	    false);
	CHECK(matches("GET", "/users/me", "/users/me"));
	CHECK(matches("GET", "/users/7", "/users/{any}"));
	CHECK(matches("POST", "/users/7", "/users/{id}"));
	CHECK(matches("GET", "/users/7.txt", "/users/{id}.txt"));
	CHECK(matches("GET", "/users/7/x", "/users/{rest...}"));
	CHECK(matches("GET", "/users", "/users/{rest...}"));
	CHECK(matches("GET", "/x/me", "/{a}/me") && matches("GET", "/x/y", "/{a}/{b}"));
	CHECK(matches("GET", "/x/y/z", "/**"));
}

TEST(routes_that_are_wrong_are_left_out_and_the_others_hold)
{
	char text[16384] = "", deep[400] = "", path[400] = "";

	set("orders;GET;/a{b;/{};/{x}{y};/}{;/{r...}/x;/a?b;/a#b;/ok/{id};GET /b c", false);
	CHECK(matches("GET", "/ok/1", "/ok/{id}"));
	CHECK(matches("GET", "/a{b", "") && matches("GET", "/x/x", "") && matches("GET", "/b", ""));
	for (int i = 0; i < ATR_ROUTE_SEGMENTS_MAX; i++)
		strcat(deep, "/{a}"), strcat(path, "/x");
	snprintf(text, sizeof(text), "%s;%s/{b};/%0300d;/last", deep, deep, 0);
	set(text, false);
	CHECK(matches("GET", path, deep) && matches("GET", "/last", "/last"));
	strcat(path, "/x");
	CHECK(matches("GET", path, ""));
	/* more than there is room for */
	text[0] = 0;
	for (int i = 0; i <= ATR_ROUTES_MAX; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "/r%d/{id}\n", i);
	set(text, false);
	CHECK(matches("GET", "/r0/1", "/r0/{id}") && matches("GET", "/r511/1", "/r511/{id}"));
	CHECK(matches("GET", "/r512/1", ""));
}

TEST(routes_come_from_a_file_too)
{
	char name[] = "/tmp/atr-routes-XXXXXX", variable[64];
	int fd = mkstemp(name);
	static const char text[] = "# the shop's\nGET /orders/{id}\n\n/items/{id}; /x\n";

	CHECK(fd >= 0 && write(fd, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1);
	close(fd);
	snprintf(variable, sizeof(variable), "@%s", name);
	set(variable, false);
	unlink(name);
	CHECK(matches("GET", "/orders/1", "/orders/{id}") && matches("GET", "/x", "/x"));
	set(variable, false); /* it is gone */
	CHECK(matches("GET", "/orders/1", ""));
	set("@/", false);
	set("@/dev/zero", false);
	CHECK(matches("GET", "/orders/1", ""));
}

TEST(routes_guess_what_is_no_word)
{
	char path[64];

	set("", false);
	CHECK(guess_is("/orders/7", ""));
	set("", true);
	CHECK(guess_is("/orders/7", "/orders/{id}") && guess_is("/orders/7/", "/orders/{id}"));
	CHECK(guess_is("/v1/users/550e8400-e29b-41d4-a716-446655440000/cart",
		       "/v1/users/{id}/cart"));
	CHECK(guess_is("/blob/9f86d081884c7d659a2feaa0c55ad015", "/blob/{id}"));
	CHECK(guess_is("/blob/abcdefabcdefabcdefab", "/blob/{id}"));
	CHECK(guess_is("/c/da39a3ee", "/c/{id}") && guess_is("/c/facade", "/c/facade"));
	CHECK(guess_is("/u/joe%40example.org", "/u/{id}") && guess_is("/u/joe@x", "/u/{id}"));
	CHECK(guess_is("/t/eyJhbGciOiJIUzI1NiJ9", "/t/{id}"));
	CHECK(guess_is("/oauth2/index.html", "/oauth2/index.html") && guess_is("/", "/"));
	CHECK(guess_is("/d/2026-11-21", "/d/{id}"));
	CHECK(guess_is("/a/b/c/d/e/f/g/h/i/j", "/a/b/c/d/e/f/g/h/{rest...}"));
	CHECK(guess_is("*", "") && guess_is("", ""));
	/* words without end are not named for ever */
	for (int i = 0; i < 5000; i++) {
		snprintf(path, sizeof(path), "/w/%c%c%c", 'a' + i % 26, 'a' + i / 26 % 26,
			 'a' + i / 676);
		if (!atr_routes_guess(atr_str(path), (char[ATR_ROUTE_MAX]){ 0 }).len)
			break;
	}
	CHECK(atr_routes_guess(atr_str(path), (char[ATR_ROUTE_MAX]){ 0 }).len == 0);
	CHECK(guess_is("/orders/8", "/orders/{id}"));
	set("", false);
}

/* ---- what spans make of it ---- */

static uint64_t record[ATR_SPAN_MAX / 8];

static struct atr_span *span_of(enum atr_kind kind, const char *lines)
{
	static char head[2048];
	struct atr_http1_head parsed;
	int len = snprintf(head, sizeof(head), "%s HTTP/1.1\r\nHost: h\r\n\r\n", lines);
	struct atr_span *span = atr_span_begin(record);

	CHECK(atr_http1_parse_request(head, (size_t)len, &parsed));
	span->kind = (uint8_t)kind;
	atr_semconv_request(span, kind, &parsed, false, NULL, 0, NULL);
	return span;
}

static bool has(const struct atr_span *span, uint16_t id, const char *text)
{
	return live_is(live_text(span, id), text);
}

TEST(routes_name_spans_of_servers_and_clients)
{
	struct atr_span *span;

	set("/orders/{id};/", true);
	span = span_of(ATR_KIND_SERVER, "GET /orders/7?a=/b");
	CHECK(has(span, ATR_NAME, "GET /orders/{id}"));
	CHECK(has(span, ATR_HTTP_ROUTE, "/orders/{id}") && has(span, ATR_URL_TEMPLATE, ""));
	CHECK(has(span, ATR_URL_PATH, "/orders/7"));
	span = span_of(ATR_KIND_CLIENT, "GET http://x/orders/7");
	CHECK(has(span, ATR_NAME, "GET /orders/{id}"));
	CHECK(has(span, ATR_URL_TEMPLATE, "/orders/{id}") && has(span, ATR_HTTP_ROUTE, ""));
	span = span_of(ATR_KIND_SERVER, "BREW /orders/7");
	CHECK(has(span, ATR_NAME, "HTTP /orders/{id}"));
	span = span_of(ATR_KIND_SERVER, "GET /items/7");
	CHECK(has(span, ATR_NAME, "GET /items/{id}") && has(span, ATR_HTTP_ROUTE, "/items/{id}"));
	span = span_of(ATR_KIND_CLIENT, "CONNECT x:443");
	CHECK(has(span, ATR_NAME, "CONNECT") && has(span, ATR_URL_TEMPLATE, ""));
	span = atr_span_begin(record);
	atr_semconv_url_request(span, ATR_STR("GET"), ATR_STR("https://u:p@x/orders/7?q#f"));
	CHECK(has(span, ATR_NAME, "GET /orders/{id}") &&
	      has(span, ATR_URL_TEMPLATE, "/orders/{id}"));
	span = atr_span_begin(record);
	atr_semconv_url_request(span, ATR_STR(""), ATR_STR("https://x"));
	CHECK(has(span, ATR_NAME, "HTTP /") && has(span, ATR_HTTP_REQUEST_METHOD, ""));
	set("", false);
	span = span_of(ATR_KIND_SERVER, "GET /orders/7");
	CHECK(has(span, ATR_NAME, "GET") && has(span, ATR_HTTP_ROUTE, ""));
}

TEST(routes_that_are_told_already_stay)
{
	static const char head[] = "GET /orders/7 HTTP/1.1\r\nHost: h\r\n\r\n";
	struct atr_http1_head parsed;
	struct atr_span *span = atr_span_begin(record);

	set("/orders/{id}", false);
	CHECK(atr_http1_parse_request(head, sizeof(head) - 1, &parsed));
	atr_span_put_str(span, ATR_NAME, ATR_STR("order"));
	atr_span_put_str(span, ATR_HTTP_ROUTE, ATR_STR("/orders/{theirs}"));
	atr_semconv_request(span, ATR_KIND_SERVER, &parsed, false, NULL, 0, NULL);
	CHECK(has(span, ATR_NAME, "order") && has(span, ATR_HTTP_ROUTE, "/orders/{theirs}"));
	set("", false);
}
