/* SPDX-License-Identifier: Apache-2.0 */

/*
 * tls_odd PORT: what may happen in a TLS session besides reading and writing. What every call
 * says is printed, with what OpenSSL has to say of it.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static SSL_CTX *context;
static SSL *ssl;
static int fd;
static SSL_SESSION *saved;

static void said(const char *what, long result)
{
	int error = SSL_get_error(ssl, (int)result);
	unsigned long queued = ERR_get_error();

	printf("%s: %ld, error %d, queued %s\n", what, result, error,
	       queued ? ERR_reason_error_string(queued) : "none");
	ERR_clear_error();
}

static void prepare(const char *port, int version)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)atoi(port)),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		exit(1);
	if (!ssl)
		ssl = SSL_new(context);
	SSL_set_min_proto_version(ssl, version);
	SSL_set_max_proto_version(ssl, version);
	if (saved)
		SSL_set_session(ssl, saved);
	SSL_set_fd(ssl, fd);
}

static void begin(const char *port, int version)
{
	prepare(port, version);
	said("connect", SSL_connect(ssl));
	printf("resumed: %d\n", SSL_session_reused(ssl));
}

static void ask(const char *path)
{
	char text[200];

	said("write",
	     SSL_write(ssl, text, sprintf(text, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path)));
}

static void hear(void)
{
	char got[1000];
	int n;

	said("peek", n = SSL_peek(ssl, got, 12));
	printf("%.*s\n", n > 0 ? n : 0, got);
	said("read", n = SSL_read(ssl, got, sizeof(got)));
	printf("%.*s\n", n > 0 ? n : 0, got);
}

/* Each time from somewhere else: while hands are being shaken nothing is kept of a write. */
static void write_until_it_is_taken(const char *text)
{
	int flags = fcntl(fd, F_GETFL), len = (int)strlen(text), n;

	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	do {
		char *copy = strdup(text);

		n = SSL_write(ssl, copy, len);
		memset(copy, '#', strlen(text));
		free(copy);
		usleep(1000);
	} while (n < 0 && SSL_want_read(ssl));
	fcntl(fd, F_SETFL, flags);
	said("write that shakes hands", n);
}

/* As node does: from what OpenSSL calls when hands are shaken, amid the call that shakes them. */
static void asks_when_done(const SSL *session, int where, int result)
{
	(void)session;
	(void)result;
	if (where & SSL_CB_HANDSHAKE_DONE)
		ask("/ok?10");
}

static void end(void)
{
	SSL_free(ssl);
	ssl = NULL;
	close(fd);
}

static void ask_and_hear_by(BIO *bio)
{
	char got[1000];
	int n;

	printf("puts: %d\n", BIO_puts(bio, "GET /ok?bio HTTP/1.1\r\nHost: h\r\n\r\n"));
	n = BIO_read(bio, got, sizeof(got));
	printf("reads: %d %.*s\n", n, n > 0 ? n : 0, got);
}

/* OpenSSL's own connections, which read and write from within. */
static void ask_by_bio(const char *port)
{
	BIO *bio = BIO_new_ssl_connect(context);

	BIO_set_conn_hostname(bio, "127.0.0.1");
	BIO_set_conn_port(bio, port);
	printf("connects: %ld\n", BIO_do_connect(bio));
	for (int i = 0; i < 2; i++)
		ask_and_hear_by(bio);
	BIO_free_all(bio);
}

/* Hands are shaken by a call that is seen, and all else is said within OpenSSL, as Tcl's tls does. */
static void ask_by_bio_of_its_own(const char *port, int version)
{
	BIO *bio = BIO_new(BIO_f_ssl());

	begin(port, version);
	BIO_set_ssl(bio, ssl, BIO_NOCLOSE);
	ask_and_hear_by(bio);
	ask_and_hear_by(bio);
	BIO_free(bio);
	end();
}

/* Nothing is asked, which is nothing to tell of. */
static void only_shake_hands(const char *port, int version)
{
	begin(port, version);
	said("shutdown", SSL_shutdown(ssl));
	said("shutdown again", SSL_shutdown(ssl));
	end();
}

int main(int argc, char **argv)
{
	char rest[10];
	int n;

	(void)argc;
	signal(SIGPIPE, SIG_IGN);
	context = SSL_CTX_new(TLS_client_method());
	begin(argv[1], TLS1_3_VERSION);
	SSL_free(NULL); /* which is nobody's end */
	ask("/ok?1");
	hear();
	said("key update", SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED));
	ask("/ok?2");
	hear();
	/* half-closed: it says no more, and is answered */
	ask("/ok?3");
	said("shutdown", SSL_shutdown(ssl));
	hear();
	said("write after that", SSL_write(ssl, "x", 1));
	saved = SSL_get1_session(ssl);
	end();

	begin(argv[1], TLS1_3_VERSION);
	ask("/ok?4");
	hear();
	/* the same object once more, for another connection */
	SSL_shutdown(ssl);
	close(fd);
	said("clear", SSL_clear(ssl));
	begin(argv[1], TLS1_3_VERSION);
	ask("/ok?5");
	hear();
	end();

	saved = NULL;
	begin(argv[1], TLS1_2_VERSION);
	ask("/ok?6");
	hear();
	said("renegotiate", SSL_renegotiate(ssl));
	said("handshake", SSL_do_handshake(ssl) > 0);
	end();

	prepare(argv[1], TLS1_3_VERSION);
	SSL_set_connect_state(ssl);
	write_until_it_is_taken("GET /ok?8 HTTP/1.1\r\nHost: h\r\n\r\n");
	hear();
	ask("/ok?9");
	hear();
	end();

	prepare(argv[1], TLS1_2_VERSION);
	SSL_set_info_callback(ssl, asks_when_done);
	said("connect and ask", SSL_connect(ssl));
	SSL_set_info_callback(ssl, NULL);
	hear();
	ask("/ok?11");
	hear();
	end();

	ask_by_bio(argv[1]);
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		ask_by_bio_of_its_own(argv[1], version);
		only_shake_hands(argv[1], version);
	}

	/* cut off below TLS, and what was never connected */
	begin(argv[1], TLS1_3_VERSION);
	ask("/ok?7");
	hear();
	shutdown(fd, SHUT_RDWR);
	said("read of what was cut off", n = SSL_read(ssl, rest, sizeof(rest)));
	end();
	ssl = SSL_new(context);
	said("write before all", SSL_write(ssl, "GET ", 4));
	said("read before all", SSL_read(ssl, rest, sizeof(rest)));
	SSL_free(ssl);
	SSL_free(NULL);
	return 0;
}
