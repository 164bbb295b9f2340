/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/server.h"

#include "preload/proto/http1.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	READ_LEN = 64 * 1024,
	AHEAD_MAX = 1024 * 1024, /* what is held of requests behind one that is not answered */
	TRAILER_MAX = 1024 * 1024,
};

struct bytes {
	char *at;
	size_t len, cap;
};

/*
 * `in` is what was received and not looked at; a head moves from there to `head`,
 * which the parsed one points into, and a body's bytes to `body` as they come.
 * Between two pieces of a body, `between` gathers the coding's own bytes: behind
 * the last one these are the trailer.
 */
struct atr_peer {
	struct atr_server *server;
	struct atr_peer *next, *previous;
	struct bytes in, head, body, between, out;
	struct atr_http1_head parsed;
	struct atr_http1_body framing;
	size_t scanned;
	uint64_t body_len;
	int fd;
	uint8_t scan_state;
	bool has_head;
	bool is_asking; /* its request was given to the owner */
	bool is_in_data;
	bool is_last; /* nothing is read from it any more */
	bool is_over; /* to be dropped */
	bool is_writing;
};

struct atr_server {
	struct atr_server_options options;
	struct atr_peer *peers;
	int epoll_fd, listen_fd;
	uint16_t port;
};

static void reserve(struct bytes *b, size_t more)
{
	size_t cap = b->cap ? b->cap : 1024;
	char *grown;

	while (cap - b->len < more)
		cap *= 2;
	if (cap == b->cap)
		return;
	grown = realloc(b->at, cap);
	if (!grown) {
		fputs("autotrace: out of memory\n", stderr);
		exit(125);
	}
	b->at = grown;
	b->cap = cap;
}

static void append(struct bytes *b, const char *at, size_t len)
{
	reserve(b, len);
	if (len)
		memcpy(b->at + b->len, at, len);
	b->len += len;
}

static void consume(struct bytes *b, size_t len)
{
	b->len -= len;
	if (b->len)
		memmove(b->at, b->at + len, b->len);
}

static bool watch(struct atr_server *s, int operation, int fd, uint32_t events, void *whose)
{
	struct epoll_event event = { .events = events, .data.ptr = whose };

	return epoll_ctl(s->epoll_fd, operation, fd, &event) == 0;
}

static void drop(struct atr_peer *p)
{
	struct atr_server *s = p->server;
	struct bytes *const all[] = { &p->in, &p->head, &p->body, &p->between, &p->out };

	if (p->previous)
		p->previous->next = p->next;
	else
		s->peers = p->next;
	if (p->next)
		p->next->previous = p->previous;
	close(p->fd);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		free(all[i]->at);
	free(p);
}

/* Outside of the walk over those who are ready, so that none of these is gone in it. */
static void drop_those_over(struct atr_server *s)
{
	struct atr_peer *p = s->peers, *next;

	for (; p; p = next) {
		next = p->next;
		if (!p->is_over)
			continue;
		if (p->is_asking)
			s->options.gone(s->options.owner, p);
		drop(p);
	}
}

