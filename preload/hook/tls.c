/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/tls.h"
#include "preload/hook/late.h"
#include "preload/hook/real.h"
#include "preload/hook/within.h"
#include "preload/live/thread.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>

/*
 * OpenSSL, from 1.1 on. What is asked of it between the program's call and its
 * return are pure questions: its queue of errors is looked at and left as it is.
 * Its header is not needed: a session is an address.
 */

/* The first is looked for to find the library. */
#define FUNCTIONS(X)                \
	X(SSL_read)                 \
	X(SSL_read_ex)              \
	X(SSL_peek)                 \
	X(SSL_peek_ex)              \
	X(SSL_write)                \
	X(SSL_write_ex)             \
	X(SSL_sendfile)             \
	X(SSL_read_early_data)      \
	X(SSL_write_early_data)     \
	X(SSL_connect)              \
	X(SSL_accept)               \
	X(SSL_do_handshake)         \
	X(SSL_clear)                \
	X(SSL_free)                 \
	X(SSL_get_error)            \
	X(SSL_ctrl)                 \
	X(SSL_get_mode)             \
	X(SSL_is_server)            \
	X(SSL_is_init_finished)     \
	X(SSL_get_client_random)    \
	X(SSL_version)              \
	X(SSL_get_current_cipher)   \
	X(SSL_CIPHER_standard_name) \
	X(SSL_get0_alpn_selected)   \
	X(SSL_session_reused)       \
	X(SSL_get_servername)       \
	X(SSL_get_verify_result)    \
	X(ERR_peek_last_error)

#define ID(name) F_##name,
#define NAME(name) #name "\0"
enum { FUNCTIONS(ID) NR_FUNCTIONS };
_Static_assert(NR_FUNCTIONS <= ATR_LATE_NAMES, "late.h has room for so many");

static const char names[] = FUNCTIONS(NAME);
static const char sonames[] = "libssl.so.3\0libssl.so.1.1\0";
static struct atr_late_found found;
static const struct atr_late openssl = { sonames, names, &found };

/* CALL(f, SSL_version, int, (void *), (ssl)) */
#define CALL(f, name, type, params, args) (((type(*) params)(f)[F_##name])args)
#define HAS(f, name) ((f)[F_##name] != NULL)

enum { ERROR_SSL = 1, ERROR_SYSCALL = 5, ERROR_ZERO_RETURN = 6 };
enum { VERIFY_NOT_ASKED = 65 }; /* what a function of ours says that leads nowhere */
enum { CTRL_MODE = 33, MODE_PARTIAL = 1, MODE_MOVING = 2 };
enum {
	LIB_SSL = 20,
	REASON_VERIFY_FAILED = 134,
	REASON_NO_SHARED_CIPHER = 193,
	REASON_NO_CERTIFICATE = 199, /* of a client's */
	REASON_UNSUPPORTED_PROTOCOL = 258,
	REASON_BAD_MAC = 281,
	REASON_EOF = 294,
	REASON_ALERT = 1000
};

/* A call on a session: where it goes on to, and what we keep for it; NULL: nothing is told. */
struct call {
	void *ssl;
	void *const *f;
	struct atr_tls *tls;
};

static enum atr_tls_side side_of(const struct call *c)
{
	if (!HAS(c->f, SSL_is_server))
		return ATR_TLS_EITHER;
	return CALL(c->f, SSL_is_server, int, (const void *), (c->ssl)) ? ATR_TLS_SERVER :
									  ATR_TLS_CLIENT;
}

static bool begin(struct call *c, void *ssl, const void *caller)
{
	c->ssl = ssl;
	c->tls = atr_tls_of(ssl);
	if (c->tls) {
		c->f = atr_tls_library(c->tls);
		/* a program may read and write in what the library calls back, as node does */
		if (__builtin_expect(atr_is_within(ssl), 0) && atr_late_is_inside(c->f, caller))
			c->tls = NULL;
		return true;
	}
	c->f = atr_late_find(&openssl, caller);
	return c->f != NULL;
}

/* A session that is new to us is followed from now on. */
static void follow(struct call *c, enum atr_tls_side side)
{
	if (!c->tls && c->ssl && HAS(c->f, SSL_get_error) && !atr_is_within(c->ssl))
		c->tls = atr_tls_begin(c->ssl, side == ATR_TLS_EITHER ? side_of(c) : side, c->f);
	if (c->tls && !atr_tls_is_established(c->tls))
		atr_tls_shakes_hands(c->tls);
}

