/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/transfer.h"

#include "tests/unit/conn.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- a libcurl ---- */

/* A handle: the list that is set, and what it says of itself. */
struct easy {
	struct atr_curl_list *list;
	unsigned nr_set;
	int64_t status, redirects, connects, version, port;
	int64_t looked_up_us, connected_us, secured_us, first_us, total_us;
	const char *url, *method, *peer;
};

static int set_option(void *easy, int option, ...)
{
	struct easy *e = easy;
	va_list args;

	CHECK(option == ATR_CURLOPT_HTTPHEADER);
	va_start(args, option);
	e->list = va_arg(args, struct atr_curl_list *);
	va_end(args);
	e->nr_set++;
	return ATR_CURLE_OK;
}

static int get_info(void *easy, int info, ...)
{
	struct easy *e = easy;
	const struct {
		int info;
		int64_t number;
		const char *text;
	} known[] = {
		{ ATR_CURLINFO_EFFECTIVE_URL, 0, e->url },
		{ ATR_CURLINFO_EFFECTIVE_METHOD, 0, e->method },
		{ ATR_CURLINFO_PRIMARY_IP, 0, e->peer },
		{ ATR_CURLINFO_PRIMARY_PORT, e->port, NULL },
		{ ATR_CURLINFO_RESPONSE_CODE, e->status, NULL },
		{ ATR_CURLINFO_REDIRECT_COUNT, e->redirects, NULL },
		{ ATR_CURLINFO_NUM_CONNECTS, e->connects, NULL },
		{ ATR_CURLINFO_HTTP_VERSION, e->version, NULL },
		{ ATR_CURLINFO_NAMELOOKUP_TIME_T, e->looked_up_us, NULL },
		{ ATR_CURLINFO_CONNECT_TIME_T, e->connected_us, NULL },
		{ ATR_CURLINFO_APPCONNECT_TIME_T, e->secured_us, NULL },
		{ ATR_CURLINFO_STARTTRANSFER_TIME_T, e->first_us, NULL },
		{ ATR_CURLINFO_TOTAL_TIME_T, e->total_us, NULL },
	};
	va_list args;
	void *out;

	va_start(args, info);
	out = va_arg(args, void *);
	va_end(args);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].info != info)
			continue;
		if (info >> 20 == 1)
			*(const char **)out = known[i].text;
		else
			*(int64_t *)out = known[i].number;
		return ATR_CURLE_OK;
	}
	return 48; /* an older library */
}

static const struct atr_libcurl library = { .easy_setopt = set_option, .easy_getinfo = get_info };
static struct easy easy, other;
static int multi, another_multi;

/* What the program does, as the hooks have it. */
static void set(struct easy *e, int option, const void *value)
{
	void *instead = atr_transfer_option(e, option, (void *)value);

	if (option == ATR_CURLOPT_HTTPHEADER)
		e->list = instead;
	atr_transfer_option_set(e, option, (void *)value);
}

static void make(struct easy *e, const char *url)
{
	*e = (struct easy){ .url = url, .method = "GET" };
	atr_transfer_made(e, &library);
	set(e, ATR_CURLOPT_URL, url);
}

static void begin(const char *const *variables, const char *url)
{
	conn_begin(variables);
	make(&easy, url);
}
#define BEGIN_WITH(url, ...) begin((const char *const[]){ __VA_ARGS__, NULL }, url)
#define ON "OTEL_TRACES_SAMPLER=parentbased_always_on", "AUTOTRACE_PROBES=http,curl"
#define BEGIN(url) BEGIN_WITH(url, ON)

static void end(void)
{
	atr_transfer_gone(&easy);
	atr_transfer_gone(&other);
	CHECK(!easy.list || easy.nr_set == 0 || !strstr(easy.list->text, "00-"));
	conn_end();
}

