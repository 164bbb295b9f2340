/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/receive.h"

#include "preload/proto/http1.h"
#include "propagator/ids.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	BODY_MAX = 64 * 1024 * 1024, /* OTLP's own limit of a request */
	READ_LEN = 64 * 1024,
	CONNECTIONS_MAX = 512,
	PATH_LEN = sizeof(((struct sockaddr_un *)0)->sun_path),
};

/*
 * What was received and not yet answered: the bytes of one request, perhaps the
 * start of the next. While head_len is 0 its end is looked for from `scanned` on.
 */
struct connection {
	struct connection *next, *previous;
	int fd;
	char *bytes;
	size_t len, cap;
	size_t scanned, head_len;
	uint8_t scan_state;
	bool told_to_continue;
};

struct atr_receiver {
	struct atr_trace *trace;
	struct atr_otlp_result result;
	struct connection *connections;
	size_t nr_connections, nr_refused, nr_metrics;
	int epoll_fd, listen_fd;
	bool is_listening; /* false while no further connection can be had */
	char directory[PATH_LEN], path[PATH_LEN];
};

static bool watch(struct atr_receiver *r, int fd, void *whose)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = whose };

	return epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void pause_listening(struct atr_receiver *r)
{
	if (r->is_listening)
		epoll_ctl(r->epoll_fd, EPOLL_CTL_DEL, r->listen_fd, NULL);
	r->is_listening = false;
}

static void resume_listening(struct atr_receiver *r)
{
	if (!r->is_listening)
		r->is_listening = watch(r, r->listen_fd, NULL);
}

static void drop(struct atr_receiver *r, struct connection *c)
{
	if (c->previous)
		c->previous->next = c->next;
	else
		r->connections = c->next;
	if (c->next)
		c->next->previous = c->previous;
	r->nr_connections--;
	close(c->fd);
	free(c->bytes);
	free(c);
	resume_listening(r);
}

static void accept_all(struct atr_receiver *r)
{
	while (r->nr_connections < CONNECTIONS_MAX) {
		int fd = accept4(r->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct connection *c;

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0 && errno == EAGAIN)
			return;
		if (fd < 0)
			break;
		c = calloc(1, sizeof(*c));
		if (!c || !watch(r, fd, c)) {
			free(c);
			close(fd);
			break;
		}
		c->fd = fd;
		c->next = r->connections;
		if (c->next)
			c->next->previous = c;
		r->connections = c;
		r->nr_connections++;
	}
	/* no descriptor or memory left, or enough of them: the rest wait in the backlog */
	pause_listening(r);
}