static int reason_of(const struct call *c)
{
	unsigned long error;

	if (!HAS(c->f, ERR_peek_last_error))
		return 0;
	error = CALL(c->f, ERR_peek_last_error, unsigned long, (void), ());
	/* 1.1: library in bits 24 to 31, reason in 12; 3: in bits 23 to 30, and 23 */
	if ((error >> 23 & 0xff) == LIB_SSL)
		return (int)(error & 0x7fffff);
	return (error >> 24 & 0xff) == LIB_SSL ? (int)(error & 0xfff) : 0;
}

/* By what both sides call it: the name of the alert that was got, or that tells the peer of it. */
static struct atr_str why_garbled(int reason)
{
	switch (reason) {
	case REASON_BAD_MAC:
		return ATR_STR("bad_record_mac");
	case REASON_NO_SHARED_CIPHER:
		return ATR_STR("handshake_failure");
	case REASON_NO_CERTIFICATE:
		return ATR_STR("certificate_required");
	case REASON_UNSUPPORTED_PROTOCOL:
		return ATR_STR("protocol_version");
	default:
		return reason >= REASON_ALERT && reason < REASON_ALERT + 256 ?
			       atr_tls_reason_alert(reason - REASON_ALERT) :
			       (struct atr_str){ 0 };
	}
}

/* How a call ended that gave no bytes. */
static enum atr_tls_end end_of(const struct call *c, int result)
{
	int saved = errno;
	int error = CALL(c->f, SSL_get_error, int, (const void *, int), (c->ssl, result)), reason;

	errno = saved;
	switch (error) {
	case ERROR_ZERO_RETURN:
		return ATR_TLS_CLOSED;
	case ERROR_SYSCALL:
		return saved ? ATR_TLS_BROKEN : ATR_TLS_CUT;
	case ERROR_SSL:
		reason = reason_of(c);
		if (reason == REASON_EOF)
			return ATR_TLS_CUT;
		atr_tls_garbled_by(c->tls, why_garbled(reason));
		return ATR_TLS_GARBLED;
	default:
		return ATR_TLS_LATER;
	}
}

static const char *version_of(const struct call *c)
{
	if (!HAS(c->f, SSL_version))
		return NULL;
	switch (CALL(c->f, SSL_version, int, (const void *), (c->ssl))) {
	case 0x301:
		return "1";
	case 0x302:
		return "1.1";
	case 0x303:
		return "1.2";
	case 0x304:
		return "1.3";
	default:
		return NULL;
	}
}

static const char *cipher_of(const struct call *c)
{
	const void *cipher;

	if (!HAS(c->f, SSL_get_current_cipher) || !HAS(c->f, SSL_CIPHER_standard_name))
		return NULL;
	cipher = CALL(c->f, SSL_get_current_cipher, const void *, (const void *), (c->ssl));
	return cipher ? CALL(c->f, SSL_CIPHER_standard_name, const char *, (const void *),
			     (cipher)) :
			NULL;
}

static struct atr_str server_name_of(const struct call *c)
{
	const char *name = NULL;

	if (HAS(c->f, SSL_get_servername))
		name = CALL(c->f, SSL_get_servername, const char *, (const void *, int),
			    (c->ssl, 0));
	return name ? atr_str(name) : (struct atr_str){ 0 };
}

static void tell_established(const struct call *c)
{
	struct atr_tls_facts facts = { version_of(c), cipher_of(c), false, { 0 }, { 0 } };
	const unsigned char *protocol = NULL;
	unsigned len = 0;

	if (HAS(c->f, SSL_session_reused))
		facts.is_resumed = CALL(c->f, SSL_session_reused, int, (const void *), (c->ssl));
	if (HAS(c->f, SSL_get0_alpn_selected))
		CALL(c->f, SSL_get0_alpn_selected, void,
		     (const void *, const unsigned char **, unsigned *), (c->ssl, &protocol, &len));
	if (protocol)
		facts.protocol = (struct atr_str){ (const char *)protocol, len };
	facts.server_name = server_name_of(c);
	atr_tls_established(c->tls, &facts);
}

static bool is_established(const struct call *c, int result)
{
	if (!HAS(c->f, SSL_is_init_finished))
		return result > 0;
	return CALL(c->f, SSL_is_init_finished, int, (const void *), (c->ssl)) == 1;
}

