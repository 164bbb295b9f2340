/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_CIPHER_H
#define ATR_PRELOAD_CONN_CIPHER_H

/*
 * cipher: a descriptor that TLS goes by. What goes by is only counted. The
 * ClientHello that it begins with tells which session it is (tls.h), by its random;
 * of the others, in which we cannot look, it is all that is known.
 */
#include "preload/conn/tls.h"

struct atr_conn;
struct atr_thread;

/* The connection is held. Whether this is how TLS begins, on a connection that has said nothing yet. */
bool atr_cipher_begins(const struct atr_conn *conn, bool outward, const char *bytes, size_t len);
/* False: it is no TLS after all. */
bool atr_cipher_feed(struct atr_thread *self, struct atr_conn *conn, bool outward,
		     const char *bytes, size_t len);
/* Bytes went by that we did not see. */
void atr_cipher_skip(struct atr_conn *conn, bool outward, uint64_t len);
/* Its session is known: that is what is told of, if it is used. */
void atr_cipher_is_known(struct atr_conn *conn);
/* What goes by from now on is no more of the handshake. */
void atr_cipher_is_established(struct atr_conn *conn);
/*
 * By the calls that are hooked. What never is, is read and written past us, as by OpenSSL's BIO_f_ssl:
 * a client's connection that we cannot look into.
 */
void atr_cipher_is_used(struct atr_conn *conn);
/* It ends, with what is known of why. */
void atr_cipher_ended(struct atr_thread *self, struct atr_conn *conn);

/* The word of the connection whose ClientHello had this random, of late; 0: none has been seen. */
uint64_t atr_cipher_find(enum atr_tls_side side, const uint8_t random[static ATR_TLS_RANDOM_LEN]);

#endif
