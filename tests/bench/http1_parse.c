/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reading one complete head costs: ours (with the fields kept that the usual
 * propagators want) beside a grammar library that notes the same things (target,
 * names and values, where the head ends). The two libraries' headers
 * exclude each other, so a build has one of them: libhttp-parser with
 * -lhttp_parser, or llhttp (Debian's node-llhttp) with -DATR_BENCH_LLHTTP,
 * -I/usr/share/include/llhttp and the C files in /usr/share/llhttp.
 */
#include "preload/proto/http1.h"

#ifdef ATR_BENCH_LLHTTP
#include <llhttp.h>
#define LIBRARY "llhttp"
typedef llhttp_t parser;
typedef llhttp_settings_t settings;
#else
#include <http_parser.h>
#define LIBRARY "http_parser"
typedef http_parser parser;
typedef http_parser_settings settings;
#endif

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 1000
#define HEADS_PER_ROUND 500

static const char short_head[] = "GET /api/v1/orders/421?expand=items HTTP/1.1\r\n"
				 "Host: orders.internal.example:8080\r\n"
				 "User-Agent: python-requests/2.28.1\r\n"
				 "Accept-Encoding: gzip, deflate\r\n"
				 "Accept: */*\r\n"
				 "Connection: close\r\n"
				 "\r\n";

static const char long_head[] =
	"GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1\r\n"
	"Host: www.kittyhell.com\r\n"
	"User-Agent: Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6; ja-JP-mac; rv:1.9.2.3) "
	"Gecko/20100401 Firefox/3.6.3 Pathtraq/0.9\r\n"
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
	"Accept-Language: ja,en-us;q=0.7,en;q=0.3\r\n"
	"Accept-Encoding: gzip,deflate\r\n"
	"Accept-Charset: Shift_JIS,utf-8;q=0.7,*;q=0.7\r\n"
	"Keep-Alive: 115\r\n"
	"Connection: keep-alive\r\n"
	"Cookie: wp_ozh_wsa_visits=2; wp_ozh_wsa_visit_lasttime=xxxxxxx; "
	"__utma=xxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.x; "
	"__utmz=xxxxxxxxx.xxxxxxxxxx.x.x.utmccn=(referral)|utmcsr=reader.livedoor.com|"
	"utmcct=/reader/|utmcmd=referral\r\n"
	"\r\n";

static const char response_head[] = "HTTP/1.1 200 OK\r\n"
				    "Server: nginx/1.22.1\r\n"
				    "Date: Sat, 21 Nov 2026 07:12:32 GMT\r\n"
				    "Content-Type: application/json\r\n"
				    "Content-Length: 16\r\n"
				    "Connection: keep-alive\r\n"
				    "\r\n";

/* The lengths of traceparent, tracestate and baggage. */
#define WANTED (1u << 11 | 1u << 10 | 1u << 7)

static bool read_ours(bool is_response, const char *head, size_t len)
{
	struct atr_http1_head out;
	uint8_t state = 0;

	return (is_response ?
			atr_http1_read_response(&state, head, len, false, false, NULL, &out) :
			atr_http1_read_request(&state, head, len, WANTED, NULL, &out)) == (long)len;
}

struct noted {
	struct atr_str target, name, value;
	bool complete;
};

static int on_target(parser *p, const char *at, size_t len)
{
	((struct noted *)p->data)->target = (struct atr_str){ at, len };
	return 0;
}

static int on_name(parser *p, const char *at, size_t len)
{
	((struct noted *)p->data)->name = (struct atr_str){ at, len };
	return 0;
}

static int on_value(parser *p, const char *at, size_t len)
{
	((struct noted *)p->data)->value = (struct atr_str){ at, len };
	return 0;
}

static int on_complete(parser *p)
{
	((struct noted *)p->data)->complete = true;
	return 0;
}

static const settings callbacks = {
	.on_url = on_target,
	.on_header_field = on_name,
	.on_header_value = on_value,
	.on_headers_complete = on_complete,
};

static bool read_theirs(bool is_response, const char *head, size_t len)
{
	struct noted noted = { .complete = false };
	parser p;

#ifdef ATR_BENCH_LLHTTP
	llhttp_init(&p, is_response ? HTTP_RESPONSE : HTTP_REQUEST, &callbacks);
	p.data = &noted;
	return llhttp_execute(&p, head, len) == HPE_OK && noted.complete;
#else
	http_parser_init(&p, is_response ? HTTP_RESPONSE : HTTP_REQUEST);
	p.data = &noted;
	return http_parser_execute(&p, &callbacks, head, len) == len && noted.complete;
#endif
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* The fastest round: what else ran on the machine only adds. */
static double ns_a_head(bool (*read)(bool, const char *, size_t), bool is_response,
			const char *head, size_t len)
{
	double best = 1e9;

	for (int round = 0; round < ROUNDS; round++) {
		double start = now_ns(), each;

		for (int i = 0; i < HEADS_PER_ROUND; i++) {
			__asm__ volatile("" : "+r"(head) : : "memory");
			if (!read(is_response, head, len))
				abort();
		}
		each = (now_ns() - start) / HEADS_PER_ROUND;
		if (each < best)
			best = each;
	}
	return best;
}

static void compare(bool is_response, const char *head, size_t len)
{
	printf("http1_parse %zu-byte %s head: %.0f ns, " LIBRARY " %.0f ns\n", len,
	       is_response ? "response" : "request", ns_a_head(read_ours, is_response, head, len),
	       ns_a_head(read_theirs, is_response, head, len));
}

int main(void)
{
	compare(false, short_head, sizeof(short_head) - 1);
	compare(false, long_head, sizeof(long_head) - 1);
	compare(true, response_head, sizeof(response_head) - 1);
	return 0;
}
