/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/redact.h"

#include "export/env.h"
#include "preload/conn/semconv.h"
#include "tests/unit/live.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const struct atr_io io = { .open = open, .read = read, .close = close };

/* The rules are in force until the next call; the text of them stays. */
static void set_with_key(const char *rules, const char *key)
{
	static char variables[2][16384];
	char *environment[] = { variables[0], variables[1], NULL };

	snprintf(variables[0], sizeof(variables[0]), "AUTOTRACE_REDACT=%s", rules);
	snprintf(variables[1], sizeof(variables[1]), "AUTOTRACE_REDACT_KEY=%s", key);
	atr_env_capture(environment);
	atr_redact_setup(&io);
}

static void set(const char *rules)
{
	set_with_key(rules, "");
}

static bool told(void (*how)(struct atr_print *, struct atr_str), const char *text,
		 const char *expected)
{
	/* in memory of just its size, so that the sanitizers see a byte read beyond it */
	size_t len = strlen(text);
	char out[2048] = "", *copy = malloc(len ? len : 1);
	struct atr_print t = { out, 0, sizeof(out) - 1, false };

	memcpy(copy, text, len);
	how(&t, (struct atr_str){ copy, len });
	free(copy);
	out[t.len] = 0;
	return live_is(out, expected);
}

/* Whether it is told as it stands where it need not be looked into. In memory of its size, too. */
static bool is_looked_into(const char *text)
{
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1);
	bool is;

	memcpy(copy, text, len);
	is = atr_redact_looks_into((struct atr_str){ copy, len });
	free(copy);
	return is;
}

static bool query(const char *text, const char *expected)
{
	return (is_looked_into(text) || !strcmp(text, expected)) &&
	       told(atr_redact_query, text, expected);
}

static bool path(const char *text, const char *expected)
{
	return told(atr_redact_path, text, expected);
}

TEST(redact_looks_into_what_has_a_key_of_the_conventions_and_nothing_else)
{
	static const char *const keys[] = {
		"X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token",
		"AWSAccessKeyId",  "Signature",	       "sig",
		"X-Goog-Signature"
	};
	char text[64];

	set("");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		for (const char *before = "a=b&|a;||=&|sig&", *end; *before; before = end) {
			end = strchr(before, '|');
			end = end ? end + 1 : before + strlen(before);
			snprintf(text, sizeof(text), "%.*s%s=c&d=e", (int)(strcspn(before, "|")),
				 before, keys[i]);
			CHECK(is_looked_into(text));
		}
		snprintf(text, sizeof(text), "%s", keys[i]);
		CHECK(!is_looked_into(text));
		snprintf(text, sizeof(text), "x%s=1&%sx=2&=%s&a=%s", keys[i], keys[i], keys[i],
			 keys[i]);
		CHECK(!is_looked_into(text));
	}
	CHECK(!is_looked_into("") && !is_looked_into("=") &&
	      !is_looked_into("design=2&SIG=3&ig=4"));
}

TEST(redact_siphash_is_siphash)
{
	static const uint64_t key[2] = { UINT64_C(0x0706050403020100),
					 UINT64_C(0x0f0e0d0c0b0a0908) };
	char text[15];

	for (int i = 0; i < 15; i++)
		text[i] = (char)i;
	/* the vector of the paper, and of nothing and of eight bytes from its authors' program */
	CHECK(atr_redact_siphash(key, (struct atr_str){ text, 15 }) ==
	      UINT64_C(0xa129ca6149be45e5));
	CHECK(atr_redact_siphash(key, (struct atr_str){ text, 0 }) == UINT64_C(0x726fdb47dd0e0e31));
	CHECK(atr_redact_siphash(key, (struct atr_str){ text, 8 }) == UINT64_C(0x93f5f5799a932462));
}

