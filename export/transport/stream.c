/* SPDX-License-Identifier: Apache-2.0 */
#include "export/transport/stream.h"

#include "export/diag.h"
#include "export/kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define HIGH_FD 400 /* above what programs and their loops usually reach */

uint64_t atr_now_ms(void)
{
	return atr_kernel_ns(CLOCK_MONOTONIC) / 1000000;
}

#define LATE_MS 500

uint64_t atr_stood_still_ms(uint64_t was_to_end_ms)
{
	uint64_t now = atr_now_ms();

	return now > was_to_end_ms + LATE_MS ? now - was_to_end_ms : 0;
}

/* When the process's end ends this: UINT64_MAX when it does not end. */
uint64_t atr_stream_stop_ms(const struct atr_stream *a)
{
	uint64_t stop = atomic_load(a->stop_ms);

	return stop > a->began_ms ? stop : UINT64_MAX;
}

/* Milliseconds left; 0 when the time is over. */
int atr_stream_left_ms(const struct atr_stream *a)
{
	uint64_t now = atr_now_ms(), stop = atr_stream_stop_ms(a), until = a->deadline_ms;

	if (stop < until)
		until = stop;
	return now >= until ? 0 : until - now > 60000 ? 60000 : (int)(until - now);
}

/* In steps, so that a stop that is set meanwhile is noticed. */
static bool wait_for(struct atr_stream *a, short what)
{
	struct pollfd p = { .fd = a->link->fd, .events = what };

	for (;;) {
		int left = atr_stream_left_ms(a), n;
		uint64_t until, still;

		if (!left)
			return false;
		left = left < 50 ? left : 50;
		until = atr_now_ms() + (uint64_t)left;
		n = a->io->poll(&p, 1, left);
		still = atr_stood_still_ms(until);
		a->deadline_ms += still;
		a->stood_still_ms += still;
		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR)
			return false;
	}
}

/* fstat by its number: the function is an inline one before glibc 2.33, and a symbol after it. */
static bool describe(int fd, struct stat *st)
{
	return syscall(SYS_fstat, fd, st) == 0;
}

bool atr_link_is_ours(const struct atr_link *link)
{
	struct stat st;

	return link->fd >= 0 && describe(link->fd, &st) && st.st_dev == link->device &&
	       st.st_ino == link->inode;
}

/* A child that is forked meanwhile does not find one that is free already. */
static void forget_sessions(struct atr_link *link)
{
	struct atr_tls *tls = link->tls;
	struct atr_grpc *grpc = link->grpc;

	link->tls = NULL;
	link->grpc = NULL;
	atomic_signal_fence(memory_order_seq_cst);
	if (tls)
		link->heavy->tls_free(tls);
	if (grpc)
		link->heavy->grpc_free(grpc);
}

void atr_link_close(const struct atr_io *io, struct atr_link *link)
{
	int fd = link->fd;

	forget_sessions(link);
	if (fd < 0)
		return;
	if (atr_link_is_ours(link)) {
		link->fd = -1;
		io->close(fd);
	}
	link->fd = -1;
}

/* Up, out of the way of programs that count on low numbers. */
static int move_high(const struct atr_io *io, int fd)
{
	int high = io->fcntl(fd, F_DUPFD_CLOEXEC, (long)HIGH_FD);

	if (high < 0)
		high = io->fcntl(fd, F_DUPFD_CLOEXEC, 3L);
	if (high < 0)
		return fd;
	io->close(fd);
	return high;
}

bool atr_link_take(const struct atr_io *io, struct atr_link *link, int fd)
{
	struct stat st;

	if (fd < 0)
		return false;
	fd = move_high(io, fd);
	if (!describe(fd, &st)) {
		io->close(fd);
		return false;
	}
	link->device = st.st_dev;
	link->inode = st.st_ino;
	link->fd = fd;
	return true;
}

static bool connect_to(void *stream, const struct sockaddr *address, socklen_t len)
{
	struct atr_stream *a = stream;
	int fd = a->io->socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0, on = 1;
	socklen_t error_len = sizeof(error);

	if (!atr_link_take(a->io, a->link, fd))
		return false;
	fd = a->link->fd;
	if (address->sa_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (a->io->connect(fd, address, len) == 0)
		return true;
	if (errno == EINPROGRESS && wait_for(a, POLLOUT) &&
	    a->io->getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len) == 0 && !error)
		return true;
	atr_link_close(a->io, a->link);
	return false;
}

