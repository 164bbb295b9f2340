/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/probes.h"
#include "preload/conn/semconv.h"
#include "preload/conn/state.h"

#include "export/env.h"
#include "tests/unit/conn.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static struct wire wires[NR_FDS];
static const struct sockaddr_in peer = { .sin_family = AF_INET,
					 .sin_port = 0x901f, /* 8080 */
					 .sin_addr = { 0x0100007f } };
static int socket_type;
static bool one_socket; /* all descriptors are of one */
static long receive_limit_us;

struct wire *conn_wire(int fd)
{
	return &wires[fd - FD];
}

static ssize_t taken(int fd, const struct iovec *iov, int nr)
{
	struct wire *wire = conn_wire(fd);
	size_t left = wire->most ? wire->most : SIZE_MAX, n = 0;

	if (wire->error || (wire->in_turns && wire->took)) {
		wire->took = false;
		errno = wire->error ? wire->error : EAGAIN;
		return -1;
	}
	for (int i = 0; i < nr && left; i++) {
		size_t here = iov[i].iov_len < left ? iov[i].iov_len : left;

		CHECK(wire->len + here < sizeof(wire->arrived));
		memcpy(wire->arrived + wire->len, iov[i].iov_base, here);
		wire->len += here;
		left -= here;
		n += here;
	}
	wire->took = n != 0;
	if (wire->answer && n) {
		const char *answer = wire->answer;

		wire->answer = NULL;
		CONN_READ(fd, answer);
	}
	return (ssize_t)n;
}

static ssize_t call_send(int fd, const void *bytes, size_t len, int flags)
{
	struct iovec iov = { (void *)bytes, len };

	CHECK(flags == (MSG_DONTWAIT | MSG_NOSIGNAL));
	return taken(fd, &iov, 1);
}

static int call_getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
	struct timeval limit = { 0, receive_limit_us };
	uint64_t cookie = one_socket ? 1 : (uint64_t)fd;

	CHECK(level == SOL_SOCKET);
	if (option == SO_TYPE) {
		CHECK(*len == sizeof(socket_type));
		memcpy(value, &socket_type, sizeof(socket_type));
	} else if (option == SO_COOKIE) {
		CHECK(*len == sizeof(cookie));
		memcpy(value, &cookie, sizeof(cookie));
	} else {
		CHECK(option == SO_RCVTIMEO && *len == sizeof(limit));
		memcpy(value, &limit, sizeof(limit));
	}
	return 0;
}

static int call_getpeername(int fd, struct sockaddr *address, socklen_t *len)
{
	(void)fd;
	CHECK(*len >= sizeof(peer));
	memcpy(address, &peer, sizeof(peer));
	*len = sizeof(peer);
	return 0;
}

void conn_begin(const char *const *variables)
{
	static const struct atr_conn_calls calls = { call_send, call_getsockopt, call_getpeername };
	struct atr_str unknown;

	for (int fd = FD; fd < FD + NR_FDS; fd++)
		atr_conn_closing(fd); /* of a test that failed */
	live_begin(variables);
	if (!atr_fds)
		CHECK(atr_conn_setup(&calls));
	atr_propagators_parse(atr_env_get("OTEL_PROPAGATORS"), &atr_formats, &unknown);
	atr_probes = ATR_PROBE_HTTP;
	atr_probes_setup();
	atr_semconv_setup();
	socket_type = SOCK_STREAM;
	receive_limit_us = 0;
	for (int i = 0; i < NR_FDS; i++)
		wires[i].len = wires[i].most = wires[i].error = wires[i].in_turns = wires[i].took =
			0;
}

void conn_end(void)
{
	for (int fd = FD; fd < FD + NR_FDS; fd++)
		conn_close(fd);
	live_end();
}

static void reset(int fd)
{
	struct wire *wire = conn_wire(fd);

	wire->len = 0;
	wire->took = false;
	wire->answer = NULL;
}

void conn_connect(int fd)
{
	uint64_t start_ns = atr_conn_connecting((const struct sockaddr *)&peer, sizeof(peer));

	CHECK(start_ns);
	atr_conn_connected(fd, (const struct sockaddr *)&peer, sizeof(peer), start_ns, 0);
	CHECK(atr_fd_is_conn(atr_fd(fd)));
	reset(fd);
}

void conn_accept(int fd)
{
	atr_conn_accepted(LISTENER, fd, (const struct sockaddr *)&peer, sizeof(peer));
	CHECK(atr_fd_is_conn(atr_fd(fd)));
	reset(fd);
}

void conn_close(int fd)
{
	errno = ENOTTY;
	atr_conn_closing(fd);
	CHECK(errno == ENOTTY && atr_fd(fd) == 0);
}

