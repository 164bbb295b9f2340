/* SPDX-License-Identifier: Apache-2.0 */

/*
 * tls_writes PORT MODES MOST: requests over TLS, through a BIO that takes at most MOST bytes in a
 * call and says between any two that it takes none now. MODES: `partial`, `moving`, both
 * (`partial,moving`), or `none`, `ex` to call the _ex forms. What is written again is written from
 * where the mode demands it: the same place, or always another.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fd;
static int most;
static bool refuse_next, is_partial, is_moving, is_ex;

static int narrow_write(BIO *bio, const char *bytes, int len)
{
	int n;

	BIO_clear_retry_flags(bio);
	if (refuse_next) {
		refuse_next = false;
		BIO_set_retry_write(bio);
		return -1;
	}
	n = (int)send(fd, bytes, (size_t)(len < most ? len : most), MSG_NOSIGNAL);
	refuse_next = true;
	return n;
}

static int narrow_read(BIO *bio, char *bytes, int len)
{
	BIO_clear_retry_flags(bio);
	return (int)recv(fd, bytes, (size_t)len, 0);
}

static long narrow_ctrl(BIO *bio, int what, long n, void *at)
{
	(void)bio;
	(void)n;
	(void)at;
	return what == BIO_CTRL_FLUSH;
}

static int narrow_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

static BIO *narrow(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "narrow");

	BIO_meth_set_write(method, narrow_write);
	BIO_meth_set_read(method, narrow_read);
	BIO_meth_set_ctrl(method, narrow_ctrl);
	BIO_meth_set_create(method, narrow_create);
	return BIO_new(method);
}

static void die(const char *what)
{
	printf("%s: %s\n", what, ERR_reason_error_string(ERR_peek_last_error()));
	exit(1);
}

/* One write; how many bytes, 0: it is to be made again. */
static size_t write_once(SSL *ssl, const char *bytes, size_t len)
{
	size_t n = 0;
	int result;

	ERR_clear_error();
	if (is_ex) {
		result = SSL_write_ex(ssl, bytes, len, &n);
	} else {
		result = SSL_write(ssl, bytes, (int)len);
		n = result > 0 ? (size_t)result : 0;
	}
	if (result > 0)
		return n;
	if (SSL_get_error(ssl, result) != SSL_ERROR_WANT_WRITE)
		die("write");
	if (ERR_peek_error())
		die("an error is left behind");
	return 0;
}

static void write_all(SSL *ssl, const char *text, size_t len)
{
	char *bytes = memcpy(malloc(len), text, len);
	size_t done = 0;

	while (done < len) {
		size_t n = write_once(ssl, bytes + done, len - done);

		if (n && !is_partial && n != len)
			die("a part was taken");
		if (n > len - done)
			die("more was taken than there is");
		done += n;
		if (is_moving) {
			char *other = memcpy(malloc(len), bytes, len);

			memset(bytes, '#', len);
			free(bytes);
			bytes = other;
		}
	}
	free(bytes);
}

static void read_answers(SSL *ssl, int nr)
{
	static char got[1 << 20];
	size_t len = 0;
	int n, seen = 0;

	while (seen < nr && (n = SSL_read(ssl, got + len, (int)(sizeof(got) - len))) > 0) {
		len += (size_t)n;
		seen = 0;
		for (char *at = got;
		     (at = memmem(at, len - (size_t)(at - got), "HTTP/1.1 200", 12)); at++)
			seen++;
	}
	printf("%d answers\n", seen);
}

static void post(SSL *ssl, const char *fields, size_t body_len)
{
	char *text = malloc(body_len + 4096 + strlen(fields));
	int head =
		sprintf(text, "POST /ok?%zu HTTP/1.1\r\nHost: h\r\n%sContent-Length: %zu\r\n\r\n",
			body_len, fields, body_len);

	memset(text + head, 'b', body_len);
	write_all(ssl, text, (size_t)head + body_len);
	free(text);
	read_answers(ssl, 1);
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)atoi(argv[1])),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	static const char two[] =
		"GET /ok?a HTTP/1.1\r\nHost: h\r\n\r\nGET /ok?b HTTP/1.1\r\nHost: h\r\n\r\n";
	static char fields[20000];
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);
	int result;

	is_partial = strstr(argv[2], "partial");
	is_moving = strstr(argv[2], "moving");
	is_ex = strstr(argv[2], "ex");
	most = argc > 3 ? atoi(argv[3]) : 100;
	SSL_set_mode(ssl, (is_partial ? SSL_MODE_ENABLE_PARTIAL_WRITE : 0) |
				  (is_moving ? SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER : 0));
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		return 1;
	BIO *bio = narrow();
	BIO_up_ref(bio);
	SSL_set_bio(ssl, bio, bio);
	while ((result = SSL_connect(ssl)) <= 0)
		if (SSL_get_error(ssl, result) != SSL_ERROR_WANT_WRITE)
			die("connect");
	post(ssl, "", 10);
	post(ssl, "", 100000);
	for (int i = 0; i < 199; i++)
		sprintf(fields + i * 91, "X-%03d: %082d\r\n", i, i);
	post(ssl, fields, 50000);
	write_all(ssl, two, sizeof(two) - 1);
	read_answers(ssl, 2);
	/* a head that comes in three parts, its last with its body */
	write_all(ssl, "POST /ok?c HTTP/1.1\r\nHo", 23);
	write_all(ssl, "st: h\r\nContent-Length: 3\r", 25);
	write_all(ssl, "\n\r\nabc", 6);
	read_answers(ssl, 1);
	SSL_free(ssl);
	close(fd);
	return 0;
}
