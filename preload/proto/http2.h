/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_PROTO_HTTP2_H
#define ATR_PRELOAD_PROTO_HTTP2_H

/*
 * http2: the frames of one direction of an HTTP/2 connection (RFC 9113), and the
 * heads that their header blocks make up.
 *
 * Pure and resumable at any byte: bytes in, events out; no I/O, no allocation,
 * plain data that assignment copies. Never reads beyond the length it is given.
 * What is not well-formed is refused, and the connection is then left alone.
 */
#include "preload/proto/http1.h"

#define ATR_HTTP2_NOTED_MAX 16
#define ATR_HTTP2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define ATR_HTTP2_PREFACE_LEN 24
#define ATR_HTTP2_TELLING 4 /* of which so many begin no request of HTTP/1 */
#define ATR_HTTP2_FRAME_HEAD 9
#define ATR_HTTP2_FRAME_MAX 16384      /* where the peer has not allowed more */
#define ATR_HTTP2_BLOCK_MAX (1u << 18) /* a longer header block is refused */
#define ATR_HTTP2_STREAM_MAX 0x7fffffffu

enum atr_http2_type {
	ATR_HTTP2_DATA,
	ATR_HTTP2_HEADERS,
	ATR_HTTP2_PRIORITY,
	ATR_HTTP2_RST_STREAM,
	ATR_HTTP2_SETTINGS,
	ATR_HTTP2_PUSH_PROMISE,
	ATR_HTTP2_PING,
	ATR_HTTP2_GOAWAY,
	ATR_HTTP2_WINDOW_UPDATE,
	ATR_HTTP2_CONTINUATION,
};

#define ATR_HTTP2_END_STREAM 0x1u
#define ATR_HTTP2_ACK 0x1u
#define ATR_HTTP2_END_HEADERS 0x4u
#define ATR_HTTP2_PADDED 0x8u
#define ATR_HTTP2_HAS_PRIORITY 0x20u

enum atr_http2_setting {
	ATR_HTTP2_HEADER_TABLE_SIZE = 1,
	ATR_HTTP2_MAX_FRAME_SIZE = 5,
	ATR_HTTP2_MAX_HEADER_LIST_SIZE = 6,
};

struct atr_http2_frame {
	uint32_t len;
	uint8_t type, flags;
	uint32_t stream;
};

/* Where in a direction we are. */
struct atr_http2_reader {
	uint8_t state;
	uint8_t preface;	      /* bytes of it still to come */
	uint8_t pad;		      /* bytes of padding at the frame's end */
	uint8_t nr_fixed;	      /* bytes of `fixed` that are there */
	bool is_settled;	      /* the first frame, which is to be SETTINGS, was there */
	bool ends_stream, is_promise; /* of the header block under way */
	unsigned char fixed[ATR_HTTP2_FRAME_HEAD];
	uint32_t block;	      /* the stream whose header block is under way, or 0 */
	uint32_t block_len;   /* of what has gone by of it */
	uint8_t block_frames; /* that it has begun so far; 255: or more */
	uint32_t left;	      /* bytes of the frame's payload still to come */
	struct atr_http2_frame frame;
};

enum atr_http2_what {
	ATR_HTTP2_MORE,	       /* the bytes are used up, and nothing happened at their end */
	ATR_HTTP2_BEGINS,      /* a frame of reader->frame; its payload follows */
	ATR_HTTP2_BLOCK,       /* `part` belongs to the header block */
	ATR_HTTP2_BLOCK_ENDS,  /* the block of stream `stream` is whole */
	ATR_HTTP2_PAYLOAD,     /* `part` is content of a DATA frame */
	ATR_HTTP2_STREAM_ENDS, /* a DATA frame was the stream's last */
	ATR_HTTP2_SET,	       /* setting `id` is `value` */
	ATR_HTTP2_RESET,       /* RST_STREAM, `value` is the code */
	ATR_HTTP2_GOES,	       /* GOAWAY, `stream` is the last, `value` the code */
};

struct atr_http2_event {
	enum atr_http2_what what;
	uint32_t stream, value;
	uint16_t id;
	bool ends_stream; /* BLOCK_ENDS: with it; */
	bool is_promise;  /* and it was a PUSH_PROMISE's */
	struct atr_str part;
};

/* A direction's beginning; `is_request`: with the client's preface. */
void atr_http2_begin(struct atr_http2_reader *reader, bool is_request);

/*
 * Reads up to the next event, which may come of no bytes at all: to be called until
 * it is MORE. Returns the bytes used; -1, then and for all that follows: malformed.
 * Refused are what RFC 9113 calls an error of the connection where it concerns the
 * form of a frame or the order of frames; and header blocks above ATR_HTTP2_BLOCK_MAX.
 */
long atr_http2_next(struct atr_http2_reader *reader, const char *bytes, size_t len,
		    struct atr_http2_event *event);

/*
 * The same for bytes that nobody shows us. False when they are anything but
 * content of a DATA frame: then the place is lost. What comes of it, _next tells.
 */
bool atr_http2_skip(struct atr_http2_reader *reader, uint64_t len);

/* Whether these bytes, the first of a direction, are the preface as far as they go. */
bool atr_http2_is_preface(const char *bytes, size_t len);

/* A frame's head on the wire. */
void atr_http2_frame_write(struct atr_http2_frame frame, char out[static ATR_HTTP2_FRAME_HEAD]);

/* RFC 9113's name of an error code, "CANCEL"; of an unknown one, "_OTHER". */
struct atr_str atr_http2_error(uint32_t code);

/*
 * A head that is being put together from fields. `http` has what HTTP/1 has, by
 * its names: target is :path (of CONNECT, :authority), host is :authority or Host.
 */
struct atr_http2_head {
	struct atr_http1_head http;
	struct atr_str scheme, content_type, grpc_status;
	bool is_cut;	   /* a field found no room, or there were too many */
	bool is_twice;	   /* a pseudo-header field came twice */
	uint32_t list_len; /* by RFC 9113 6.5.2: names, values and 32 for each */
	size_t room_len, used;
	char *room;
	bool (*wants)(struct atr_str name);
	bool (*notes)(struct atr_str name); /* or NULL */
	uint32_t nr_noted;
	struct atr_pair noted[ATR_HTTP2_NOTED_MAX]; /* the first of them, in order */
};

/*
 * Begins one whose text is kept in `room`. `wants` says by its name which field is to be kept;
 * `notes`, to be set then, which are noted beside that, whatever else they are.
 */
void atr_http2_head_begin(struct atr_http2_head *head, bool (*wants)(struct atr_str name),
			  char *room, size_t len);
/* Whether a field of this name changes anything in the head but its list_len. */
bool atr_http2_head_wants(const struct atr_http2_head *head, struct atr_str name);
/* A field, which is copied. */
void atr_http2_head_field(struct atr_http2_head *head, const struct atr_pair *field);
/* All are there. Whether it is a request's, a response's: has what such must have. */
bool atr_http2_head_is_request(struct atr_http2_head *head);
bool atr_http2_head_is_response(struct atr_http2_head *head);

#endif
