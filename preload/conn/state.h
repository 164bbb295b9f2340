/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_STATE_H
#define ATR_PRELOAD_CONN_STATE_H

/*
 * state: what a connection is made of; for the files of this room.
 *
 *	conn.c     the table: who holds one, open, close, dup, fork
 *	stream.c   bytes that went by -> messages -> spans
 *	sending.c  bytes about to be sent -> pieces with our header
 */
#include "preload/conn/conn.h"
#include "preload/conn/names.h"
#include "preload/live/work.h"
#include "propagator/propagator.h"

#define ATR_CONNS_MAX 16384
#define ATR_EXCHANGES_MAX 64
#define ATR_API_AWS 255

enum atr_side { ATR_SIDE_UNKNOWN, ATR_SIDE_CLIENT, ATR_SIDE_SERVER };

/* One direction: what it carries is either a head or a body. */
struct atr_stream {
	bool in_body;
	bool known;	   /* its first bytes were those of HTTP */
	uint8_t scan;	   /* of the head */
	uint32_t held_len; /* of an unfinished head, kept in a block */
	atr_ref held;
	uint64_t head_ns; /* when its first byte went by */
	struct atr_http1_body body;
};

/* A request and its response. */
struct atr_exchange {
	atr_ref span; /* 0: none is made */
	atr_ref work; /* a client's: the work it is done for */
	bool to_head, to_connect;
	bool answering;
	uint64_t request_size;
};

struct atr_conn {
	struct atr_pooled pooled;
	_Atomic uint32_t held; /* who may touch the rest: see conn.c */
	_Atomic uint32_t refs; /* descriptors */
	uint8_t side;
	bool connecting, is_fresh; /* fresh: no request yet since it was opened */
	bool counts_as_call;	   /* of opened_in: under way since the connect */
	bool given_up;
	bool peer_closed, wait_timed_out, read_refused; /* refused: EAGAIN */
	bool keeps_cr; /* a CR of the program's was counted as sent and is not */
	bool injected; /* our fields are out, the end of their head is not yet */
	bool overlays; /* part of a replaced header is on its way */
	uint8_t nr_exchanges, first_exchange;
	int fd;	   /* a descriptor of it, at the time it was opened */
	int error; /* errno of the last failed call */
	struct atr_stream in, out;
	struct atr_exchange exchange[ATR_EXCHANGES_MAX];
	atr_ref prepared; /* client: the span of the head that is being sent */
	atr_ref prepared_work;
	bool is_prepared;
	bool prepared_head, prepared_connect; /* its method is HEAD, or CONNECT */
	uint8_t api; /* whose payload is looked at: a call of Lambda's (see lambda.c), or AWS's */
	uint16_t api_status, invocation;
	bool awaits_event; /* of several that may be under way: as a server's connection is waited on */
	const struct atr_thread *asker; /* for that event */
	bool is_handed;			/* it answers what another process was asked */
	atr_ref api_block;
	bool answered_early; /* its response came before we were told that it was sent */
	atr_ref opened_in;   /* the work it was opened in */
	uint64_t connect_ns, connected_ns;
	struct atr_lookup lookup; /* the name it was opened for */
	/* [rest_at, rest_len) of what the kernel took a part of: ours, and goes before all else */
	uint32_t rest_at, rest_len;
	atr_ref rest_block; /* where it is when it is not in rest_text */
	socklen_t peer_len;
	union {
		struct sockaddr any;
		struct sockaddr_storage room;
	} peer;
	char rest_text[ATR_PIECES_TEXT];
};

/* conn.c. Any thread, when what is done in `work` may never come to its end: its requests that
 * are under way are told as far as they have got. They go on, and are told again.
 */
void atr_conn_tell_under_way(struct atr_thread *self, atr_ref work);

extern struct atr_conn_calls atr_calls;
extern struct atr_propagators atr_formats;

/*
 * The lengths of names of fields that are looked at, for the parser to note: those of
 * the formats in use, of x-amz-target and of authorization.
 */
static inline uint32_t atr_wanted_fields(void)
{
	return atr_formats.lengths | UINT32_C(1) << 12 | UINT32_C(1) << 13;
}

/* stream.c; the connection is held. */
bool atr_stream_feed(struct atr_thread *self, struct atr_conn *conn, bool outward,
		     const char *bytes, size_t len);
bool atr_stream_skip(struct atr_thread *self, struct atr_conn *conn, bool outward, uint64_t len);
/*
 * A request's head is known: decides whether it is traced, opens its span, and
 * finds where its own trace header is to be replaced. Called again for the same
 * head (more of it is to be sent) it answers the same. The plan is NULL when the
 * request has gone out already.
 */
struct atr_replacing {
	bool inject;	   /* a header is to be added */
	bool replace;	   /* the value at [value_at, +55) is to be replaced */
	uint32_t value_at; /* in the head */
	unsigned except;   /* ATR_EXCEPT_* */
};
void atr_request_prepare(struct atr_thread *self, struct atr_conn *conn, const char *bytes,
			 size_t len, const struct atr_http1_head *head, uint32_t sent_len,
			 struct atr_replacing *plan);

/* A request's head was sent that the plan has read: the span it prepared begins. */
bool atr_stream_planned(struct atr_thread *self, struct atr_conn *conn,
			const struct atr_http1_head *head);
void atr_stream_ended(struct atr_thread *self, struct atr_conn *conn);
void atr_stream_drop_held(struct atr_stream *stream);
/* Appends to the head that is held; NULL when it is too large. Returns the whole head so far. */
char *atr_stream_hold(struct atr_stream *stream, const char *bytes, size_t len);
/* Ends all exchanges, with what is known of why. */
void atr_exchanges_end(struct atr_thread *self, struct atr_conn *conn);
/* Copies of what those done for `work` have to tell so far go out; they go on. */
void atr_exchanges_tell(const struct atr_conn *conn, atr_ref work);
/* Its connect ended; error is 0 or an errno. */
void atr_connect_ended(struct atr_thread *self, struct atr_conn *conn, int error);

/*
 * sending.c. _plan: as atr_conn_plan. _settle: the kernel took n bytes of the
 * piece; returns how many of the program's, and keeps what of ours is left.
 * conn is NULL when it is not to be touched any more.
 */
bool atr_sending_plan(struct atr_thread *self, struct atr_conn *conn, const struct iovec *iov,
		      int nr, size_t from, int flags, struct atr_pieces *piece);
size_t atr_sending_settle(struct atr_conn *conn, struct atr_pieces *piece, size_t n);
/* How many bytes of ours are still to go. */
static inline uint32_t atr_sending_rest(const struct atr_conn *conn)
{
	return conn->rest_len - conn->rest_at;
}
/* What must go out before any later byte: bytes of ours begun, or the CR kept back. */
static inline bool atr_sending_owes(const struct atr_conn *conn)
{
	return atr_sending_rest(conn) || conn->keeps_cr;
}
void atr_sending_release(struct atr_conn *conn);

#endif