static struct atr_str why_failed(const struct call *c, enum atr_tls_end end)
{
	int reason = reason_of(c);
	struct atr_str why;

	if (end == ATR_TLS_BROKEN)
		return atr_tls_reason_errno(errno);
	if (end == ATR_TLS_CLOSED || end == ATR_TLS_CUT)
		return ATR_STR("connection_closed");
	if (reason == REASON_VERIFY_FAILED && HAS(c->f, SSL_get_verify_result))
		return atr_tls_reason_verify(
			CALL(c->f, SSL_get_verify_result, long, (const void *), (c->ssl)));
	why = why_garbled(reason);
	return why.len ? why : atr_tls_reason_alert(-1);
}

/* The client's random; false: no handshake has begun. */
static bool has_random(const struct call *c, uint8_t random[static ATR_TLS_RANDOM_LEN])
{
	static const uint8_t none[ATR_TLS_RANDOM_LEN];

	return HAS(c->f, SSL_get_client_random) &&
	       CALL(c->f, SSL_get_client_random, size_t, (const void *, unsigned char *, size_t),
		    (c->ssl, random, ATR_TLS_RANDOM_LEN)) == ATR_TLS_RANDOM_LEN &&
	       memcmp(random, none, ATR_TLS_RANDOM_LEN) != 0;
}

/* What can be known of it by now: its descriptor, its handshake. */
static void learn(const struct call *c, int result)
{
	uint8_t random[ATR_TLS_RANDOM_LEN];
	enum atr_tls_end end;

	if (!has_random(c, random))
		return;
	if (!atr_tls_is_tied(c->tls))
		atr_tls_tie(c->tls, random);
	if (is_established(c, result)) {
		tell_established(c);
	} else if (result <= 0) {
		end = end_of(c, result);
		if (end != ATR_TLS_LATER)
			atr_tls_failed(c->tls, server_name_of(c), why_failed(c, end));
	}
}

static inline void after(const struct call *c, int result)
{
	int saved = errno;

	if (__builtin_expect(atr_tls_is_established(c->tls), 1))
		return;
	learn(c, result);
	errno = saved;
}

#define FAILS(c, name) (!begin(&(c), ssl, __builtin_return_address(0)) || !HAS((c).f, name))

/* ---- the handshake ---- */

#define SHAKE_HANDS(name, side)                                              \
	do {                                                                 \
		struct call c;                                               \
		int result;                                                  \
                                                                             \
		if (FAILS(c, name))                                          \
			return -1;                                           \
		follow(&c, side);                                            \
		if (!c.tls)                                                  \
			return CALL(c.f, name, int, (void *), (ssl));        \
		result = WITHIN(ssl, CALL(c.f, name, int, (void *), (ssl))); \
		after(&c, result);                                           \
		return result;                                               \
	} while (0)

HOOK int SSL_connect(void *ssl)
{
	SHAKE_HANDS(SSL_connect, ATR_TLS_CLIENT);
}

HOOK int SSL_accept(void *ssl)
{
	SHAKE_HANDS(SSL_accept, ATR_TLS_SERVER);
}

HOOK int SSL_do_handshake(void *ssl)
{
	SHAKE_HANDS(SSL_do_handshake, ATR_TLS_EITHER);
}

HOOK int SSL_clear(void *ssl)
{
	struct call c;

	if (FAILS(c, SSL_clear))
		return 0;
	if (c.tls)
		atr_tls_ended(ssl);
	return CALL(c.f, SSL_clear, int, (void *), (ssl));
}

HOOK void SSL_free(void *ssl)
{
	struct call c;

	if (FAILS(c, SSL_free))
		return;
	if (c.tls)
		atr_tls_ended(ssl);
	CALL(c.f, SSL_free, void, (void *), (ssl));
}

/* Asked by a program that makes of it what it likes; one that then says nothing has refused. */
HOOK long SSL_get_verify_result(const void *ssl)
{
	struct call c;
	long result;

	if (!begin(&c, (void *)ssl, __builtin_return_address(0)) ||
	    !HAS(c.f, SSL_get_verify_result))
		return VERIFY_NOT_ASKED;
	result = CALL(c.f, SSL_get_verify_result, long, (const void *), (ssl));
	if (c.tls && result)
		atr_tls_unverified(c.tls, atr_tls_reason_verify(result));
	return result;
}

/* ---- reading ---- */