TEST(redact_query_by_glob_and_each_way)
{
	set("query:token; query:pass*=drop;query:s?d=hash\n# query:a\nquery: b = mask ;;");
	CHECK(query("a=1&token=x&b=2", "a=1&token=REDACTED&b=REDACTED"));
	CHECK(query("TOKEN=x&Token=y&tokens=z", "TOKEN=REDACTED&Token=REDACTED&tokens=z"));
	CHECK(query("password=x&a=1&passwd=y", "a=1") && query("pass=", ""));
	CHECK(query("a=1&pass=x&c=3", "a=1&c=3") && query("pass=x&pass=y&&a", "&a"));
	CHECK(query("t%6Fken=x&%74%6f%6B%65%6e=y", "t%6Fken=REDACTED&%74%6f%6B%65%6e=REDACTED"));
	CHECK(query("token&a", "token&a") && query("", "") && query("&", "&"));
	CHECK(query("token=", "token=REDACTED") && query("token=a=b", "token=REDACTED"));
	CHECK(query("tok%en=1&%", "tok%en=1&%") && query("%7", "%7"));
	/* behind a semicolon, which some take for an ampersand */
	CHECK(query("a=1;token=x;y&c", "a=1;token=REDACTED&c"));
	CHECK(query("a=1;pass=x;y&c;", "a=1&c;") && query("token=x;y=z", "token=REDACTED"));
	/* the conventions' keys stay, by the letter; a rule is stronger */
	CHECK(query("sig=x&SIG=y&a=1;Signature=z", "sig=REDACTED&SIG=y&a=1;Signature=REDACTED"));
	set("query:sig=drop;query:*=mask");
	CHECK(query("sig=x&a=1", "a=REDACTED"));
	set("");
	CHECK(query("token=x&sig=y", "token=x&sig=REDACTED"));
}

TEST(redact_hash_tells_only_what_is_equal)
{
	char room[ATR_REDACTED_MAX], out[4][64];
	struct atr_print t[4];
	static const char *const queries[] = { "s=joe@x", "s=joe%40x", "s=ann", "u=joe@x" };

	set_with_key("query:s=hash;query:u=hash;path:*@*=hash", "the key");
	for (int i = 0; i < 4; i++) {
		t[i] = (struct atr_print){ out[i], 0, sizeof(out[i]), false };
		atr_redact_query(&t[i], atr_str(queries[i]));
		CHECK(t[i].len == 2 + 5 + 16 && !memcmp(out[i] + 2, "hash:", 5));
	}
	CHECK(!memcmp(out[0] + 2, out[1] + 2, 21) && !memcmp(out[0] + 2, out[3] + 2, 21));
	CHECK(memcmp(out[0], out[2], 23) != 0);
	/* by the same key, the same; by another or by none another */
	set_with_key("query:s=hash", "the key");
	CHECK(atr_str_equal(atr_redact_value(ATR_REDACT_HASH, ATR_STR("joe@x"), room),
			    (struct atr_str){ out[0] + 2, 21 }));
	set_with_key("query:s=hash", "another key");
	CHECK(!atr_str_equal(atr_redact_value(ATR_REDACT_HASH, ATR_STR("joe@x"), room),
			     (struct atr_str){ out[0] + 2, 21 }));
	for (int i = 0; i < 2; i++) {
		set("query:s=hash");
		memcpy(out[i], atr_redact_value(ATR_REDACT_HASH, ATR_STR("joe@x"), room).at, 21);
	}
	CHECK(memcmp(out[0], out[1], 21) != 0);
	/* 32 digits are the key as it is */
	set_with_key("query:s=hash", "000102030405060708090a0b0c0d0e0f");
	CHECK(atr_str_equal(
		atr_redact_value(ATR_REDACT_HASH,
				 (struct atr_str){ "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16", 15 },
				 room),
		ATR_STR("hash:a129ca6149be45e5")));
}

TEST(redact_path_by_segment_and_by_place)
{
	set("path:*@*;path:/reset/*=drop;path:/u/*/x*=mask;path:secret=mask");
	CHECK(path("/a/joe@x.org/b", "/a/REDACTED/b") && path("/a/joe%40x", "/a/REDACTED"));
	CHECK(path("/reset/tok/b", "/reset//b") && path("/a/reset/tok", "/a/reset/tok"));
	CHECK(path("/reset/", "/reset/") && path("/reset", "/reset"));
	CHECK(path("/u/1/xyz/xyz", "/u/1/REDACTED/xyz") && path("/u/1/y/x", "/u/1/y/x"));
	CHECK(path("/SECRET", "/REDACTED") && path("/s%65cret/", "/REDACTED/"));
	CHECK(path("*", "*") && path("", "") && path("/", "/") && path("//", "//"));
	set("");
	CHECK(path("/joe@x", "/joe@x"));
}

