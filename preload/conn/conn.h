/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_CONN_H
#define ATR_PRELOAD_CONN_CONN_H

/*
 * conn: a descriptor's conversation. Hooks tell what happened and pass on what
 * they are told to; parsers say what bytes mean; spans are opened and closed here.
 *
 * Every function may be called on any thread that entered no code of ours, with
 * any descriptor; enters and leaves by itself; keeps errno; never waits,
 * allocates or fails. A connection is held by one thread at a time: another one
 * that finds it held tries for a moment and then gives the connection up.
 * `word` is what atr_fd said before the program's call was made: when the
 * descriptor means something else by now, nothing is done.
 */
#include "preload/conn/fdtable.h"
#include "preload/live/pool.h"
#include "preload/proto/http1.h"

#include <sys/socket.h>
#include <sys/uio.h>

/* The calls that conn makes itself, below our hooks. */
struct atr_conn_calls {
	ssize_t (*send)(int, const void *, size_t, int);
	int (*getsockopt)(int, int, int, void *, socklen_t *);
	int (*getpeername)(int, struct sockaddr *, socklen_t *);
};
/* The constructor. Maps the tables; false: there is no memory, and nothing can be tracked. */
bool atr_conn_setup(const struct atr_conn_calls *calls);

/* Before a connect: when it began (0: this one is of no interest). After: its result and errno. */
uint64_t atr_conn_connecting(const struct sockaddr *address, socklen_t len);
void atr_conn_connected(int fd, const struct sockaddr *address, socklen_t len, uint64_t start_ns,
			int result);
/* The program asked how a connect ended (SO_ERROR). */
void atr_conn_connect_ended(int fd, int error);

/* accept returned `fd`; the address is the program's, or NULL. listen was called. */
void atr_conn_accepted(int listener, int fd, const struct sockaddr *address, socklen_t len);
void atr_conn_listens(int fd);
/*
 * Any thread: a descriptor that another process, or this one, has passed here by a message (SCM_RIGHTS),
 * for a connection that it accepted, as node's cluster does. What else it may be is left alone; one on which
 * this process speaks first is, too.
 */
void atr_conn_passed(int fd);
/* At start, in their order: a descriptor that was inherited and may be a connection. */
void atr_conn_inherited(int fd);

/* n is what the call returned; errno is the call's. peeked and discarded bytes: _received_blind. */
void atr_conn_received(uint64_t word, int fd, const struct iovec *iov, int nr, ssize_t n);
void atr_conn_received_blind(uint64_t word, int fd, ssize_t n);
/* A read of what TLS goes by gave none; as _received. What it means for the session is kept for its end. */
void atr_conn_cipher_ended(uint64_t word, ssize_t n);

/*
 * What is to be sent in the place of the program's bytes.
 *
 *	program's bytes [0, at) | ours | program's bytes [at + hidden, end)
 *
 * `hidden` bytes of the program are replaced by as many of ours, or are 0.
 */
#define ATR_PIECES_IOV 16
#define ATR_PIECES_TEXT 256
#define ATR_PIECES_WHOLE 1024
#define ATR_PIECES_PUTS 16
#define ATR_PIECES_SECURE (62 * 1024) /* no longer than this where it goes into a TLS session */
struct atr_pieces {
	struct iovec iov[ATR_PIECES_IOV + 2];
	int nr_iov;
	size_t from; /* where in the program's bytes this piece begins */
	size_t end;  /* program's bytes in it */
	size_t at;
	size_t ours_len;
	size_t hidden;
	bool hold_last; /* the program's last byte (a CR) is kept back and counts as sent */
	bool is_plain;	/* nothing of ours, nothing kept back, and all of the program's bytes */
	atr_ref usual; /* iov[0] is a request, whole and with our fields, and this its span: see usual.h */
	size_t head_end; /* where a head ends in it; 0: it does not */
	struct atr_http1_head head;
	/*
	 * HTTP/2: before byte `at` of the program's, counted from `from`, come `len` of ours,
	 * in the place of its `hidden` ones before that.
	 */
	bool is_http2;
	uint8_t nr_puts;
	struct {
		uint32_t at, len, hidden;
	} put[2 * ATR_PIECES_PUTS];
	const char *ours;
	atr_ref block;
	char text[ATR_PIECES_TEXT];
	char whole
		[ATR_PIECES_WHOLE]; /* all of it in one, where it fits: one piece is sent faster */
};

