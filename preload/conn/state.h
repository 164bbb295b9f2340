/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_STATE_H
#define ATR_PRELOAD_CONN_STATE_H

/*
 * state: what a connection is made of; for the files of this room.
 *
 *	conn.c     the table: who holds one, open, close, dup, fork
 *	stream.c   bytes that went by -> messages -> spans
 *	usual.c    the same of those that say again what was said before
 *	sending.c  bytes about to be sent -> pieces with our header
 *	tls.c      connections that are the plain side of a TLS session
 *	cipher.c   connections that TLS goes by
 */
#include "preload/conn/conn.h"
#include "preload/conn/formats.h"
#include "preload/conn/names.h"
#include "preload/conn/semconv.h"
#include "preload/conn/tls.h"
#include "preload/conn/usual.h"
#include "preload/live/work.h"
#include "propagator/propagator.h"

#include <limits.h>

#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY 0x4000000
#endif

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
	/* when its first byte went by: of a request whose head, of a response that came in parts; else 0 */
	uint64_t head_ns;
	struct atr_http1_body body;
};

/* A TLS handshake, when it was and what came of it. */
struct atr_handshake {
	uint64_t start_ns, end_ns;
	const char *version, *cipher; /* for good, or NULL */
	bool is_resumed, is_told;
	uint8_t protocol_len;
	char protocol[13];
};

/*
 * Of a connection that TLS goes by. What is below `gathered_len` is of use where no
 * session of it is known: see cipher.c.
 */
#define ATR_HELLO_ROOM 192
struct atr_cipher {
	uint64_t bytes_in, bytes_out;
	bool saw_hello;
	uint8_t gathered_len; /* of a hello that comes in pieces, in conn->hello */
	bool is_answered, saw_server_hello, has_asked, is_told;
	bool is_refused; /* by the client, which did not end the handshake */
	bool is_unused; /* a client's session is known, and nothing was said in it by its library's calls */
	uint8_t alert;		 /* in the clear, + 1 */
	uint8_t protocol_len;	 /* agreed on; in protocol */
	uint8_t server_name_len; /* in conn->rest_text, and behind it ... */
	uint8_t protocols_len;	 /* ... those that were offered */
	uint16_t version;
	char protocol[14];
	uint64_t request_ns, first_byte_ns;
	atr_ref span;
};

/* A request and its response. */
struct atr_exchange {
	atr_ref span; /* 0: none is made */
	atr_ref work; /* a client's: the work it is done for */
	bool to_head, to_connect;
	bool answering;
	bool is_own; /* the span is a transfer's: see transfer.h */
};

