/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_HTTP2_H
#define ATR_PRELOAD_CONN_HTTP2_H

/*
 * http2: a connection whose bytes are HTTP/2, in the clear or the plain side of
 * TLS; for the files of this room. (atr_h2_ here: atr_http2_ are the parser's.)
 *
 *	http2.c          bytes that went by -> header blocks -> what happens to streams
 *	http2_streams.c  a stream: its span, its halves, its end
 *	http2_sending.c  bytes about to be sent -> the same with our fields in them
 *
 * What a connection needs beyond struct atr_conn is taken from a pool that is
 * mapped when the first connection turns out to be HTTP/2. All is bounded: what is
 * larger, or malformed, gives the connection up, and its bytes pass untouched.
 */
#include "preload/conn/state.h"
#include "preload/proto/hpack.h"
#include "preload/proto/http2.h"

#define ATR_H2_CONNS_MAX 2048
#define ATR_H2_STREAMS_MAX 256 /* open at once; more are not followed */

/* A request and its response. */
struct atr_h2_stream {
	atr_ref span;
	atr_ref work; /* a client's: the work it is done for */
	uint64_t request_size, response_size;
	uint32_t id;
	bool is_prepared; /* its head has been read ahead, and is not sent yet */
	bool request_ended, answering, response_ended;
	bool is_rpc, has_status; /* a call by gRPC; and how it ended is known */
	uint8_t status;
};

/* A direction. */
struct atr_h2_way {
	struct atr_http2_reader reader;
	struct atr_hpack *hpack;
	atr_ref head; /* a block: of the header block under way, a struct atr_http2_head and its text */
	uint64_t at; /* bytes that went by */
	uint64_t head_ns;
	bool is_ahead;	  /* the header block under way has been read ahead */
	bool is_measured; /* how long its heads' lists are is asked for: all of each field is read */
	/* of that: the one traceparent, as it is written there, where it can be taken out */
	struct atr_str literal;
};

/*
 * A change to a header block that is to be sent: the head of its last frame is
 * another one, and before byte `at` there is text of ours. Until all of that has
 * gone out, the byte before it does not count as sent, so that the program comes back.
 */
struct atr_h2_edit {
	uint64_t head_at, at; /* in the program's bytes of the connection */
	uint32_t text_at, text_len, text_sent;
	bool byte_sent; /* the byte before it is out, and not counted */
	uint64_t cut_at,
		cut_end; /* bytes of the block that are left out; none where they are equal */
	char was[ATR_HTTP2_FRAME_HEAD], head[ATR_HTTP2_FRAME_HEAD];
};

struct atr_h2 {
	struct atr_pooled pooled;
	/* from here on cleared when it begins */
	struct atr_h2_way in, out;
	uint32_t ids[ATR_H2_STREAMS_MAX]; /* of the streams below; 0: free */
	uint16_t nr_streams;
	uint8_t furthest; /* that one of them is from where it is looked for first */
	bool is_many;	  /* several streams were open at once */
	bool is_shared;	  /* several threads were at it */
	bool overflows;	  /* of a server: there were requests that are not followed */
	bool is_torn;	  /* what was just read or written is for several pieces of work */
	const void *thread;
	atr_ref touched;	      /* the one piece of work that it was for */
	uint32_t last_request;	      /* the highest stream that a request began */
	uint32_t max_frame, max_list; /* what the server allows */
	/* sending, of a client */
	uint64_t sent;	   /* bytes of the program's that count as sent */
	uint64_t ahead_to; /* header blocks up to here have been read */
	uint8_t nr_edits;
	uint32_t texts_len;
	atr_ref texts; /* a block: the edits' texts */
	struct atr_h2_edit edit[ATR_PIECES_PUTS];
	/* not cleared */
	struct atr_h2_stream stream[ATR_H2_STREAMS_MAX];
	_Alignas(16) char room_in[ATR_HPACK_ROOM];
	_Alignas(16) char room_out[ATR_HPACK_ROOM];
};

/* http2.c. The connection is held in all of these. */

/* Whether the first bytes of a direction are HTTP/2's; `held` bytes before them are in the stream. */
bool atr_h2_is_it(const struct atr_conn *conn, const struct atr_stream *s, bool is_request,
		  const char *bytes, size_t len);