/* The program's bytes from `done` on. */
static int gather(const struct iovec *iov, int nr, size_t done, struct iovec *out, int room)
{
	int n = 0;

	for (int i = 0; i < nr && n < room; i++) {
		size_t skip = done < iov[i].iov_len ? done : iov[i].iov_len;

		done -= skip;
		if (skip < iov[i].iov_len)
			out[n++] = (struct iovec){ (char *)iov[i].iov_base + skip,
						   iov[i].iov_len - skip };
	}
	return n;
}

/* preload/hook/io.c's send_pieces, with our kernel. */
static ssize_t send_pieces(uint64_t word, int fd, const struct iovec *iov, int nr, int flags,
			   struct atr_pieces *piece, const ssize_t *first)
{
	size_t total = 0, done = 0;
	ssize_t raw, n;

	for (int i = 0; i < nr; i++)
		total += iov[i].iov_len;
	do {
		size_t asked = piece->end;

		if (piece->is_plain)
			piece->nr_iov = gather(iov, nr, done, piece->iov, ATR_PIECES_IOV);
		CHECK(piece->nr_iov <= ATR_PIECES_IOV + 2);
		raw = first ? *first : piece->nr_iov ? taken(fd, piece->iov, piece->nr_iov) : 0;
		first = NULL;
		n = atr_conn_sent(word, fd, iov, nr, piece, raw);
		if (n < 0)
			return done ? (ssize_t)done : -1;
		CHECK((size_t)n <= asked);
		done += (size_t)n;
		if (done == total || ((size_t)n < asked && !(n == 0 && raw > 0)))
			return (ssize_t)done;
	} while (atr_conn_plan(word, fd, iov, nr, done, flags, piece));
	piece->nr_iov = gather(iov, nr, done, piece->iov, ATR_PIECES_IOV);
	raw = taken(fd, piece->iov, piece->nr_iov);
	if (raw < 0)
		return done ? (ssize_t)done : -1;
	return (ssize_t)done + raw;
}

ssize_t conn_writev(int fd, const struct iovec *iov, int nr, int flags)
{
	uint64_t word = atr_fd(fd);
	struct atr_pieces piece;
	ssize_t n;

	if (!word || !atr_conn_plan(word, fd, iov, nr, 0, flags, &piece))
		return taken(fd, iov, nr);
	if (piece.usual) {
		n = taken(fd, piece.iov, 1);
		return n == (ssize_t)piece.iov[0].iov_len ?
			       atr_conn_asked(word, &piece) :
			       send_pieces(word, fd, iov, nr, flags, &piece, &n);
	}
	if (!piece.is_plain)
		return send_pieces(word, fd, iov, nr, flags, &piece, NULL);
	n = taken(fd, iov, nr);
	CHECK(atr_conn_sent(word, fd, iov, nr, &piece, n) == n);
	return n;
}

ssize_t conn_write(int fd, const char *bytes, size_t len, int flags)
{
	struct iovec iov = { (void *)bytes, len };

	return conn_writev(fd, &iov, 1, flags);
}

void conn_writev_all(int fd, const struct iovec *iov, int nr)
{
	size_t total = 0, done = 0;

	for (int i = 0; i < nr; i++)
		total += iov[i].iov_len;
	for (int refused = 0; done < total;) {
		struct iovec rest[256];
		int nr_rest = gather(iov, nr, done, rest, 256);
		size_t had = conn_wire(fd)->len;
		ssize_t n;

		errno = 0;
		n = conn_writev(fd, rest, nr_rest, 0);
		if (n < 0) {
			/* once for each time that the kernel took some, and be it of ours */
			CHECK(errno == EAGAIN && conn_wire(fd)->in_turns);
			CHECK(conn_wire(fd)->len > had || ++refused < 2);
			continue;
		}
		CHECK(n > 0 && (size_t)n <= total - done);
		done += (size_t)n;
		refused = 0;
	}
	CHECK(done == total);
}

void conn_write_all(int fd, const char *bytes, size_t len)
{
	struct iovec iov = { (void *)bytes, len };

	conn_writev_all(fd, &iov, 1);
}

void conn_read(int fd, const char *bytes, size_t len)
{
	struct iovec iov = { (void *)bytes, len };

	errno = ENOTTY;
	atr_conn_received(atr_fd(fd), fd, &iov, 1, (ssize_t)len);
	CHECK(errno == ENOTTY);
}

void conn_read_end(int fd)
{
	conn_read(fd, "", 0);
}

void conn_read_fails(int fd, int error)
{
	struct iovec iov = { NULL, 0 };

	errno = error;
	atr_conn_received(atr_fd(fd), fd, &iov, 1, -1);
	CHECK(errno == error);
}