TEST(redact_rules_that_are_wrong_are_left_out_and_the_others_hold)
{
	char text[8192] = "";

	set("token;cookie:a;query:;query:a=burn;path:a/b;query:b;header;query:=mask;=;:");
	CHECK(query("a=1&b=2&token=x", "a=1&b=REDACTED&token=x"));
	snprintf(text, sizeof(text), "query:%0200d;query:c", 0);
	set(text);
	CHECK(query("c=1", "c=REDACTED"));
	/* more than there is room for */
	text[0] = 0;
	for (int i = 0; i <= ATR_REDACT_MAX; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "query:k%d;", i);
	set(text);
	CHECK(query("k0=1&k63=1&k64=1", "k0=REDACTED&k63=REDACTED&k64=1"));
	set("");
}

TEST(redact_headers_and_attributes_by_their_names)
{
	set("header:x-*=hash;header:cookie=drop;attribute:aws.*;attribute:client.address=drop");
	CHECK(atr_redact_header(ATR_STR("X-Key")) == ATR_REDACT_HASH);
	CHECK(atr_redact_header(ATR_STR("Cookie")) == ATR_REDACT_DROP);
	CHECK(atr_redact_header(ATR_STR("accept")) == ATR_REDACT_NOT);
	CHECK(atr_redact_attribute(ATR_STR("aws.s3.key")) == ATR_REDACT_MASK);
	CHECK(atr_redact_attribute(ATR_STR("aws")) == ATR_REDACT_NOT);
	set("");
	CHECK(atr_redact_header(ATR_STR("cookie")) == ATR_REDACT_NOT);
}

static uint64_t record[ATR_SPAN_MAX / 8], room[ATR_SPAN_MAX / 8];

static bool holds(const struct atr_span *span, const char *text)
{
	return memmem(span, span->len, text, strlen(text)) != NULL;
}

TEST(redact_record_has_no_byte_of_what_is_taken_out)
{
	struct atr_span *span = atr_span_begin(record);
	const struct atr_span *out;
	struct atr_context to = live_parent(7);

	atr_span_put_str(span, ATR_NAME, ATR_STR("name"));
	atr_span_put_str(span, ATR_URL_PATH, ATR_STR("/plain"));
	atr_span_put_str(span, ATR_AWS_S3_KEY, ATR_STR("the planted one"));
	atr_span_put_str(span, ATR_CLIENT_ADDRESS, ATR_STR("ip"));
	atr_span_put_int(span, ATR_CLIENT_PORT, 4711);
	atr_span_put_str(span, ATR_USER_AGENT_ORIGINAL, ATR_STR("planted, too"));
	atr_span_put_str(span, ATR_AWS_S3_BUCKET, ATR_STR(""));
	atr_span_event(span, 1, ATR_STR("exception"));
	atr_span_event_str(span, ATR_EXCEPTION_MESSAGE, ATR_STR("planted in an event"));
	atr_span_link(span, &to);
	atr_span_link_str(span, ATR_MESSAGING_MESSAGE_ID, ATR_STR("planted in a link"));
	atr_span_rename(span, ATR_STR("other"));
	set("attribute:aws.s3.*;attribute:client.*=hash;attribute:user_agent.*=drop;"
	    "attribute:exception.message;attribute:messaging.*=hash");
	CHECK(atr_redact_wants_records());
	out = atr_redact_record(span, room);
	CHECK(out != span && atr_span_is_whole(out, sizeof(room)));
	CHECK(!holds(out, "planted"));
	CHECK(live_is(live_text(out, ATR_NAME), "other") && !holds(out, "name"));
	CHECK(live_is(live_text(out, ATR_URL_PATH), "/plain"));
	CHECK(live_is(live_text(out, ATR_AWS_S3_KEY), "REDACTED"));
	CHECK(atr_span_find(out, ATR_AWS_S3_BUCKET)->len == 0);
	CHECK(strlen(live_text(out, ATR_CLIENT_ADDRESS)) == 21);
	CHECK(strlen(live_text(out, ATR_CLIENT_PORT)) == 21);
	CHECK(!atr_span_find(out, ATR_USER_AGENT_ORIGINAL));
	CHECK(holds(out, "exception") && holds(out, "REDACTED") && !out->dropped_attributes);
	/* nothing to do: it is the same one */
	span = atr_span_begin(record);
	atr_span_put_str(span, ATR_URL_PATH, ATR_STR("/plain"));
	CHECK(atr_redact_record(span, room) == span);
	set("");
	CHECK(!atr_redact_wants_records());
}

