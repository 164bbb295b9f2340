/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sequences FROM TO all|sent: for each number a sequence of calls on sockets, pipes and files that
 * follows from the number alone, with HTTP on them, well-formed, odd and broken, in pieces of any size.
 * Each call is printed with all that it answered.
 *
 * all:  what is received is printed too: nothing is added to it.
 * sent: what a server receives may have a line of ours before the empty one of a head that begins where
 *       a request does, and nowhere else; it is taken out, and the rest is to be what was sent.
 */
#include "net.h"

#include <ctype.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define CONNS 5
#define FDS 3
#define STREAM (96 * 1024)
#define PLACES 512
#define PIECES 5
#define BLOCK (16 * 1024)
#define STEPS 160
#define KEPT_ERRNO 133 /* as nobody sets it */
#define OWN_LEN 19     /* of a span and its flags, in a traceparent */
#define UNTOUCHED 0xee

enum side { CLIENT, SERVER };

/* What goes from one side to the other. */
struct way {
	char made[STREAM], got[STREAM];
	size_t made_len, sent_len, got_len;
	size_t places[PLACES]; /* where a head's empty line is, as offsets in what is made */
	size_t owns[PLACES];   /* where a span's id and flags are that ours may take the place of */
	int nr_places, nr_owns;
	bool is_known; /* requests all, so far */
	bool is_lost;  /* something of it went where it cannot be told */
	bool is_shut;
};

struct conn {
	int fds[2][FDS];
	int nr_fds[2];
	struct way way[2]; /* by who sends */
	enum side turn;
	bool is_open, is_reset, was_asked;
	bool is_http2;
	uint32_t last_id; /* of its streams */
	bool is_shared;	  /* with another process */
};

/* Shared with children that go on with it. */
static struct conn *conns;

static uint64_t state;
static bool is_polite, tells_received, in_child;
static bool is_silent;		   /* of what may have a field of ours more */
static char *out_block, *in_block; /* behind each a page that may not be touched */
static int listener = -1;
static struct sockaddr_in address;
static volatile sig_atomic_t pipes_broken;
static sig_atomic_t pipes_told;
static char line[1 << 16];
static size_t line_len;

static uint32_t draw(uint32_t below)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return below ? (uint32_t)((state >> 33) % below) : 0;
}

static bool one_in(uint32_t n)
{
	return draw(n) == 0;
}

/* ---- telling ----------------------------------------------------------------------------------- */

static void flush_line(void)
{
	size_t at = 0;

	while (at < line_len) {
		ssize_t n = syscall(SYS_write, 1, line + at, line_len - at);

		if (n <= 0)
			_exit(3);
		at += (size_t)n;
	}
	line_len = 0;
}

static void tell_list(const char *format, va_list list)
{
	if (is_silent)
		return;
	if (sizeof(line) - line_len < 1024)
		flush_line();
	line_len += (size_t)vsnprintf(line + line_len, sizeof(line) - line_len, format, list);
}

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	tell_list(format, list);
	va_end(list);
}

static void tell_bytes(const char *bytes, size_t len)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)bytes[i]) * 16777619u;
	tell(" %08x \"", hash);
	for (size_t i = 0; i < len && i < 24; i++)
		tell(isprint((uint8_t)bytes[i]) ? "%c" : ".", bytes[i]);
	tell("\"");
}

static void begin_call(void)
{
	errno = KEPT_ERRNO;
}

static long answer(long n, const char *format, ...) __attribute__((format(printf, 2, 3)));
static long answer(long n, const char *format, ...)
{
	int error = errno;
	va_list list;

	va_start(list, format);
	tell_list(format, list);
	va_end(list);
	tell(" = %ld", n);
	if (n < 0)
		tell(" %s", strerrorname_np(error) ? strerrorname_np(error) : "?");
	else if (error != KEPT_ERRNO)
		tell(" (errno %d)", error);
	if (pipes_told != pipes_broken)
		tell(" SIGPIPE %d", (int)(pipes_broken - pipes_told));
	pipes_told = pipes_broken;
	return n;
}

static void end_line(void)
{
	tell("\n");
}

static void broken_pipe(int number)
{
	(void)number;
	pipes_broken++;
}

/* ---- what is said ------------------------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static void make(struct way *w, const char *format, ...)
{
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(w->made + w->made_len, STREAM - w->made_len, format, list);
	va_end(list);
	w->made_len += (size_t)n;
}

static void make_bytes(struct way *w, size_t n, bool is_text)
{
	while (n--)
		w->made[w->made_len++] = (char)(is_text ? 'a' + draw(26) : draw(256));
}

static void make_body(struct way *w, size_t n)
{
	static const char fake[] = "GET /fake HTTP/1.1\r\nHost: f\r\n\r\n";
	size_t len = sizeof(fake) - 1;

	if (n >= len && one_in(2)) {
		make(w, "%s", fake);
		n -= len;
	}
	make_bytes(w, n, one_in(2));
}

static void make_chunks(struct way *w)
{
	make(w, "Transfer-Encoding: chunked\r\n");
}

static void make_chunked_body(struct way *w)
{
	for (uint32_t left = draw(4); left; left--) {
		uint32_t n = 1 + draw(one_in(5) ? 2000 : 60);

		make(w, one_in(4) ? "%x;a=b\r\n" : one_in(2) ? "%X\r\n" : "%x\r\n", n);
		make_body(w, n);
		make(w, "\r\n");
	}
	make(w, "0\r\n");
	if (one_in(4))
		make(w, "Trailer: t\r\n");
	make(w, "\r\n");
}

static void make_fields(struct way *w)
{
	for (uint32_t n = draw(5); n; n--)
		switch (draw(6)) {
		case 0:
			make(w, "Accept: */*\r\n");
			break;
		case 1:
			make(w, "X-%u:%u\r\n", draw(100), draw(100000));
			break;
		case 2:
			make(w, "Cookie: ");
			make_bytes(w, 1 + draw(one_in(6) ? 9000 : 200), true);
			make(w, "\r\n");
			break;
		case 3:
			make(w, "Empty:\r\n");
			break;
		case 4:
			make(w, "User-Agent: a b/c (d; e) \r\n");
			break;
		default:
			make(w, "Connection: keep-alive\r\n");
		}
}

