/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_TLS_H
#define ATR_PRELOAD_CONN_TLS_H

/*
 * tls: the plain side of TLS sessions. A session is a connection of its own, that
 * has no descriptor: what is read and written in it goes the way of every other
 * connection. It is tied to the descriptor that its cipher bytes go by as soon as
 * it is clear which that is: a ClientHello's random has been seen on it (cipher.c).
 *
 * A session is known by its address, as the library has it (SSL *, gnutls_session_t),
 * and used by one thread at a time, as the libraries demand. Every function keeps
 * errno, enters and leaves by itself, never waits or allocates.
 */
#include "preload/conn/fdtable.h"
#include "propagator/str.h"

#include <sys/types.h>

struct atr_tls;

enum atr_tls_side { ATR_TLS_EITHER, ATR_TLS_CLIENT, ATR_TLS_SERVER };

/* What is known of a handshake that ended well. The texts are there for good, or NULL. */
struct atr_tls_facts {
	const char *version; /* "1.3" */
	const char *cipher;  /* its name at IANA */
	bool is_resumed;
	struct atr_str protocol;    /* agreed on by ALPN; copied */
	struct atr_str server_name; /* that the client asked for; copied */
};

/* NULL: not known. */
struct atr_tls *atr_tls_of(const void *session);
/*
 * A session is used for the first time; NULL: it is not to be followed, or there is
 * no room for it. `library` is kept for the caller.
 */
struct atr_tls *atr_tls_begin(const void *session, enum atr_tls_side side, const void *library);
const void *atr_tls_library(const struct atr_tls *tls);
/* It is freed, or starts all over: its connection ends as it stands. */
void atr_tls_ended(const void *session);

/* A call is made that carries the handshake on: when the first one was. */
void atr_tls_shakes_hands(struct atr_tls *tls);
bool atr_tls_is_tied(const struct atr_tls *tls);
/* Looks for the descriptor on which a ClientHello with this random has been seen. */
#define ATR_TLS_RANDOM_LEN 32
void atr_tls_tie(struct atr_tls *tls, const uint8_t random[static ATR_TLS_RANDOM_LEN]);

bool atr_tls_is_established(const struct atr_tls *tls);
void atr_tls_established(struct atr_tls *tls, const struct atr_tls_facts *facts);
/* The handshake failed for good; `why` is an error.type. */
void atr_tls_failed(struct atr_tls *tls, struct atr_str server_name, struct atr_str why);

/*
 * The program has asked what there is against the peer's certificate, and was told this. What it
 * makes of that is its own: only where nothing is said in the session the certificate is the cause.
 */
void atr_tls_unverified(struct atr_tls *tls, struct atr_str why);
struct atr_str atr_tls_why_unverified(const struct atr_tls *tls); /* absent: nothing is */

/* error.type of an errno; of an alert of the peer's (-1: of nothing known); of OpenSSL's X509_V_ERR_*. */
struct atr_str atr_tls_reason_errno(int error);
struct atr_str atr_tls_reason_alert(int alert);
struct atr_str atr_tls_reason_verify(long result);

/* How a call ended that gave no bytes. */
enum atr_tls_end {
	ATR_TLS_LATER,	/* it is to be made again */
	ATR_TLS_CLOSED, /* by the peer, in order */
	ATR_TLS_CUT,	/* by the peer, and not so */
	ATR_TLS_BROKEN, /* errno says how */
	ATR_TLS_GARBLED /* what came was no TLS, or not what it was to be */
};
void atr_tls_received(struct atr_tls *tls, const void *bytes, size_t len);
void atr_tls_received_nothing(struct atr_tls *tls, enum atr_tls_end why);
/* The peer's alert, or the library's own trouble, that a call which is garbled ended with. */
void atr_tls_garbled_by(struct atr_tls *tls, struct atr_str why);
void atr_tls_received_blind(struct atr_tls *tls, size_t len);
void atr_tls_sent_blind(struct atr_tls *tls, size_t len);

/*
 * The library's own write. `write` gives how many bytes it took, or what is not
 * above 0, and then `end` says why. It may keep the address of what it was given
 * until it took it.
 */
#define ATR_TLS_PARTLY 1u  /* it may take a part, and the program is told of that */
#define ATR_TLS_MOVING 2u  /* a write that is made again may be so from another place */
#define ATR_TLS_BY_NULL 4u /* ... or without saying what */
#define ATR_TLS_RECORD_MAX 16384
struct atr_tls_writer {
	ssize_t (*write)(struct atr_tls_writer *writer, const void *bytes, size_t len);
	enum atr_tls_end (*end)(struct atr_tls_writer *writer);
	unsigned (*modes)(struct atr_tls_writer *writer); /* ATR_TLS_PARTLY, ... */
};
/*
 * The program writes. What it is to be told: how many of its bytes were taken, or
 * what the last `write` gave.
 */
ssize_t atr_tls_write(struct atr_tls *tls, const void *bytes, size_t len,
		      struct atr_tls_writer *writer);
/*
 * That write was refused while hands are being shaken: the library has looked at
 * none of it, and the next one may be another.
 */
void atr_tls_write_unseen(struct atr_tls *tls);

/* Nothing of it is looked at any more, nor changed. */
void atr_tls_leave_alone(struct atr_tls *tls);

#endif