/* The length of a field of ours that begins here; 0: none does. */
static size_t our_field(const char *at)
{
	static const char *const names[] = { "traceparent: ", "tracestate: ", "baggage: " };

	for (int i = 0; i < 3; i++)
		if (!strncmp(at, names[i], strlen(names[i])))
			return (size_t)(strstr(at, "\r\n") + 2 - at);
	return 0;
}

const char *conn_arrived(int fd, unsigned *nr_ours, char parent[static ATR_TRACEPARENT_LEN + 1])
{
	static char text[sizeof(wires[0].arrived)];
	struct wire *wire = conn_wire(fd);
	size_t to = 0;

	wire->arrived[wire->len] = 0;
	*nr_ours = 0;
	parent[0] = 0;
	for (size_t at = 0; at < wire->len;) {
		size_t len =
			at && wire->arrived[at - 1] == '\n' ? our_field(wire->arrived + at) : 0;

		if (!len) {
			text[to++] = wire->arrived[at++];
			continue;
		}
		if (wire->arrived[at + 5] == 'p') {
			CHECK(len == ATR_TRACEPARENT_LEN + 15);
			memcpy(parent, wire->arrived + at + 13, ATR_TRACEPARENT_LEN);
			parent[ATR_TRACEPARENT_LEN] = 0;
		}
		++*nr_ours;
		at += len;
		/* ours are the last of their head */
		CHECK(wire->arrived[at] == '\r' || our_field(wire->arrived + at));
	}
	text[to] = 0;
	return text;
}

bool conn_has_arrived(int fd, const char *text, unsigned nr_heads)
{
	char parent[ATR_TRACEPARENT_LEN + 1];
	unsigned nr_ours;
	const char *arrived = conn_arrived(fd, &nr_ours, parent);

	if (strcmp(arrived, text) || nr_ours != nr_heads) {
		print_error("arrived, with %u fields:\n%s\n", nr_ours, conn_wire(fd)->arrived);
		return false;
	}
	return true;
}

bool conn_is_untouched(int fd, const char *text)
{
	struct wire *wire = conn_wire(fd);

	wire->arrived[wire->len] = 0;
	return live_is(wire->arrived, text);
}

const char *conn_next(void)
{
	static const char *const kinds[] = { "?", "INTERNAL", "SERVER", "CLIENT" };
	static char line[3000];
	const struct atr_span *span = live_next();
	int64_t status, size;
	int len;

	if (!span)
		return "nothing";
	len = snprintf(line, sizeof(line), "%s %s", kinds[span->kind & 3],
		       live_text(span, ATR_NAME));
	status = live_number(span, ATR_HTTP_RESPONSE_STATUS_CODE);
	if (status >= 0)
		len += sprintf(line + len, " %d", (int)status);
	if (atr_span_find(span, ATR_URL_FULL) || atr_span_find(span, ATR_URL_PATH))
		len += sprintf(line + len, " %s%s", live_text(span, ATR_URL_FULL),
			       live_text(span, ATR_URL_PATH));
	size = live_number(span, ATR_HTTP_RESPONSE_BODY_SIZE);
	if (size >= 0)
		len += sprintf(line + len, " body=%d", (int)size);
	if (span->status == ATR_STATUS_ERROR)
		len += sprintf(line + len, " error=%s", live_text(span, ATR_ERROR_TYPE));
	if (live_number(span, ATR_INCOMPLETE) == 1)
		sprintf(line + len, " incomplete");
	return line;
}

#define REQUEST "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define RESPONSE "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define GET_200 "CLIENT GET 200 http://h/a body=2"

static uint64_t begin_connect(int fd, int error)
{
	uint64_t start_ns = atr_conn_connecting((const struct sockaddr *)&peer, sizeof(peer));

	errno = error;
	atr_conn_connected(fd, (const struct sockaddr *)&peer, sizeof(peer), start_ns,
			   error ? -1 : 0);
	CHECK(errno == error);
	return start_ns;
}

TEST(conn_refused_is_a_span_of_the_connect)
{
	CONN_BEGIN();
	begin_connect(FD, ECONNREFUSED);
	CONN_SAYS("INTERNAL socket connect 127.0.0.1:8080 error=connection_refused");
	conn_end();
}

TEST(conn_that_connects_in_the_background_is_told_its_end_once)
{
	CONN_BEGIN();
	begin_connect(FD, EINPROGRESS);
	CONN_SAYS("nothing");
	atr_conn_connect_ended(FD, ETIMEDOUT);
	CONN_SAYS("INTERNAL socket connect 127.0.0.1:8080 error=timed_out");
	atr_conn_connect_ended(FD, ECONNREFUSED);
	conn_end();

	CONN_BEGIN();
	begin_connect(FD, EINPROGRESS);
	begin_connect(FD, EALREADY);
	begin_connect(FD, EISCONN);
	CONN_WRITE(FD, REQUEST);
	CONN_READ(FD, RESPONSE);
	CONN_SAYS(GET_200);
	conn_end();
}

