/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_TRANSPORT_TRANSPORT_H
#define ATR_EXPORT_TRANSPORT_TRANSPORT_H

/*
 * transport: bytes of a request -> a backend, and what became of them. Knows
 * nothing of spans. The exporter thread only.
 */
#include "export/heavy.h"
#include "export/options.h"

enum atr_outcome {
	ATR_SENT,	 /* accepted, maybe in part: see the answer */
	ATR_RETRY,	 /* not now: another try may succeed */
	ATR_REFUSED,	 /* never: the same bytes will be refused again */
	ATR_UNREACHED,	 /* nobody there: another try may succeed */
	ATR_OUT_OF_TIME, /* the process is ending, and that came first */
	ATR_NO_WAY,	 /* somebody else is there, or we cannot speak as is asked: for good */
};

#define ATR_ANSWER_MAX 65536

struct atr_answer {
	int status; /* HTTP's, 0: none */
	int grpc_status;
	uint32_t retry_after_ms; /* 0: not said */
	uint64_t
		stood_still_ms; /* the process did, on the way: no part of the time that was given */
	size_t body_len;
	char body[ATR_ANSWER_MAX + 1]; /* and a NUL after it */
};

/* A connection that is kept; all zero but fd = -1 to begin with. */
struct atr_link {
	_Atomic int fd;
	const struct atr_heavy *heavy; /* whose the session is */
	struct atr_tls *tls;	       /* NULL: in the clear */
	struct atr_grpc *grpc;	       /* NULL: not of gRPC, or not begun */
	uint64_t device, inode;	       /* whose it is: a program may have put another one there */
};

/* Monotonic milliseconds, for deadlines. */
uint64_t atr_now_ms(void);
/*
 * Of a sleep that was to end by then: how long the process itself must have stood still (it
 * was stopped, or frozen); 0 for what a busy machine takes.
 */
uint64_t atr_stood_still_ms(uint64_t was_to_end_ms);

/*
 * Sends one request and reads its answer, until `deadline_ms` or until *stop_ms:
 * set by another thread when the process ends; one that was over before the
 * request began is none. A kept connection that turns out dead is opened anew once.
 */
struct atr_post {
	const char *content_type;
	struct atr_str body; /* absent: a GET */
	bool is_gzip;	     /* the body is */
};
enum atr_outcome atr_http_post(const struct atr_io *io, const struct atr_exporter_options *to,
			       struct atr_link *link, const struct atr_post *request,
			       uint64_t deadline_ms, _Atomic uint64_t *stop_ms,
			       struct atr_answer *answer);
/* The same as a gRPC call; what was answered is the message in it. */
enum atr_outcome atr_grpc_post(const struct atr_io *io, const struct atr_exporter_options *to,
			       struct atr_link *link, const struct atr_post *request,
			       uint64_t deadline_ms, _Atomic uint64_t *stop_ms,
			       struct atr_answer *answer);
/* Closes it if it is still ours. */
void atr_link_close(const struct atr_io *io, struct atr_link *link);

/* Whether it is open and ours; takes an open descriptor as ours, false when it is none. */
bool atr_link_is_ours(const struct atr_link *link);
bool atr_link_take(const struct atr_io *io, struct atr_link *link, int fd);

/*
 * Tries each address of a host until one is taken: its own, where it is one; the loopbacks of
 * localhost, IPv4's first; those that the resolver knows of any other name, which allocates as the
 * program does. Whether one was. `type`: SOCK_STREAM or SOCK_DGRAM.
 */
typedef bool atr_host_takes(void *who, const struct sockaddr *address, socklen_t len);
bool atr_host_try(const struct atr_io *io, const struct atr_exporter_options *to, int type,
		  atr_host_takes *takes, void *who);

/* Sends one datagram; nothing answers. */
enum atr_outcome atr_udp_send(const struct atr_io *io, const struct atr_exporter_options *to,
			      struct atr_link *link, struct atr_str datagram);

/* Appends one line to a file, or writes it to standard output; whole or not at all where that can be. */
enum atr_outcome atr_file_append(const struct atr_io *io, const struct atr_exporter_options *to,
				 struct atr_str line);

#endif
