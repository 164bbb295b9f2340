/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_USUAL_H
#define ATR_PRELOAD_CONN_USUAL_H

/*
 * usual: requests and responses of HTTP/1 that say again, on a kept connection, what was said
 * there before: most of them. What is told of them is what stream.c and sending.c would tell,
 * with less to be looked at. What is not known to be such is theirs.
 *
 * The holder of the connection, which is ordinary: nothing on it is begun or owed.
 */
#include "preload/live/pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct atr_conn;
struct atr_thread;

/* What was last said of a request, by its fields (their turn) and its target. */
struct atr_usual {
	uint16_t items_len; /* 0: nothing that holds again */
	uint16_t target_len;
	uint32_t turn;
	char target[88];
	_Alignas(8) char items[416]; /* of a record, behind its tracestate */
};

/* For tests, which compare: false, and nothing is known to be such. */
extern bool atr_usual_is_on;

/*
 * n bytes came. True: they were one whole request, or one whole response, and all is told; else
 * nothing is done.
 */
bool atr_usual_received(struct atr_thread *self, struct atr_conn *conn, const struct iovec *iov,
			int nr, size_t n);

/* The same of bytes that a server sent: a response. */
bool atr_usual_answered(struct atr_thread *self, struct atr_conn *conn, const struct iovec *iov,
			int nr, size_t n);

/* The same of a client's request that was prepared by _asks, and is out as a whole with our fields. */
bool atr_usual_asked(struct atr_conn *conn);

/*
 * A client is to send these bytes. True: they are one whole request without a body; its span is
 * there, and piece->iov[0] is the request with our fields. Else it is to be planned as others
 * are.
 */
struct atr_pieces;
bool atr_usual_asks(struct atr_thread *self, struct atr_conn *conn, const char *bytes, size_t len,
		    struct atr_pieces *piece);

#endif
