/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tools.h"

#include "tools/receive.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct desk {
	struct atr_trace trace;
	struct atr_receiver *receiver;
	int client;
	char answers[4096];
	size_t len;
};

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path) + 1);
	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

static void open_desk(struct desk *d)
{
	*d = (struct desk){ 0 };
	d->receiver = atr_receiver_open(&d->trace);
	CHECK(d->receiver);
	d->client = connect_to(atr_receiver_path(d->receiver));
}

static void close_desk(struct desk *d)
{
	close(d->client);
	atr_receiver_close(d->receiver);
	atr_trace_free(&d->trace);
}

/* Lets the receiver work and takes what it answered. False when it hung up. */
static bool turn(struct desk *d)
{
	ssize_t n;

	atr_receiver_serve(d->receiver);
	atr_receiver_serve(d->receiver);
	n = recv(d->client, d->answers + d->len, sizeof(d->answers) - 1 - d->len, 0);
	d->len += n > 0 ? (size_t)n : 0;
	d->answers[d->len] = '\0';
	return n != 0;
}

/* All of it, or until the receiver hangs up. */
static void say(struct desk *d, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(d->client, bytes, len, MSG_NOSIGNAL);

		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (!turn(d)) {
			return;
		}
	}
}

/* A POST of the fixture, of malloc. */
static char *request(const char *extra, size_t *len)
{
	struct atr_str body = tools_file("services.pb");
	char *bytes = malloc(body.len + 512);

	*len = (size_t)sprintf(
		bytes,
		"POST /v1/traces HTTP/1.1\r\nHost: x\r\n%s"
		"Content-Type: application/x-protobuf\r\nContent-Length: %zu\r\n\r\n",
		extra, body.len);
	memcpy(bytes + *len, body.at, body.len);
	*len += body.len;
	free((void *)body.at);
	return bytes;
}

static unsigned count(const char *text, const char *word)
{
	unsigned nr = 0;

	while ((text = strstr(text, word))) {
		text += strlen(word);
		nr++;
	}
	return nr;
}

TEST(receive_takes_requests_one_after_the_other_on_a_connection)
{
	struct desk d;
	size_t len;
	char *bytes = request("", &len);

	open_desk(&d);
	for (unsigned i = 1; i <= 3; i++) {
		say(&d, bytes, len);
		CHECK(turn(&d));
		CHECK(count(d.answers, "HTTP/1.1 200 OK\r\n") == i);
		CHECK(d.trace.nr_nodes == 8 * i);
	}
	CHECK(atr_receiver_connections(d.receiver) == 1);
	CHECK(atr_receiver_result(d.receiver)->nr_spans == 24);
	free(bytes);
	close_desk(&d);
}

TEST(receive_takes_a_request_byte_by_byte_and_two_in_one)
{
	struct desk d;
	size_t len;
	char *bytes = request("", &len), *twice = malloc(2 * len);

	open_desk(&d);
	for (size_t i = 0; i < len; i++) {
		say(&d, bytes + i, 1);
		CHECK(turn(&d));
		CHECK((d.len > 0) == (i == len - 1));
	}
	CHECK(d.trace.nr_nodes == 8);
	memcpy(twice, bytes, len);
	memcpy(twice + len, bytes, len);
	say(&d, twice, 2 * len);
	CHECK(turn(&d));
	CHECK(count(d.answers, "HTTP/1.1 200 OK\r\n") == 3 && d.trace.nr_nodes == 24);
	free(twice);
	free(bytes);
	close_desk(&d);
}

TEST(receive_answers_json_with_json_and_goes_when_asked)
{
	static const char text[] = "POST /v1/traces HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
				   "content-type: Application/JSON; charset=utf-8\r\n"
				   "Content-Length: 2\r\n\r\n{}";
	struct desk d;

	open_desk(&d);
	say(&d, text, sizeof(text) - 1);
	turn(&d);
	CHECK(strstr(d.answers, "Content-Type: application/json\r\nContent-Length: 2\r\n"));
	CHECK(strstr(d.answers, "\r\n\r\n{}"));
	CHECK(!turn(&d));
	CHECK(atr_receiver_connections(d.receiver) == 0);
	close_desk(&d);
}

