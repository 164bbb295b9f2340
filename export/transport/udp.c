/* SPDX-License-Identifier: Apache-2.0 */
#include "export/transport/transport.h"

#include <errno.h>
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

static int open_link(const struct atr_io *io, const struct atr_exporter_options *to)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV }, *found;
	char name[256], port[6];
	int fd = -1;

	if (!to->host.len || to->host.len >= sizeof(name))
		return -1;
	memcpy(name, to->host.at, to->host.len);
	name[to->host.len] = 0;
	port_text(to->port, port);
	if (io->getaddrinfo(name, port, &hints, &found))
		return -1;
	for (struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
		fd = io->socket(a->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd >= 0 && io->connect(fd, a->ai_addr, a->ai_addrlen)) {
			io->close(fd);
			fd = -1;
		}
	}
	io->freeaddrinfo(found);
	return fd;
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
