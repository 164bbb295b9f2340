/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tools.h"

#include "tools/receive.h"

#include "export/log_record.h"

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

/* A request of two lines of the first span's, the later one first, and of one of nobody's. */
static char *request_of_lines(const struct atr_node *node, size_t *len)
{
	static struct atr_log_record records[3];
	const struct atr_log_record *all[] = { &records[0], &records[1], &records[2] };
	struct atr_buf body = { 0 };
	char *bytes;

	for (int i = 0; i < 3; i++) {
		records[i].time_ns = (uint64_t)(30 - i);
		records[i].fd = 1;
		records[i].len = (uint16_t)sprintf(records[i].line, "line %d", i);
		memcpy(records[i].trace_id, node->trace_id, ATR_TRACE_ID_LEN);
		memcpy(records[i].span_id, node->span_id, ATR_SPAN_ID_LEN);
	}
	records[2].span_id[0] ^= 0xff;
	CHECK(atr_log_records_encode(all, 3, NULL, 0, false, &body));
	bytes = malloc(body.len + 512);
	*len = (size_t)sprintf(
		bytes,
		"POST /v1/logs HTTP/1.1\r\nHost: x\r\n"
		"Content-Type: application/x-protobuf\r\nContent-Length: %zu\r\n\r\n",
		body.len);
	memcpy(bytes + *len, body.at, body.len);
	*len += body.len;
	return bytes;
}

TEST(receive_gives_lines_of_the_log_to_their_spans)
{
	struct desk d;
	size_t len;
	char *bytes = request("", &len);
	struct atr_node *node;

	open_desk(&d);
	say(&d, bytes, len);
	turn(&d);
	free(bytes);
	node = d.trace.nodes[0];
	bytes = request_of_lines(node, &len);
	say(&d, bytes, len);
	turn(&d);
	CHECK(strstr(d.answers + 10, "HTTP/1.1 200 OK") && !atr_receiver_nr_refused(d.receiver));
	atr_trace_link(&d.trace);
	CHECK(node->nr_lines == 2);
	CHECK(atr_str_equal(node->lines[0]->text, ATR_STR("line 1")));
	CHECK(atr_str_equal(node->lines[1]->text, ATR_STR("line 0")));
	CHECK(atr_str_equal(node->lines[0]->stream, ATR_STR("stdout")));
	for (size_t i = 1; i < d.trace.nr_nodes; i++)
		CHECK(d.trace.nodes[i] == node || !d.trace.nodes[i]->nr_lines);
	free(bytes);
	close_desk(&d);
}

TEST(receive_takes_no_lines_out_of_a_request_that_is_cut)
{
	struct atr_node node = { .trace_id = { 1 }, .span_id = { 2 } };
	struct atr_trace trace = { 0 };
	size_t len, good = 0;
	char *bytes = request_of_lines(&node, &len);
	char *body = strstr(bytes, "\r\n\r\n") + 4;

	len -= (size_t)(body - bytes);
	for (size_t n = 0; n < len; n++) {
		char *copy = malloc(n ? n : 1);

		memcpy(copy, body, n);
		good += atr_otlp_read_logs(&trace, (struct atr_str){ copy, n });
		free(copy);
	}
	CHECK(good == 1 && !trace.nr_lines); /* that of nothing */
	CHECK(atr_otlp_read_logs(&trace, (struct atr_str){ body, len }) && trace.nr_lines == 3);
	atr_trace_free(&trace);
	free(bytes);
}

TEST(receive_counts_metrics)
{
	static const char text[] = "POST /v1/metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
				   "Content-Type: application/x-protobuf\r\n\r\n";
	struct desk d;

	open_desk(&d);
	say(&d, text, sizeof(text) - 1);
	turn(&d);
	CHECK(strstr(d.answers, "HTTP/1.1 200 OK") && atr_receiver_nr_metrics(d.receiver) == 1);
	close_desk(&d);
}

#define LINES(start, rest) start " HTTP/1.1\r\nHost: x\r\n" rest "\r\n"
#define PB "Content-Type: application/x-protobuf\r\n"

TEST(receive_refuses_what_is_no_otlp_request_and_says_why)
{
	static const char *const cases[][2] = {
		{ LINES("GET /v1/traces", ""), "405 " },
		{ LINES("POST /v1/profiles", "Content-Length: 0\r\n" PB), "404 " },
		{ LINES("POST /v1/logs", "Content-Length: 0\r\nContent-Type: application/json\r\n"),
		  "415 " },
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