static void received(const struct call *c, const void *bytes, size_t n, int result)
{
	after(c, result);
	if (result > 0)
		atr_tls_received(c->tls, bytes, n);
	else
		atr_tls_received_nothing(c->tls, end_of(c, result));
}

HOOK int SSL_read(void *ssl, void *bytes, int len)
{
	struct call c;
	int n;

	if (FAILS(c, SSL_read))
		return -1;
	follow(&c, ATR_TLS_EITHER);
	if (!c.tls)
		return CALL(c.f, SSL_read, int, (void *, void *, int), (ssl, bytes, len));
	n = WITHIN(ssl, CALL(c.f, SSL_read, int, (void *, void *, int), (ssl, bytes, len)));
	received(&c, bytes, (size_t)n, n);
	return n;
}

HOOK int SSL_read_ex(void *ssl, void *bytes, size_t len, size_t *n)
{
	struct call c;
	int result;

	if (FAILS(c, SSL_read_ex))
		return 0;
	follow(&c, ATR_TLS_EITHER);
	if (!c.tls)
		return CALL(c.f, SSL_read_ex, int, (void *, void *, size_t, size_t *),
			    (ssl, bytes, len, n));
	result = WITHIN(ssl, CALL(c.f, SSL_read_ex, int, (void *, void *, size_t, size_t *),
				  (ssl, bytes, len, n)));
	received(&c, bytes, result > 0 ? *n : 0, result);
	return result;
}

/* Bytes that stay where they are are told when they are read. */
HOOK int SSL_peek(void *ssl, void *bytes, int len)
{
	struct call c;
	int n;

	if (FAILS(c, SSL_peek))
		return -1;
	follow(&c, ATR_TLS_EITHER);
	if (!c.tls)
		return CALL(c.f, SSL_peek, int, (void *, void *, int), (ssl, bytes, len));
	n = WITHIN(ssl, CALL(c.f, SSL_peek, int, (void *, void *, int), (ssl, bytes, len)));
	after(&c, n);
	return n;
}

HOOK int SSL_peek_ex(void *ssl, void *bytes, size_t len, size_t *n)
{
	struct call c;
	int result;

	if (FAILS(c, SSL_peek_ex))
		return 0;
	follow(&c, ATR_TLS_EITHER);
	if (!c.tls)
		return CALL(c.f, SSL_peek_ex, int, (void *, void *, size_t, size_t *),
			    (ssl, bytes, len, n));
	result = WITHIN(ssl, CALL(c.f, SSL_peek_ex, int, (void *, void *, size_t, size_t *),
				  (ssl, bytes, len, n)));
	after(&c, result);
	return result;
}

/* ---- writing ---- */

struct writing {
	struct atr_tls_writer writer;
	struct call *call;
	int result; /* what the library last gave */
};

static ssize_t write_int(struct atr_tls_writer *writer, const void *bytes, size_t len)
{
	struct writing *w = (struct writing *)writer;

	w->result =
		WITHIN(w->call->ssl, CALL(w->call->f, SSL_write, int, (void *, const void *, int),
					  (w->call->ssl, bytes, (int)len)));
	return w->result;
}

static ssize_t write_size(struct atr_tls_writer *writer, const void *bytes, size_t len)
{
	struct writing *w = (struct writing *)writer;
	size_t n = 0;

	w->result = WITHIN(w->call->ssl, CALL(w->call->f, SSL_write_ex, int,
					      (void *, const void *, size_t, size_t *),
					      (w->call->ssl, bytes, len, &n)));
	return w->result > 0 ? (ssize_t)n : w->result;
}

static enum atr_tls_end write_end(struct atr_tls_writer *writer)
{
	struct writing *w = (struct writing *)writer;

	return end_of(w->call, w->result);
}

/* OpenSSL is asked by adding no mode to what there is, which changes nothing; BoringSSL has a function. */
static long modes_of(const struct call *c)
{
	if (HAS(c->f, SSL_get_mode))
		return CALL(c->f, SSL_get_mode, unsigned, (const void *), (c->ssl));
	if (HAS(c->f, SSL_ctrl))
		return CALL(c->f, SSL_ctrl, long, (void *, int, long, void *),
			    (c->ssl, CTRL_MODE, 0, NULL));
	return 0;
}

static unsigned write_modes(struct atr_tls_writer *writer)
{
	long modes = modes_of(((struct writing *)writer)->call);

	return (modes & MODE_PARTIAL ? ATR_TLS_PARTLY : 0) |
	       (modes & MODE_MOVING ? ATR_TLS_MOVING : 0);
}

