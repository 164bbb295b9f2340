/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TESTS_CAUSALITY_WIRE_H
#define ATR_TESTS_CAUSALITY_WIRE_H

/*
 * wire: the little HTTP/1.1 that the causality programs speak, on loopback.
 *
 * A request is GET /hop?n=N or /hop?n=N&c=C. N is the number that the driver
 * gave it, C counts the calls made on behalf of N; both travel in the URL so
 * that spans can be matched with the truth without trusting any trace header.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct conn {
	int fd;
	size_t len; /* bytes read and not yet used */
	char buf[16384];
};

struct request {
	unsigned long n;
	unsigned long ms; /* &ms=N: how long to take over the answer */
	bool never;	  /* &never=1: to be left without an answer */
	bool close;	  /* the peer wants the connection closed after it */
};

__attribute__((noreturn, unused)) static void die(const char *what)
{
	perror(what);
	exit(1);
}

__attribute__((unused)) static int listen_on(const char *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 128))
		die(port);
	return fd;
}

/* `type` may hold SOCK_NONBLOCK: the connection may then still be under way. */
__attribute__((unused)) static int connect_to(int port, int type)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | type, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS)
		die("connect");
	return fd;
}

/* For the short messages here, which always fit the socket's buffer. */
__attribute__((unused)) static bool put(int fd, const char *text, size_t len)
{
	return send(fd, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* One read. False at the end of the stream; true with nothing new when it would block. */
__attribute__((unused)) static bool fill(struct conn *c)
{
	ssize_t n = read(c->fd, c->buf + c->len, sizeof(c->buf) - 1 - c->len);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	c->len += n;
	c->buf[c->len] = '\0';
	return n > 0;
}

static void drop(struct conn *c, size_t len)
{
	c->len -= len;
	memmove(c->buf, c->buf + len, c->len + 1);
}

static unsigned long number_after(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoul(at + strlen(key), NULL, 10) : 0;
}

/* Takes one request out of what was read; false when none is whole yet. */
__attribute__((unused)) static bool take_request(struct conn *c, struct request *out)
{
	char *end = c->len ? strstr(c->buf, "\r\n\r\n") : NULL;

	if (!end)
		return false;
	*end = '\0';
	out->n = number_after(c->buf, "n=");
	out->ms = number_after(c->buf, "&ms=");
	out->never = strstr(c->buf, "&never=") != NULL;
	out->close = strstr(c->buf, "Connection: close") != NULL;
	drop(c, end + 4 - c->buf);
	return true;
}

/* Takes one response with a Content-Length; false when none is whole yet. */
__attribute__((unused)) static bool take_response(struct conn *c)
{
	char *end = c->len ? strstr(c->buf, "\r\n\r\n") : NULL;
	size_t whole;

	if (!end)
		return false;
	whole = end + 4 - c->buf + number_after(c->buf, "Content-Length: ");
	if (c->len < whole)
		return false;
	drop(c, whole);
	return true;
}

/* Blocking: the next request of the connection, false at its end. */
__attribute__((unused)) static bool next_request(struct conn *c, struct request *out)
{
	while (!take_request(c, out))
		if (!fill(c))
			return false;
	return true;
}

__attribute__((unused)) static bool put_answer(int fd, const struct request *r)
{
	char text[160], body[32];
	int body_len = snprintf(body, sizeof(body), "n=%lu\n", r->n);
	int len = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s",
			   body_len, r->close ? "Connection: close\r\n" : "", body);

	return put(fd, text, len);
}

__attribute__((unused)) static bool put_call(int fd, const char *key, unsigned long n, unsigned c)
{
	char text[160];
	int len = snprintf(text, sizeof(text),
			   "GET /hop?%s=%lu&c=%u HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", key, n, c);

	return put(fd, text, len);
}

/* Blocking: one call and its response on a connection that stays open. */
__attribute__((unused)) static bool exchange(struct conn *up, const char *key, unsigned long n,
					     unsigned c)
{
	if (!put_call(up->fd, key, n, c))
		return false;
	while (!take_response(up))
		if (!fill(up))
			return false;
	return true;
}

/* Blocking: one call on a connection of its own. */
__attribute__((unused)) static void call(int port, const char *key, unsigned long n, unsigned c)
{
	struct conn up = { .fd = connect_to(port, 0) };

	if (!exchange(&up, key, n, c))
		fprintf(stderr, "call %lu.%u failed\n", n, c);
	close(up.fd);
}

#endif