/* curl_easy_perform around what happens in it; the frame is the test's. */
#define PERFORM(e, code, ...)                                                                \
	do {                                                                                 \
		struct atr_driving before;                                                   \
                                                                                             \
		atr_transfer_begins(e);                                                      \
		before = atr_transfer_drives(e, NULL, &library, __builtin_frame_address(0)); \
		__VA_ARGS__;                                                                 \
		atr_transfer_drove(&before);                                                 \
		atr_transfer_performed(e, code);                                             \
	} while (0)

/* The same for a multi handle. */
#define DRIVE(m, ...)                                                                        \
	do {                                                                                 \
		struct atr_driving before;                                                   \
                                                                                             \
		atr_transfers_begin(m);                                                      \
		before = atr_transfer_drives(NULL, m, &library, __builtin_frame_address(0)); \
		__VA_ARGS__;                                                                 \
		atr_transfer_drove(&before);                                                 \
	} while (0)

/* The handle's list as lines, ids taken out: "traceparent: X|X-Own: 1|" */
static const char *list_of(const struct easy *e)
{
	static char text[4096];
	size_t len = 0;

	text[0] = 0;
	for (const struct atr_curl_list *node = e->list; node; node = node->next) {
		bool is_ours = !strncmp(node->text, "traceparent: 00-", 16);

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s|",
					is_ours ? "traceparent: X" : node->text);
	}
	return text;
}
#define LIST_IS(e, text) CHECK(live_is(list_of(e), text))

/* libcurl writes a request for this handle, with its list. */
static void request(int fd, const struct easy *e, const char *target)
{
	char head[4096];
	int len = sprintf(head, "GET %s HTTP/1.1\r\nHost: h\r\n", target);

	for (const struct atr_curl_list *node = e->list; node; node = node->next)
		len += sprintf(head + len, "%s\r\n", node->text);
	sprintf(head + len, "\r\n");
	CONN_WRITE(fd, head);
}

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define MOVED "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"

static struct atr_curl_list second = { (char *)"X-Also: 2", NULL };
static struct atr_curl_list own = { (char *)"X-Own: 1", &second };

/* ---- the header ---- */

TEST(transfer_header_stands_before_the_programs_list_and_leaves_with_the_transfer)
{
	BEGIN("http://h/a");
	set(&easy, ATR_CURLOPT_HTTPHEADER, &own);
	PERFORM(&easy, 0, LIST_IS(&easy, "traceparent: X|X-Own: 1|X-Also: 2|"));
	CHECK(easy.list == &own && own.next == &second && !second.next);
	CONN_SAYS("CLIENT GET http://h/a");
	end();
}

TEST(transfer_list_that_is_set_in_the_middle_stands_behind_ours)
{
	BEGIN("http://h/a");
	set(&easy, ATR_CURLOPT_HTTPHEADER, &own);
	PERFORM(&easy, 0, {
		set(&easy, ATR_CURLOPT_HTTPHEADER, &second);
		LIST_IS(&easy, "traceparent: X|X-Also: 2|");
		set(&easy, ATR_CURLOPT_HTTPHEADER, NULL);
		LIST_IS(&easy, "traceparent: X|");
		set(&easy, ATR_CURLOPT_HTTPHEADER, &second);
	});
	CHECK(easy.list == &second);
	CONN_SAYS("CLIENT GET http://h/a");
	end();
}

TEST(transfer_copy_made_in_the_middle_has_the_programs_list)
{
	BEGIN("http://h/a");
	set(&easy, ATR_CURLOPT_HTTPHEADER, &own);
	PERFORM(&easy, 0, {
		other = easy;
		atr_transfer_copied(&easy, &other, &library);
		CHECK(other.list == &own);
	});
	CONN_SAYS("CLIENT GET http://h/a");
	PERFORM(&other, 0, LIST_IS(&other, "traceparent: X|X-Own: 1|X-Also: 2|"));
	CONN_SAYS("CLIENT GET http://h/a");
	end();
}

TEST(transfer_of_a_handle_that_is_not_known_is_left_alone)
{
	BEGIN("http://h/a");
	atr_transfer_unknown(&easy);
	PERFORM(&easy, 0, CHECK(!easy.list));
	other = easy;
	atr_transfer_copied(&easy, &other, &library);
	PERFORM(&other, 0, CHECK(!other.list));
	end();
}

