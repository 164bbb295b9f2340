/* SPDX-License-Identifier: Apache-2.0 */

/*
 * gnutls_nested PORT PLAIN: a GnuTLS session in whose functions of the program's own, which GnuTLS
 * calls back, other requests are made: in the clear on a socket, by another session, and on the
 * session itself. PORT is that of a server with TLS, PLAIN that of one without.
 */
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *tls_port, *plain_port;
static gnutls_certificate_credentials_t trusting, asking;

/* A session, and what its functions are to do, once, amid its calls. */
struct side {
	gnutls_session_t session;
	int fd;
	const char *ask_in_push, *ask_in_pull, *send_in_pull;
	int nr_answers;
};

static int connect_to(const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)atoi(port)),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		exit(1);
	return fd;
}

static int write_request(char *text, const char *path)
{
	return sprintf(text, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
}

static void ask_in_the_clear(const char *path)
{
	char text[1000];
	int fd = connect_to(plain_port);
	ssize_t n;

	send(fd, text, (size_t)write_request(text, path), MSG_NOSIGNAL);
	n = recv(fd, text, sizeof(text), 0);
	printf("%s in the clear: %.*s\n", path, n > 12 ? 12 : 0, text);
	close(fd);
}

static ssize_t push(gnutls_transport_ptr_t arg, const void *bytes, size_t len)
{
	struct side *side = arg;
	const char *path = side->ask_in_push;

	side->ask_in_push = NULL;
	if (path)
		ask_in_the_clear(path);
	return send(side->fd, bytes, len, MSG_NOSIGNAL);
}

static void ask(struct side *side, const char *path)
{
	char text[1000];
	int len = write_request(text, path);
	ssize_t n = gnutls_record_send(side->session, text, (size_t)len);

	printf("%s: %s\n", path, n == len ? "sent" : gnutls_strerror((int)n));
}

static ssize_t pull(gnutls_transport_ptr_t arg, void *bytes, size_t len)
{
	struct side *side = arg;
	const char *path = side->ask_in_pull, *again = side->send_in_pull;

	side->ask_in_pull = side->send_in_pull = NULL;
	if (path)
		ask_in_the_clear(path);
	if (again)
		ask(side, again);
	return recv(side->fd, bytes, len, 0);
}

static int at_once(gnutls_transport_ptr_t unused, unsigned ms)
{
	(void)unused, (void)ms;
	return 1;
}

static void hear(struct side *side, int nr)
{
	char got[4096];
	size_t len = 0;
	int seen = 0;

	while (seen < nr) {
		ssize_t n = gnutls_record_recv(side->session, got + len, sizeof(got) - len);

		if (n < 0 && !gnutls_error_is_fatal((int)n))
			continue;
		if (n <= 0) {
			printf("%s\n", gnutls_strerror((int)n));
			return;
		}
		len += (size_t)n;
		seen = 0;
		for (char *at = got;
		     (at = memmem(at, len - (size_t)(at - got), "HTTP/1.1 200", 12)); at++)
			seen++;
	}
	printf("%d answers\n", seen);
}

static void begin(struct side *side, gnutls_certificate_credentials_t credentials)
{
	int result;

	side->fd = connect_to(tls_port);
	gnutls_init(&side->session, GNUTLS_CLIENT);
	gnutls_set_default_priority(side->session);
	gnutls_credentials_set(side->session, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_transport_set_ptr(side->session, side);
	gnutls_transport_set_push_function(side->session, push);
	gnutls_transport_set_pull_function(side->session, pull);
	gnutls_transport_set_pull_timeout_function(side->session, at_once);
	while ((result = gnutls_handshake(side->session)) < 0)
		if (gnutls_error_is_fatal(result))
			exit(2);
}

static void end(struct side *side)
{
	gnutls_bye(side->session, GNUTLS_SHUT_WR);
	gnutls_deinit(side->session);
	close(side->fd);
}

/* As who looks up if a certificate was revoked: amid the other session's handshake. */
static int verify(gnutls_session_t session)
{
	struct side other = { 0 };

	(void)session;
	ask_in_the_clear("/verify");
	begin(&other, trusting);
	ask(&other, "/ok?verify");
	hear(&other, 1);
	end(&other);
	return 0;
}

int main(int argc, char **argv)
{
	struct side side = { .ask_in_push = "/amid-hands", .ask_in_pull = "/amid-hands-too" };

	(void)argc;
	tls_port = argv[1];
	plain_port = argv[2];
	gnutls_certificate_allocate_credentials(&trusting);
	gnutls_certificate_allocate_credentials(&asking);
	gnutls_certificate_set_verify_function(asking, verify);
	begin(&side, asking);
	side.ask_in_push = "/push";
	ask(&side, "/ok?a");
	hear(&side, 1);
	ask(&side, "/ok?b");
	side.ask_in_pull = "/pull";
	side.send_in_pull = "/ok?c";
	hear(&side, 2);
	ask(&side, "/ok?d");
	hear(&side, 1);
	end(&side);
	return 0;
}