/* It is HTTP/2 from here on; false: it cannot be followed. */
bool atr_h2_begin(struct atr_conn *conn);
/* A 101 to an Upgrade: h2c was read or written: the exchange goes on as stream 1. */
bool atr_h2_upgrade(struct atr_conn *conn, struct atr_exchange *exchange);
struct atr_h2 *atr_h2_of(const struct atr_conn *conn);

/* As atr_stream_feed, _skip and _ended, and atr_exchanges_end. */
void atr_h2_turn(struct atr_conn *conn); /* a call's first bytes are next */
bool atr_h2_feed(struct atr_thread *self, struct atr_conn *conn, bool outward, const char *bytes,
		 size_t len);
bool atr_h2_skip(struct atr_thread *self, struct atr_conn *conn, bool outward, uint64_t len);
void atr_h2_end_all(struct atr_thread *self, struct atr_conn *conn);
/* Gives back what it holds; what is owed to the wire stays where `owing`. */
void atr_h2_release(struct atr_conn *conn, bool owing);
/* A forked child: false when it is not to be followed there. */
bool atr_h2_forked(struct atr_conn *conn);

/*
 * A header block's head is begun, goes on, and is whole. _whole gives NULL where
 * there was no room for it. False: malformed.
 */
bool atr_h2_block_begin(struct atr_h2_way *way);
bool atr_h2_block_read(struct atr_h2_way *way, struct atr_str part);
bool atr_h2_block_whole(struct atr_h2_way *way, struct atr_http2_head **head);
void atr_h2_block_drop(struct atr_h2_way *way);

/* http2_streams.c */
struct atr_h2_stream *atr_h2_stream(struct atr_h2 *h2, uint32_t id);
/* What happened to it belongs to this work: of a client that it is done for, of a server itself. */
void atr_h2_touch(struct atr_thread *self, struct atr_conn *conn, struct atr_h2 *h2,
		  const struct atr_h2_stream *s, bool is_request);
/*
 * A client's request: its span is opened. NULL: it is left alone. As a plan: whether
 * its traceparent is to be replaced (where it can be), and what is not to be added.
 */
struct atr_h2_fields {
	bool can_replace, replace;
	unsigned except; /* ATR_EXCEPT_* */
};
struct atr_h2_stream *atr_h2_prepare(struct atr_thread *self, struct atr_conn *conn,
				     struct atr_h2 *h2, uint32_t id,
				     const struct atr_http2_head *head,
				     struct atr_h2_fields *fields);
/* It is sent. */
void atr_h2_begins(struct atr_conn *conn, struct atr_h2_stream *s);
/* A server has read one. */
struct atr_h2_stream *atr_h2_serve(struct atr_thread *self, struct atr_conn *conn,
				   struct atr_h2 *h2, uint32_t id, bool ends,
				   const struct atr_http2_head *head);
/* A response's head, or its trailers. */
void atr_h2_answer(struct atr_thread *self, struct atr_conn *conn, struct atr_h2_stream *s,
		   struct atr_http2_head *head, bool ends);
/* A half of it ended. */
void atr_h2_half_ended(struct atr_thread *self, struct atr_conn *conn, struct atr_h2 *h2,
		       struct atr_h2_stream *s, bool is_request);
/* It was ended by an RST_STREAM (or GOAWAY) of one or the other. */
void atr_h2_reset(struct atr_thread *self, struct atr_conn *conn, struct atr_h2 *h2,
		  struct atr_h2_stream *s, bool by_client, uint32_t code);
/* The connection ended. */
void atr_h2_broken(struct atr_thread *self, struct atr_conn *conn, struct atr_h2 *h2,
		   struct atr_h2_stream *s);

/* http2_sending.c: as atr_sending_plan and _settle, and whether something is owed. */
bool atr_h2_plan(struct atr_thread *self, struct atr_conn *conn, const struct iovec *iov, int nr,
		 size_t from, size_t total, int flags, struct atr_pieces *piece);
size_t atr_h2_settle(struct atr_conn *conn, struct atr_pieces *piece, size_t n);

#endif