static void accept_all(struct atr_server *s)
{
	int fd;

	while ((fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct atr_peer *p = calloc(1, sizeof(*p));

		if (!p || !watch(s, EPOLL_CTL_ADD, fd, EPOLLIN, p)) {
			free(p);
			close(fd);
			continue;
		}
		p->fd = fd;
		p->server = s;
		p->next = s->peers;
		if (p->next)
			p->next->previous = p;
		s->peers = p;
	}
}

static void write_out(struct atr_peer *p)
{
	ssize_t n = 0;

	while (p->out.len &&
	       (n = send(p->fd, p->out.at, p->out.len, MSG_NOSIGNAL | MSG_DONTWAIT)) > 0)
		consume(&p->out, (size_t)n);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		p->is_over = true;
	if (!p->out.len && p->is_last && !p->is_over) {
		p->is_over = true;
		/* to be dropped in a turn that may come late: who reads to the end is not to wait */
		shutdown(p->fd, SHUT_WR);
	}
	if ((p->out.len > 0) == p->is_writing)
		return;
	p->is_writing = p->out.len > 0;
	watch(p->server, EPOLL_CTL_MOD, p->fd, EPOLLIN | (p->is_writing ? EPOLLOUT : 0), p);
}

static void put(struct atr_peer *p, const char *text)
{
	append(&p->out, text, strlen(text));
}

static void put_chunk(struct atr_peer *p, struct atr_str part)
{
	char size[32];

	snprintf(size, sizeof(size), "%zx\r\n", part.len);
	put(p, size);
	append(&p->out, part.at, part.len);
	put(p, "\r\n");
}

static void put_body(struct atr_peer *p, const struct atr_answer *answer)
{
	size_t half = answer->body.len / 2;
	char length[64];

	if (!answer->is_chunked) {
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n\r\n", answer->body.len);
		put(p, length);
		append(&p->out, answer->body.at, answer->body.len);
		return;
	}
	put(p, "Transfer-Encoding: chunked\r\n\r\n");
	if (half)
		put_chunk(p, (struct atr_str){ answer->body.at, half });
	if (answer->body.len)
		put_chunk(p, (struct atr_str){ answer->body.at + half, answer->body.len - half });
	put_chunk(p, (struct atr_str){ NULL, 0 });
}

void atr_peer_answer(struct atr_peer *p, const struct atr_answer *answer)
{
	bool is_last = p->is_last || p->server->options.closes || !p->parsed.keep_alive;

	put(p, "HTTP/1.1 ");
	put(p, answer->status);
	put(p, "\r\n");
	put(p, answer->fields);
	if (is_last)
		put(p, "Connection: close\r\n");
	put_body(p, answer);
	p->is_last = is_last;
	p->is_asking = p->has_head = false;
	write_out(p);
}

/* Where the next request begins is not known. */
static void refuse(struct atr_peer *p)
{
	put(p, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
	p->is_last = true;
	write_out(p);
}

/* False: more is needed, or it was refused. */
static bool take_head(struct atr_peer *p)
{
	long end = atr_http1_scan(&p->scan_state, p->in.at + p->scanned, p->in.len - p->scanned);
	size_t len = p->scanned + (size_t)(end > 0 ? end : 0);

	p->scanned = p->in.len;
	if (end == 0 && p->in.len <= ATR_HTTP1_HEAD_MAX)
		return false;
	p->head.len = p->body.len = p->between.len = 0;
	p->body_len = 0;
	if (end > 0)
		append(&p->head, p->in.at, len);
	if (end <= 0 || !atr_http1_parse_request(p->head.at, len, &p->parsed)) {
		refuse(p);
		return false;
	}
	consume(&p->in, len);
	p->scanned = 0;
	p->scan_state = 0;
	p->has_head = true;
	atr_http1_body_begin(&p->framing, &p->parsed);
	p->is_in_data = p->parsed.framing == ATR_HTTP1_LENGTH && p->framing.left;
	/* when a body comes at once, the interim answer would be read as the last one's */
	if (p->parsed.expect_continue && !p->in.len) {
		put(p, "HTTP/1.1 100 Continue\r\n\r\n");
		write_out(p);
	}
	return true;
}

static void keep_payload(struct atr_peer *p, const char *at, size_t len)
{
	size_t room = p->server->options.body_max - p->body.len;

	p->body_len += len;
	append(&p->body, at, len < room ? len : room);
	p->between.len = 0;
}

/*
 * The parser follows the framing and does not tell payload from the coding
 * around it; its count of payload does, a byte at a time, and in a chunk the
 * rest of it goes in one piece. False: malformed.
 */
static bool feed_body(struct atr_peer *p)
{
	size_t used = 0;

	while (used < p->in.len && !p->framing.done) {
		uint64_t before = p->framing.size;
		size_t len = p->in.len - used;
		bool is_payload;

		if (!p->is_in_data)
			len = 1;
		else if (p->framing.left < len)
			len = (size_t)p->framing.left;
		if (atr_http1_body_feed(&p->framing, p->in.at + used, len) != (long)len)
			return false;
		is_payload = p->framing.size > before;
		if (is_payload)
			keep_payload(p, p->in.at + used, len);
		else if (p->between.len < TRAILER_MAX)
			append(&p->between, p->in.at + used, len);
		p->is_in_data = is_payload && p->framing.left;
		used += len;
	}
	consume(&p->in, used);
	return true;
}

/* Behind the last chunk's end and the line of the chunk of none. */
static struct atr_str trailer_of(const struct atr_peer *p)
{
	struct atr_str all = { p->between.at, p->between.len };
	const char *end;

	if (all.len >= 2 && memcmp(all.at, "\r\n", 2) == 0)
		all.at += 2, all.len -= 2;
	end = all.len ? memmem(all.at, all.len, "\r\n", 2) : NULL;
	if (!end)
		return (struct atr_str){ NULL, 0 };
	all.len -= (size_t)(end + 2 - all.at);
	all.at = end + 2;
	return all;
}

static void hand_over(struct atr_peer *p)
{
	struct atr_server_options *o = &p->server->options;
	struct atr_request request = {
		.method = p->parsed.method,
		.target = p->parsed.target,
		.head = { p->head.at, p->head.len },
		.fields_at = p->parsed.fields_at,
		.body = { p->body.at, p->body.len },
		.body_len = p->body_len,
		.trailer = trailer_of(p),
	};

	/* a NUL behind it, for parsers that look one byte too far */
	append(&p->body, "", 1);
	p->body.len--;
	request.body.at = p->body.at;
	p->is_asking = true;
	o->asked(o->owner, p, &request);
}

/* Everything that the bytes so far are good for. */
static void advance(struct atr_peer *p)
{
	while (!p->is_asking && !p->is_last && !p->is_over) {
		if (!p->has_head && (!p->in.len || !take_head(p)))
			return;
		if (p->framing.framing != ATR_HTTP1_NO_BODY && !feed_body(p)) {
			refuse(p);
			return;
		}
		if (p->framing.framing != ATR_HTTP1_NO_BODY && !p->framing.done)
			return;
		hand_over(p);
	}
}

static void serve_peer(struct atr_peer *p, uint32_t events)
{
	ssize_t n;

	if (p->is_over)
		return;
	if (events & EPOLLOUT)
		write_out(p);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		reserve(&p->in, READ_LEN);
		n = recv(p->fd, p->in.at + p->in.len, p->in.cap - p->in.len, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			p->is_over = true;
		p->in.len += n > 0 ? (size_t)n : 0;
		if (p->is_asking && p->in.len > AHEAD_MAX)
			p->is_over = true;
	}
	/* also after an answer that was late: the next request may be here already */
	advance(p);
}

void atr_server_serve(struct atr_server *s)
{
	struct epoll_event ready[64];
	int nr = epoll_wait(s->epoll_fd, ready, 64, 0);

	for (int i = 0; i < nr; i++) {
		if (ready[i].data.ptr)
			serve_peer(ready[i].data.ptr, ready[i].events);
		else
			accept_all(s);
	}
	for (struct atr_peer *p = s->peers; p; p = p->next)
		advance(p);
	drop_those_over(s);
}

void atr_server_forget(struct atr_server *s)
{
	while (s->peers)
		drop(s->peers);
}

static bool listen_at_loopback(struct atr_server *s)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);

	s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->listen_fd < 0 || bind(s->listen_fd, (struct sockaddr *)&address, len) != 0 ||
	    listen(s->listen_fd, 256) != 0 ||
	    getsockname(s->listen_fd, (struct sockaddr *)&address, &len) != 0)
		return false;
	s->port = ntohs(address.sin_port);
	return watch(s, EPOLL_CTL_ADD, s->listen_fd, EPOLLIN, NULL);
}

