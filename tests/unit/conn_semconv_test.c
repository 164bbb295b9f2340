/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/semconv.h"

#include "export/env.h"
#include "tests/unit/live.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>

static const struct sockaddr_in peer = { .sin_family = AF_INET,
					 .sin_port = 0x901f, /* 8080 */
					 .sin_addr = { 0x0100007f } };
static uint64_t record[ATR_SPAN_MAX / 8];

/* The span of a request with these lines, each ended by CRLF, on a connection that had others. */
static struct atr_span *next_of(enum atr_kind kind, const char *lines, struct atr_same *same)
{
	static char head[8192];
	struct atr_http1_head parsed;
	int len = snprintf(head, sizeof(head), "%s\r\n", lines);
	struct atr_span *span;

	memset(record, 0, sizeof(record));
	span = atr_span_begin(record);
	CHECK(atr_http1_parse_request(head, (size_t)len, &parsed));
	span->kind = (uint8_t)kind;
	atr_semconv_request(span, kind, &parsed, false, (const struct sockaddr *)&peer,
			    sizeof(peer), same);
	return span;
}

static struct atr_span *span_of(enum atr_kind kind, const char *lines)
{
	return next_of(kind, lines, NULL);
}

static struct atr_span *client(const char *lines)
{
	return span_of(ATR_KIND_CLIENT, lines);
}

static struct atr_span *server(const char *lines)
{
	return span_of(ATR_KIND_SERVER, lines);
}

static bool has(const struct atr_span *span, uint16_t id, const char *text)
{
	return live_is(live_text(span, id), text);
}

static void set_methods(const char *list)
{
	static char variable[256];
	char *variables[] = { variable, NULL };

	snprintf(variable, sizeof(variable), "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS=%s", list);
	atr_env_capture(variables);
	atr_semconv_setup();
}