TEST(receive_asks_for_a_body_that_waits_to_be_asked_for)
{
	struct desk d;
	size_t len, head;
	char *bytes = request("Expect: 100-continue\r\n", &len);

	head = (size_t)(strstr(bytes, "\r\n\r\n") + 4 - bytes);
	open_desk(&d);
	say(&d, bytes, head);
	turn(&d);
	CHECK(strcmp(d.answers, "HTTP/1.1 100 Continue\r\n\r\n") == 0);
	say(&d, bytes + head, len - head);
	turn(&d);
	CHECK(strstr(d.answers, "HTTP/1.1 200 OK") && d.trace.nr_nodes == 8);
	free(bytes);
	close_desk(&d);
}

#define LINES(start, rest) start " HTTP/1.1\r\nHost: x\r\n" rest "\r\n"
#define PB "Content-Type: application/x-protobuf\r\n"

TEST(receive_refuses_what_is_no_otlp_request_and_says_why)
{
	static const char *const cases[][2] = {
		{ LINES("GET /v1/traces", ""), "405 " },
		{ LINES("POST /v1/metrics", "Content-Length: 0\r\n" PB), "404 " },
		{ LINES("POST /v1/traces", PB "Transfer-Encoding: chunked\r\n"), "411 " },
		{ LINES("POST /v1/traces", PB "Content-Length: 99999999999\r\n"), "413 " },
		{ LINES("POST /v1/traces", PB "Content-Encoding: gzip\r\nContent-Length: 0\r\n"),
		  "415 " },
		{ LINES("POST /v1/traces", "Content-Length: 0\r\n"), "415 " },
		{ LINES("POST /v1/traces", PB "Content-Length: 1\r\n") "\x0f", "400 " },
		{ "POST /v1/traces HTTP/1.1\nHost: x\n\n", "400 " },
		{ "\x16\x03\x01 hello\r\n\r\n", "400 " },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct desk d;

		open_desk(&d);
		say(&d, cases[i][0], strlen(cases[i][0]));
		turn(&d);
		CHECK(strncmp(d.answers, "HTTP/1.1 ", 9) == 0);
		CHECK(strncmp(d.answers + 9, cases[i][1], 4) == 0);
		CHECK(d.trace.nr_nodes == 0 && atr_receiver_nr_refused(d.receiver) == 1);
		close_desk(&d);
	}
}

TEST(receive_gives_up_a_head_without_end)
{
	char line[1024];
	struct desk d;

	memset(line, 'a', sizeof(line));
	open_desk(&d);
	say(&d, "POST /v1/traces HTTP/1.1\r\nx: ", 29);
	for (unsigned i = 0; i < 80; i++) {
		say(&d, line, sizeof(line));
		if (!turn(&d))
			break;
	}
	CHECK(strstr(d.answers, "400 Bad Request"));
	CHECK(atr_receiver_connections(d.receiver) == 0);
	close_desk(&d);
}

TEST(receive_serves_many_connections_and_forgets_those_that_leave)
{
	enum { MANY = 40 };
	int others[MANY];
	struct desk d;
	size_t len;
	char *bytes = request("", &len);

	open_desk(&d);
	for (int i = 0; i < MANY; i++) {
		others[i] = connect_to(atr_receiver_path(d.receiver));
		CHECK(send(others[i], bytes, len / 2, 0) == (ssize_t)(len / 2));
	}
	turn(&d);
	CHECK(atr_receiver_connections(d.receiver) == MANY + 1);
	for (int i = 0; i < MANY; i++) {
		if (i % 2)
			CHECK(send(others[i], bytes + len / 2, len - len / 2, 0) > 0);
		close(others[i]);
	}
	turn(&d);
	turn(&d);
	CHECK(atr_receiver_connections(d.receiver) == 1);
	CHECK(d.trace.nr_nodes == 8 * MANY / 2);
	free(bytes);
	close_desk(&d);
}

TEST(receive_socket_can_be_reached_by_other_users_and_not_be_found)
{
	char path[128], *slash;
	struct stat directory, socket;
	struct desk d;

	open_desk(&d);
	snprintf(path, sizeof(path), "%s", atr_receiver_path(d.receiver));
	CHECK(stat(path, &socket) == 0 && (socket.st_mode & 0777) == 0666);
	slash = strrchr(path, '/');
	*slash = '\0';
	CHECK(stat(path, &directory) == 0 && (directory.st_mode & 0777) == 0711);
	close_desk(&d);
	CHECK(stat(path, &directory) != 0);
}