struct atr_server *atr_server_open(const struct atr_server_options *options)
{
	struct atr_server *s = calloc(1, sizeof(*s));
	int error;

	if (!s)
		return NULL;
	s->options = *options;
	s->listen_fd = -1;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll_fd >= 0 && listen_at_loopback(s))
		return s;
	error = errno;
	atr_server_close(s);
	errno = error;
	return NULL;
}

void atr_server_close(struct atr_server *s)
{
	atr_server_forget(s);
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	free(s);
}

int atr_server_fd(const struct atr_server *s)
{
	return s->epoll_fd;
}

uint16_t atr_server_port(const struct atr_server *s)
{
	return s->port;
}

struct atr_str atr_request_field(const struct atr_request *request, const char *name)
{
	uint32_t at = request->fields_at;
	struct atr_pair field;

	while (atr_http1_next_field(request->head.at, request->head.len, &at, &field)) {
		if (atr_str_equal_nocase(field.name, atr_str(name)))
			return field.value;
	}
	return (struct atr_str){ NULL, 0 };
}

struct atr_str atr_request_trailer(const struct atr_request *request, const char *name)
{
	struct atr_str rest = request->trailer;
	const char *end;

	while (rest.len && (end = memmem(rest.at, rest.len, "\r\n", 2))) {
		struct atr_str line = { rest.at, (size_t)(end - rest.at) };
		const char *colon = line.len ? memchr(line.at, ':', line.len) : NULL;
		struct atr_str key = { line.at, colon ? (size_t)(colon - line.at) : 0 };

		if (colon && atr_str_equal_nocase(key, atr_str(name)))
			return atr_str_trim((struct atr_str){ colon + 1, line.len - key.len - 1 });
		rest.len -= line.len + 2;
		rest.at = end + 2;
	}
	return (struct atr_str){ NULL, 0 };
}
