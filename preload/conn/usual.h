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
 * Where a connection is that the usual can come next on, as its last holder left it. NOT: what is
 * to come is looked at in full. The others: both directions are between two messages, all of them
 * so far were understood, and nothing else is begun or owed. _BEGINS: nor is an exchange; _ENDS: there is one,
 * whose request went by as a whole, and of whose response nothing did.
 */
enum atr_ready {
	ATR_READY_NOT,
	ATR_READY_CLIENT_BEGINS,
	ATR_READY_CLIENT_ENDS,
	ATR_READY_SERVER_BEGINS,
	ATR_READY_SERVER_ENDS
};
enum atr_ready atr_usual_ready(const struct atr_conn *conn);

/*
 * n bytes came. True: they were one whole request, or one whole response, and all is told; else
 * nothing is done.
 */
bool atr_usual_received(struct atr_thread *self, struct atr_conn *conn, const struct iovec *iov,
			int nr, size_t n);

/* The same of bytes that a server sent: a response. */
bool atr_usual_answered(struct atr_thread *self, struct atr_conn *conn, const struct iovec *iov,
			int nr, size_t n);

/*
 * A client, that is to begin, is to send these bytes. True: they are one whole request without a
 * body; piece->iov[0] is the request with our fields, and its exchange is under way, as it is when
 * the kernel takes all of that. Else it is to be planned as others are.
 */
struct atr_pieces;
bool atr_usual_asks(struct atr_thread *self, struct atr_conn *conn, const char *bytes, size_t len,
		    struct atr_pieces *piece);

/*
 * It did not, or (is_begun) only a part: the request is one that is prepared. `span`: piece->usual. False:
 * others have been at the connection, and nothing more can be told of it.
 */
bool atr_usual_unasked(struct atr_conn *conn, atr_ref span, bool is_begun);

/*
 * conn->asking: where a call that was to send a usual request has not come back, as it was jumped out of or its thread
 * cancelled, before more is sent or all ends: whether the kernel took it is not known, and it is
 * taken for one that was prepared. A call that is only late finds that as it comes back.
 */
void atr_usual_saw_asking(struct atr_conn *conn);

#endif
