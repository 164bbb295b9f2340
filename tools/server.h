/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_SERVER_H
#define ATR_TOOLS_SERVER_H

/*
 * server: HTTP/1.1 on a free port of the loopback, whose answers may come late.
 *
 * A request is given to the owner when it is whole, its body without the coding
 * it came in; he answers at once or at any later time (a long poll). It never
 * blocks: the owner polls atr_server_fd for reading and calls _serve. One thread.
 * When memory cannot be had the command ends with a message.
 */
#include "propagator/str.h"

#include <stdint.h>

struct atr_server;
struct atr_peer; /* somebody who asked and has not been answered */

/* All borrowed, until the call that gives it returns. */
struct atr_request {
	struct atr_str method, target;
	struct atr_str head;	/* for atr_request_field */
	struct atr_str body;	/* at most the server's limit of it */
	uint64_t body_len;	/* all of it */
	struct atr_str trailer; /* lines behind a chunked body, for atr_request_trailer */
	uint32_t fields_at;	/* in head */
};

struct atr_answer {
	const char *status; /* "200 OK" */
	const char *fields; /* lines, each ended by CRLF; "" none */
	struct atr_str body;
	bool is_chunked; /* send the body in two chunks instead of with its length */
};

struct atr_server_options {
	/* `peer` is good until it is answered or gone. */
	void (*asked)(void *owner, struct atr_peer *peer, const struct atr_request *request);
	/* It hung up before its answer. Not called by _close and _forget. */
	void (*gone)(void *owner, struct atr_peer *peer);
	void *owner;
	size_t body_max;
	bool closes; /* a connection is for one request only */
};

/* NULL with errno set. */
struct atr_server *atr_server_open(const struct atr_server_options *options);
void atr_server_close(struct atr_server *server);

int atr_server_fd(const struct atr_server *server);
uint16_t atr_server_port(const struct atr_server *server);

/* One turn for everyone who is ready, without waiting. */
void atr_server_serve(struct atr_server *server);

/* Hangs up on everybody: those who asked are dead. */
void atr_server_forget(struct atr_server *server);

void atr_peer_answer(struct atr_peer *peer, const struct atr_answer *answer);

/* A header's value, of whatever case its name; absent when there is none. */
struct atr_str atr_request_field(const struct atr_request *request, const char *name);
struct atr_str atr_request_trailer(const struct atr_request *request, const char *name);

#endif