TEST(semconv_client_tells_the_whole_url)
{
	static const struct {
		const char *lines, *url, *address;
		int port;
	} cases[] = {
		{ "GET /a HTTP/1.1\r\nHost: h\r\n", "http://h/a", "h", 80 },
		{ "GET /a?b=c&d HTTP/1.1\r\nHost: h:8081\r\n", "http://h:8081/a?b=c&d", "h", 8081 },
		{ "GET /? HTTP/1.1\r\nHost: h\r\n", "http://h/?", "h", 80 },
		{ "GET http://x.y:90/a HTTP/1.1\r\nHost: h\r\n", "http://x.y:90/a", "x.y", 90 },
		{ "GET http://x.y?q HTTP/1.1\r\nHost: h\r\n", "http://x.y?q", "x.y", 80 },
		{ "OPTIONS * HTTP/1.1\r\nHost: h\r\n", "http://h", "h", 80 },
		{ "CONNECT x.y:443 HTTP/1.1\r\nHost: x.y\r\n", "http://x.y:443", "x.y", 443 },
		{ "GET /a HTTP/1.1\r\nHost: [::1]:90\r\n", "http://[::1]:90/a", "::1", 90 },
		{ "GET /a HTTP/1.1\r\nHost: [::1]\r\n", "http://[::1]/a", "::1", 80 },
		{ "GET /a HTTP/1.1\r\nHost: h:\r\n", "http://h:/a", "h", 80 },
		{ "GET /a HTTP/1.1\r\nHost: h:99999\r\n", "http://h:99999/a", "h:99999", 80 },
		{ "GET /a HTTP/1.0\r\n", "http://127.0.0.1:8080/a", "127.0.0.1", 8080 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct atr_span *span = client(cases[i].lines);

		CHECK(has(span, ATR_URL_FULL, cases[i].url));
		CHECK(has(span, ATR_SERVER_ADDRESS, cases[i].address));
		CHECK(live_number(span, ATR_SERVER_PORT) == cases[i].port);
		CHECK(has(span, ATR_NETWORK_PEER_ADDRESS, "127.0.0.1"));
		CHECK(live_number(span, ATR_NETWORK_PEER_PORT) == 8080);
		CHECK(!atr_span_find(span, ATR_URL_PATH) && !atr_span_find(span, ATR_URL_QUERY));
	}
}

TEST(semconv_url_tells_no_secrets)
{
	static const struct {
		const char *target, *url;
	} cases[] = {
		{ "http://user:secret@h/a", "http://REDACTED:REDACTED@h/a" },
		{ "http://user@h/a", "http://REDACTED:REDACTED@h/a" },
		{ "/?sig=secret", "http://h/?sig=REDACTED" },
		{ "/?a=1&X-Amz-Signature=secret&b=2",
		  "http://h/?a=1&X-Amz-Signature=REDACTED&b=2" },
		{ "/?AWSAccessKeyId=x&Signature=x&X-Goog-Signature=x&sig=",
		  "http://h/?AWSAccessKeyId=REDACTED&Signature=REDACTED&X-Goog-Signature=REDACTED"
		  "&sig=REDACTED" },
		{ "/?X-Amz-Credential=x&X-Amz-Security-Token=x=y&",
		  "http://h/?X-Amz-Credential=REDACTED&X-Amz-Security-Token=REDACTED&" },
		/* names are told apart by case, and without a value there is nothing to hide */
		{ "/?SIG=1&sig&sigs=2", "http://h/?SIG=1&sig&sigs=2" },
		{ "/sig=1", "http://h/sig=1" },
	};
	char lines[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(lines, sizeof(lines), "GET %s HTTP/1.1\r\nHost: h\r\n", cases[i].target);
		CHECK(has(client(lines), ATR_URL_FULL, cases[i].url));
	}
	CHECK(has(server("GET /a?sig=secret&b=1 HTTP/1.1\r\nHost: h\r\n"), ATR_URL_QUERY,
		  "sig=REDACTED&b=1"));
	/* the userinfo of the authority that the server was asked for is no part of its name */
	CHECK(has(server("GET http://u:p@x/a HTTP/1.1\r\nHost: h\r\n"), ATR_SERVER_ADDRESS, "x"));
}

TEST(semconv_url_that_is_too_long_is_cut_and_hides_what_it_should)
{
	char lines[4000], filler[3000];
	const struct atr_span *span;

	memset(filler, 'f', sizeof(filler));
	for (int len = 990; len < 1100; len++) {
		snprintf(lines, sizeof(lines), "GET /%.*s?sig=secret HTTP/1.1\r\nHost: h\r\n", len,
			 filler);
		span = client(lines);
		CHECK(strlen(live_text(span, ATR_URL_FULL)) <= 1024);
		CHECK(!strstr(live_text(span, ATR_URL_FULL), "secret"));
	}
}

TEST(semconv_server_tells_path_query_and_who_asked_for_what)
{
	const struct atr_span *span = server("GET /a/b?c=d HTTP/1.1\r\nHost: h.example:8081\r\n"
					     "User-Agent: me/1.0\r\n");

	CHECK(has(span, ATR_NAME, "GET") && has(span, ATR_HTTP_REQUEST_METHOD, "GET"));
	CHECK(has(span, ATR_URL_PATH, "/a/b") && has(span, ATR_URL_QUERY, "c=d"));
	CHECK(has(span, ATR_URL_SCHEME, "http"));
	CHECK(has(span, ATR_SERVER_ADDRESS, "h.example"));
	CHECK(live_number(span, ATR_SERVER_PORT) == 8081);
	CHECK(has(span, ATR_CLIENT_ADDRESS, "127.0.0.1"));
	CHECK(has(span, ATR_USER_AGENT_ORIGINAL, "me/1.0"));
	CHECK(has(span, ATR_NETWORK_PROTOCOL_VERSION, "1.1") && !atr_span_find(span, ATR_URL_FULL));
	span = server("GET / HTTP/1.0\r\n");
	CHECK(has(span, ATR_NETWORK_PROTOCOL_VERSION, "1.0"));
	CHECK(!atr_span_find(span, ATR_URL_QUERY) && !atr_span_find(span, ATR_SERVER_ADDRESS));
	CHECK(!atr_span_find(span, ATR_USER_AGENT_ORIGINAL));
}

TEST(semconv_server_behind_proxies_tells_what_the_first_one_was_asked)
{
	const struct atr_span *span =
		server("GET / HTTP/1.1\r\nHost: h\r\n"
		       "Forwarded: for=\"[2001:db8::1]:4711\";proto=https;host=a.example, for=b\r\n"
		       "X-Forwarded-For: c\r\nX-Forwarded-Proto: http\r\n"
		       "X-Forwarded-Host: d\r\n");

	CHECK(has(span, ATR_CLIENT_ADDRESS, "2001:db8::1"));
	CHECK(has(span, ATR_URL_SCHEME, "https") && has(span, ATR_SERVER_ADDRESS, "a.example"));
	CHECK(live_number(span, ATR_SERVER_PORT) == 443);
	span = server("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 10.0.0.1 , b\r\n"
		      "X-Forwarded-Proto: HTTPS\r\nX-Forwarded-Host: d:99, e\r\n");
	CHECK(has(span, ATR_CLIENT_ADDRESS, "10.0.0.1") && has(span, ATR_URL_SCHEME, "https"));
	CHECK(has(span, ATR_SERVER_ADDRESS, "d") && live_number(span, ATR_SERVER_PORT) == 99);
	/* what is neither http nor https is not believed */
	span = server("GET / HTTP/1.1\r\nHost: h\r\nForwarded: proto=gopher;FOR=x;;=\r\n");
	CHECK(has(span, ATR_URL_SCHEME, "http") && has(span, ATR_CLIENT_ADDRESS, "x"));
}

/* Whether the span of a request is what it is on a connection of its own. */
static bool is_as_alone(enum atr_kind kind, const char *lines, struct atr_same *same)
{
	static char alone[ATR_SPAN_MAX];
	uint32_t len = span_of(kind, lines)->len;

	memcpy(alone, record, len);
	return next_of(kind, lines, same)->len == len && !memcmp(record, alone, len);
}

TEST(semconv_request_after_others_on_its_connection_says_what_it_says_alone)
{
	static const char *const requests[] = {
		"GET /a?b=c HTTP/1.1\r\nHost: x\r\n",
		"GET /other HTTP/1.1\r\nHost: x\r\nUser-Agent: me\r\n",
		"GET /a HTTP/1.1\r\nHost: y\r\n",
		"GET /a HTTP/1.0\r\nHost: y\r\n",
		"GET /a HTTP/1.0\r\n",
		"PUT /a HTTP/1.1\r\nHost: y\r\n",
		"PUT http://z:81/a HTTP/1.1\r\nHost: y\r\n",
		"PUT /a?sig=1 HTTP/1.1\r\nHost: y\r\n",
		"PUT /a HTTP/1.1\r\nHost: y\r\nX-Forwarded-For: 10.0.0.1\r\n",
		"PUT /a HTTP/1.1\r\nHost: y\r\nX-Forwarded-Proto: https\r\n",
		"PUT /a HTTP/1.1\r\nHost: y\r\nX-Forwarded-Host: z\r\n",
		"PUT /a HTTP/1.1\r\nHost: y\r\nForwarded: host=z\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: y\r\n",
		"BREW /a HTTP/1.1\r\nHost: y\r\n",
		"GET /a HTTP/1.1\r\nHost: me:my@y\r\n",
	};
	const size_t nr = sizeof(requests) / sizeof(requests[0]);

	for (size_t i = 0; i < nr * nr; i++) {
		struct atr_same clients = { 0 }, servers = { 0 };

		CHECK(is_as_alone(ATR_KIND_CLIENT, requests[i / nr], &clients));
		CHECK(is_as_alone(ATR_KIND_CLIENT, requests[i % nr], &clients));
		CHECK(is_as_alone(ATR_KIND_SERVER, requests[i / nr], &servers));
		CHECK(is_as_alone(ATR_KIND_SERVER, requests[i % nr], &servers));
	}
}

TEST(semconv_method_that_is_not_known_is_other)
{
	const struct atr_span *span;

	set_methods("");
	span = server("BREW /a HTTP/1.1\r\nHost: h\r\n");
	CHECK(has(span, ATR_NAME, "HTTP") && has(span, ATR_HTTP_REQUEST_METHOD, "_OTHER"));
	CHECK(has(span, ATR_HTTP_REQUEST_METHOD_ORIGINAL, "BREW"));
	span = server("get /a HTTP/1.1\r\nHost: h\r\n");
	CHECK(has(span, ATR_HTTP_REQUEST_METHOD, "_OTHER"));
	span = server("QUERY /a HTTP/1.1\r\nHost: h\r\n");
	CHECK(has(span, ATR_NAME, "QUERY"));
	CHECK(!atr_span_find(span, ATR_HTTP_REQUEST_METHOD_ORIGINAL));

	set_methods("GET, BREW");
	CHECK(has(server("BREW /a HTTP/1.1\r\nHost: h\r\n"), ATR_NAME, "BREW"));
	CHECK(has(server("GET /a HTTP/1.1\r\nHost: h\r\n"), ATR_NAME, "GET"));
	CHECK(has(server("POST /a HTTP/1.1\r\nHost: h\r\n"), ATR_HTTP_REQUEST_METHOD, "_OTHER"));
	set_methods("CONNECT,DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT,TRACE,QUERY");
}

TEST(semconv_status_is_an_error_by_who_sees_it)
{
	static const struct {
		uint16_t code;
		bool client, server;
	} cases[] = { { 200, false, false }, { 304, false, false }, { 399, false, false },
		      { 400, true, false },  { 499, true, false },  { 500, true, true },
		      { 599, true, true },   { 101, false, false } };
	char digits[8];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int is_client = 0; is_client < 2; is_client++) {
			struct atr_span *span =
				span_of(is_client ? ATR_KIND_CLIENT : ATR_KIND_SERVER,
					"GET / HTTP/1.1\r\nHost: h\r\n");
			bool is_error = is_client ? cases[i].client : cases[i].server;

			snprintf(digits, sizeof(digits), "%d", cases[i].code);
			atr_semconv_response(span, cases[i].code);
			CHECK(live_number(span, ATR_HTTP_RESPONSE_STATUS_CODE) == cases[i].code);
			CHECK((span->status == ATR_STATUS_ERROR) == is_error);
			CHECK(has(span, ATR_ERROR_TYPE, is_error ? digits : ""));
		}
	}
}

