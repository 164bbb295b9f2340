/* SPDX-License-Identifier: Apache-2.0 */

/* openssl_ends: see tls_ends.h; by OpenSSL. */
#include "tls_ends.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static SSL_CTX *context;
static SSL *ssl;

static void said(const char *what, int result)
{
	int error = SSL_get_error(ssl, result);
	unsigned long queued = ERR_get_error();

	printf("%s: %d, error %d, queued %s\n", what, result, error,
	       queued ? ERR_reason_error_string(queued) : "none");
	ERR_clear_error();
}

static bool begin(int fd, bool is_server)
{
	int result;

	context = SSL_CTX_new(TLS_method());
	if (has("old"))
		SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_load_verify_locations(context, file("ca.pem"), NULL);
	if (is_server) {
		SSL_CTX_set_options(context, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
		SSL_CTX_use_certificate_chain_file(context, file("cert.pem"));
		SSL_CTX_use_PrivateKey_file(context, file("key.pem"), SSL_FILETYPE_PEM);
		if (has("demand"))
			SSL_CTX_set_verify(context,
					   SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	} else {
		SSL_CTX_set_verify(context, has("look") ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	}
	ssl = SSL_new(context);
	SSL_set_fd(ssl, fd);
	if (!is_server) {
		SSL_set_tlsext_host_name(ssl, "localhost");
		SSL_set1_host(ssl, "localhost");
	}
	result = is_server ? SSL_accept(ssl) : SSL_connect(ssl);
	said("handshake", result);
	if (result == 1 && has("look")) {
		/* as node does: it looks at the certificate afterwards */
		printf("verified: %ld\n", SSL_get_verify_result(ssl));
		return SSL_get_verify_result(ssl) == X509_V_OK;
	}
	return result == 1;
}

static bool say(const char *text)
{
	int result = SSL_write(ssl, text, (int)strlen(text));

	said("write", result);
	return result > 0;
}

static int hear(char *out, size_t len)
{
	int result = SSL_read(ssl, out, (int)len);

	said("read", result > 0 ? 1 : result);
	return result;
}

static void renegotiate(bool is_server)
{
	printf("renegotiate: %d\n", SSL_renegotiate(ssl));
	said("handshake", SSL_do_handshake(ssl));
	if (is_server) {
		char byte;

		/* it has asked for it: what the client does comes before anything else */
		SSL_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
		said("peek", SSL_peek(ssl, &byte, 1));
		SSL_set_mode(ssl, SSL_MODE_AUTO_RETRY);
	}
}

static void update(void)
{
	printf("update: %d\n", SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED));
}

static void shut(void)
{
	said("shutdown", SSL_shutdown(ssl));
}

static void end(void)
{
	SSL_free(ssl);
	SSL_CTX_free(context);
}
