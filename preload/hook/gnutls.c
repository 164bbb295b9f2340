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
 * GnuTLS, from 3.0 on. It says all by what a call returns, takes a record at most of
 * what it is given, and when it could not send that it has a copy. A corked session
 * takes what it is given in the same way, and sends it later.
 */

/* The first is looked for to find the library. */
#define FUNCTIONS(X)                             \
	X(gnutls_record_send)                    \
	X(gnutls_record_send2)                   \
	X(gnutls_record_send_file)               \
	X(gnutls_record_uncork)                  \
	X(gnutls_record_recv)                    \
	X(gnutls_record_recv_seq)                \
	X(gnutls_record_recv_packet)             \
	X(gnutls_init)                           \
	X(gnutls_handshake)                      \
	X(gnutls_deinit)                         \
	X(gnutls_error_is_fatal)                 \
	X(gnutls_alert_get)                      \
	X(gnutls_certificate_verify_peers)       \
	X(gnutls_certificate_verify_peers2)      \
	X(gnutls_certificate_verify_peers3)      \
	X(gnutls_session_get_verify_cert_status) \
	X(gnutls_session_get_random)             \
	X(gnutls_protocol_get_version)           \
	X(gnutls_ciphersuite_get)                \
	X(gnutls_session_is_resumed)             \
	X(gnutls_alpn_get_selected_protocol)

#define ID(name) F_##name,
#define NAME(name) #name "\0"
enum { FUNCTIONS(ID) NR_FUNCTIONS };
_Static_assert(NR_FUNCTIONS <= ATR_LATE_NAMES, "late.h has room for so many");

static const char names[] = FUNCTIONS(NAME);
static const char sonames[] = "libgnutls.so.30\0libgnutls-deb0.so.28\0";
static struct atr_late_found found;
static const struct atr_late gnutls = { sonames, names, &found };

#define CALL(f, name, type, params, args) (((type(*) params)(f)[F_##name])args)
#define HAS(f, name) ((f)[F_##name] != NULL)

enum { SERVER = 1, CLIENT = 2, DATAGRAM = 4 };
enum {
	E_UNSUPPORTED_VERSION = -8,
	E_UNEXPECTED_LENGTH = -9,
	E_FATAL_ALERT = -12,
	E_UNKNOWN_CIPHER_SUITE = -21,
	E_DECRYPTION_FAILED = -24,
	E_AGAIN = -28,
	E_CERTIFICATE_ERROR = -43, /* as a program's own function refuses it */
	E_NO_CERTIFICATE = -49,	   /* of a client's */
	E_INTERRUPTED = -52,
	E_INTERNAL = -59, /* what a function of ours says that leads nowhere */
	E_PUSH = -53,
	E_PULL = -54,
	E_NO_CIPHER_SUITES = -87,
	E_PREMATURE = -110,
	E_CERTIFICATE_REQUIRED = -112,
	E_VERIFICATION = -348
};

struct datum {
	unsigned char *data;
	unsigned size;
};

struct call {
	void *session;
	void *const *f;
	struct atr_tls *tls;
};

static bool begin(struct call *c, void *session, const void *caller)
{
	c->session = session;
	c->tls = atr_tls_of(session);
	if (c->tls) {
		c->f = atr_tls_library(c->tls);
		/* a program may read and write in what the library calls back */
		if (__builtin_expect(atr_is_within(session), 0) && atr_late_is_inside(c->f, caller))
			c->tls = NULL;
		return true;
	}
	c->f = atr_late_find(&gnutls, caller);
	return c->f != NULL;
}

/* It carries the handshake on, where that is not over. */
static void follow(struct call *c)
{
	if (c->tls && !atr_tls_is_established(c->tls))
		atr_tls_shakes_hands(c->tls);
}

/* gnutls_certificate_status_t: of several, what is wrong first. */
static struct atr_str why_unverified(unsigned status)
{
	if (status & 1u << 5)
		return ATR_STR("certificate_revoked");
	if (status & 1u << 6)
		return ATR_STR("unable_to_get_issuer_certificate");
	if (status & 1u << 9)
		return ATR_STR("certificate_not_yet_valid");
	if (status & 1u << 10)
		return ATR_STR("certificate_expired");
	if (status & 1u << 14)
		return ATR_STR("hostname_mismatch");
	return ATR_STR("certificate_verify_failed");
}