/* Answers are small; a peer whose buffer has no room for one is not reading them. */
static bool send_all(struct connection *c, const char *bytes, size_t len)
{
	return send(c->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}

static bool answer(struct connection *c, const char *status, const char *type, bool keep_alive)
{
	const char *body = type && strcmp(type, "application/json") == 0 ? "{}" : "";
	char text[256];
	int len =
		snprintf(text, sizeof(text), "HTTP/1.1 %s\r\n%s%s%sContent-Length: %zu\r\n%s\r\n%s",
			 status, type ? "Content-Type: " : "", type ? type : "", type ? "\r\n" : "",
			 strlen(body), keep_alive ? "" : "Connection: close\r\n", body);

	return send_all(c, text, (size_t)len) && keep_alive;
}

/* What the request's fields say of its body. */
struct body_form {
	bool is_json, is_protobuf, is_encoded;
};

static struct body_form body_form(const struct connection *c, const struct atr_http1_head *head)
{
	struct body_form form = { 0 };
	uint32_t at = head->fields_at;
	struct atr_pair field;

	while (atr_http1_next_field(c->bytes, c->head_len, &at, &field)) {
		const char *end =
			field.value.len ? memchr(field.value.at, ';', field.value.len) : NULL;
		struct atr_str value = field.value;

		if (end)
			value.len = (size_t)(end - value.at);
		value = atr_str_trim(value);
		if (atr_str_equal_nocase(field.name, ATR_STR("content-type"))) {
			form.is_json = atr_str_equal_nocase(value, ATR_STR("application/json"));
			form.is_protobuf =
				atr_str_equal_nocase(value, ATR_STR("application/x-protobuf"));
		} else if (atr_str_equal_nocase(field.name, ATR_STR("content-encoding"))) {
			form.is_encoded = !atr_str_equal_nocase(value, ATR_STR("identity"));
		}
	}
	return form;
}

enum signal { NONE, TRACES, LOGS, METRICS };

static enum signal signal_of(const struct atr_http1_head *head)
{
	return atr_str_equal(head->target, ATR_STR("/v1/traces"))  ? TRACES :
	       atr_str_equal(head->target, ATR_STR("/v1/logs"))	   ? LOGS :
	       atr_str_equal(head->target, ATR_STR("/v1/metrics")) ? METRICS :
								     NONE;
}

/* Why a request is not taken, before its body is waited for; NULL: it is. */
static const char *objection(const struct connection *c, const struct atr_http1_head *head)
{
	struct body_form form = body_form(c, head);

	if (signal_of(head) == NONE)
		return "404 Not Found";
	if (!atr_str_equal(head->method, ATR_STR("POST")))
		return "405 Method Not Allowed";
	if (head->framing == ATR_HTTP1_CHUNKED)
		return "411 Length Required";
	if (head->content_length > BODY_MAX)
		return "413 Content Too Large";
	if (form.is_encoded || !(form.is_protobuf || (form.is_json && signal_of(head) != LOGS)))
		return "415 Unsupported Media Type";
	return NULL;
}

static bool read_body(struct atr_receiver *r, enum signal signal, bool is_json, struct atr_str body)
{
	switch (signal) {
	case TRACES:
		return is_json ? atr_otlp_read_json(r->trace, body, &r->result) :
				 atr_otlp_read_protobuf(r->trace, body, &r->result);
	case LOGS:
		return atr_otlp_read_logs(r->trace, body);
	default:
		r->nr_metrics++;
		return true;
	}
}

static bool take_body(struct atr_receiver *r, struct connection *c,
		      const struct atr_http1_head *head)
{
	struct atr_str body = { c->bytes + c->head_len, head->content_length };
	bool is_json = body_form(c, head).is_json;
	const char *type = is_json ? "application/json" : "application/x-protobuf";
	bool good = read_body(r, signal_of(head), is_json, body);

	if (!good)
		r->nr_refused++;
	return answer(c, good ? "200 OK" : "400 Bad Request", good ? type : NULL, head->keep_alive);
}

/* Gives the bytes of the request that was answered away, for the next to begin. */
static void next_request(struct connection *c, size_t used)
{
	c->len -= used;
	memmove(c->bytes, c->bytes + used, c->len);
	c->scanned = c->head_len = 0;
	c->scan_state = 0;
	c->told_to_continue = false;
}

/* Where the next request begins is not known, or not worth reading up to: -1. */
static int refuse(struct atr_receiver *r, struct connection *c, const char *status)
{
	r->nr_refused++;
	answer(c, status, NULL, false);
	return -1;
}

/* 1: a request was answered; 0: more bytes are needed; -1: the connection is over. */
static int take_request(struct atr_receiver *r, struct connection *c)
{
	struct atr_http1_head head;
	const char *wrong;
	size_t whole;

	if (!c->head_len) {
		long end =
			atr_http1_scan(&c->scan_state, c->bytes + c->scanned, c->len - c->scanned);

		if (end < 0 || (!end && c->len > ATR_HTTP1_HEAD_MAX))
			return refuse(r, c, "400 Bad Request");
		c->head_len = end ? c->scanned + (size_t)end : 0;
		c->scanned = c->len;
	}
	if (!c->head_len)
		return 0;
	if (!atr_http1_parse_request(c->bytes, c->head_len, &head))
		return refuse(r, c, "400 Bad Request");
	wrong = objection(c, &head);
	if (wrong)
		return refuse(r, c, wrong);
	whole = c->head_len + head.content_length;
	if (c->len < whole) {
		if (head.expect_continue && !c->told_to_continue)
			send_all(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
		c->told_to_continue = true;
		return 0;
	}
	if (!take_body(r, c, &head))
		return -1;
	next_request(c, whole);
	return 1;
}

static bool make_room(struct connection *c)
{
	size_t cap = c->cap ? c->cap * 2 : READ_LEN;
	char *grown;

	if (c->cap - c->len >= READ_LEN / 2)
		return true;
	grown = realloc(c->bytes, cap);
	if (!grown)
		return false;
	c->bytes = grown;
	c->cap = cap;
	return true;
}

/* One read: who has more to say is ready again in the next turn, and nobody waits for him. */
static void serve_connection(struct atr_receiver *r, struct connection *c)
{
	ssize_t n = make_room(c) ? recv(c->fd, c->bytes + c->len, c->cap - c->len, 0) : 0;
	int taken = 0;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0) {
		c->len += (size_t)n;
		do
			taken = c->len ? take_request(r, c) : 0;
		while (taken > 0);
	}
	if (n <= 0 || taken < 0)
		drop(r, c);
}

void atr_receiver_serve(struct atr_receiver *r)
{
	struct epoll_event ready[64];
	int nr = epoll_wait(r->epoll_fd, ready, 64, 0);

	/* a connection is dropped in its own turn only, so that each pointer is good */
	for (int i = 0; i < nr; i++) {
		if (ready[i].data.ptr)
			serve_connection(r, ready[i].data.ptr);
		else
			accept_all(r);
	}
}

static bool make_directory(struct atr_receiver *r)
{
	const char *parent = getenv("TMPDIR");

	/* the socket's name must have room behind it, and in unix:PATH a colon ends the path */
	if (!parent || parent[0] != '/' || strlen(parent) > 60 || strchr(parent, ':'))
		parent = "/tmp";
	snprintf(r->directory, sizeof(r->directory), "%s/autotrace.XXXXXX", parent);
	if (!mkdtemp(r->directory)) {
		r->directory[0] = '\0';
		return false;
	}
	return chmod(r->directory, 0711) == 0;
}

static bool listen_at(struct atr_receiver *r)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct atr_ids ids = { 0 };

	snprintf(r->path, sizeof(r->path), "%.70s/%016" PRIx64 ".sock", r->directory,
		 atr_ids_next(&ids));
	memcpy(address.sun_path, r->path, sizeof(r->path));
	r->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (r->listen_fd < 0)
		return false;
	if (bind(r->listen_fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		return false;
	return chmod(r->path, 0666) == 0 && listen(r->listen_fd, 256) == 0;
}

struct atr_receiver *atr_receiver_open(struct atr_trace *trace)
{
	struct atr_receiver *r = calloc(1, sizeof(*r));
	int error;

	if (!r)
		return NULL;
	r->trace = trace;
	r->listen_fd = -1;
	r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (r->epoll_fd >= 0 && make_directory(r) && listen_at(r)) {
		resume_listening(r);
		if (r->is_listening)
			return r;
	}
	error = errno;
	atr_receiver_close(r);
	errno = error;
	return NULL;
}

void atr_receiver_close(struct atr_receiver *r)
{
	while (r->connections)
		drop(r, r->connections);
	if (r->listen_fd >= 0)
		close(r->listen_fd);
	if (r->epoll_fd >= 0)
		close(r->epoll_fd);
	if (r->path[0])
		unlink(r->path);
	if (r->directory[0])
		rmdir(r->directory);
	free(r);
}

const char *atr_receiver_path(const struct atr_receiver *r)
{
	return r->path;
}

int atr_receiver_fd(const struct atr_receiver *r)
{
	return r->epoll_fd;
}

size_t atr_receiver_connections(const struct atr_receiver *r)
{
	return r->nr_connections;
}

const struct atr_otlp_result *atr_receiver_result(const struct atr_receiver *r)
{
	return &r->result;
}

size_t atr_receiver_nr_refused(const struct atr_receiver *r)
{
	return r->nr_refused;
}

size_t atr_receiver_nr_metrics(const struct atr_receiver *r)
{
	return r->nr_metrics;
}
