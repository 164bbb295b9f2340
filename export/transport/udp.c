/* SPDX-License-Identifier: Apache-2.0 */
#include "export/transport/transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/*
 * One datagram a document: whole or not at all, and nothing is ever answered. A
 * daemon that is not there shows, if at all, in the next send's ECONNREFUSED.
 */

static void port_text(uint16_t port, char out[static 6])
{
	size_t at = 6;

	out[--at] = 0;
	do
		out[--at] = (char)('0' + port % 10);
	while ((port /= 10) && at);
	memmove(out, out + at, 6 - at);
}

static int open_to(const struct atr_io *io, const struct sockaddr *address, socklen_t len)
{
	int fd = io->socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || io->connect(fd, address, len) == 0)
		return fd;
	io->close(fd);
	return -1;
}

/* The resolver allocates, also for an address. */
static int open_name(const struct atr_io *io, const char *name, uint16_t port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV }, *found;
	char digits[6];
	int fd = -1;

	port_text(port, digits);
	if (io->getaddrinfo(name, digits, &hints, &found))
		return -1;
	for (struct addrinfo *a = found; a && fd < 0; a = a->ai_next)
		fd = open_to(io, a->ai_addr, a->ai_addrlen);
	io->freeaddrinfo(found);
	return fd;
}

/* What is named localhost listens where a daemon does by default. */
static bool is_v4(struct atr_str host, const char *name, struct in_addr *out)
{
	if (!atr_str_equal_nocase(host, ATR_STR("localhost")))
		return inet_pton(AF_INET, name, out) == 1;
	out->s_addr = htonl(INADDR_LOOPBACK);
	return true;
}

static int open_link(const struct atr_io *io, const struct atr_exporter_options *to)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(to->port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(to->port) };
	char name[256];

	if (!to->host.len || to->host.len >= sizeof(name))
		return -1;
	memcpy(name, to->host.at, to->host.len);
	name[to->host.len] = 0;
	if (is_v4(to->host, name, &in.sin_addr))
		return open_to(io, (struct sockaddr *)&in, sizeof(in));
	if (inet_pton(AF_INET6, name, &in6.sin6_addr) == 1)
		return open_to(io, (struct sockaddr *)&in6, sizeof(in6));
	return open_name(io, name, to->port);
}

enum atr_outcome atr_udp_send(const struct atr_io *io, const struct atr_exporter_options *to,
			      struct atr_link *link, struct atr_str datagram)
{
	for (int attempt = 0; attempt < 3; attempt++) {
		if (!atr_link_is_ours(link) && !atr_link_take(io, link, open_link(io, to)))
			return ATR_UNREACHED;
		if (io->send(link->fd, datagram.at, datagram.len, MSG_NOSIGNAL) >= 0)
			return ATR_SENT;
		switch (errno) {
		case EMSGSIZE:
			return ATR_REFUSED;
		case EINTR:
		case ECONNREFUSED:
			continue; /* of the one before */
		case EAGAIN:
		case ENOBUFS: {
			struct pollfd full = { link->fd, POLLOUT, 0 };

			io->poll(&full, 1, 20);
			continue;
		}
		default:
			atr_link_close(io, link);
		}
	}
	return ATR_UNREACHED;
}