TEST(conn_whose_connect_is_asked_about_once_more_is_the_same_one)
{
	CONN_BEGIN("AUTOTRACE_PROBES=connect,http");
	begin_connect(FD, EINPROGRESS);
	atr_conn_connect_ended(FD, 0);
	CONN_SAYS("INTERNAL socket connect 127.0.0.1:8080");
	begin_connect(FD, 0);
	CONN_SAYS("nothing");
	CONN_WRITE(FD, REQUEST);
	CONN_READ(FD, RESPONSE);
	CONN_SAYS(GET_200);
	/* only once: this is another socket, whose number it has now */
	begin_connect(FD, 0);
	CONN_SAYS("INTERNAL socket connect 127.0.0.1:8080");
	conn_end();
}

TEST(conn_with_the_connect_probe_tells_each_connect)
{
	CONN_BEGIN("AUTOTRACE_PROBES=connect,http");
	conn_connect(FD);
	CONN_SAYS("INTERNAL socket connect 127.0.0.1:8080");
	conn_end();
}

TEST(conn_without_the_http_probe_is_of_no_interest)
{
	CONN_BEGIN("AUTOTRACE_PROBES=none");
	CHECK(!atr_conn_connecting((const struct sockaddr *)&peer, sizeof(peer)));
	atr_conn_accepted(LISTENER, FD, NULL, 0);
	CHECK(!atr_fd(FD));
	conn_end();
}

TEST(conn_is_made_of_streams_and_of_known_families_alone)
{
	struct sockaddr_un unix_address = { .sun_family = AF_UNIX, .sun_path = "/x" };
	struct sockaddr other = { .sa_family = AF_APPLETALK };

	CONN_BEGIN();
	CHECK(!atr_conn_connecting(&other, sizeof(other)));
	CHECK(!atr_conn_connecting(NULL, 0));
	CHECK(!atr_conn_connecting((void *)16, sizeof(peer))); /* is the kernel's to refuse */
	CHECK(atr_conn_connecting((void *)&unix_address, sizeof(unix_address)));
	socket_type = SOCK_DGRAM;
	begin_connect(FD, 0);
	CHECK(!atr_fd(FD));
	conn_end();
}

TEST(conn_that_is_duplicated_ends_with_its_last_descriptor)
{
	CONN_BEGIN();
	conn_connect(FD);
	CONN_WRITE(FD, REQUEST);
	atr_conn_duplicated(FD, OTHER);
	CHECK(atr_fd(OTHER) == atr_fd(FD));
	conn_close(FD);
	CONN_SAYS("nothing");
	CONN_READ(OTHER, RESPONSE);
	CONN_SAYS(GET_200);
	conn_close(OTHER);
	conn_end();
}

TEST(conn_closed_before_its_answer_is_incomplete)
{
	CONN_BEGIN();
	conn_connect(FD);
	CONN_WRITE(FD, REQUEST);
	conn_close(FD);
	CONN_SAYS("CLIENT GET http://h/a incomplete");
	conn_end();
}

/* Seconds from its start to the first byte of its response; less than 0 where that is not told. */
static double first_byte_of(const struct atr_span *span)
{
	const struct atr_item *item = span ? atr_span_find(span, ATR_RESPONSE_FIRST_BYTE) : NULL;
	double seconds = -1;

	if (item)
		memcpy(&seconds, atr_item_bytes(item), sizeof(seconds));
	return seconds;
}

TEST(conn_response_in_parts_tells_when_its_first_byte_came)
{
	static const char *const parts[][3] = {
		{ "HTT", "P/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "ok" },
		{ "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no",
		  "k" },
	};

	CONN_BEGIN();
	conn_connect(FD);
	for (int i = 0; i < 2; i++) {
		const struct atr_span *span;
		double seconds;

		CONN_WRITE(FD, REQUEST);
		usleep(2000);
		for (int j = 0; j < 3; j++) {
			CONN_READ(FD, parts[i][j]);
			usleep(j == 2 ? 0 : 1000);
		}
		span = live_next();
		seconds = first_byte_of(span);
		CHECK(seconds >= 0.002);
		CHECK(seconds <=
		      (double)(span->end_ns - span->start_ns) / 1e9 - (i ? 0.001 : 0.002));
	}
	CONN_WRITE(FD, REQUEST);
	CONN_READ(FD, RESPONSE);
	CHECK(first_byte_of(live_next()) < 0);
	conn_end();
}

TEST(conn_that_brings_bytes_behind_an_end_of_file_is_left_alone)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab";

	CONN_BEGIN();
	for (int i = 0; i < 3; i++) {
		conn_connect(FD);
		CONN_WRITE(FD, REQUEST);
		CONN_READ(FD, head);
		if (i == 1)
			conn_read_fails(FD, EHOSTUNREACH);
		else
			conn_read_end(FD);
		CHECK(strstr(conn_next(), "CLIENT GET"));
		if (i < 2)
			CONN_READ(FD, "cd");
		else
			atr_conn_received_blind(atr_fd(FD), FD, 2);
		CHECK(!atr_fd_is_conn(atr_fd(FD)));
		CONN_SAYS("nothing");
		conn_close(FD);
	}
	conn_end();
}