/* What every call looks at stands together, at its begin. */
struct atr_conn {
	struct atr_pooled pooled;
	_Atomic uint32_t held; /* who may touch the rest: see conn.c */
	_Atomic uint32_t refs; /* descriptors */
	/* for who does not hold it: what it was when it was last let go, and what others note */
	_Atomic uint8_t shown;
	_Atomic bool wait_timed_out, read_refused; /* refused: EAGAIN */
	_Atomic bool
		asking; /* the call has not come back that sends the request that is under way */
	_Atomic uint64_t plain; /* is_cipher: the word of its session's plain side, or 0 */
	/* the work that the next bytes sent answer, where they are sent as they are; or 0 */
	_Atomic atr_ref answers;
	uint8_t side;  /* from here to `peer` all is 0 when it is opened */
	uint8_t ready; /* as it was last let go: enum atr_ready */
	/* what is 0 in most, and looked at by every call: as one word */
	union {
		struct {
			bool connecting;
			bool given_up;
			bool keeps_cr; /* a CR of the program's was counted as sent and is not */
			/* of several that may be under way: as a server's connection is waited on */
			bool awaits_event;
			bool owes_http2; /* of a head of HTTP/2 that we change a part is out */
			uint8_t unused;
			uint16_t nr_streams; /* of HTTP/2, open */
		};
		uint64_t unusual;
	};
	bool is_fresh;	     /* no request yet since it was opened */
	bool may_be_asked;   /* once more how the connect goes, which is answered by 0 then */
	bool counts_as_call; /* of opened_in: under way since the connect */
	bool peer_closed;
	bool is_cut;   /* inside TLS, and not in order: there may have been more to come */
	bool injected; /* our fields are out, the end of their head is not yet */
	bool overlays; /* part of a replaced header is on its way */
	uint8_t nr_exchanges, first_exchange;
	bool is_prepared;
	bool is_own;			      /* `prepared` is a transfer's */
	bool prepared_head, prepared_connect; /* its method is HEAD, or CONNECT */
	uint8_t api; /* whose payload is looked at: a call of Lambda's (see lambda.c), or AWS's */
	bool is_handed;	     /* it answers what another process was asked */
	bool answered_early; /* its response came before we were told that it was sent */
	bool is_secure;	     /* the plain side of a TLS session */
	bool is_cipher;	     /* TLS goes by: see cipher.c */
	bool in_tunnel;	     /* a proxy passes on what goes by now */
	/* [rest_at, rest_len) of what the kernel took a part of: ours, and goes before all else */
	uint32_t rest_at, rest_len;
	atr_ref http2;	  /* it is HTTP/2, of which this is the rest (see http2.h) */
	atr_ref prepared; /* client: the span of the head that is being sent */
	atr_ref prepared_work;
	atr_ref opened_in; /* the work it was opened in */
	struct atr_stream in, out;
	struct atr_exchange exchange[ATR_EXCHANGES_MAX];
	int fd;		    /* a descriptor of it, at the time it was opened */
	int error;	    /* errno of the last failed call */
	struct atr_str why; /* inside TLS, what that was */
	uint16_t api_status, invocation;
	const struct atr_thread *asker; /* for that event */
	atr_ref api_block;
	uint64_t connect_ns, connected_ns;
	struct atr_lookup lookup; /* the name it was opened for */
	struct atr_handshake handshake;
	struct atr_cipher cipher; /* is_cipher; of a plain side the server's name alone, in hello */
	atr_ref rest_block;	  /* where it is when it is not in rest_text */
	socklen_t peer_len;
	union {
		struct sockaddr any;
		struct sockaddr_storage room;
	} peer;
	char rest_text[ATR_PIECES_TEXT];
	char hello[ATR_HELLO_ROOM];
	struct atr_same same; /* HTTP/1's */
	struct atr_http1_former former_request, former_response;
	struct atr_usual usual;
};

/* Held, before more is sent or all ends: see usual.h. */
static inline void atr_conn_sees_asking(struct atr_conn *conn)
{
	if (__builtin_expect(atomic_load_explicit(&conn->asking, memory_order_relaxed), 0))
		atr_usual_saw_asking(conn);
}

/* conn.c. Any thread, when what is done in `work` may never come to its end: its requests that
 * are under way are told as far as they have got. They go on, and are told again.
 */
void atr_conn_tell_under_way(struct atr_thread *self, atr_ref work);

extern struct atr_conn_calls atr_calls;

/*
 * The lengths of names of fields that are looked at, for the parser to note: those of
 * the formats in use, of x-amz-target and of authorization.
 */
static inline uint32_t atr_wanted_fields(void)
{
	return atr_formats.lengths | UINT32_C(1) << 12 | UINT32_C(1) << 13;
}

/* conn.c. As its own functions do: holds it and is inside until _leave; NULL: neither. */
struct atr_conn *atr_conn_enter(uint64_t word, struct atr_thread **self);
void atr_conn_leave(struct atr_thread *self, struct atr_conn *conn);
uint64_t atr_conn_word(const struct atr_conn *conn);
/* A connection without a descriptor; its word, or 0. Inside. _close: ends it as it stands. */
uint64_t atr_conn_open_plain(enum atr_side side);
void atr_conn_close_plain(uint64_t word);
/* Held: what goes by on its descriptor is not told any more. */
void atr_conn_is_tied(struct atr_conn *cipher);

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
#define ATR_REPLACED_MAX 4
#define ATR_REPLACED_LEN 1024 /* a longer value is left as it is */
struct atr_replacing {
	bool inject;	 /* a header is to be added */
	unsigned except; /* ATR_EXCEPT_* */
	unsigned
		nr_replaced; /* its own trace headers that are to say what is ours, in their order */
	struct atr_pair replaced[ATR_REPLACED_MAX]; /* as they stand in the head */
};
void atr_request_prepare(struct atr_thread *self, struct atr_conn *conn, const char *bytes,
			 size_t len, const struct atr_http1_head *head, uint32_t sent_len,
			 struct atr_replacing *plan);