static void end_head(struct way *w, bool is_ours)
{
	if (is_ours && w->is_known && w->nr_places < PLACES)
		w->places[w->nr_places++] = w->made_len;
	make(w, "\r\n");
}

static void make_request(struct way *w)
{
	static const char *const simple[] = { "GET", "GET", "GET", "HEAD", "DELETE", "OPTIONS" };
	bool has_own = one_in(8);
	uint32_t n;

	switch (draw(8)) {
	case 0:
		n = draw(one_in(4) ? 5000 : 100);
		make(w, "POST /p/%u HTTP/1.1\r\nHost: h\r\nContent-Length: %u\r\n", draw(9), n);
		make_fields(w);
		end_head(w, true);
		make_body(w, n);
		if (one_in(5))
			make(w, "\r\n"); /* as old clients do */
		return;
	case 1:
		make(w, "PUT /c/%u HTTP/1.1\r\nHost: h\r\n", draw(9));
		make_fields(w);
		make_chunks(w);
		end_head(w, true);
		make_chunked_body(w);
		return;
	case 2:
		make(w, "GET /old/%u HTTP/1.0\r\n", draw(9));
		make_fields(w);
		end_head(w, true);
		return;
	case 3:
		make(w, "GET http://h:80/whole HTTP/1.1\r\nHost: h:80\r\n");
		make_fields(w);
		end_head(w, true);
		return;
	default:
		make(w, "%s /s/%u?a=b HTTP/1.1\r\nHost: h\r\n", simple[draw(6)], draw(9));
		make_fields(w);
		if (has_own) {
			make(w, "traceparent: 00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-");
			if (w->is_known && w->nr_owns < PLACES)
				w->owns[w->nr_owns++] = w->made_len;
			make(w, "bbbbbbbbbbbbbbbb-01\r\n");
		}
		end_head(w, !has_own);
	}
}