TEST(semconv_first_error_is_the_reason)
{
	struct atr_span *span = client("GET / HTTP/1.1\r\nHost: h\r\n");

	atr_semconv_response(span, 503);
	atr_semconv_error(span, ATR_STR("connection_reset"));
	CHECK(has(span, ATR_ERROR_TYPE, "503"));
}

static bool peer_is(const struct sockaddr *address, socklen_t len, const char *text)
{
	char out[128];
	size_t n = atr_semconv_peer_text(address, len, out, sizeof(out));
	bool same = n == strlen(text) && !memcmp(out, text, n);

	/* and whatever room there is, no more is written */
	for (size_t cap = 0; cap < n; cap++) {
		out[cap] = '!';
		same = same && atr_semconv_peer_text(address, len, out, cap) == cap &&
		       !memcmp(out, text, cap) && out[cap] == '!';
	}
	return same;
}

TEST(semconv_peer_is_told_by_its_kind_of_address)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(443) };
	struct sockaddr_un path = { .sun_family = AF_UNIX, .sun_path = "/run/x" };
	struct sockaddr_un full = { .sun_family = AF_UNIX };
	struct sockaddr_un nameless = { .sun_family = AF_UNIX };
	struct sockaddr odd = { .sa_family = AF_APPLETALK };

	CHECK(peer_is((const struct sockaddr *)&peer, sizeof(peer), "127.0.0.1:8080"));
	CHECK(inet_pton(AF_INET6, "2001:db8::1", &six.sin6_addr) == 1);
	CHECK(peer_is((struct sockaddr *)&six, sizeof(six), "[2001:db8::1]:443"));
	six.sin6_port = 0;
	CHECK(peer_is((struct sockaddr *)&six, sizeof(six), "2001:db8::1"));
	CHECK(inet_pton(AF_INET6, "::ffff:10.0.0.1", &six.sin6_addr) == 1);
	CHECK(peer_is((struct sockaddr *)&six, sizeof(six), "10.0.0.1"));
	CHECK(peer_is((struct sockaddr *)&path, sizeof(path), "/run/x"));
	CHECK(peer_is((struct sockaddr *)&path, offsetof(struct sockaddr_un, sun_path) + 4,
		      "/run"));
	/* 108 bytes and no end */
	memset(full.sun_path, 'p', sizeof(full.sun_path));
	CHECK(atr_semconv_peer_text((struct sockaddr *)&full, sizeof(full), (char[200]){ 0 },
				    200) == sizeof(full.sun_path));
	/* without a name, abstract, too short to be one, of no known kind, none */
	CHECK(peer_is((struct sockaddr *)&nameless, sizeof(sa_family_t), ""));
	CHECK(peer_is((struct sockaddr *)&nameless, sizeof(nameless), ""));
	CHECK(peer_is((const struct sockaddr *)&peer, sizeof(peer) - 1, ""));
	CHECK(peer_is((const struct sockaddr *)&peer, 1, ""));
	CHECK(peer_is(&odd, sizeof(odd), "") && peer_is(NULL, 0, ""));
}