TEST(transfer_that_carries_a_trace_or_shows_its_headers_is_left_alone)
{
	static struct atr_curl_list traced = {
		(char *)"TraceParent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL
	};
	static struct atr_curl_list behind = { (char *)"X-Own: 1", &traced };
	static struct atr_curl_list removed = { (char *)"traceparent:", NULL };

	BEGIN("http://h/a");
	set(&easy, ATR_CURLOPT_HTTPHEADER, &behind);
	PERFORM(&easy, 0, CHECK(easy.list == &behind));
	set(&easy, ATR_CURLOPT_HTTPHEADER, &removed);
	PERFORM(&easy, 0, LIST_IS(&easy, "traceparent: X|traceparent:|"));
	CONN_SAYS("CLIENT GET http://h/a");
	set(&easy, ATR_CURLOPT_HTTPHEADER, NULL);
	set(&easy, ATR_CURLOPT_VERBOSE, (void *)1);
	PERFORM(&easy, 0, CHECK(!easy.list));
	set(&easy, ATR_CURLOPT_VERBOSE, NULL);
	set(&easy, ATR_CURLOPT_CONNECT_ONLY, (void *)1);
	PERFORM(&easy, 0, CHECK(!easy.list));
	set(&easy, ATR_CURLOPT_CONNECT_ONLY, NULL);
	set(&easy, ATR_CURLOPT_CURLU, &own);
	PERFORM(&easy, 0, CHECK(!easy.list));
	atr_transfer_reset(&easy);
	PERFORM(&easy, 0, CHECK(!easy.list)); /* there is no URL any more */
	end();
}

TEST(transfer_is_of_http_where_libcurl_takes_it_for_that)
{
	static const struct {
		const char *url;
		bool is_http;
	} urls[] = {
		{ "http://h/", true }, { "HTTPS://h/", true },	 { "h/ftp.x", true },
		{ "ftp://h/", false }, { "FTP.h/", false },	 { "file:///x", false },
		{ "ws://h/", false },  { "httpx://h/", false },	 { "", false },
		{ "smtp.h", false },   { "localhost:80", true },
	};

	BEGIN("");
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		set(&easy, ATR_CURLOPT_URL, urls[i].url);
		PERFORM(&easy, 0, CHECK((easy.list != NULL) == urls[i].is_http));
		CHECK((live_next() != NULL) == urls[i].is_http);
	}
	set(&easy, ATR_CURLOPT_URL, NULL);
	PERFORM(&easy, 0, CHECK(!easy.list));
	end();
}

TEST(transfer_header_is_of_all_formats_in_use)
{
	BEGIN_WITH("http://h/a", ON, "OTEL_PROPAGATORS=b3multi,tracecontext");
	PERFORM(&easy, 0, {
		CHECK(!strncasecmp(list_of(&easy), "X-B3-TraceId: ", 14));
		CHECK(strcasestr(list_of(&easy), "|X-B3-SpanId: ") &&
		      strstr(list_of(&easy), "|traceparent: X|"));
	});
	CONN_SAYS("CLIENT GET http://h/a");
	end();
	BEGIN_WITH("http://h/a", ON, "OTEL_PROPAGATORS=none");
	PERFORM(&easy, 0, CHECK(!easy.list));
	end();
	/* with nothing that says which request it is, it is left to the wire */
	BEGIN_WITH("http://h/a", ON, "OTEL_PROPAGATORS=baggage");
	PERFORM(&easy, 0, CHECK(!easy.list));
	end();
}