/* A request's head was sent that the plan has read: the span it prepared begins. */
bool atr_stream_planned(struct atr_thread *self, struct atr_conn *conn,
			const struct atr_http1_head *head);
/* Why an exchange ends before its response did; absent: it is not known to be an error. */
struct atr_str atr_stream_reason(const struct atr_conn *conn);
/* The span of a request, without what its head says: one that was read, and one that goes out for `work`. */
struct atr_pair;
atr_ref atr_request_served(struct atr_thread *self, struct atr_conn *conn,
			   const struct atr_pair *fields, size_t nr_fields, uint64_t start_ns,
			   const struct atr_http1_head *head);
atr_ref atr_request_open(struct atr_thread *self, struct atr_conn *conn, atr_ref work, uint64_t now,
			 const struct atr_http1_head *head);
/* The same on a connection that was not opened for it, where !atr_sampler_wants_request: it begins now. */
atr_ref atr_request_open_now(struct atr_thread *self, atr_ref work);
/* As HTTP/1's: the span of a request that goes out for `work`, and of one that was read. */
struct atr_http2_head;
atr_ref atr_request_open_h2(struct atr_thread *self, struct atr_conn *conn,
			    const struct atr_http2_head *head, atr_ref work);
atr_ref atr_request_served_h2(struct atr_thread *self, struct atr_conn *conn,
			      const struct atr_http2_head *head, uint64_t start_ns);
void atr_stream_ended(struct atr_thread *self, struct atr_conn *conn);
void atr_stream_drop_held(struct atr_stream *stream);
/* Appends to the head that is held; NULL when it is too large. Returns the whole head so far. */
char *atr_stream_hold(struct atr_stream *stream, const char *bytes, size_t len);
/* Ends all exchanges, with what is known of why. _end_spans: their spans alone, they go on. */
void atr_exchanges_end(struct atr_thread *self, struct atr_conn *conn);
void atr_exchanges_end_spans(struct atr_thread *self, struct atr_conn *conn);
/* Copies of what those done for `work` have to tell so far go out; they go on. */
void atr_exchanges_tell(const struct atr_conn *conn, atr_ref work);
/*
 * A span of what goes by on a connection from `now` on begins with the connect, and the
 * lookup before it, where they were made for it; _tell: then it tells of them. _of, before
 * both: what it is made for; where that began later, they were not.
 */
void atr_opening_of(struct atr_conn *conn, atr_ref work, uint64_t now);
uint64_t atr_opening_start(const struct atr_conn *conn, uint64_t now);
void atr_opening_tell(struct atr_conn *conn, struct atr_span *span, uint64_t now);
/* What is known of a handshake, to the span of what it was made for; once. */
void atr_handshake_tell(struct atr_conn *conn, struct atr_span *span);
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
/* Nothing has gone by on it, and no part of a first head is held. */
static inline bool atr_conn_is_unspoken(const struct atr_conn *conn)
{
	return !(conn->in.known | conn->out.known | conn->nr_exchanges) && !conn->in.held &&
	       !conn->out.held;
}
/* It is nothing of what only few ever are. */
static inline bool atr_conn_is_ordinary(const struct atr_conn *conn)
{
	return !(conn->unusual | conn->http2 | atr_sending_rest(conn));
}
/* What must go out before any later byte: bytes of ours begun, or the CR kept back. */
static inline bool atr_sending_owes(const struct atr_conn *conn)
{
	return atr_sending_rest(conn) | conn->keeps_cr | conn->owes_http2;
}
void atr_sending_release(struct atr_conn *conn);
/* What the call has to say; SIZE_MAX where the kernel will refuse it. */
static inline size_t atr_sending_total(const struct iovec *iov, int nr, size_t from)
{
	size_t total = 0;

	for (int i = 0; i < nr; i++) {
		if (iov[i].iov_len > SSIZE_MAX - total)
			return SIZE_MAX;
		total += iov[i].iov_len;
	}
	return total - from;
}
/* Nothing of ours: all of it, as the program's own call has it. */
bool atr_sending_as_it_is(struct atr_pieces *piece, size_t from, size_t total);
/* Lays out piece->at, ->ours, ->hidden and ->end. */
void atr_sending_lay_out(struct atr_pieces *piece, const struct iovec *iov, int nr);

#endif