TEST(conn_ignores_an_empty_line_behind_a_request)
{
	static const char post[] = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab\r\n";

	CONN_BEGIN();
	for (size_t cut = 1; cut < sizeof(post); cut++) {
		conn_connect(FD);
		conn_write_all(FD, post, cut);
		conn_write_all(FD, &post[cut], sizeof(post) - 1 - cut);
		CONN_READ(FD, RESPONSE);
		CONN_SAYS("CLIENT POST 200 http://h/a body=2");
		CONN_WRITE(FD, REQUEST);
		CONN_READ(FD, RESPONSE);
		CONN_SAYS(GET_200);
		conn_close(FD);
		conn_accept(SERVER);
		conn_read(SERVER, post, cut);
		conn_read(SERVER, &post[cut], sizeof(post) - 1 - cut);
		CONN_WRITE(SERVER, RESPONSE);
		CHECK(strstr(conn_next(), "SERVER POST 200"));
		CONN_READ(SERVER, "\n" REQUEST);
		CONN_WRITE(SERVER, RESPONSE);
		CHECK(strstr(conn_next(), "SERVER GET 200"));
		conn_close(SERVER);
	}
	conn_end();
}

TEST(conn_that_is_idle_closes_without_a_word)
{
	CONN_BEGIN();
	conn_connect(FD);
	conn_close(FD);
	conn_accept(FD);
	conn_close(FD);
	conn_end();
}

TEST(conn_word_of_before_means_nothing_to_the_next_one)
{
	struct iovec iov = { RESPONSE, strlen(RESPONSE) };
	struct atr_pieces piece;
	uint64_t before;

	CONN_BEGIN();
	conn_connect(FD);
	before = atr_fd(FD);
	conn_close(FD);
	conn_connect(FD);
	CHECK(atr_fd(FD) != before);
	CONN_WRITE(FD, REQUEST);
	atr_conn_received(before, FD, &iov, 1, (ssize_t)iov.iov_len);
	CHECK(!atr_conn_plan(before, FD, &iov, 1, 0, 0, &piece));
	CONN_SAYS("nothing");
	CONN_READ(FD, RESPONSE);
	CONN_SAYS(GET_200);
	conn_end();
}

TEST(conn_opened_over_one_whose_close_went_by_ends_it)
{
	CONN_BEGIN();
	conn_connect(FD);
	CONN_WRITE(FD, REQUEST);
	conn_accept(FD);
	CONN_SAYS("CLIENT GET http://h/a incomplete");
	CONN_READ(FD, REQUEST);
	atr_conn_inherited(FD);
	CONN_SAYS("SERVER GET /a incomplete");
	CONN_WRITE(FD, REQUEST);
	atr_conn_listens(FD);
	CONN_SAYS("CLIENT GET http://h/a incomplete");
	conn_end();
}

TEST(conn_connected_again_after_it_failed_is_a_new_one)
{
	static const int errors[] = { ECONNREFUSED, EINPROGRESS, 0 };

	CONN_BEGIN();
	for (int i = 0; i < 3; i++) {
		begin_connect(FD, ECONNREFUSED);
		CONN_SAYS("INTERNAL socket connect 127.0.0.1:8080 error=connection_refused");
		begin_connect(FD, errors[i]);
		if (errors[i] == ECONNREFUSED)
			CONN_SAYS(
				"INTERNAL socket connect 127.0.0.1:8080 error=connection_refused");
		if (errors[i] == EINPROGRESS)
			begin_connect(FD, 0);
		if (errors[i] != ECONNREFUSED) {
			CONN_WRITE(FD, REQUEST);
			conn_close(FD);
			/* the failure before was another's */
			CONN_SAYS("CLIENT GET http://h/a incomplete");
		}
		conn_close(FD);
	}
	conn_end();
}

