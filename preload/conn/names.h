/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_NAMES_H
#define ATR_PRELOAD_CONN_NAMES_H

/*
 * names: name lookups of late, so that a connection can tell for which name,
 * and for how long, its address was looked for. A handful of entries that the
 * next ones overwrite; an entry that another thread is at is passed over.
 */
#include "preload/live/thread.h"

#include <netdb.h>
#include <sys/socket.h>

#define ATR_LOOKUP_NAME_MAX 120

struct atr_lookup {
	uint64_t start_ns, end_ns; /* monotonic; 0: no lookup */
	bool is_last;		   /* no address that was found comes after the one asked for */
	uint8_t name_len;
	char name[ATR_LOOKUP_NAME_MAX];
};

/* A lookup succeeded: its name, times, and (up to 8) addresses. The thread that made it. */
void atr_names_found(const char *name, uint64_t start_ns, uint64_t end_ns,
		     const struct addrinfo *list);

/*
 * The latest lookup that found this address. Its times are given to one caller
 * only: the first connection is the one that waited for it.
 */
bool atr_names_of(const struct sockaddr *address, socklen_t len, struct atr_lookup *out);

/* That connection failed and the next address will be tried: its times are to be given again. */
void atr_names_untold(const struct atr_lookup *lookup);

#endif