static void wrote(const struct call *c, const struct writing *w)
{
	after(c, w->result);
	if (w->result <= 0 && !atr_tls_is_established(c->tls) && HAS(c->f, SSL_is_init_finished))
		atr_tls_write_unseen(c->tls);
}

HOOK int SSL_write(void *ssl, const void *bytes, int len)
{
	struct call c;
	struct writing w = { { write_int, write_end, write_modes }, &c, 0 };
	ssize_t n;

	if (FAILS(c, SSL_write))
		return -1;
	follow(&c, ATR_TLS_EITHER);
	if (!c.tls || len < 0)
		return CALL(c.f, SSL_write, int, (void *, const void *, int), (ssl, bytes, len));
	n = atr_tls_write(c.tls, bytes, (size_t)len, &w.writer);
	wrote(&c, &w);
	return (int)n;
}

HOOK int SSL_write_ex(void *ssl, const void *bytes, size_t len, size_t *written)
{
	struct call c;
	struct writing w = { { write_size, write_end, write_modes }, &c, 0 };
	ssize_t n;

	if (FAILS(c, SSL_write_ex))
		return 0;
	follow(&c, ATR_TLS_EITHER);
	if (!c.tls || len > SSIZE_MAX)
		return CALL(c.f, SSL_write_ex, int, (void *, const void *, size_t, size_t *),
			    (ssl, bytes, len, written));
	n = atr_tls_write(c.tls, bytes, len, &w.writer);
	wrote(&c, &w);
	if (n <= 0)
		return w.result;
	*written = (size_t)n;
	return 1;
}

/* ---- what is said before hands are shaken ---- */

enum { EARLY_DATA_SUCCESS = 1 };

HOOK int SSL_read_early_data(void *ssl, void *bytes, size_t len, size_t *n)
{
	struct call c;
	int result;

	if (FAILS(c, SSL_read_early_data))
		return 0;
	follow(&c, ATR_TLS_SERVER);
	if (!c.tls)
		return CALL(c.f, SSL_read_early_data, int, (void *, void *, size_t, size_t *),
			    (ssl, bytes, len, n));
	result = WITHIN(ssl, CALL(c.f, SSL_read_early_data, int, (void *, void *, size_t, size_t *),
				  (ssl, bytes, len, n)));
	after(&c, result);
	if (result == EARLY_DATA_SUCCESS && *n)
		atr_tls_received(c.tls, bytes, *n);
	return result;
}

static ssize_t write_early(struct atr_tls_writer *writer, const void *bytes, size_t len)
{
	struct writing *w = (struct writing *)writer;
	size_t n = 0;

	w->result = WITHIN(w->call->ssl, CALL(w->call->f, SSL_write_early_data, int,
					      (void *, const void *, size_t, size_t *),
					      (w->call->ssl, bytes, len, &n)));
	return w->result > 0 ? (ssize_t)n : w->result;
}

/*
 * Of a client's there is no room for more than the server said, and whether it takes
 * them shows later: such a session is left alone. A server's are those of any answer.
 */
HOOK int SSL_write_early_data(void *ssl, const void *bytes, size_t len, size_t *written)
{
	struct call c;
	struct writing w = { { write_early, write_end, write_modes }, &c, 0 };
	ssize_t n;

	if (FAILS(c, SSL_write_early_data))
		return 0;
	follow(&c, ATR_TLS_EITHER);
	if (!c.tls || len > SSIZE_MAX)
		return CALL(c.f, SSL_write_early_data, int,
			    (void *, const void *, size_t, size_t *), (ssl, bytes, len, written));
	if (side_of(&c) != ATR_TLS_SERVER)
		atr_tls_leave_alone(c.tls);
	n = atr_tls_write(c.tls, bytes, len, &w.writer);
	after(&c, w.result);
	if (n <= 0)
		return w.result;
	*written = (size_t)n;
	return 1;
}

/* By the kernel's own TLS. */
HOOK ssize_t SSL_sendfile(void *ssl, int fd, off_t at, size_t len, int flags)
{
	struct call c;
	ssize_t n;

	if (FAILS(c, SSL_sendfile))
		return -1;
	n = CALL(c.f, SSL_sendfile, ssize_t, (void *, int, off_t, size_t, int),
		 (ssl, fd, at, len, flags));
	if (c.tls && n > 0)
		atr_tls_sent_blind(c.tls, (size_t)n);
	return n;
}
