/* SPDX-License-Identifier: Apache-2.0 */

/*
 * tls_early FOLDER: a client and its server, in two processes. The first session is one as any
 * other; in the second the first request is early data, which the server answers before hands are
 * shaken. What both said and heard is printed by the client; the certificate is FOLDER/cert.pem.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>

#define REQUEST(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

static void must(int is_so, const char *what)
{
	if (is_so)
		return;
	printf("%s: failed\n", what);
	ERR_print_errors_fp(stdout);
	exit(1);
}

/* Says what it heard, without the header that may be in it; and whether one was. */
static int hear(const char *who, SSL *ssl)
{
	char got[2000];
	int n = SSL_read(ssl, got, sizeof(got) - 1);

	must(n > 0, who);
	got[n] = 0;
	printf("%s heard %.*s\n", who, (int)strcspn(got, "\r"), got);
	return strstr(got, "traceparent") != NULL;
}

static void answer(SSL *ssl, const char *text)
{
	char all[200];

	must(SSL_write(ssl, all,
		       sprintf(all, "HTTP/1.1 200 %s\r\nContent-Length: 0\r\n\r\n", text)) > 0,
	     "answer");
}

static void serve(SSL_CTX *context, int listener)
{
	static const char early_answer[] = "HTTP/1.1 200 early\r\nContent-Length: 0\r\n\r\n";
	size_t n, written;
	char got[2000];

	for (int i = 0; i < 2; i++) {
		SSL *ssl = SSL_new(context);
		int fd = accept(listener, NULL, NULL), result;

		SSL_set_fd(ssl, fd);
		while ((result = SSL_read_early_data(ssl, got, sizeof(got), &n)) == 1) {
			printf("server heard early %.*s\n", (int)strcspn(got, "\r"), got);
			must(SSL_write_early_data(ssl, early_answer, strlen(early_answer),
						  &written),
			     "early answer");
		}
		must(result == SSL_READ_EARLY_DATA_FINISH, "early data");
		must(SSL_accept(ssl), "accept");
		hear("server", ssl);
		answer(ssl, "late");
		SSL_read(ssl, got, 1); /* until the client ends it */
		SSL_free(ssl);
		close(fd);
	}
	fflush(stdout);
	_exit(0);
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(to);
	SSL_CTX *context = SSL_CTX_new(TLS_method());
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	SSL_SESSION *session = NULL;
	size_t written;
	char path[500];
	pid_t server;

	snprintf(path, sizeof(path), "%s/both.pem", argc > 1 ? argv[1] : ".");
	must(SSL_CTX_use_certificate_chain_file(context, path) &&
		     SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM),
	     path);
	SSL_CTX_set_options(context, SSL_OP_NO_ANTI_REPLAY);
	SSL_CTX_set_max_early_data(context, 60);
	SSL_CTX_set_session_id_context(context, (const unsigned char *)"e", 1);
	must(!bind(listener, (struct sockaddr *)&to, len) && !listen(listener, 5), "listen");
	getsockname(listener, (struct sockaddr *)&to, &len);
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	server = fork();
	if (!server)
		serve(context, listener);
	for (int i = 0; i < 2; i++) {
		SSL *ssl = SSL_new(context);
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		must(!connect(fd, (struct sockaddr *)&to, sizeof(to)), "connect");
		SSL_set_fd(ssl, fd);
		if (session) {
			SSL_set_session(ssl, session);
			SSL_set_connect_state(ssl);
			must(SSL_write_early_data(ssl, REQUEST("/early"), strlen(REQUEST("/early")),
						  &written),
			     "early request");
			printf("early: %zu\n", written);
		}
		must(SSL_connect(ssl), "handshake");
		must(SSL_write(ssl, REQUEST("/late"), (int)strlen(REQUEST("/late"))) > 0,
		     "request");
		if (session)
			hear("client", ssl);
		hear("client", ssl);
		printf("early data: %d\n", SSL_get_early_data_status(ssl));
		SSL_SESSION_free(session);
		session = SSL_get1_session(ssl);
		SSL_shutdown(ssl);
		SSL_free(ssl);
		close(fd);
	}
	waitpid(server, NULL, 0);
	return 0;
}
