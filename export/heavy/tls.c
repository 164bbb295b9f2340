/* SPDX-License-Identifier: Apache-2.0 */
#include "export/heavy/address.h"
#include "export/heavy/parts.h"
#include "export/heavy/pem.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * TLS 1.2 by BearSSL: an engine that owns no descriptor and no memory. A session lives in a
 * room of its own; what is only asked in the handshake (the anchors, of which a
 * machine has hundreds, and the client's key) in another that ends with it.
 */

#define CERTIFICATE_MAX 16384
#define HANDSHAKE_LEN ((size_t)8 << 20) /* of address space */

/* Validates as BearSSL does, and keeps the server's own certificate where that is asked. */
struct judge {
	const br_x509_class *vtable;
	br_x509_minimal_context minimal;
	const struct atr_tls_options *options;
	size_t len; /* of the certificate that is kept */
	unsigned nr_begun;
	uint8_t certificate[CERTIFICATE_MAX];
};

struct atr_tls {
	struct atr_room room;
	br_ssl_client_context client;
	struct judge judge;
	const struct atr_pipe *raw; /* of the call */
	const char *protocol;
	unsigned char buf[BR_SSL_BUFSIZE_BIDI];
};

/* ---- whom we speak to -------------------------------------------------------------------------- */

static struct judge *of(const br_x509_class **self)
{
	return (struct judge *)self;
}

static void start_chain(const br_x509_class **self, const char *server_name)
{
	struct judge *j = of(self);

	j->len = j->nr_begun = 0;
	j->minimal.vtable->start_chain(&j->minimal.vtable, server_name);
}

static void start_cert(const br_x509_class **self, uint32_t len)
{
	struct judge *j = of(self);

	j->nr_begun++;
	j->minimal.vtable->start_cert(&j->minimal.vtable, len);
}

static void append(const br_x509_class **self, const unsigned char *bytes, size_t len)
{
	struct judge *j = of(self);

	if (j->nr_begun == 1 && len <= CERTIFICATE_MAX - j->len) {
		memcpy(j->certificate + j->len, bytes, len);
		j->len += len;
	}
	j->minimal.vtable->append(&j->minimal.vtable, bytes, len);
}

static void end_cert(const br_x509_class **self)
{
	struct judge *j = of(self);

	j->minimal.vtable->end_cert(&j->minimal.vtable);
}

static unsigned end_chain(const br_x509_class **self)
{
	struct judge *j = of(self);
	unsigned error = j->minimal.vtable->end_chain(&j->minimal.vtable);

	if (!error && j->options->is_address &&
	    !atr_certificate_names(j->certificate, j->len, j->options->address,
				   j->options->address_len))
		error = BR_ERR_X509_BAD_SERVER_NAME;
	return error;
}

static const br_x509_pkey *get_pkey(const br_x509_class *const *self, unsigned *usages)
{
	const struct judge *j = (const struct judge *)self;

	return j->minimal.vtable->get_pkey(&j->minimal.vtable, usages);
}

static const br_x509_class judge_class = {
	sizeof(struct judge), start_chain, start_cert, append, end_cert, end_chain, get_pkey
};

/* ---- what is spoken ---------------------------------------------------------------------------- */

static void set_up_hashes(br_ssl_client_context *c, br_x509_minimal_context *x)
{
	static const br_hash_class *const hashes[] = { &br_sha1_vtable, &br_sha224_vtable,
						       &br_sha256_vtable, &br_sha384_vtable,
						       &br_sha512_vtable };

	for (int i = 0; i < 5; i++) {
		br_ssl_engine_set_hash(&c->eng, br_sha1_ID + i, hashes[i]);
		if (i) /* no certificate that SHA-1 signs */
			br_x509_minimal_set_hash(x, br_sha1_ID + i, hashes[i]);
	}
}

static void set_up(struct atr_tls *tls, const struct atr_anchors *anchors)
{
	static const uint16_t suites[] = {
		BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	};
	br_ssl_client_context *c = &tls->client;
	br_x509_minimal_context *x = &tls->judge.minimal;

	br_ssl_client_zero(c);
	br_ssl_engine_set_versions(&c->eng, BR_TLS12, BR_TLS12);
	br_ssl_engine_set_suites(&c->eng, suites, sizeof(suites) / sizeof(suites[0]));
	br_ssl_engine_set_default_rsavrfy(&c->eng);
	br_ssl_engine_set_default_ecdsa(&c->eng);
	br_ssl_engine_set_prf_sha256(&c->eng, br_tls12_sha256_prf);
	br_ssl_engine_set_prf_sha384(&c->eng, br_tls12_sha384_prf);
	br_ssl_engine_set_default_aes_gcm(&c->eng);
	br_ssl_engine_set_default_chapol(&c->eng);
	br_ssl_engine_add_flags(&c->eng, BR_OPT_NO_RENEGOTIATION);
	br_x509_minimal_init(x, &br_sha256_vtable, anchors->list, anchors->nr);
	br_x509_minimal_set_rsa(x, br_ssl_engine_get_rsavrfy(&c->eng));
	br_x509_minimal_set_ecdsa(x, br_ssl_engine_get_ec(&c->eng),
				  br_ssl_engine_get_ecdsa(&c->eng));
	set_up_hashes(c, x);
	tls->judge.vtable = &judge_class;
	br_ssl_engine_set_x509(&c->eng, &tls->judge.vtable);
	br_ssl_engine_set_buffer(&c->eng, tls->buf, sizeof(tls->buf), 1);
}

/* Days since the year 0, as BearSSL counts them. */
#define DAYS_TO_1970 719528

static void set_time(struct atr_tls *tls, uint64_t unix_s)
{
	br_x509_minimal_set_time(&tls->judge.minimal, (uint32_t)(unix_s / 86400) + DAYS_TO_1970,
				 (uint32_t)(unix_s % 86400));
}

static bool seed(struct atr_tls *tls, const struct atr_io *io)
{
	unsigned char bytes[48];
	ssize_t n = syscall(SYS_getrandom, bytes, sizeof(bytes), 0);
	int fd;

	if (n != sizeof(bytes)) { /* before Linux 3.17 */
		fd = io->open("/dev/urandom", O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? -1 : io->read(fd, bytes, sizeof(bytes));
		if (fd >= 0)
			io->close(fd);
	}
	if (n != sizeof(bytes))
		return false;
	br_ssl_engine_inject_entropy(&tls->client.eng, bytes, sizeof(bytes));
	return true;
}

static void show_identity(br_ssl_client_context *c, const struct atr_identity *i)
{
	if (br_skey_decoder_key_type(&i->key) == BR_KEYTYPE_RSA)
		br_ssl_client_set_single_rsa(c, i->chain, i->nr, br_skey_decoder_get_rsa(&i->key),
					     br_rsa_pkcs1_sign_get_default());
	else
		br_ssl_client_set_single_ec(c, i->chain, i->nr, br_skey_decoder_get_ec(&i->key),
					    BR_KEYTYPE_KEYX | BR_KEYTYPE_SIGN,
					    (unsigned)i->issuer_key_type, br_ec_get_default(),
					    br_ecdsa_sign_asn1_get_default());
}

/* ---- moving bytes ------------------------------------------------------------------------------ */

/* Moves records until the engine is in one of these states; false: it never will be. */
static bool drive(struct atr_tls *tls, unsigned until)
{
	br_ssl_engine_context *e = &tls->client.eng;

	for (;;) {
		unsigned state = br_ssl_engine_current_state(e);
		unsigned char *at;
		size_t len;
		ssize_t n;

		if (state & BR_SSL_CLOSED)
			return false;
		if (state & BR_SSL_SENDREC) {
			at = br_ssl_engine_sendrec_buf(e, &len);
			if (!tls->raw->send(tls->raw->at, (struct atr_str){ (char *)at, len }))
				return false;
			br_ssl_engine_sendrec_ack(e, len);
		} else if (state & until) {
			return true;
		} else if (state & BR_SSL_RECVREC) {
			at = br_ssl_engine_recvrec_buf(e, &len);
			n = tls->raw->receive(tls->raw->at, (char *)at, len);
			if (n <= 0)
				return false;
			br_ssl_engine_recvrec_ack(e, (size_t)n);
		} else {
			return false; /* it wants to be read where we write: an answer too early */
		}
	}
}

bool atr_tls_send(struct atr_tls *tls, const struct atr_pipe *raw, struct atr_str bytes)
{
	br_ssl_engine_context *e = &tls->client.eng;

	tls->raw = raw;
	while (bytes.len) {
		unsigned char *at;
		size_t len;

		if (!drive(tls, BR_SSL_SENDAPP))
			return false;
		at = br_ssl_engine_sendapp_buf(e, &len);
		len = len < bytes.len ? len : bytes.len;
		memcpy(at, bytes.at, len);
		br_ssl_engine_sendapp_ack(e, len);
		bytes.at += len;
		bytes.len -= len;
	}
	br_ssl_engine_flush(e, 0);
	return drive(tls, BR_SSL_SENDAPP | BR_SSL_RECVAPP);
}

ssize_t atr_tls_receive(struct atr_tls *tls, const struct atr_pipe *raw, char *buf, size_t cap)
{
	br_ssl_engine_context *e = &tls->client.eng;
	unsigned char *at;
	size_t len;

	tls->raw = raw;
	if (!drive(tls, BR_SSL_RECVAPP))
		return br_ssl_engine_current_state(e) & BR_SSL_CLOSED &&
				       !br_ssl_engine_last_error(e) ?
			       0 :
			       -1;
	at = br_ssl_engine_recvapp_buf(e, &len);
	len = len < cap ? len : cap;
	memcpy(buf, at, len);
	br_ssl_engine_recvapp_ack(e, len);
	return (ssize_t)len;
}

/* ---- the handshake ----------------------------------------------------------------------------- */

static const char *words_for(int error)
{
	switch (error) {
	case BR_ERR_OK:
		return "the connection ended in the handshake";
	case BR_ERR_X509_NOT_TRUSTED:
		return "the server's certificate is not signed by one that is trusted";
	case BR_ERR_X509_EXPIRED:
		return "the server's certificate is expired, or not valid yet";
	case BR_ERR_X509_BAD_SERVER_NAME:
		return "the server's certificate is for another name";
	case BR_ERR_NO_CLIENT_AUTH:
		return "the server asks for a client's certificate that it would accept";
	case BR_ERR_RECV_FATAL_ALERT + 40:
		return "the server refused the handshake (no TLS 1.2, or no client's certificate)";
	case BR_ERR_RECV_FATAL_ALERT + 70:
		return "the server does not speak TLS 1.2";
	case BR_ERR_RECV_FATAL_ALERT + 42:
	case BR_ERR_RECV_FATAL_ALERT + 43:
	case BR_ERR_RECV_FATAL_ALERT + 45:
	case BR_ERR_RECV_FATAL_ALERT + 46:
	case BR_ERR_RECV_FATAL_ALERT + 48:
	case BR_ERR_RECV_FATAL_ALERT + 49:
	case BR_ERR_RECV_FATAL_ALERT + 116:
		return "the server does not accept the client's certificate";
	case BR_ERR_UNKNOWN_TYPE:
	case BR_ERR_BAD_VERSION:
	case BR_ERR_UNSUPPORTED_VERSION:
		return "what answers does not speak TLS";
	default:
		if (error >= BR_ERR_X509_INVALID_VALUE && error <= BR_ERR_X509_NOT_TRUSTED)
			return "the server's certificate cannot be used";
		return "the TLS handshake failed";
	}
}

static const char *read_anchors(const struct atr_tls_options *options, struct atr_room *room,
				struct atr_anchors *anchors)
{
	for (const char *const *file = options->ca_files; *file; file++)
		if (atr_anchors_read(options->io, *file, room, anchors))
			return anchors->nr ?
				       NULL :
				       "there is no certificate in the file of those to trust";
	return "the file of certificates to trust cannot be opened";
}

/* NULL: it is done. */
static const char *shake_hands(struct atr_tls *tls, const struct atr_tls_options *options,
			       const struct atr_pipe *raw, struct atr_room *room, bool *is_final)
{
	struct atr_identity *identity = atr_room_take(room, sizeof(*identity));
	struct atr_anchors anchors;
	const char *why = read_anchors(options, room, &anchors);
	int error;

	*is_final = true;
	if (!why && !identity)
		why = "there is no memory";
	if (!why && options->certificate)
		why = atr_identity_read(options->io, options->certificate, options->key, room,
					identity);
	if (why)
		return why;
	set_up(tls, &anchors);
	set_time(tls, options->unix_s);
	tls->judge.options = options;
	tls->protocol = options->protocol;
	if (options->certificate)
		show_identity(&tls->client, identity);
	if (!seed(tls, options->io))
		return "there are no random numbers";
	if (options->protocol)
		br_ssl_engine_set_protocol_names(&tls->client.eng, (const char **)&tls->protocol,
						 1);
	if (!br_ssl_client_reset(&tls->client, options->is_address ? NULL : options->host, 0))
		return "the TLS handshake failed";
	tls->raw = raw;
	if (drive(tls, BR_SSL_SENDAPP | BR_SSL_RECVAPP))
		return NULL;
	error = br_ssl_engine_last_error(&tls->client.eng);
	*is_final = error != BR_ERR_OK && error != BR_ERR_IO;
	return words_for(error);
}

struct atr_tls *atr_tls_open(const struct atr_tls_options *options, const struct atr_pipe *raw,
			     const char **why, bool *is_final)
{
	struct atr_room own, handshake;
	struct atr_tls *tls;

	*why = "there is no memory";
	*is_final = false;
	if (!atr_room_map(&own, sizeof(*tls) + 64))
		return NULL;
	tls = atr_room_take(&own, sizeof(*tls));
	tls->room = own;
	if (atr_room_map(&handshake, HANDSHAKE_LEN)) {
		*why = shake_hands(tls, options, raw, &handshake, is_final);
		atr_room_unmap(&handshake);
	}
	if (!*why)
		return tls;
	atr_tls_free(tls);
	return NULL;
}

void atr_tls_free(struct atr_tls *tls)
{
	struct atr_room room = tls->room;

	atr_room_unmap(&room);
}