/* By what both sides call it: the name of the alert that was got, or that tells the peer of it. */
static struct atr_str why_garbled(const struct call *c, ssize_t result)
{
	switch (result) {
	case E_FATAL_ALERT:
		if (!HAS(c->f, gnutls_alert_get))
			break;
		return atr_tls_reason_alert(
			CALL(c->f, gnutls_alert_get, int, (void *), (c->session)));
	case E_UNSUPPORTED_VERSION:
		return ATR_STR("protocol_version");
	case E_UNEXPECTED_LENGTH:
		return ATR_STR("decode_error");
	case E_UNKNOWN_CIPHER_SUITE:
	case E_NO_CIPHER_SUITES:
		return ATR_STR("handshake_failure");
	case E_DECRYPTION_FAILED:
		return ATR_STR("bad_record_mac");
	case E_NO_CERTIFICATE:
	case E_CERTIFICATE_REQUIRED:
		return ATR_STR("certificate_required");
	}
	return (struct atr_str){ 0 };
}

static enum atr_tls_end end_of(const struct call *c, ssize_t result)
{
	switch (result) {
	case 0:
		return ATR_TLS_CLOSED;
	case E_PREMATURE:
		return ATR_TLS_CUT;
	case E_AGAIN:
	case E_INTERRUPTED:
		return ATR_TLS_LATER;
	case E_PUSH:
	case E_PULL:
		return ATR_TLS_BROKEN;
	default:
		if (HAS(c->f, gnutls_error_is_fatal) &&
		    !CALL(c->f, gnutls_error_is_fatal, int, (int), ((int)result)))
			return ATR_TLS_LATER;
		atr_tls_garbled_by(c->tls, why_garbled(c, result));
		return ATR_TLS_GARBLED;
	}
}

static const char *version_of(const struct call *c)
{
	static const char *const versions[] = { NULL, NULL, "1", "1.1", "1.2", "1.3" };
	unsigned version = 0;

	if (HAS(c->f, gnutls_protocol_get_version))
		version = CALL(c->f, gnutls_protocol_get_version, unsigned, (void *), (c->session));
	return version < sizeof(versions) / sizeof(versions[0]) ? versions[version] : NULL;
}

static void tell_established(const struct call *c)
{
	struct atr_tls_facts facts = { version_of(c), NULL, false, { 0 }, { 0 } };
	struct datum protocol = { NULL, 0 };

	if (HAS(c->f, gnutls_ciphersuite_get))
		facts.cipher =
			CALL(c->f, gnutls_ciphersuite_get, const char *, (void *), (c->session));
	if (HAS(c->f, gnutls_session_is_resumed))
		facts.is_resumed =
			CALL(c->f, gnutls_session_is_resumed, int, (void *), (c->session)) != 0;
	if (HAS(c->f, gnutls_alpn_get_selected_protocol) &&
	    CALL(c->f, gnutls_alpn_get_selected_protocol, int, (void *, struct datum *),
		 (c->session, &protocol)) == 0)
		facts.protocol = (struct atr_str){ (const char *)protocol.data, protocol.size };
	atr_tls_established(c->tls, &facts);
}

static struct atr_str why_failed(const struct call *c, int result, enum atr_tls_end end)
{
	struct atr_str why;

	if (end == ATR_TLS_BROKEN)
		return atr_tls_reason_errno(errno);
	if (end == ATR_TLS_CLOSED || end == ATR_TLS_CUT)
		return ATR_STR("connection_closed");
	if (result == E_VERIFICATION && HAS(c->f, gnutls_session_get_verify_cert_status))
		return why_unverified(CALL(c->f, gnutls_session_get_verify_cert_status, unsigned,
					   (void *), (c->session)));
	why = result == E_CERTIFICATE_ERROR || result == E_VERIFICATION ?
		      atr_tls_why_unverified(c->tls) :
		      why_garbled(c, result);
	return why.len ? why : atr_tls_reason_alert(-1);
}

static void tie(const struct call *c)
{
	struct datum client = { NULL, 0 }, server = { NULL, 0 };

	if (atr_tls_is_tied(c->tls) || !HAS(c->f, gnutls_session_get_random))
		return;
	CALL(c->f, gnutls_session_get_random, void, (void *, struct datum *, struct datum *),
	     (c->session, &client, &server));
	if (client.data && client.size == ATR_TLS_RANDOM_LEN)
		atr_tls_tie(c->tls, client.data);
}

