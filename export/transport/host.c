/* SPDX-License-Identifier: Apache-2.0 */
#include "export/print.h"
#include "export/transport/transport.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

struct way {
	atr_host_takes *takes;
	void *who;
	uint16_t port;
};

static bool try_v4(const struct way *way, struct in_addr host)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(way->port),
				  .sin_addr = host };

	return way->takes(way->who, (const struct sockaddr *)&in, sizeof(in));
}

static bool try_v6(const struct way *way, struct in6_addr host)
{
	struct sockaddr_in6 in = { .sin6_family = AF_INET6,
				   .sin6_port = htons(way->port),
				   .sin6_addr = host };

	return way->takes(way->who, (const struct sockaddr *)&in, sizeof(in));
}

static bool try_name(const struct atr_io *io, const struct way *way, const char *name, int type)
{
	struct addrinfo hints = { .ai_socktype = type, .ai_flags = AI_NUMERICSERV }, *list;
	char port[8];
	struct atr_print digits = { port, 0, sizeof(port) - 1, false };
	bool is_taken = false;

	atr_print_uint(&digits, way->port);
	port[digits.len] = 0;
	if (io->getaddrinfo(name, port, &hints, &list) != 0)
		return false;
	for (struct addrinfo *one = list; one && !is_taken; one = one->ai_next)
		is_taken = way->takes(way->who, one->ai_addr, one->ai_addrlen);
	io->freeaddrinfo(list);
	return is_taken;
}

bool atr_host_try(const struct atr_io *io, const struct atr_exporter_options *to, int type,
		  atr_host_takes *takes, void *who)
{
	struct way way = { takes, who, to->port };
	struct in6_addr v6 = IN6ADDR_LOOPBACK_INIT;
	struct in_addr v4 = { htonl(INADDR_LOOPBACK) };
	char name[256];

	if (!to->host.len || to->host.len >= sizeof(name))
		return false;
	if (atr_str_equal_nocase(to->host, ATR_STR("localhost")))
		return try_v4(&way, v4) || try_v6(&way, v6);
	memcpy(name, to->host.at, to->host.len);
	name[to->host.len] = 0;
	if (inet_pton(AF_INET, name, &v4) == 1)
		return try_v4(&way, v4);
	if (inet_pton(AF_INET6, name, &v6) == 1)
		return try_v6(&way, v6);
	return try_name(io, &way, name, type);
}