TEST(conn_ends_with_the_reason_that_is_known)
{
	static const struct {
		int error;
		const char *says;
	} failed[] = {
		{ ECONNRESET, "CLIENT GET http://h/a error=connection_reset" },
		{ ETIMEDOUT, "CLIENT GET http://h/a error=timed_out" },
		{ EPIPE, "CLIENT GET http://h/a error=broken_pipe" },
	};

	CONN_BEGIN();
	for (size_t i = 0; i < sizeof(failed) / sizeof(failed[0]); i++) {
		conn_connect(FD);
		CONN_WRITE(FD, REQUEST);
		conn_read_fails(FD, EINTR);
		conn_read_fails(FD, EAGAIN);
		conn_read_fails(FD, EFAULT);
		CONN_SAYS("nothing");
		conn_read_fails(FD, failed[i].error);
		CONN_SAYS(failed[i].says);
		conn_close(FD);
	}
	conn_connect(FD);
	CONN_WRITE(FD, REQUEST);
	conn_read_end(FD);
	CONN_SAYS("CLIENT GET http://h/a error=connection_closed");
	conn_end();
}

TEST(conn_that_the_program_waited_for_in_vain_timed_out)
{
	CONN_BEGIN();
	conn_connect(FD);
	CONN_WRITE(FD, REQUEST);
	atr_conn_wait_timed_out(FD);
	conn_close(FD);
	CONN_SAYS("CLIENT GET http://h/a error=timed_out");
	/* a wait that was too short is forgotten when something comes */
	conn_connect(FD);
	CONN_WRITE(FD, REQUEST);
	atr_conn_wait_timed_out(FD);
	CONN_READ(FD, "HTTP/1.1 200 OK\r\n");
	conn_close(FD);
	CONN_SAYS("CLIENT GET http://h/a incomplete");
	/* SO_RCVTIMEO: the read is refused */
	receive_limit_us = 1000;
	conn_connect(FD);
	CONN_WRITE(FD, REQUEST);
	conn_read_fails(FD, EAGAIN);
	conn_close(FD);
	CONN_SAYS("CLIENT GET http://h/a error=timed_out");
	/* a connect that nobody waits for any more */
	begin_connect(FD, EINPROGRESS);
	atr_conn_wait_timed_out(FD);
	conn_close(FD);
	CONN_SAYS("INTERNAL socket connect 127.0.0.1:8080 error=timed_out");
	conn_end();
}

TEST(conn_that_is_inherited_takes_its_side_from_its_first_request)
{
	CONN_BEGIN();
	atr_conn_inherited(FD);
	CONN_WRITE(FD, REQUEST);
	CONN_READ(FD, RESPONSE);
	CONN_SAYS(GET_200);
	atr_conn_inherited(SERVER);
	CONN_READ(SERVER, REQUEST);
	CONN_WRITE(SERVER, RESPONSE);
	CONN_SAYS("SERVER GET 200 /a body=2");
	socket_type = SOCK_DGRAM;
	atr_conn_inherited(OTHER);
	CHECK(!atr_fd(OTHER));
	conn_end();
}

TEST(conn_that_is_inherited_twice_is_one)
{
	CONN_BEGIN();
	one_socket = true;
	atr_conn_inherited(FD);
	atr_conn_inherited(OTHER);
	one_socket = false;
	CONN_READ(FD, REQUEST);
	CONN_WRITE(OTHER, RESPONSE);
	CONN_SAYS("SERVER GET 200 /a body=2");
	conn_close(FD);
	CHECK(atr_fd_is_conn(atr_fd(OTHER)));
	conn_end();
}

TEST(conn_of_another_protocol_is_forgotten)
{
	uint64_t before;

	CONN_BEGIN();
	conn_connect(FD);
	CONN_WRITE(FD, "EHLO h\r\n");
	CHECK(!atr_fd(FD) && conn_is_untouched(FD, "EHLO h\r\n"));
	CHECK(atr_count_read(ATR_COUNT_CONNS_NOT_OURS) == 1);
	/* a server's is remembered: what it asks for is not seen */
	conn_accept(SERVER);
	before = atr_fd(SERVER);
	CONN_READ(SERVER, "\x01\x02\x03");
	CHECK(atr_fd_kind(atr_fd(SERVER)) == ATR_FD_UNSEEN && atr_conn_awaits_work(atr_fd(SERVER)));
	CONN_WRITE(SERVER, RESPONSE);
	CHECK(conn_is_untouched(SERVER, RESPONSE));
	/* until its last descriptor is closed, and its place is another's */
	atr_conn_duplicated(SERVER, OTHER);
	conn_close(SERVER);
	CHECK(!atr_fd(SERVER) && atr_fd_kind(atr_fd(OTHER)) == ATR_FD_UNSEEN);
	conn_close(OTHER);
	conn_accept(SERVER);
	CHECK(atr_fd(SERVER) != before && (uint32_t)atr_fd(SERVER) == (uint32_t)before);
	conn_end();
}