HOOK int gnutls_init(void **session, unsigned flags)
{
	void *const *f = atr_late_find(&gnutls, __builtin_return_address(0));
	int result;

	if (!f || !HAS(f, gnutls_init))
		return E_INTERNAL;
	result = CALL(f, gnutls_init, int, (void **, unsigned), (session, flags));
	if (result == 0 && !(flags & DATAGRAM)) {
		atr_tls_ended(*session); /* of that address, freed without our seeing it */
		atr_tls_begin(*session, flags & SERVER ? ATR_TLS_SERVER : ATR_TLS_CLIENT, f);
	}
	return result;
}

#define FAILS(c, name) (!begin(&(c), session, __builtin_return_address(0)) || !HAS((c).f, name))

HOOK int gnutls_handshake(void *session)
{
	struct call c;
	enum atr_tls_end end;
	int result, saved;

	if (FAILS(c, gnutls_handshake))
		return E_INTERNAL;
	if (!c.tls)
		return CALL(c.f, gnutls_handshake, int, (void *), (session));
	follow(&c);
	result = WITHIN(session, CALL(c.f, gnutls_handshake, int, (void *), (session)));
	saved = errno;
	tie(&c);
	if (result == 0 && !atr_tls_is_established(c.tls)) {
		tell_established(&c);
	} else if (result < 0) {
		end = end_of(&c, result);
		if (end != ATR_TLS_LATER)
			atr_tls_failed(c.tls, (struct atr_str){ 0 }, why_failed(&c, result, end));
	}
	errno = saved;
	return result;
}

/* Asked by a program that makes of it what it likes; one that then says nothing has refused. */
static void looked_at(const struct call *c, int result, const unsigned *status)
{
	if (c->tls && result == 0 && *status)
		atr_tls_unverified(c->tls, why_unverified(*status));
}

HOOK int gnutls_certificate_verify_peers(void *session, void *data, unsigned nr, unsigned *status)
{
	struct call c;
	int result;

	if (FAILS(c, gnutls_certificate_verify_peers))
		return E_INTERNAL;
	result = CALL(c.f, gnutls_certificate_verify_peers, int,
		      (void *, void *, unsigned, unsigned *), (session, data, nr, status));
	looked_at(&c, result, status);
	return result;
}

HOOK int gnutls_certificate_verify_peers2(void *session, unsigned *status)
{
	struct call c;
	int result;

	if (FAILS(c, gnutls_certificate_verify_peers2))
		return E_INTERNAL;
	result = CALL(c.f, gnutls_certificate_verify_peers2, int, (void *, unsigned *),
		      (session, status));
	looked_at(&c, result, status);
	return result;
}

HOOK int gnutls_certificate_verify_peers3(void *session, const char *name, unsigned *status)
{
	struct call c;
	int result;

	if (FAILS(c, gnutls_certificate_verify_peers3))
		return E_INTERNAL;
	result = CALL(c.f, gnutls_certificate_verify_peers3, int,
		      (void *, const char *, unsigned *), (session, name, status));
	looked_at(&c, result, status);
	return result;
}

HOOK void gnutls_deinit(void *session)
{
	struct call c;

	if (FAILS(c, gnutls_deinit))
		return;
	if (c.tls)
		atr_tls_ended(session);
	CALL(c.f, gnutls_deinit, void, (void *), (session));
}

/* ---- reading ---- */

static void received(const struct call *c, const void *bytes, ssize_t n)
{
	if (n > 0)
		atr_tls_received(c->tls, bytes, (size_t)n);
	else
		atr_tls_received_nothing(c->tls, end_of(c, n));
}

HOOK ssize_t gnutls_record_recv(void *session, void *bytes, size_t len)
{
	struct call c;
	ssize_t n;

	if (FAILS(c, gnutls_record_recv))
		return E_INTERNAL;
	if (!c.tls)
		return CALL(c.f, gnutls_record_recv, ssize_t, (void *, void *, size_t),
			    (session, bytes, len));
	n = WITHIN(session, CALL(c.f, gnutls_record_recv, ssize_t, (void *, void *, size_t),
				 (session, bytes, len)));
	received(&c, bytes, n);
	return n;
}

