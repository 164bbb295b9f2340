/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tools.h"

#include "tools/server.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the server asked of its owner, who answers at once unless he is to wait. */
struct desk {
	struct atr_server *server;
	struct atr_peer *waiting;
	int client;
	bool waits;
	unsigned nr_asked, nr_gone;
	uint64_t body_len;
	char body[256], trailer[64], field[64], answers[4096];
	size_t len;
};

static void keep(char *out, size_t cap, struct atr_str text)
{
	snprintf(out, cap, "%.*s", (int)text.len, text.len ? text.at : "");
}

static void asked(void *owner, struct atr_peer *peer, const struct atr_request *request)
{
	struct desk *d = owner;

	d->nr_asked++;
	d->body_len = request->body_len;
	keep(d->body, sizeof(d->body), request->body);
	keep(d->trailer, sizeof(d->trailer), atr_request_trailer(request, "x-end"));
	keep(d->field, sizeof(d->field), atr_request_field(request, "x-field"));
	if (d->waits)
		d->waiting = peer;
	else
		atr_peer_answer(peer, &(struct atr_answer){ .status = "200 OK", .fields = "" });
}

static void gone(void *owner, struct atr_peer *peer)
{
	struct desk *d = owner;

	CHECK(peer == d->waiting);
	d->nr_gone++;
}

static void open_desk(struct desk *d, size_t body_max)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	*d = (struct desk){ 0 };
	d->server = atr_server_open(&(struct atr_server_options){
		.asked = asked, .gone = gone, .owner = d, .body_max = body_max });
	CHECK(d->server);
	to.sin_port = htons(atr_server_port(d->server));
	d->client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect(d->client, (struct sockaddr *)&to, sizeof(to)) == 0);
}

static void close_desk(struct desk *d)
{
	if (d->client >= 0)
		close(d->client);
	atr_server_close(d->server);
}

static void turn(struct desk *d)
{
	ssize_t n;

	for (int i = 0; i < 4; i++)
		atr_server_serve(d->server);
	n = recv(d->client, d->answers + d->len, sizeof(d->answers) - 1 - d->len, MSG_DONTWAIT);
	d->len += n > 0 ? (size_t)n : 0;
	d->answers[d->len] = '\0';
}

static void say(struct desk *d, const char *text, size_t len)
{
	CHECK(send(d->client, text, len, MSG_NOSIGNAL) == (ssize_t)len);
	turn(d);
}

#define HEAD "POST /x HTTP/1.1\r\nHost: h\r\nX-Field: f\r\n"
static const char chunked[] =
	HEAD "Transfer-Encoding: chunked\r\n\r\n"
	     "3\r\none\r\n1;ext=1\r\n \r\n5\r\nt\r\n00\r\n0\r\nA: b\r\nX-End: why\r\n\r\n";
static const char counted[] = HEAD "Content-Length: 4\r\n\r\nfour";

TEST(server_takes_the_coding_off_a_body_wherever_it_is_cut)
{
	for (size_t cut = 1; cut < sizeof(chunked) - 1; cut++) {
		struct desk d;

		open_desk(&d, 100);
		say(&d, chunked, cut);
		CHECK(d.nr_asked == 0);
		say(&d, chunked + cut, sizeof(chunked) - 1 - cut);
		CHECK(d.nr_asked == 1 && d.body_len == 9);
		CHECK(strcmp(d.body, "one t\r\n00") == 0 && strcmp(d.trailer, "why") == 0);
		CHECK(strcmp(d.field, "f") == 0);
		close_desk(&d);
	}
}

TEST(server_takes_requests_one_behind_the_other)
{
	char both[sizeof(chunked) + sizeof(counted)];
	struct desk d;

	snprintf(both, sizeof(both), "%s%s", chunked, counted);
	open_desk(&d, 100);
	say(&d, both, strlen(both));
	CHECK(d.nr_asked == 2 && strcmp(d.body, "four") == 0 && !d.trailer[0]);
	CHECK(strstr(strstr(d.answers, "200 OK") + 1, "200 OK"));
	close_desk(&d);
}

TEST(server_keeps_of_a_body_what_it_may_and_counts_the_rest)
{
	struct desk d;

	open_desk(&d, 2);
	say(&d, counted, sizeof(counted) - 1);
	CHECK(d.body_len == 4 && strcmp(d.body, "fo") == 0);
	say(&d, chunked, sizeof(chunked) - 1);
	CHECK(d.body_len == 9 && strcmp(d.body, "on") == 0 && strcmp(d.trailer, "why") == 0);
	close_desk(&d);
}

TEST(server_answers_late_and_the_next_request_waits_for_that)
{
	struct desk d;

	open_desk(&d, 100);
	d.waits = true;
	say(&d, counted, sizeof(counted) - 1);
	say(&d, counted, sizeof(counted) - 1);
	CHECK(d.nr_asked == 1 && d.len == 0);
	atr_peer_answer(d.waiting, &(struct atr_answer){ .status = "200 OK",
							 .fields = "A: b\r\n",
							 .body = ATR_STR("abc"),
							 .is_chunked = true });
	turn(&d);
	CHECK(d.nr_asked == 2);
	CHECK(strcmp(d.answers, "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n"
				"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n") == 0);
	close_desk(&d);
}

TEST(server_ends_a_connection_with_a_late_answer_at_once)
{
	struct desk d;
	char answer[256];
	ssize_t n;

	open_desk(&d, 100);
	d.waits = true;
	say(&d, HEAD "Connection: close\r\n\r\n", sizeof(HEAD "Connection: close\r\n\r\n") - 1);
	CHECK(d.nr_asked == 1);
	atr_peer_answer(d.waiting, &(struct atr_answer){ .status = "200 OK", .fields = "" });
	n = recv(d.client, answer, sizeof(answer), MSG_DONTWAIT);
	CHECK(n > 0 && recv(d.client, answer, sizeof(answer), MSG_DONTWAIT) == 0);
	close_desk(&d);
}

TEST(server_tells_of_those_who_hang_up_before_their_answer)
{
	struct desk d;

	open_desk(&d, 100);
	d.waits = true;
	say(&d, counted, sizeof(counted) - 1);
	close(d.client);
	d.client = -1;
	atr_server_serve(d.server);
	atr_server_serve(d.server);
	CHECK(d.nr_gone == 1);
	close_desk(&d);
}

TEST(server_refuses_what_is_no_http)
{
	static const char *const texts[] = {
		"nonsense\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n",
		HEAD "Transfer-Encoding: chunked\r\n\r\nx\r\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct desk d;

		open_desk(&d, 100);
		say(&d, texts[i], strlen(texts[i]));
		CHECK(d.nr_asked == 0 && strncmp(d.answers, "HTTP/1.1 400 ", 13) == 0);
		close_desk(&d);
	}
}