TEST(semconv_errors_have_the_conventions_names)
{
	static const struct {
		int error;
		const char *name;
	} errnos[] = { { ECONNREFUSED, "connection_refused" },
		       { ECONNRESET, "connection_reset" },
		       { ETIMEDOUT, "timed_out" },
		       { EPIPE, "broken_pipe" },
		       { EHOSTUNREACH, "host_unreachable" },
		       { ENETUNREACH, "network_unreachable" },
		       { EACCES, "access_denied" },
		       { EPERM, "access_denied" },
		       { EADDRNOTAVAIL, "address_not_available" },
		       { ENOMEM, "_OTHER" },
		       { 0, "_OTHER" } };
	static const struct {
		int result;
		const char *name;
	} lookups[] = { { EAI_NONAME, "host_not_found" },
			{ EAI_NODATA, "host_not_found" },
			{ EAI_AGAIN, "try_again" },
			{ EAI_FAIL, "no_recovery" },
			{ EAI_FAMILY, "address_family_not_supported" },
			{ EAI_MEMORY, "_OTHER" } };

	for (size_t i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++)
		CHECK(atr_str_equal(atr_semconv_errno(errnos[i].error), atr_str(errnos[i].name)));
	for (size_t i = 0; i < sizeof(lookups) / sizeof(lookups[0]); i++)
		CHECK(atr_str_equal(atr_semconv_eai(lookups[i].result), atr_str(lookups[i].name)));
}