HOOK ssize_t gnutls_record_recv_seq(void *session, void *bytes, size_t len, unsigned char *seq)
{
	struct call c;
	ssize_t n;

	if (FAILS(c, gnutls_record_recv_seq))
		return E_INTERNAL;
	if (!c.tls)
		return CALL(c.f, gnutls_record_recv_seq, ssize_t,
			    (void *, void *, size_t, unsigned char *), (session, bytes, len, seq));
	n = WITHIN(session,
		   CALL(c.f, gnutls_record_recv_seq, ssize_t,
			(void *, void *, size_t, unsigned char *), (session, bytes, len, seq)));
	received(&c, bytes, n);
	return n;
}

HOOK ssize_t gnutls_record_recv_packet(void *session, void **packet)
{
	struct call c;
	ssize_t n;

	if (FAILS(c, gnutls_record_recv_packet))
		return E_INTERNAL;
	if (!c.tls)
		return CALL(c.f, gnutls_record_recv_packet, ssize_t, (void *, void **),
			    (session, packet));
	n = WITHIN(session, CALL(c.f, gnutls_record_recv_packet, ssize_t, (void *, void **),
				 (session, packet)));
	if (n > 0)
		atr_tls_received_blind(c.tls, (size_t)n);
	else
		received(&c, NULL, n);
	return n;
}

/* ---- writing ---- */

struct writing {
	struct atr_tls_writer writer;
	struct call *call;
	bool is_padded; /* by gnutls_record_send2 */
	size_t padding;
	unsigned flags;
	ssize_t result; /* what the library last gave */
};

static ssize_t write_some(struct atr_tls_writer *writer, const void *bytes, size_t len)
{
	struct writing *w = (struct writing *)writer;
	struct call *c = w->call;

	if (w->is_padded)
		w->result =
			WITHIN(c->session, CALL(c->f, gnutls_record_send2, ssize_t,
						(void *, const void *, size_t, size_t, unsigned),
						(c->session, bytes, len, w->padding, w->flags)));
	else
		w->result = WITHIN(c->session,
				   CALL(c->f, gnutls_record_send, ssize_t,
					(void *, const void *, size_t), (c->session, bytes, len)));
	return w->result;
}

static enum atr_tls_end write_end(struct atr_tls_writer *writer)
{
	struct writing *w = (struct writing *)writer;

	return end_of(w->call, w->result);
}

static unsigned write_modes(struct atr_tls_writer *writer)
{
	(void)writer;
	return ATR_TLS_PARTLY | ATR_TLS_MOVING | ATR_TLS_BY_NULL;
}

HOOK ssize_t gnutls_record_send(void *session, const void *bytes, size_t len)
{
	struct call c;
	struct writing w = { { write_some, write_end, write_modes }, &c, false, 0, 0, 0 };

	if (FAILS(c, gnutls_record_send))
		return E_INTERNAL;
	if (!c.tls || len > SSIZE_MAX)
		return CALL(c.f, gnutls_record_send, ssize_t, (void *, const void *, size_t),
			    (session, bytes, len));
	return atr_tls_write(c.tls, bytes, len, &w.writer);
}

HOOK ssize_t gnutls_record_send2(void *session, const void *bytes, size_t len, size_t padding,
				 unsigned flags)
{
	struct call c;
	struct writing w = { { write_some, write_end, write_modes }, &c, true, padding, flags, 0 };

	if (FAILS(c, gnutls_record_send2))
		return E_INTERNAL;
	if (!c.tls || len > SSIZE_MAX)
		return CALL(c.f, gnutls_record_send2, ssize_t,
			    (void *, const void *, size_t, size_t, unsigned),
			    (session, bytes, len, padding, flags));
	return atr_tls_write(c.tls, bytes, len, &w.writer);
}

/* What was told when it was taken is sent, by a call of its own to gnutls_record_send. */
HOOK int gnutls_record_uncork(void *session, unsigned flags)
{
	struct call c;

	if (FAILS(c, gnutls_record_uncork))
		return E_INTERNAL;
	return WITHIN(session,
		      CALL(c.f, gnutls_record_uncork, int, (void *, unsigned), (session, flags)));
}

HOOK ssize_t gnutls_record_send_file(void *session, int fd, off_t *at, size_t len)
{
	struct call c;
	ssize_t n;

	if (FAILS(c, gnutls_record_send_file))
		return E_INTERNAL;
	n = WITHIN(session, CALL(c.f, gnutls_record_send_file, ssize_t,
				 (void *, int, off_t *, size_t), (session, fd, at, len)));
	if (c.tls && n > 0)
		atr_tls_sent_blind(c.tls, (size_t)n);
	return n;
}