TEST(conn_that_breaks_is_counted_apart)
{
	CONN_BEGIN();
	conn_connect(FD);
	CONN_WRITE(FD, REQUEST);
	CONN_READ(FD, "HTTP/1.1 200 OK\nX: y\r\n\r\n");
	CONN_SAYS("CLIENT GET http://h/a incomplete");
	CHECK(atr_count_read(ATR_COUNT_CONNS_BROKEN) == 1 && !atr_fd(FD));
	conn_end();
}

TEST(conn_awaits_work_as_a_listener_and_as_an_idle_server)
{
	CONN_BEGIN();
	atr_conn_listens(LISTENER);
	CHECK(atr_conn_awaits_work(atr_fd(LISTENER)));
	conn_accept(SERVER);
	CHECK(atr_conn_awaits_work(atr_fd(SERVER)));
	CONN_READ(SERVER, REQUEST);
	CHECK(!atr_conn_awaits_work(atr_fd(SERVER)));
	CONN_WRITE(SERVER, RESPONSE);
	CHECK(atr_conn_awaits_work(atr_fd(SERVER)));
	conn_connect(FD);
	CHECK(!atr_conn_awaits_work(atr_fd(FD)) && !atr_conn_awaits_work(0));
	CONN_SAYS("SERVER GET 200 /a body=2");
	conn_end();
}

TEST(conn_set_that_holds_a_server_makes_who_waits_on_it_a_loop)
{
	CONN_BEGIN();
	conn_connect(FD);
	atr_conn_added(SET, FD);
	atr_conn_added(SET, OTHER);
	CHECK(!atr_fd(SET));
	conn_accept(SERVER);
	atr_conn_added(SET, SERVER);
	CHECK(atr_fd_kind(atr_fd(SET)) == ATR_FD_SET && (atr_fd(SET) & ATR_FD_SERVES));
	CONN_READ(SERVER, REQUEST);
	CHECK(atr_self.work && !atr_self.is_loop);
	atr_conn_waits(atr_fd(SET), -1);
	CHECK(!atr_self.work && atr_self.is_loop);
	conn_close(SERVER);
	CONN_SAYS("SERVER GET /a incomplete");
	conn_end();
}

TEST(conn_end_of_the_process_ends_what_is_open)
{
	int nr_servers = 0;

	CONN_BEGIN();
	conn_connect(FD);
	CONN_WRITE(FD, REQUEST);
	conn_accept(SERVER);
	CONN_READ(SERVER, REQUEST);
	atr_conn_end_all();
	for (int i = 0; i < 2; i++) { /* in which order is not said */
		const char *says = conn_next();

		if (strcmp(says, "SERVER GET /a incomplete"))
			CHECK(live_is(says, "CLIENT GET http://h/a incomplete"));
		else
			nr_servers++;
	}
	CHECK(nr_servers == 1);
	conn_end();
}

/* Whether the next span, a client's, tells of the connect. */
static bool next_tells_of_connect(void)
{
	const struct atr_span *span = live_next();

	CHECK(span && span->kind == ATR_KIND_CLIENT);
	return atr_span_find(span, ATR_CONNECT_DURATION);
}

TEST(conn_that_was_there_before_the_work_began_was_not_made_for_it)
{
	CONN_BEGIN();
	for (int is_before = 0; is_before < 2; is_before++) {
		if (is_before)
			conn_connect(FD);
		conn_accept(SERVER);
		CONN_READ(SERVER, REQUEST);
		if (!is_before)
			conn_connect(FD);
		CONN_WRITE(FD, REQUEST);
		CONN_READ(FD, RESPONSE);
		CHECK(next_tells_of_connect() == !is_before);
		CONN_WRITE(SERVER, RESPONSE);
		CONN_SAYS("SERVER GET 200 /a body=2");
		conn_close(FD);
		conn_close(SERVER);
	}
	conn_end();
}

TEST(conn_in_a_forked_child_goes_on_and_leaves_the_span_to_the_parent)
{
	CONN_BEGIN();
	conn_connect(FD);
	CONN_WRITE(FD, REQUEST);
	/* what init.c has a forked child do */
	atr_work_forked(&atr_self);
	atr_conn_forked();
	atr_live_forked();
	CONN_READ(FD, RESPONSE);
	CONN_SAYS("nothing");
	CONN_WRITE(FD, REQUEST);
	CONN_READ(FD, RESPONSE);
	CONN_SAYS(GET_200);
	conn_end();
}