/* A parent with more baggage than the transfer has room for. */
TEST(transfer_header_that_is_long_lies_in_a_block)
{
	static char baggage[6000];
	struct atr_context parent = live_parent(1);

	memset(baggage, 'v', sizeof(baggage));
	memcpy(baggage, "k=", 2);
	parent.baggage = (struct atr_str){ baggage, sizeof(baggage) };
	BEGIN("http://h/a");
	atr_work_setup(&parent);
	PERFORM(&easy, 0, {
		const struct atr_curl_list *last = easy.list->next;

		LIST_IS(&easy, list_of(&easy));
		CHECK(last && !last->next && strlen(last->text) > sizeof(baggage));
		CHECK(live_nr_blocks_out() == 2); /* the parent's text, and ours */
	});
	CHECK(live_nr_blocks_out() == 0);
	CONN_SAYS("CLIENT GET http://h/a");
	live_hold_blocks(0);
	PERFORM(&easy, 0, CHECK(strstr(list_of(&easy), "traceparent: X|")));
	CONN_SAYS("CLIENT GET http://h/a");
	live_release_blocks();
	end();
}

/* ---- requests on the wire ---- */

TEST(transfer_request_in_plain_sight_takes_the_span_over)
{
	BEGIN("http://h/a");
	easy.status = 200;
	easy.first_us = 1500;
	conn_connect(FD);
	PERFORM(&easy, 0, {
		request(FD, &easy, "/a");
		CHECK(conn_has_arrived(FD, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n", 1));
		CONN_READ(FD, OK);
		CONN_SAYS("nothing"); /* until libcurl has its say */
	});
	CONN_SAYS("CLIENT GET 200 http://h/a body=2");
	end();
}

TEST(transfer_that_says_again_what_was_said_on_its_connection_is_its_own_all_the_same)
{
	BEGIN("http://h/a");
	easy.status = 200;
	conn_connect(FD);
	for (int i = 0; i < 4; i++) {
		PERFORM(&easy, 0, {
			request(FD, &easy, "/a");
			CONN_READ(FD, OK);
			CONN_SAYS("nothing");
		});
		CONN_SAYS("CLIENT GET 200 http://h/a body=2");
	}
	end();
}

TEST(transfer_request_is_known_by_any_formats_header)
{
	static const char *const formats[] = {
		"OTEL_PROPAGATORS=tracecontext", "OTEL_PROPAGATORS=b3",
		"OTEL_PROPAGATORS=b3multi",	 "OTEL_PROPAGATORS=jaeger",
		"OTEL_PROPAGATORS=xray",	 "OTEL_PROPAGATORS=ottrace",
		"OTEL_PROPAGATORS=gcp",		 "OTEL_PROPAGATORS=baggage,jaeger,b3,tracecontext",
	};
	struct atr_context parent = live_parent(1);

	parent.baggage = ATR_STR("k=v");
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		BEGIN_WITH("http://h/a", ON, formats[i]);
		make(&other, "http://h/b");
		/* of one trace, so that only the span's id tells them apart */
		atr_work_setup(&parent);
		conn_connect(FD);
		conn_connect(OTHER);
		atr_transfer_added(&multi, &easy);
		atr_transfer_added(&multi, &other);
		DRIVE(&multi, {
			request(OTHER, &other, "/b");
			request(FD, &easy, "/a");
			CONN_READ(OTHER, MOVED);
			other.redirects = 1;
			request(OTHER, &other, "/c");
			CONN_READ(OTHER, OK);
			CONN_READ(FD, OK);
		});
		CONN_SAYS("CLIENT GET 302 http://h/b");
		atr_transfer_done(&easy, 0);
		CONN_SAYS("CLIENT GET 200 http://h/a body=2");
		atr_transfer_done(&other, 0);
		CONN_SAYS("CLIENT GET 200 http://h/c body=2");
		end();
	}
}

TEST(transfer_request_sent_in_parts_is_claimed_once)
{
	BEGIN("http://h/a");
	conn_wire(FD)->most = 0;
	conn_connect(FD);
	conn_wire(FD)->most = 7;
	conn_wire(FD)->in_turns = true;
	PERFORM(&easy, 0, {
		request(FD, &easy, "/a");
		conn_wire(FD)->most = 0;
		CONN_READ(FD, OK);
	});
	CONN_SAYS("CLIENT GET 200 http://h/a body=2");
	end();
}

TEST(transfer_header_in_the_connect_before_it_is_not_its_request)
{
	BEGIN("http://h/a");
	conn_connect(FD);
	PERFORM(&easy, 0, {
		char head[300];

		sprintf(head, "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n%s\r\n\r\n", easy.list->text);
		CONN_WRITE(FD, head);
		CONN_READ(FD, "HTTP/1.1 200 OK\r\n\r\n");
		easy.status = 204;
	});
	CONN_SAYS("CLIENT GET 204 http://h/a");
	end();
}

TEST(transfer_redirects_have_a_span_each_and_say_so)
{
	const struct atr_span *span;

	BEGIN("http://h/a");
	conn_connect(FD);
	PERFORM(&easy, 0, {
		char first[200];

		request(FD, &easy, "/a");
		strcpy(first, easy.list->text);
		CONN_READ(FD, MOVED);
		CHECK(strcmp(first, easy.list->text)); /* the next one's */
		easy.redirects = 1;
		request(FD, &easy, "/b");
		CONN_READ(FD, OK);
	});
	CONN_SAYS("CLIENT GET 302 http://h/a");
	span = live_next();
	CHECK(span && live_number(span, ATR_HTTP_REQUEST_RESEND_COUNT) == 1);
	CHECK(live_is(live_text(span, ATR_URL_FULL), "http://h/b"));
	end();
}

TEST(transfer_redirect_that_is_not_followed_has_one_span)
{
	BEGIN("http://h/a");
	easy.status = 302;
	conn_connect(FD);
	PERFORM(&easy, 0, {
		request(FD, &easy, "/a");
		CONN_READ(FD, MOVED);
	});
	CONN_SAYS("CLIENT GET 302 http://h/a");
	end();
}

TEST(transfer_redirect_to_where_nothing_is_seen_has_a_span_of_libcurls)
{
	BEGIN("http://h/a");
	conn_connect(FD);
	PERFORM(&easy, 0, {
		request(FD, &easy, "/a");
		CONN_READ(FD, MOVED);
		easy.status = 200;
		easy.redirects = 1;
		easy.url = "https://h/b";
	});
	CONN_SAYS("CLIENT GET 302 http://h/a");
	CONN_SAYS("CLIENT GET 200 https://h/b");
	PERFORM(&easy, 7, {
		request(FD, &easy, "/a");
		CONN_READ(FD, MOVED);
		easy.status = 302;
		easy.url = "https://h/b";
	});
	CONN_SAYS("CLIENT GET 302 http://h/a");
	CONN_SAYS("CLIENT GET https://h/b error=CURLE_COULDNT_CONNECT");
	end();
}

TEST(transfer_request_that_failed_and_is_sent_again_has_two_spans)
{
	BEGIN("http://h/a");
	conn_connect(FD);
	conn_connect(OTHER);
	PERFORM(&easy, 0, {
		request(FD, &easy, "/a");
		conn_read_fails(FD, ECONNRESET);
		conn_close(FD);
		request(OTHER, &easy, "/a");
		CONN_READ(OTHER, OK);
	});
	CONN_SAYS("CLIENT GET http://h/a error=connection_reset");
	CONN_SAYS("CLIENT GET 200 http://h/a body=2");
	end();
}

TEST(transfer_request_that_was_not_sent_leaves_its_span_to_the_next)
{
	BEGIN("http://h/a");
	conn_connect(FD);
	conn_connect(OTHER);
	PERFORM(&easy, 0, {
		char head[300];

		sprintf(head, "GET /a HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n", easy.list->text);
		conn_wire(FD)->error = EPIPE;
		CHECK(conn_write(FD, head, strlen(head), 0) == -1);
		conn_close(FD);
		request(OTHER, &easy, "/a");
		CONN_READ(OTHER, OK);
	});
	CONN_SAYS("CLIENT GET 200 http://h/a body=2");
	end();
}

static void *write_elsewhere(void *text)
{
	CONN_WRITE(FD, text);
	return NULL;
}

TEST(transfer_header_on_a_thread_that_does_not_drive_it_is_none_of_its_requests)
{
	BEGIN("https://h/a");
	easy.status = 200;
	conn_connect(FD);
	PERFORM(&easy, 0, {
		static char head[300];
		pthread_t thread;

		sprintf(head, "GET /x HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n", easy.list->text);
		CHECK(!pthread_create(&thread, NULL, write_elsewhere, head));
		pthread_join(thread, NULL);
		CONN_READ(FD, OK);
	});
	CONN_SAYS("CLIENT GET 200 https://h/a");
	end();
}

/* ---- what libcurl says ---- */

TEST(transfer_that_nobody_sees_is_told_of_as_libcurl_knows_it)
{
	const struct atr_span *span;
	unsigned nr_events = 0;

	BEGIN("https://u:p@h:8443/a?sig=s#part");
	easy.status = 503;
	easy.version = 3;
	easy.peer = "192.0.2.1";
	easy.port = 8443;
	easy.connects = 1;
	easy.looked_up_us = 1000;
	easy.connected_us = 2000;
	easy.secured_us = 4000;
	easy.first_us = 5000;
	PERFORM(&easy, 0, (void)0);
	span = live_next();
	CHECK(span && span->kind == ATR_KIND_CLIENT);
	CHECK(live_is(live_text(span, ATR_NAME), "GET"));
	CHECK(live_is(live_text(span, ATR_HTTP_REQUEST_METHOD), "GET"));
	CHECK(live_is(live_text(span, ATR_URL_FULL),
		      "https://REDACTED:REDACTED@h:8443/a?sig=REDACTED"));
	CHECK(live_is(live_text(span, ATR_SERVER_ADDRESS), "h"));
	CHECK(live_number(span, ATR_SERVER_PORT) == 8443);
	CHECK(live_is(live_text(span, ATR_NETWORK_PEER_ADDRESS), "192.0.2.1"));
	CHECK(live_is(live_text(span, ATR_NETWORK_PROTOCOL_VERSION), "2"));
	CHECK(live_is(live_text(span, ATR_ERROR_TYPE), "503"));
	for (const struct atr_item *item = atr_span_next(span, NULL); item;
	     item = atr_span_next(span, item))
		nr_events += item->type == ATR_TYPE_EVENT;
	CHECK(nr_events == 6);
	CHECK(atr_span_find(span, ATR_TLS_HANDSHAKE_DURATION) &&
	      atr_span_find(span, ATR_RESPONSE_FIRST_BYTE));
	end();
}

TEST(transfer_errors_have_libcurls_names_but_for_what_the_program_did)
{
	BEGIN("https://h/a");
	PERFORM(&easy, 28, (void)0);
	CONN_SAYS("CLIENT GET https://h/a error=CURLE_OPERATION_TIMEDOUT");
	PERFORM(&easy, 4711, (void)0);
	CONN_SAYS("CLIENT GET https://h/a error=_OTHER");
	PERFORM(&easy, ATR_CURLE_ABORTED_BY_CALLBACK, (void)0);
	CONN_SAYS("CLIENT GET https://h/a incomplete");
	easy.status = 404;
	PERFORM(&easy, 22, (void)0); /* HTTP_RETURNED_ERROR */
	CONN_SAYS("CLIENT GET 404 https://h/a error=404");
	easy.status = 200;
	PERFORM(&easy, ATR_CURLE_WRITE_ERROR, (void)0);
	CONN_SAYS("CLIENT GET 200 https://h/a");
	PERFORM(&easy, 18, (void)0);
	CONN_SAYS("CLIENT GET 200 https://h/a error=CURLE_PARTIAL_FILE");
	end();
}

TEST(transfer_on_the_wire_ends_for_libcurls_reason)
{
	BEGIN("http://h/a");
	conn_connect(FD);
	PERFORM(&easy, 52, {
		request(FD, &easy, "/a");
		conn_read_end(FD);
		conn_close(FD);
	});
	CONN_SAYS("CLIENT GET http://h/a error=CURLE_GOT_NOTHING");
	conn_connect(FD);
	PERFORM(&easy, ATR_CURLE_ABORTED_BY_CALLBACK, {
		request(FD, &easy, "/a");
		conn_close(FD);
	});
	CONN_SAYS("CLIENT GET http://h/a incomplete");
	end();
}

TEST(transfer_tells_of_its_own_lookups_and_connects)
{
	BEGIN("http://h/a");
	CHECK(!atr_transfer_tells());
	PERFORM(&easy, 7, CHECK(atr_transfer_tells()));
	CHECK(!atr_transfer_tells());
	CONN_SAYS("CLIENT GET http://h/a error=CURLE_COULDNT_CONNECT");
	set(&easy, ATR_CURLOPT_VERBOSE, (void *)1);
	PERFORM(&easy, 7, CHECK(!atr_transfer_tells()));
	end();
}

/* ---- the multi interface ---- */

TEST(transfer_of_a_multi_handle_begins_when_that_is_driven)
{
	BEGIN("http://h/a");
	make(&other, "http://h/b");
	atr_transfer_added(&multi, &easy);
	atr_transfer_added(&another_multi, &other);
	CHECK(!easy.list && !other.list);
	DRIVE(&multi, CHECK(easy.list && !other.list));
	easy.status = 200;
	atr_transfer_done(&easy, 0);
	CHECK(!easy.list);
	CONN_SAYS("CLIENT GET 200 http://h/a");
	atr_transfer_taken_out(&multi, &easy);
	/* once more, to be taken out in the middle; the other was never begun */
	easy.status = 0;
	atr_transfer_added(&multi, &easy);
	DRIVE(&multi, CHECK(easy.list));
	atr_transfer_taken_out(&multi, &easy);
	CONN_SAYS("CLIENT GET http://h/a incomplete");
	atr_transfer_taken_out(&another_multi, &other);
	end();
}

TEST(transfers_of_a_multi_handle_are_told_apart_on_the_wire)
{
	BEGIN("http://h/a");
	make(&other, "http://h/b");
	atr_transfer_added(&multi, &easy);
	atr_transfer_added(&multi, &other);
	conn_connect(FD);
	conn_connect(OTHER);
	DRIVE(&multi, {
		request(FD, &easy, "/a");
		request(OTHER, &other, "/b");
		CONN_READ(OTHER, MOVED);
		CONN_READ(FD, OK);
	});
	atr_transfer_done(&easy, 0);
	CONN_SAYS("CLIENT GET 200 http://h/a body=2");
	atr_transfer_done(&other, 0);
	CONN_SAYS("CLIENT GET 302 http://h/b");
	end();
}

/* curl_easy_perform makes a multi handle of its own and drives that by the same functions. */
TEST(transfer_performed_by_a_multi_handle_of_libcurls_own_is_one)
{
	BEGIN("http://h/a");
	conn_connect(FD);
	PERFORM(&easy, 0, {
		atr_transfer_added(&multi, &easy);
		DRIVE(&multi, {
			request(FD, &easy, "/a");
			CONN_READ(FD, OK);
		});
		atr_transfer_done(&easy, 0);
		atr_transfer_taken_out(&multi, &easy);
		CHECK(easy.list);
	});
	CONN_SAYS("CLIENT GET 200 http://h/a body=2");
	end();
}

/* ---- ends of another kind ---- */

TEST(transfer_that_was_jumped_out_of_is_over_when_its_handle_is_used_again)
{
	BEGIN("http://h/a");
	atr_transfer_begins(&easy);
	atr_transfer_drives(&easy, NULL, &library, __builtin_frame_address(0));
	atr_transfer_left();
	CHECK(!atr_transfer_tells());
	PERFORM(&easy, 28, LIST_IS(&easy, "traceparent: X|"));
	CONN_SAYS("CLIENT GET http://h/a incomplete");
	CONN_SAYS("CLIENT GET http://h/a error=CURLE_OPERATION_TIMEDOUT");
	atr_transfer_begins(&easy);
	atr_transfer_added(&multi, &easy);
	CHECK(!easy.list);
	CONN_SAYS("CLIENT GET http://h/a incomplete");
	atr_transfer_taken_out(&multi, &easy);
	end();
}

TEST(transfer_whose_handle_is_given_up_in_it_is_over)
{
	BEGIN("http://h/a");
	PERFORM(&easy, 0, {
		atr_transfer_gone(&easy);
		CHECK(!easy.list);
		CONN_SAYS("CLIENT GET http://h/a incomplete");
	});
	CHECK(!atr_transfer_library(&easy));
	end();
}

TEST(transfer_at_the_end_of_the_process_is_told_as_it_stands)
{
	int nr_seen = 0;

	BEGIN("http://h/a");
	make(&other, "https://user:secret@h/b");
	conn_connect(FD);
	PERFORM(&easy, 0, {
		request(FD, &easy, "/a");
		PERFORM(&other, 0, atr_conn_end_all());
	});
	for (int i = 0; i < 2; i++) {
		const char *says = conn_next();

		if (strcmp(says, "CLIENT GET http://h/a incomplete"))
			CHECK(live_is(says,
				      "CLIENT HTTP https://REDACTED:REDACTED@h/b incomplete"));
		else
			nr_seen++;
	}
	CHECK(nr_seen == 1);
	CHECK(!easy.list && !other.list); /* where the process then did not end */
	end();
}

TEST(transfer_in_a_forked_child_goes_on_and_leaves_the_span_to_the_parent)
{
	BEGIN("http://h/a");
	set(&easy, ATR_CURLOPT_HTTPHEADER, &own);
	conn_connect(FD);
	PERFORM(&easy, 0, {
		request(FD, &easy, "/a");
		atr_work_forked(&atr_self);
		atr_conn_forked();
		atr_live_forked();
		CONN_READ(FD, OK);
	});
	CHECK(easy.list == &own);
	CONN_SAYS("nothing");
	PERFORM(&easy, 0, request(FD, &easy, "/a"); CONN_READ(FD, OK));
	CONN_SAYS("CLIENT GET 200 http://h/a body=2");
	end();
}

TEST(transfer_that_is_not_sampled_says_so_in_its_header)
{
	BEGIN_WITH("http://h/a", "OTEL_TRACES_SAMPLER=always_off", "AUTOTRACE_PROBES=curl,http");
	conn_connect(FD);
	PERFORM(&easy, 0, {
		size_t len = strlen(easy.list->text);

		CHECK(!strcmp(easy.list->text + len - 3, "-02"));
		request(FD, &easy, "/a");
		CONN_READ(FD, MOVED);
		request(FD, &easy, "/b");
		CONN_READ(FD, OK);
	});
	CONN_SAYS("nothing");
	end();
}

TEST(transfer_probe_off_leaves_all_to_the_wire)
{
	BEGIN_WITH("http://h/a", "AUTOTRACE_PROBES=http");
	atr_transfer_made(&easy, &library);
	PERFORM(&easy, 0, CHECK(!easy.list));
	CHECK(!atr_transfer_library(&easy));
	end();
}

TEST(curlcode_names_are_libcurls)
{
	CHECK(atr_str_equal(atr_curlcode_name(1), ATR_STR("CURLE_UNSUPPORTED_PROTOCOL")));
	CHECK(atr_str_equal(atr_curlcode_name(60), ATR_STR("CURLE_PEER_FAILED_VERIFICATION")));
	CHECK(atr_str_equal(atr_curlcode_name(101), ATR_STR("CURLE_ECH_REQUIRED")));
	CHECK(atr_str_equal(atr_curlcode_name(20), ATR_STR("_OTHER")));
	CHECK(atr_str_equal(atr_curlcode_name(-1), ATR_STR("_OTHER")));
	CHECK(atr_str_equal(atr_curlcode_name(102), ATR_STR("_OTHER")));
}
