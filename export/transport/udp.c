/* SPDX-License-Identifier: Apache-2.0 */
#include "export/transport/transport.h"

#include <errno.h>

/*
 * One datagram a document: whole or not at all, and nothing is ever answered. A
 * daemon that is not there shows, if at all, in the next send's ECONNREFUSED.
 */

/* Where it is to go, and by what. */
struct opening {
	const struct atr_io *io;
	int fd;
};

static bool open_to(void *opening, const struct sockaddr *address, socklen_t len)
{
	struct opening *o = opening;

	o->fd = o->io->socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (o->fd < 0 || o->io->connect(o->fd, address, len) == 0)
		return o->fd >= 0;
	o->io->close(o->fd);
	o->fd = -1;
	return false;
}

/* What is named localhost listens on IPv4 where a daemon does by default: a datagram's socket takes that. */
static int open_link(const struct atr_io *io, const struct atr_exporter_options *to)
{
	struct opening opening = { io, -1 };

	atr_host_try(io, to, SOCK_DGRAM, open_to, &opening);
	return opening.fd;
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