TEST(conn_held_by_another_thread_of_the_parents_is_left_alone_in_a_forked_child)
{
	struct atr_thread *self;

	CONN_BEGIN();
	conn_connect(FD);
	conn_connect(OTHER);
	CHECK(atr_conn_enter(atr_fd(FD), &self));
	/* the child has the one thread that forked, and that held nothing */
	self->holds = NULL;
	atr_leave(self);
	atr_conn_forked();
	CONN_WRITE(FD, REQUEST);
	CHECK(conn_is_untouched(FD, REQUEST));
	CHECK(atr_fd(FD) == 0);
	CONN_WRITE(OTHER, REQUEST);
	CONN_READ(OTHER, RESPONSE);
	CONN_SAYS(GET_200);
	conn_end();
}

TEST(conn_that_its_holder_jumped_away_from_is_left_alone)
{
	struct atr_thread *self;

	CONN_BEGIN();
	conn_connect(FD);
	conn_connect(OTHER);
	CHECK(atr_conn_enter(atr_fd(FD), &self));
	atr_thread_jumps();
	CONN_WRITE(OTHER, REQUEST);
	CONN_READ(OTHER, RESPONSE);
	CONN_SAYS(GET_200);
	CONN_WRITE(FD, REQUEST);
	CHECK(conn_is_untouched(FD, REQUEST));
	CHECK(atr_fd(FD) == 0);
	conn_end();
}

TEST(conn_is_not_touched_from_inside)
{
	CONN_BEGIN();
	conn_connect(FD);
	atr_self.inside = true;
	CONN_WRITE(FD, REQUEST);
	CHECK(conn_is_untouched(FD, REQUEST));
	atr_self.inside = false;
	/* bytes went by unseen: it is given up */
	CONN_WRITE(FD, REQUEST);
	CHECK(conn_is_untouched(FD, REQUEST REQUEST));
	conn_end();
}

/* One thread sends requests while another reads the answers, as pools of clients do. */
#define ROUNDS 300
static _Atomic int nr_sent, nr_read;

static void *read_answers(void *unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS; i++) {
		struct iovec iov = { RESPONSE, strlen(RESPONSE) };

		while (atomic_load(&nr_sent) == i)
			sched_yield();
		atr_conn_received(atr_fd(FD), FD, &iov, 1, (ssize_t)iov.iov_len);
		atomic_store(&nr_read, i + 1);
	}
	return NULL;
}

TEST(conn_used_by_a_writer_and_a_reader_loses_nothing)
{
	pthread_t reader;
	int nr_spans = 0;

	CONN_BEGIN();
	conn_connect(FD);
	atomic_store(&nr_sent, 0);
	atomic_store(&nr_read, 0);
	pthread_create(&reader, NULL, read_answers, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		conn_wire(FD)->len = 0;
		CONN_WRITE(FD, REQUEST);
		CHECK(conn_has_arrived(FD, REQUEST, 1));
		atomic_store(&nr_sent, i + 1);
		while (atomic_load(&nr_read) == i)
			sched_yield();
		while (live_next())
			nr_spans++;
	}
	pthread_join(reader, NULL);
	CHECK(nr_spans == ROUNDS && atr_count_read(ATR_COUNT_CONNS_CONTENDED) == 0);
	conn_end();
}

/* What the hooks ask before a write, and tell after it; and how much work waits for an answer in between. */
static void answer(const char *text, uint32_t in_flight)
{
	struct iovec iov = { (void *)text, strlen(text) };
	struct atr_pieces piece;

	CHECK(atr_conn_plan(atr_fd(FD), FD, &iov, 1, 0, 0, &piece));
	CHECK(piece.is_plain && piece.end == iov.iov_len);
	CHECK(atr_work_nr_in_flight() == in_flight);
	atr_conn_sent(atr_fd(FD), FD, &iov, 1, &piece, (ssize_t)iov.iov_len);
}

TEST(conn_work_is_being_answered_before_its_answer_is_sent)
{
	CONN_BEGIN();
	conn_accept(FD);
	for (int i = 0; i < 3; i++) {
		CONN_READ(FD, REQUEST);
		CHECK(atr_work_nr_in_flight() == 1);
		answer(RESPONSE, 0);
		CONN_SAYS("SERVER GET 200 /a body=2");
	}
	CONN_READ(FD, "PUT /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
		      "Content-Length: 2\r\n\r\n");
	answer("HTTP/1.1 100 Continue\r\n\r\n", 1);
	CONN_READ(FD, "x");
	answer("HTTP/1.1 102 Processing\r\n\r\n", 1);
	CONN_READ(FD, "y");
	answer(RESPONSE, 0);
	CONN_SAYS("SERVER PUT 200 /a body=2");
	/* two at once: the second is not answered with the first */
	CONN_READ(FD, REQUEST REQUEST);
	CHECK(atr_work_nr_in_flight() == 2);
	answer(RESPONSE, 1);
	answer(RESPONSE, 0);
	CONN_SAYS("SERVER GET 200 /a body=2");
	CONN_SAYS("SERVER GET 200 /a body=2");
	conn_end();
}