TEST(redact_record_keeps_words_for_an_addition)
{
	static uint64_t room[ATR_SPAN_MAX / 8], words[2];
	static _Alignas(8) char record[ATR_SPAN_MAX];
	struct atr_span *span = atr_span_begin(record);
	uint64_t *to = atr_span_begin_words(span, ATR_STACK, 2);

	set("attribute:server.address");
	to[0] = 1;
	to[1] = 2;
	atr_span_end_words(span, to, 2);
	atr_span_put_str(span, ATR_SERVER_ADDRESS, ATR_STR("planted"));
	CHECK(atr_span_words(atr_redact_record(span, room), ATR_STACK, words, 2) == 2 &&
	      words[1] == 2);
	atr_span_drop_words(span, ATR_STACK);
	CHECK(atr_span_words(atr_redact_record(span, room), ATR_STACK, words, 2) == 0);
	set("");
}

TEST(redact_record_that_is_full_loses_nothing)
{
	struct atr_span *span = atr_span_begin(record);
	const struct atr_span *out;
	const struct atr_item *item = NULL;
	unsigned nr = 0, hashes = 0;

	set("attribute:error.type=hash");
	while (!span->dropped_attributes)
		atr_span_late_str(span, ATR_ERROR_TYPE, ATR_STR("e"));
	out = atr_redact_record(span, room);
	CHECK(atr_span_is_whole(out, sizeof(room)) && out->len <= ATR_SPAN_MAX);
	while ((item = atr_span_next(out, item))) {
		CHECK(item->len == 21 || !memcmp(atr_item_bytes(item), "REDACTED", 8));
		hashes += item->len == 21;
		nr++;
	}
	CHECK(nr == (span->len - sizeof(*span)) / 16);
	CHECK(!hashes || hashes < nr);
	set("");
}

static struct atr_span *span_of(enum atr_kind kind, const char *lines)
{
	static char head[2048];
	struct atr_http1_head parsed;
	int len = snprintf(head, sizeof(head), "%s\r\n", lines);
	struct atr_span *span = atr_span_begin(record);

	CHECK(atr_http1_parse_request(head, (size_t)len, &parsed));
	span->kind = (uint8_t)kind;
	atr_semconv_request(span, kind, &parsed, false, NULL, 0, NULL);
	return span;
}

TEST(redact_is_done_to_what_spans_tell_of_a_request)
{
	const struct atr_span *span;

	set("query:token=drop;path:/reset/*;header:user-agent;header:x-forwarded-for=drop");
	span = span_of(ATR_KIND_CLIENT, "GET /reset/planted?token=planted HTTP/1.1\r\nHost: h\r\n");
	CHECK(live_is(live_text(span, ATR_URL_FULL), "http://h/reset/REDACTED"));
	span = span_of(ATR_KIND_CLIENT,
		       "GET /reset/planted?token=planted&a HTTP/1.1\r\nHost: h\r\n");
	CHECK(live_is(live_text(span, ATR_URL_FULL), "http://h/reset/REDACTED?a"));
	span = span_of(ATR_KIND_CLIENT, "GET /a? HTTP/1.1\r\nHost: h\r\n");
	CHECK(live_is(live_text(span, ATR_URL_FULL), "http://h/a?"));
	span = span_of(ATR_KIND_SERVER, "GET /reset/planted?token=planted HTTP/1.1\r\nHost: h\r\n"
					"User-Agent: planted\r\nX-Forwarded-For: planted, b\r\n");
	CHECK(live_is(live_text(span, ATR_URL_PATH), "/reset/REDACTED"));
	CHECK(!atr_span_find(span, ATR_URL_QUERY) && !atr_span_find(span, ATR_CLIENT_ADDRESS));
	CHECK(live_is(live_text(span, ATR_USER_AGENT_ORIGINAL), "REDACTED"));
	CHECK(!holds(span, "planted"));
	set("");
}

TEST(redact_keys_of_the_configuration_file_are_in_the_place_of_the_conventions)
{
	atr_env_capture((char *[]){ NULL });
	CHECK(atr_env_put(ATR_STR("file: sensitive_query_parameters"), ATR_STR("token,Key")));
	atr_redact_setup(&io);
	CHECK(told(atr_redact_query, "token=1&Key=2&key=3&sig=4",
		   "token=REDACTED&Key=REDACTED&key=3&sig=4"));
	atr_env_capture((char *[]){ NULL });
	CHECK(atr_env_put(ATR_STR("file: sensitive_query_parameters"), ATR_STR(",")));
	atr_redact_setup(&io);
	CHECK(told(atr_redact_query, "sig=4", "sig=4"));
	set("");
	CHECK(told(atr_redact_query, "sig=4", "sig=REDACTED"));
}