/* Of these it is not known where the next request begins, if it is one at all. */
static void make_odd_request(struct way *w)
{
	switch (draw(14)) {
	case 0:
		make_bytes(w, 1 + draw(300), false);
		break;
	case 1:
		make(w, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
		make_bytes(w, 9 * draw(5), false);
		break;
	case 2:
		make(w, "%c%c%c%c%c", 22, 3, 1, 0, 60);
		make_bytes(w, 60, false);
		break;
	case 3:
		make(w, "GET /lf HTTP/1.1\nHost: h\n\n");
		break;
	case 4:
		make(w, "GET /x HTTP/1.1\r\nHost : h\r\n\r\n");
		break;
	case 5:
		make(w, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: "
			"5\r\n\r\nabcde");
		break;
	case 6:
		make(w, "GET /x HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n");
		break;
	case 7:
		make(w, "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n");
		end_head(w, true);
		make(w, "%c", 22);
		make_bytes(w, draw(100), false);
		break;
	case 8:
		make(w, "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: "
			"websocket\r\n");
		end_head(w, true);
		return; /* the next is known until that one is granted */
	case 9:
		make(w, "*1\r\n$4\r\nPING\r\n");
		break;
	case 10:
		make(w, "PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n");
		break;
	case 11:
		make(w, "GET /x HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n");
		break;
	case 12:
		make(w,
		     "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n");
		break;
	default:
		make(w, "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n");
		end_head(w, true);
		make(w, "zz\r\n\r\n");
	}
	w->is_known = false;
}

static void make_response(struct way *w)
{
	uint32_t n;

	switch (draw(8)) {
	case 0:
		make(w, "HTTP/1.1 204 No Content\r\n\r\n");
		break;
	case 1:
		make(w, "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n");
		break;
	case 2:
		make(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
		make_chunked_body(w);
		break;
	case 3:
		make(w, "HTTP/1.1 100 Continue\r\n\r\n");
		/* fall through */
	default:
		n = draw(one_in(5) ? 6000 : 80);
		make(w, "HTTP/1.%u %u X\r\n", draw(8) ? 1 : 0, one_in(4) ? 500 : 200);
		make_fields(w);
		make(w, "Content-Length: %u\r\n\r\n", n);
		make_body(w, n);
	}
}

static void make_odd_response(struct way *w)
{
	switch (draw(6)) {
	case 0:
		make(w, "HTTP/1.1 200 OK\r\n\r\n");
		make_bytes(w, draw(200), true);
		break;
	case 1:
		make(w, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
			"websocket\r\n\r\n");
		break;
	case 2:
		make(w, "%c", 22);
		make_bytes(w, draw(100), false);
		break;
	case 3:
		make(w, "HTTP/1.1 200 OK\nContent-Length: 2\n\nok");
		break;
	case 4:
		make(w, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n");
		break;
	default:
		make(w, "ICY 200 OK\r\n\r\n");
	}
}

/* ---- the same of HTTP/2, in frames ------------------------------------------------------------- */

enum {
	DATA,
	HEADERS,
	PRIORITY,
	RST_STREAM,
	SETTINGS,
	PUSH_PROMISE,
	PING,
	GOAWAY,
	WINDOW_UPDATE,
	CONTINUATION
};
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8 };

static void make_frame(struct way *w, unsigned type, unsigned flags, uint32_t id, const void *bytes,
		       size_t len)
{
	const unsigned char head[] = { (unsigned char)(len >> 16), (unsigned char)(len >> 8),
				       (unsigned char)len,	   (unsigned char)type,
				       (unsigned char)flags,	   (unsigned char)(id >> 24),
				       (unsigned char)(id >> 16),  (unsigned char)(id >> 8),
				       (unsigned char)id };

	memcpy(w->made + w->made_len, head, sizeof(head));
	w->made_len += sizeof(head);
	memcpy(w->made + w->made_len, bytes, len);
	w->made_len += len;
}

static size_t put_field(unsigned char *to, const char *name, uint32_t len)
{
	size_t n = 0;

	to[n++] = one_in(3) ? 0x40 : 0; /* with or without a place in the table */
	to[n++] = (unsigned char)strlen(name);
	memcpy(to + n, name, strlen(name));
	n += strlen(name);
	to[n++] = (unsigned char)len;
	while (len--)
		to[n++] = (unsigned char)('a' + draw(26));
	return n;
}

/* A block of fields, which may be padded, or in several frames, or wrong. */
static void make_headers(struct way *w, uint32_t id, bool is_request, bool ends)
{
	unsigned char block[2048] = { 0 }, *from = block + 1;
	size_t n = 1, cut, padding = one_in(5) ? draw(20) : 0;
	unsigned flags = ends ? END_STREAM : 0;

	if (is_request) {
		memcpy(block + n, one_in(3) ? "\x83\x86\x84" : "\x82\x86\x84", 3);
		n += 3;
		n += put_field(block + n, ":authority", 4);
	} else {
		block[n++] = one_in(5) ? 0x8d : 0x88; /* 404, 200 */
	}
	for (uint32_t more = draw(4); more; more--)
		n += put_field(block + n, one_in(2) ? "x-a" : "cookie", draw(100));
	if (one_in(30))
		block[n++] = one_in(2) ? 0xff : 0x80; /* of no entry there is */
	if (padding) {
		block[0] = (unsigned char)padding;
		make_frame(w, HEADERS, flags | PADDED | END_HEADERS, id, block, n + padding);
	} else if (one_in(6)) {
		cut = 1 + draw((uint32_t)n - 1);
		make_frame(w, HEADERS, flags, id, from, cut - 1);
		make_frame(w, CONTINUATION, END_HEADERS, id, block + cut, n - cut);
	} else {
		make_frame(w, HEADERS, flags | END_HEADERS, id, from, n - 1);
	}
}

static void make_frames(struct conn *c, struct way *w, enum side from)
{
	static const unsigned char none[64];
	unsigned char bytes[600];
	uint32_t last = c->last_id, id = last ? 1 + 2 * draw((last + 1) / 2) : 0, what = draw(20);

	if (!w->made_len) {
		if (from == CLIENT)
			make(w, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
		make_frame(w, SETTINGS, 0, 0, none, 0);
		return;
	}
	memset(bytes, 'd', sizeof(bytes));
	if (from == CLIENT && (!last || what < 8)) {
		c->last_id = last ? last + 2 : 1;
		make_headers(w, c->last_id, true, !one_in(3));
	} else if (what < 8) {
		make_headers(w, id, false, one_in(4));
	} else if (what < 14) {
		make_frame(w, DATA, one_in(2) ? END_STREAM : 0, id, bytes, draw(sizeof(bytes)));
	} else if (what == 14) {
		make_frame(w, PING, one_in(2) ? ACK : 0, 0, none, 8);
	} else if (what == 15) {
		make_frame(w, WINDOW_UPDATE, 0, one_in(2) ? id : 0, "\0\0\1", 4);
	} else if (what == 16) {
		make_frame(w, RST_STREAM, 0, id, none, 4);
	} else if (what == 17) {
		make_frame(w, SETTINGS, ACK, 0, none, 0);
	} else if (what == 18) {
		make_frame(w, PRIORITY, 0, id, none, 5);
	} else if (one_in(3)) {
		make_frame(w, GOAWAY, 0, 0, none, 8);
	} else if (one_in(4)) {
		make_frame(w, draw(12), draw(256), draw(10), bytes,
			   draw(40)); /* whatever that is */
	}
}

static bool make_more(struct conn *c, enum side from)
{
	struct way *w = &c->way[from];

	if (STREAM - w->made_len < 32 * 1024)
		return false;
	if (c->is_http2) {
		make_frames(c, w, from);
		return true;
	}
	if (from == CLIENT && one_in(is_polite ? 40 : 8))
		make_odd_request(w);
	else if (from == CLIENT)
		make_request(w);
	else if (one_in(is_polite ? 40 : 8))
		make_odd_response(w);
	else
		make_response(w);
	return true;
}

/* ---- descriptors ------------------------------------------------------------------------------- */

static int some_fd(const struct conn *c, enum side side)
{
	return c->nr_fds[side] ? c->fds[side][draw((uint32_t)c->nr_fds[side])] : -1;
}

static bool has_fd(const struct conn *c, enum side side)
{
	return c->nr_fds[side] > 0;
}

/* What was sent is there at once on a loopback, but for a busy machine. */
static void wait_for_it(const struct conn *c, enum side to, int fd)
{
	const struct way *w = &c->way[!to];
	bool is_over = w->is_shut || !c->nr_fds[!to];
	struct pollfd poll_fd = { fd, POLLIN | POLLRDHUP, 0 };
	struct timespec moment = { 0, 1000000 };

	for (int tries = 0; tries < 400; tries++) {
		int there = 0;

		poll_fd.revents = 0;
		syscall(SYS_ioctl, fd, FIONREAD, &there);
		syscall(SYS_ppoll, &poll_fd, 1, &(struct timespec){ 0, 0 }, NULL, 8);
		if (poll_fd.revents & (POLLERR | POLLHUP | POLLNVAL))
			return;
		if (is_over ? poll_fd.revents & POLLRDHUP :
			      there >= (int)(w->sent_len - w->got_len))
			return;
		if (w->is_lost)
			return;
		syscall(SYS_nanosleep, &moment, NULL);
	}
}

static bool is_ready(int fd)
{
	struct pollfd poll_fd = { fd, POLLIN | POLLRDHUP, 0 };

	return syscall(SYS_ppoll, &poll_fd, 1, &(struct timespec){ 0, 0 }, NULL, 8) > 0;
}

static void open_conn(struct conn *c)
{
	bool is_pair = one_in(6), is_nonblocking = one_in(3);
	int pair[2] = { -1, -1 }, error = -1, flags = one_in(2) ? SOCK_CLOEXEC : 0;
	socklen_t len = sizeof(error);
	struct sockaddr_in peer;
	struct pollfd poll_fd;

	memset(c->nr_fds, 0, sizeof(c->nr_fds));
	if (is_pair) {
		begin_call();
		answer(socketpair(AF_UNIX, SOCK_STREAM | flags, 0, pair), "socketpair");
		tell(" %d %d", pair[0], pair[1]);
		end_line();
	} else {
		if (is_nonblocking)
			flags |= SOCK_NONBLOCK;
		begin_call();
		pair[0] = (int)answer(socket(AF_INET, SOCK_STREAM | flags, 0), "socket");
		begin_call();
		answer(connect(pair[0], (struct sockaddr *)&address, sizeof(address)), " connect");
		if (is_nonblocking) {
			poll_fd = (struct pollfd){ pair[0], POLLOUT, 0 };
			begin_call();
			answer(poll(&poll_fd, 1, 1000), " poll");
			begin_call();
			answer(getsockopt(pair[0], SOL_SOCKET, SO_ERROR, &error, &len),
			       " getsockopt");
			tell(" %d", error);
		}
		len = sizeof(peer);
		begin_call();
		if (one_in(2))
			pair[1] = (int)answer(accept4(listener,
						      one_in(2) ? (struct sockaddr *)&peer : NULL,
						      &len, flags & ~SOCK_NONBLOCK),
					      " accept4");
		else
			pair[1] = (int)answer(accept(listener, (struct sockaddr *)&peer, &len),
					      " accept");
		setsockopt(pair[0], IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		setsockopt(pair[1], IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		end_line();
	}
	if (pair[0] < 0 || pair[1] < 0)
		_exit(4);
	for (int side = 0; side < 2; side++) {
		struct way *w = &c->way[side];

		w->made_len = w->sent_len = w->got_len = 0;
		w->nr_places = w->nr_owns = 0;
		w->is_known = true;
		w->is_lost = w->is_shut = false;
		c->fds[side][0] = pair[side];
		c->nr_fds[side] = 1;
	}
	c->turn = CLIENT;
	c->is_http2 = one_in(4);
	c->last_id = 0;
	c->is_open = true;
	c->is_reset = c->was_asked = c->is_shared = false;
}

/* ---- sending ----------------------------------------------------------------------------------- */

static int cut(char *at, size_t len, struct iovec *iov)
{
	int nr = 1 + (int)draw(PIECES);
	size_t from = 0;

	for (int i = 0; i < nr; i++) {
		size_t to = i + 1 == nr ? len : from + draw((uint32_t)(len - from + 1));

		iov[i] = (struct iovec){ at + from, to - from };
		from = to;
	}
	return nr;
}

static long send_by_pipe(int fd, const char *at, size_t len)
{
	int ends[2];
	long n = -1;

	if (pipe(ends) < 0)
		return -1;
	if (write(ends[1], at, len) == (ssize_t)len) {
		begin_call();
		n = splice(ends[0], NULL, fd, NULL, len, SPLICE_F_NONBLOCK);
	}
	int error = errno;
	close(ends[0]);
	close(ends[1]);
	errno = error;
	return n;
}

static long send_by_file(int fd, const char *at, size_t len)
{
	int file = memfd_create("f", 0), error;
	off_t from = 3;
	long n;

	pwrite(file, at, len, 3);
	begin_call();
	n = sendfile(fd, file, &from, len);
	error = errno;
	if (n >= 0 && from != 3 + n)
		tell(" offset %ld", (long)from);
	close(file);
	errno = error;
	return n;
}

static long send_by_stdio(int fd, const char *at, size_t len)
{
	FILE *file = fdopen(dup(fd), "w");
	long n;
	int error;

	if (!file)
		return -1;
	begin_call();
	n = (long)fwrite(at, 1, len, file);
	if (fflush(file) != 0)
		n = -1;
	error = errno;
	fclose(file);
	errno = n < 0 ? error : KEPT_ERRNO;
	return n;
}

static void send_some(struct conn *c, enum side from)
{
	static const int flags_of[] = { 0, MSG_NOSIGNAL, MSG_DONTWAIT,
					MSG_DONTWAIT | MSG_NOSIGNAL };
	struct way *w = &c->way[from];
	int fd = some_fd(c, from), flags = flags_of[draw(4)], way = (int)draw(16), nr;
	size_t left = w->made_len - w->sent_len, len;
	struct mmsghdr many[3];
	struct msghdr msg = { 0 };
	struct iovec iov[PIECES];
	char *at, kept[BLOCK];
	long n = 0;

	len = one_in(2) ? left : one_in(3) ? draw(8) : draw((uint32_t)left + 1);
	if (len > left)
		len = left;
	if (len > BLOCK)
		len = BLOCK;
	if (len > 4096 && way == 9)
		len = 4096;
	at = out_block + BLOCK - len;
	memcpy(at, w->made + w->sent_len, len);
	memcpy(kept, at, len);
	nr = cut(at, len, iov);
	msg.msg_iov = iov;
	msg.msg_iovlen = (size_t)nr;
	begin_call();
	switch (way) {
	case 0 ... 3:
		n = answer(send(fd, at, len, flags), "send %d %zu %#x", fd, len, flags);
		break;
	case 4 ... 5:
		n = answer(write(fd, at, len), "write %d %zu", fd, len);
		break;
	case 6:
		n = answer(writev(fd, iov, nr), "writev %d %zu in %d", fd, len, nr);
		break;
	case 7:
		n = answer(sendto(fd, at, len, flags, NULL, 0), "sendto %d %zu %#x", fd, len,
			   flags);
		break;
	case 8:
		n = answer(sendmsg(fd, &msg, flags), "sendmsg %d %zu %#x in %d", fd, len, flags,
			   nr);
		break;
	case 9:
		n = answer(send_by_pipe(fd, at, len), "splice %d %zu", fd, len);
		break;
	case 10:
		n = answer(send_by_file(fd, at, len), "sendfile %d %zu", fd, len);
		break;
	case 11:
		n = answer(send_by_stdio(fd, at, len), "fwrite %d %zu", fd, len);
		break;
	case 12:
		n = answer(pwritev2(fd, iov, nr, -1, 0), "pwritev2 %d %zu in %d", fd, len, nr);
		break;
	case 13:
		nr = nr > 3 ? 3 : nr;
		memset(many, 0, sizeof(many));
		for (int i = 0; i < nr; i++)
			many[i].msg_hdr = (struct msghdr){ .msg_iov = iov + i, .msg_iovlen = 1 };
		begin_call();
		if (answer(sendmmsg(fd, many, (unsigned)nr, flags), "sendmmsg %d %#x in %d", fd,
			   flags, nr) > 0)
			for (int i = 0; i < nr; i++) {
				tell(" %u", many[i].msg_len);
				n += many[i].msg_len;
			}
		break;
	case 14:
		n = answer(send(fd, at, len, flags | MSG_MORE), "send %d %zu %#x more", fd, len,
			   flags);
		if (n >= 0) {
			/* and what makes it go */
			if (n > 0)
				w->sent_len += (size_t)n;
			begin_call();
			answer(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)),
			       " nodelay");
			n = 0;
		}
		break;
	default:
		n = answer(sendto(fd, at, len, flags, (struct sockaddr *)&address, sizeof(address)),
			   "sendto %d %zu %#x named", fd, len, flags);
	}
	if (memcmp(at, kept, len))
		tell(" and changed what it was given");
	end_line();
	if (n > 0)
		w->sent_len += (size_t)n;
}

/* ---- receiving --------------------------------------------------------------------------------- */

static void came(struct conn *c, enum side to, const char *at, long n, bool is_peeked)
{
	struct way *w = &c->way[!to];

	if (n <= 0 || is_peeked)
		return;
	if (w->got_len + (size_t)n > STREAM) {
		w->is_lost = true;
		return;
	}
	memcpy(w->got + w->got_len, at, (size_t)n);
	w->got_len += (size_t)n;
}

static long receive_by_pipe(int fd, char *at, size_t len)
{
	int ends[2], error;
	long n;

	if (pipe(ends) < 0)
		return -1;
	begin_call();
	n = splice(fd, NULL, ends[1], NULL, len, SPLICE_F_NONBLOCK);
	error = errno;
	if (n > 0 && read(ends[0], at, len) != n)
		n = -2;
	close(ends[0]);
	close(ends[1]);
	errno = error;
	return n;
}

static long receive_by_stdio(int fd, char *at)
{
	FILE *file = fdopen(dup(fd), "r");
	int byte, error;

	if (!file)
		return -1;
	setvbuf(file, NULL, _IONBF, 0);
	begin_call();
	byte = getc(file);
	error = errno;
	if (byte != EOF)
		*at = (char)byte;
	fclose(file);
	errno = byte == EOF ? error : KEPT_ERRNO;
	return byte != EOF;
}

static void receive_some(struct conn *c, enum side to)
{
	static const int flags_of[] = { 0, 0, MSG_PEEK, MSG_WAITALL, MSG_NOSIGNAL };
	struct way *w = &c->way[!to];
	int fd = some_fd(c, to), flags = flags_of[draw(5)] | MSG_DONTWAIT, way = (int)draw(12), nr;
	size_t len = one_in(2) ? BLOCK : one_in(3) ? draw(8) : draw(600);
	char *at = in_block + BLOCK - len, name[64], control[64];
	bool peeks = flags & MSG_PEEK, by_two = one_in(2);
	size_t out;
	struct iovec iov[PIECES];
	struct msghdr msg = { 0 };
	struct mmsghdr many[3];
	socklen_t name_len = sizeof(name);
	long n = -1;

	wait_for_it(c, to, fd);
	memset(at, UNTOUCHED, len);
	nr = cut(at, len, iov);
	msg = (struct msghdr){ .msg_name = name,
			       .msg_namelen = sizeof(name),
			       .msg_iov = iov,
			       .msg_iovlen = (size_t)nr,
			       .msg_control = control,
			       .msg_controllen = sizeof(control) };
	if (way >= 7 && !is_ready(fd)) {
		tell("nothing to read %d\n", fd);
		return;
	}
	begin_call();
	switch (way) {
	case 0 ... 2:
		n = answer(recv(fd, at, len, flags), "recv %d %zu %#x", fd, len, flags);
		break;
	case 3:
		n = answer(recvfrom(fd, at, len, flags, (struct sockaddr *)name, &name_len),
			   "recvfrom %d %zu %#x", fd, len, flags);
		tell(" name %u", name_len);
		break;
	case 4 ... 5:
		n = answer(recvmsg(fd, &msg, flags), "recvmsg %d %zu %#x in %d", fd, len, flags,
			   nr);
		tell(" name %u control %zu flags %#x", msg.msg_namelen, msg.msg_controllen,
		     (unsigned)msg.msg_flags);
		break;
	case 6:
		nr = nr > 3 ? 3 : nr;
		memset(many, 0, sizeof(many));
		for (int i = 0; i < nr; i++)
			many[i].msg_hdr = (struct msghdr){ .msg_iov = iov + i, .msg_iovlen = 1 };
		flags &= ~MSG_PEEK;
		peeks = false;
		begin_call();
		n = answer(recvmmsg(fd, many, (unsigned)nr, flags, NULL), "recvmmsg %d %#x in %d",
			   fd, flags, nr);
		out = 0;
		for (int i = 0; i < n; i++) {
			tell(" %u", many[i].msg_len);
			memmove(at + out, iov[i].iov_base, many[i].msg_len);
			out += many[i].msg_len;
		}
		if (n > 0)
			n = (long)out;
		break;
	case 7 ... 8:
		peeks = false;
		n = answer(read(fd, at, len), "read %d %zu", fd, len);
		break;
	case 9:
		peeks = false;
		n = answer(by_two ? readv(fd, iov, nr) : preadv2(fd, iov, nr, -1, 0),
			   "readv %d %zu in %d", fd, len, nr);
		break;
	case 10:
		peeks = false;
		n = answer(receive_by_pipe(fd, at, len), "splice from %d %zu", fd, len);
		break;
	default:
		peeks = false;
		if (!len)
			return;
		n = answer(receive_by_stdio(fd, at), "getc %d", fd);
	}
	if (n > 0)
		tell_bytes(at, (size_t)n);
	for (size_t i = n > 0 ? (size_t)n : 0; way != 6 && way != 10 && i < len; i++)
		if ((uint8_t)at[i] != UNTOUCHED) {
			tell(" and more than that");
			break;
		}
	end_line();
	came(c, to, at, n, peeks);
	if (n < 0 && errno == ECONNRESET)
		w->is_lost = true;
}

/* ---- everything else --------------------------------------------------------------------------- */

static void ask(struct conn *c, enum side side)
{
	int fd = some_fd(c, side), there = -1, epoll, error = -1, way = (int)draw(9);
	struct pollfd poll_fd = { fd, POLLIN | POLLOUT | POLLRDHUP, 0 };
	struct timeval now = { 0, 0 };
	socklen_t len = sizeof(error);
	struct epoll_event event = { EPOLLIN | EPOLLOUT | EPOLLRDHUP, { .u64 = 42 } };
	char name[128];
	fd_set in, out;

	wait_for_it(c, side, fd);
	begin_call();
	switch (way) {
	case 0:
		answer(poll(&poll_fd, 1, 0), "poll %d", fd);
		tell(" %#x", (unsigned)poll_fd.revents);
		break;
	case 1:
		FD_ZERO(&in);
		FD_ZERO(&out);
		FD_SET(fd, &in);
		FD_SET(fd, &out);
		answer(select(fd + 1, &in, &out, NULL, &now), "select %d", fd);
		tell(" %d %d", FD_ISSET(fd, &in) != 0, FD_ISSET(fd, &out) != 0);
		break;
	case 2:
		epoll = epoll_create1(0);
		epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
		event.events = 0;
		begin_call();
		answer(epoll_wait(epoll, &event, 1, 0), "epoll_wait %d", fd);
		tell(" %#x", event.events);
		close(epoll);
		break;
	case 3:
		answer(ioctl(fd, FIONREAD, &there), "FIONREAD %d", fd);
		tell(" %d", there);
		break;
	case 4:
		answer(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), "SO_ERROR %d", fd);
		tell(" %d", error);
		break;
	case 5:
		answer(fcntl(fd, F_GETFL), "F_GETFL %d", fd);
		break;
	case 6:
		len = sizeof(name);
		answer(one_in(2) ? getpeername(fd, (struct sockaddr *)name, &len) :
				   getsockname(fd, (struct sockaddr *)name, &len),
		       "name %d", fd);
		tell(" %u", len);
		break;
	case 7:
		answer(fcntl(fd, F_GETFD), "F_GETFD %d", fd);
		break;
	default:
		answer(lseek(fd, 0, SEEK_CUR), "lseek %d", fd);
	}
	end_line();
}

static void double_fd(struct conn *c, enum side side)
{
	int fd = some_fd(c, side), to = 100 + (int)draw(5), new = -1, way = (int)draw(5);

	for (int i = 0; i < CONNS; i++)
		for (int j = 0; j < 2 * FDS; j++)
			if (j % FDS < conns[i].nr_fds[j / FDS] &&
			    conns[i].fds[j / FDS][j % FDS] == to)
				to = fd; /* one that another connection has: onto itself */
	if (c->nr_fds[side] == FDS)
		return;
	begin_call();
	switch (way) {
	case 0:
		new = (int)answer(dup(fd), "dup %d", fd);
		break;
	case 1:
		new = (int)answer(dup2(fd, to), "dup2 %d %d", fd, to);
		break;
	case 2:
		new = (int)answer(dup3(fd, to, O_CLOEXEC), "dup3 %d %d", fd, to);
		break;
	case 3:
		new = (int)answer(fcntl(fd, F_DUPFD, to), "F_DUPFD %d %d", fd, to);
		break;
	default:
		new = (int)answer(fcntl(fd, F_DUPFD_CLOEXEC, 0), "F_DUPFD_CLOEXEC %d", fd);
	}
	end_line();
	if (new >= 0 && new != fd)
		c->fds[side][c->nr_fds[side]++] = new;
}

static void close_fd(struct conn *c, enum side side)
{
	int i = (int)draw((uint32_t)c->nr_fds[side]), fd = c->fds[side][i];

	begin_call();
	answer(close(fd), "close %d", fd);
	end_line();
	c->fds[side][i] = c->fds[side][--c->nr_fds[side]];
}

static void tell_text(const char *text, size_t len, size_t at)
{
	size_t from = at < 300 ? 0 : at - 300, to = at + 60 < len ? at + 60 : len;

	tell(" \"");
	for (size_t i = from; i < to; i++) {
		const char *as = isprint((uint8_t)text[i]) ? "%c" : ".";

		if (text[i] == '\r' || text[i] == '\n')
			as = text[i] == '\r' ? "\\r" : "\\n";
		tell(i == at ? " >>> " : "%s", "");
		tell(as, text[i]);
	}
	tell("\"\n");
}

static void tell_place(const char *what, const struct way *w, size_t made, size_t got)
{
	tell("%s, at %zu of %zu\n", what, made, w->sent_len);
	tell_text(w->made, w->made_len, made);
	tell_text(w->got, w->got_len, got);
}

/* What is left comes out, and is what was sent. */
static void check(struct conn *c)
{
	struct way *w = &c->way[CLIENT];
	const char *ours = "traceparent: 00-";
	size_t made = 0, got = 0, line_at = 70;
	int place = 0, own = 0;

	while (got < w->got_len) {
		bool is_place, is_own;

		while (place < w->nr_places && w->places[place] < made)
			place++;
		is_place = place < w->nr_places && w->places[place] == made;
		if (w->got[got] == 't' && w->got_len - got >= line_at &&
		    !memcmp(w->got + got, ours, strlen(ours)) &&
		    memcmp(w->made + made, ours, strlen(ours))) {
			if (!is_place && !c->is_shared)
				tell_place("a field of ours where none may be", w, made, got);
			got += line_at;
			continue;
		}
		while (own < w->nr_owns && w->owns[own] + OWN_LEN <= made)
			own++;
		is_own = own < w->nr_owns && w->owns[own] <= made && isxdigit((uint8_t)w->got[got]);
		if (made >= w->sent_len || (!is_own && w->got[got] != w->made[made])) {
			size_t left = w->got_len - got,
			       n = left < strlen(ours) ? left : strlen(ours);

			if (is_place && left < line_at && !memcmp(w->got + got, ours, n))
				return; /* the rest never came */
			tell_place("something else came than was sent", w, made, got);
			return;
		}
		got++;
		made++;
	}
	/* the one byte that is kept back until the next comes: see README */
	if (made + 1 == w->sent_len && w->made[made] == '\r')
		return;
	if (made != w->sent_len && !w->is_lost && !c->is_reset)
		tell("%zu of %zu came\n", made, w->sent_len);
}

static void drain(struct conn *c)
{
	for (int to = 0; to < 2; to++) {
		struct way *w = &c->way[!to];
		long n;

		if (!has_fd(c, to)) {
			w->is_lost = true;
			continue;
		}
		wait_for_it(c, to, c->fds[to][0]);
		while ((n = recv(c->fds[to][0], in_block, BLOCK, MSG_DONTWAIT)) > 0)
			came(c, to, in_block, n, false);
		if (n < 0 && errno != EAGAIN)
			w->is_lost = true;
	}
}

static void close_conn(struct conn *c)
{
	bool resets = one_in(6);

	if (!resets)
		drain(c);
	for (int side = 0; side < 2; side++) {
		if (resets && has_fd(c, side))
			setsockopt(c->fds[side][0], SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
				   sizeof(struct linger));
		while (has_fd(c, side))
			close_fd(c, side);
	}
	c->is_reset |= resets;
	c->is_open = false;
	/* frames of HTTP/2 are made longer */
	if (!c->way[CLIENT].is_lost && !c->is_http2)
		check(c);
}

static void shut(struct conn *c, enum side side)
{
	int how = one_in(3) ? SHUT_RDWR : SHUT_WR, fd = some_fd(c, side);

	begin_call();
	if (answer(shutdown(fd, how), "shutdown %d %d", fd, how) == 0) {
		c->way[side].is_shut = true;
		if (how == SHUT_RDWR) {
			/* what comes then is answered by a reset, or is still read, as it comes */
			c->way[!side].is_shut = true;
			c->way[0].is_lost = c->way[1].is_lost = true;
		}
	}
	end_line();
}

static void wrongly(struct conn *c, enum side side)
{
	static struct iovec many[1025];
	volatile int minus_one = -1;
	int fd = some_fd(c, side), way = (int)draw(14);
	struct iovec bad[2] = { { in_block, 0 }, { (void *)8, 5 } };
	struct msghdr msg = { .msg_iov = bad, .msg_iovlen = 2 };

	begin_call();
	switch (way) {
	case 0:
		answer(send(-1, "GET / HTTP/1.1\r\n\r\n", 18, 0), "send -1");
		break;
	case 1:
		answer(recv(9999, in_block, 10, 0), "recv 9999");
		break;
	case 2:
		answer(send(fd, (void *)8, 100, MSG_DONTWAIT), "send bad");
		break;
	case 3:
		answer(sendmsg(fd, &msg, MSG_DONTWAIT), "sendmsg bad");
		break;
	case 4:
		answer(writev(fd, many, 1025), "writev 1025");
		break;
	case 5:
		answer(writev(fd, many, minus_one), "writev -1");
		break;
	case 6:
		answer(sendmsg(fd, NULL, MSG_DONTWAIT), "sendmsg null");
		break;
	case 7:
		answer(send(fd, out_block, 0, MSG_DONTWAIT), "send nothing");
		break;
	case 8:
		answer(writev(fd, many, 3), "writev nothing");
		break;
	case 9:
		answer(close(9999), "close 9999");
		break;
	case 10:
		answer(dup2(9999, fd), "dup2 9999");
		break;
	case 11:
		answer(accept(fd, NULL, NULL), "accept of no listener");
		break;
	case 12:
		answer(connect(-1, (struct sockaddr *)&address, 3), "connect short");
		break;
	default:
		answer(write(listener, "GET / HTTP/1.1\r\n\r\n", 18), "write listener");
	}
	end_line();
}

static void pass_on(struct conn *c, enum side side)
{
	int pair[2], fd = some_fd(c, side), *in;
	char room[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = { 0 }, byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = room,
			      .msg_controllen = sizeof(room) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

	/* what goes out by a number that came in is not seen */
	if (c->nr_fds[side] == FDS || (side == CLIENT && !tells_received))
		return;
	socketpair(AF_UNIX, one_in(2) ? SOCK_STREAM : SOCK_DGRAM, 0, pair);
	*head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS,
				  .cmsg_len = CMSG_LEN(sizeof(int)) };
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	begin_call();
	answer(sendmsg(pair[0], &msg, 0), "pass %d", fd);
	memset(room, 0, sizeof(room));
	begin_call();
	answer(recvmsg(pair[1], &msg, 0), " take");
	head = CMSG_FIRSTHDR(&msg);
	in = head ? (int *)(void *)CMSG_DATA(head) : NULL;
	tell(" %d", in ? *in : -1);
	end_line();
	if (in)
		c->fds[side][c->nr_fds[side]++] = *in;
	close(pair[0]);
	close(pair[1]);
}

static void set_blocking(struct conn *c, enum side side)
{
	int fd = some_fd(c, side), flags = one_in(2) ? O_NONBLOCK : 0;

	begin_call();
	if (one_in(2))
		answer(fcntl(fd, F_SETFL, flags), "F_SETFL %d %d", fd, flags);
	else
		answer(ioctl(fd, FIONBIO, &flags), "FIONBIO %d %d", fd, flags);
	end_line();
}

static void use(struct conn *c);

/* It has the connection from then on, and its parent only closes it. */
static void in_a_child(struct conn *c)
{
	int steps = 1 + (int)draw(12), status = -1;
	uint64_t after = state;
	pid_t pid;

	tell("fork\n");
	flush_line();
	c->is_shared = true;
	pid = fork();
	if (pid == 0) {
		in_child = true;
		while (steps--)
			use(c);
		tell("child ends\n");
		flush_line();
		_exit(7);
	}
	state = after * 3 + 1;
	waitpid(pid, &status, 0);
	tell("child %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
	close_conn(c);
}

/* A server's reads tell nothing where what it is sent may be longer. */
static void by(void (*does)(struct conn *, enum side), struct conn *c, enum side side)
{
	is_silent = !tells_received && side == SERVER;
	does(c, side);
	is_silent = false;
}

/* One after the other, as a client and its server are. */
static void politely(struct conn *c)
{
	struct way *w = &c->way[c->turn];
	enum side to = !c->turn;

	if (!has_fd(c, c->turn) || !has_fd(c, to))
		return;
	if (w->sent_len < w->made_len) {
		send_some(c, c->turn);
	} else if (c->was_asked && !one_in(3)) {
		by(receive_some, c, to);
	} else {
		if (c->was_asked) {
			drain(c);
			c->turn = to;
		}
		c->was_asked = true;
		make_more(c, c->turn);
	}
}

static void use(struct conn *c)
{
	enum side side = one_in(2) ? CLIENT : SERVER;
	uint32_t what = draw(in_child ? 84 : 100);

	if (is_polite && what < 80) {
		for (int i = 0; i < 4; i++)
			politely(c);
		return;
	}
	if (!has_fd(c, side))
		side = !side;
	if (!has_fd(c, side)) {
		if (!in_child)
			close_conn(c);
	} else if (what < 40) {
		if (c->way[side].sent_len == c->way[side].made_len && !make_more(c, side))
			return;
		if (one_in(3))
			make_more(c, side);
		send_some(c, side);
	} else if (what < 70) {
		by(receive_some, c, side);
	} else if (what < 77) {
		by(ask, c, side);
	} else if (what < 80) {
		wrongly(c, side);
	} else if (what < 84) {
		set_blocking(c, side);
	} else if (what < 90) {
		double_fd(c, side);
	} else if (what < 92) {
		if (tells_received || c->nr_fds[side] > 1)
			close_fd(c, side);
	} else if (what < 93) {
		if (tells_received)
			shut(c, side);
	} else if (what < 95) {
		pass_on(c, side);
	} else if (what < 97) {
		in_a_child(c);
	} else {
		close_conn(c);
	}
}

static void step(void)
{
	struct conn *c = &conns[draw(CONNS)];

	if (c->is_open)
		use(c);
	else
		open_conn(c);
}

static char *block(void)
{
	char *at = mmap(NULL, BLOCK + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			0);

	if (at == MAP_FAILED || mprotect(at + BLOCK, 4096, PROT_NONE))
		_exit(5);
	return at;
}

int main(int argc, char **argv)
{
	socklen_t len = sizeof(address);
	long from, to;

	if (argc < 4)
		return 2;
	from = atol(argv[1]);
	to = atol(argv[2]);
	tells_received = !strcmp(argv[3], "all");
	out_block = block();
	in_block = block();
	conns = mmap(NULL, CONNS * sizeof(*conns), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (conns == MAP_FAILED)
		return 5;
	signal(SIGPIPE, broken_pipe);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	address = (struct sockaddr_in){ .sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 16) ||
	    getsockname(listener, (struct sockaddr *)&address, &len))
		return 6;
	for (long number = from; number < to; number++) {
		state = (uint64_t)number * 0x9e3779b97f4a7c15u + 1;
		draw(1);
		is_polite = number % 2 == 0;
		tell("sequence %ld\n", number);
		for (int i = 0; i < STEPS; i++)
			step();
		for (int i = 0; i < CONNS; i++)
			if (conns[i].is_open)
				close_conn(&conns[i]);
	}
	flush_line();
	return 0;
}