/*
 * Plans the sending of the bytes from `from` on. False: not a connection of
 * ours (any more); send as the program asked, and tell nobody. True with
 * is_plain: make the program's own call, then tell atr_conn_sent. True without:
 * send piece->iov (none when nr_iov is 0), then tell.
 */
bool atr_conn_plan(uint64_t word, int fd, const struct iovec *iov, int nr, size_t from, int flags,
		   struct atr_pieces *piece);

/*
 * What the kernel took of it, or -1 with its errno. Returns how many of the
 * program's bytes that is; -1 as given.
 */
ssize_t atr_conn_sent(uint64_t word, int fd, const struct iovec *iov, int nr,
		      struct atr_pieces *piece, ssize_t n);
/*
 * Of a piece that is a usual one, of which the kernel took all: what _sent would do, in less.
 * Returns what is to be returned.
 */
ssize_t atr_conn_asked(uint64_t word, const struct atr_pieces *piece);
/* sendfile, splice: n bytes that we did not see went out. Before them: _blind_next. */
void atr_conn_sent_blind(uint64_t word, int fd, ssize_t n);

/* It is left alone from now on, but for what has begun to go out. */
void atr_conn_leave_alone(uint64_t word);

/* Sends a byte that was kept back, where the program could pass it by. */
void atr_conn_let_go(int fd);

extern _Atomic bool atr_conn_has_kept; /* back a byte, at some time */
void atr_conn_let_all_go(void);

/*
 * Another process, or another number, is about to be given what connections the program has, and to
 * write to them past us: what is kept back goes first. Any thread; errno is kept.
 */
static inline void atr_conn_shares(void)
{
	if (__builtin_expect(atomic_load_explicit(&atr_conn_has_kept, memory_order_relaxed), 0))
		atr_conn_let_all_go();
}

/* Before close (and what amounts to it: dup2 over it). The descriptor is of no interest then. */
void atr_conn_closing(int fd);
void atr_conn_shutdown(int fd, int how);
void atr_conn_duplicated(int from, int to);

/* A wait on this one descriptor ended by its time limit. */
void atr_conn_wait_timed_out(int fd);
/* Whether this descriptor makes a wait on it one for new work: a listener, an idle server connection. */
bool atr_conn_awaits_work(uint64_t word);

/* epoll_ctl added fd to a set. A wait on the set is next: the thread does no work while it waits for new. */
void atr_conn_added(int set, int fd);
bool atr_conn_waits(uint64_t set_word, int timeout_ms);

/* eventfd and pipe: what was written in a piece of work is read in it. reader: -1 for an eventfd. */
void atr_conn_carrier(int reader, int writer);
void atr_conn_carrier_written(uint64_t word, int fd);
void atr_conn_carrier_reading(uint64_t word, int fd); /* before the call */
void atr_conn_carrier_read(uint64_t word, int fd);

/* The process ends: what is open is ended as it stands. */
void atr_conn_end_all(void);
/*
 * The same where it is to be another program. What is under way is told as it stands;
 * where that fails, its connection is followed on, and nothing more is told of it.
 */
void atr_conn_end_for_exec(void);
bool atr_conn_is_any_under_way(void);
/*
 * The same at the very end, for good: spans of what is begun from now on would not
 * be sent any more, so that connections are left alone.
 */
void atr_conn_stop(void);
/* A forked child, alone. */
void atr_conn_forked(void);

#endif
