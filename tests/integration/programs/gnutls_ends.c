/* SPDX-License-Identifier: Apache-2.0 */

/* gnutls_ends: see tls_ends.h; by GnuTLS. */
#include "tls_ends.h"

#include <gnutls/gnutls.h>

static gnutls_certificate_credentials_t credentials;
static gnutls_session_t session;

static void said(const char *what, ssize_t result)
{
	printf("%s: %s", what, result < 0 ? gnutls_strerror_name((int)result) : "good");
	if (result == GNUTLS_E_FATAL_ALERT_RECEIVED)
		printf(", %s", gnutls_alert_get_name(gnutls_alert_get(session)));
	putchar('\n');
}

static int shake_hands(void)
{
	int result;

	do
		result = gnutls_handshake(session);
	while (result < 0 && !gnutls_error_is_fatal(result));
	said("handshake", result);
	if (result < 0)
		gnutls_alert_send_appropriate(session, result);
	return result;
}

static bool begin(int fd, bool is_server)
{
	gnutls_certificate_allocate_credentials(&credentials);
	gnutls_certificate_set_x509_trust_file(credentials, file("ca.pem"), GNUTLS_X509_FMT_PEM);
	gnutls_init(&session, is_server ? GNUTLS_SERVER : GNUTLS_CLIENT);
	gnutls_priority_set_direct(session, has("old") ? "NORMAL:-VERS-ALL:+VERS-TLS1.2" : "NORMAL",
				   NULL);
	if (is_server) {
		gnutls_certificate_set_x509_key_file(credentials, file("cert.pem"), file("key.pem"),
						     GNUTLS_X509_FMT_PEM);
		if (has("demand"))
			gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
	} else {
		gnutls_server_name_set(session, GNUTLS_NAME_DNS, "localhost", 9);
		if (!has("look"))
			gnutls_session_set_verify_cert(session, "localhost", 0);
	}
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_transport_set_int(session, fd);
	if (shake_hands() < 0)
		return false;
	if (has("look")) {
		/* as wget does: it looks at the certificate afterwards */
		unsigned status = 0;

		gnutls_certificate_verify_peers3(session, "localhost", &status);
		printf("status: %x\n", status);
		return !status;
	}
	return true;
}

static bool say(const char *text)
{
	ssize_t result = gnutls_record_send(session, text, strlen(text));

	said("send", result);
	return result > 0;
}

static int hear(char *out, size_t len)
{
	ssize_t result;

	do {
		result = gnutls_record_recv(session, out, len);
		if (result < 0 && result != GNUTLS_E_AGAIN)
			said("recv", result);
		if (result == GNUTLS_E_REHANDSHAKE)
			shake_hands();
	} while (result < 0 && !gnutls_error_is_fatal((int)result));
	if (result >= 0)
		said(result ? "recv" : "end", result);
	return (int)result;
}

static void renegotiate(bool is_server)
{
	if (is_server)
		said("rehandshake", gnutls_rehandshake(session));
	shake_hands();
}

static void update(void)
{
	said("update", gnutls_session_key_update(session, GNUTLS_KU_PEER));
}

static void shut(void)
{
	said("bye", gnutls_bye(session, GNUTLS_SHUT_WR));
}

static void end(void)
{
	gnutls_deinit(session);
	gnutls_certificate_free_credentials(credentials);
}