static bool connect_unix(struct atr_stream *a)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (a->to->unix_path.len >= sizeof(un.sun_path))
		return false;
	memcpy(un.sun_path, a->to->unix_path.at, a->to->unix_path.len);
	return connect_to(a, (struct sockaddr *)&un, sizeof(un));
}

static bool connect_any(struct atr_stream *a)
{
	return a->to->unix_path.len ? connect_unix(a) :
				      atr_host_try(a->io, a->to, SOCK_STREAM, connect_to, a);
}

static bool send_raw(void *stream, struct atr_str bytes)
{
	struct atr_stream *a = stream;

	while (bytes.len) {
		ssize_t n =
			a->io->send(a->link->fd, bytes.at, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			bytes.at += n;
			bytes.len -= (size_t)n;
		} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			if (!wait_for(a, POLLOUT))
				return false;
		} else {
			return false;
		}
	}
	return true;
}

/* At least one byte; 0 at the end, -1 on failure or out of time. */
static ssize_t receive_raw(void *stream, char *buf, size_t cap)
{
	struct atr_stream *a = stream;

	for (;;) {
		ssize_t n = a->io->recv(a->link->fd, buf, cap, MSG_DONTWAIT);

		if (n >= 0)
			return n;
		if (errno != EAGAIN && errno != EINTR)
			return -1;
		if (!wait_for(a, POLLIN))
			return -1;
	}
}

/* Where machines have the certificates that they trust: Debian, Fedora, Alpine, SUSE. */
static const char *const ca_files[] = { "/etc/ssl/certs/ca-certificates.crt",
					"/etc/pki/tls/certs/ca-bundle.crt",
					"/etc/ssl/cert.pem",
					"/etc/ssl/ca-bundle.pem",
					"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
					NULL };

static struct atr_pipe raw_of(struct atr_stream *a)
{
	return (struct atr_pipe){ a, send_raw, receive_raw };
}

/* Once for each reason. */
static void say_why(const struct atr_stream *a, const char *why)
{
	static const char *said;

	if (said != why)
		atr_log("TLS with %s: %s", a->to->host.at, why);
	said = why;
}

static bool start_tls(struct atr_stream *a)
{
	const char *const own_ca[] = { a->to->ca_file.at, NULL };
	struct atr_tls_options options = {
		.io = a->io,
		.unix_s = atr_kernel_ns(CLOCK_REALTIME) / 1000000000,
		.host = a->to->host.at,
		.ca_files = own_ca[0] ? own_ca : ca_files,
		.certificate = a->to->client_certificate.at,
		.key = a->to->client_key.at,
		.protocol = a->to->is_grpc ? "h2" : NULL,
	};
	struct atr_pipe raw = raw_of(a);
	const char *why = NULL;

	if (inet_pton(AF_INET, options.host, options.address) == 1)
		options.address_len = 4;
	else if (inet_pton(AF_INET6, options.host, options.address) == 1)
		options.address_len = 16;
	options.is_address = options.address_len != 0;
	a->link->tls = a->link->heavy->tls_open(&options, &raw, &why, &a->is_no_way);
	if (why)
		say_why(a, why);
	return a->link->tls != NULL;
}

bool atr_stream_open(struct atr_stream *a)
{
	a->is_no_way = false;
	if (atr_link_is_ours(a->link))
		return true;
	atr_link_close(a->io, a->link);
	if (a->to->is_tls)
		a->link->heavy = atr_heavy_load(a->io, "TLS");
	a->is_no_way = a->to->is_tls && !a->link->heavy;
	if (a->is_no_way || !connect_any(a))
		return false;
	if (!a->to->is_tls || start_tls(a))
		return true;
	atr_link_close(a->io, a->link);
	return false;
}

bool atr_stream_send(struct atr_stream *a, struct atr_str bytes)
{
	struct atr_pipe raw = raw_of(a);

	return a->link->tls ? a->link->heavy->tls_send(a->link->tls, &raw, bytes) :
			      send_raw(a, bytes);
}

ssize_t atr_stream_receive(struct atr_stream *a, char *buf, size_t cap)
{
	struct atr_pipe raw = raw_of(a);

	return a->link->tls ? a->link->heavy->tls_receive(a->link->tls, &raw, buf, cap) :
			      receive_raw(a, buf, cap);
}
