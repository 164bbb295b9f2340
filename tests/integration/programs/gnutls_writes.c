/* SPDX-License-Identifier: Apache-2.0 */

/*
 * gnutls_writes PORT HOW MOST: requests by GnuTLS, with push and pull functions of its own of which
 * the first takes at most MOST bytes in a call and says between any two that it takes none now.
 * HOW: `same`, what is written again is; `null`, it is said by nothing; `cork`, each request is
 * corked, and sent by uncork; `record`, by gnutls_record_send2.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fd, most;
static bool refuse_next;
static const char *how;
static gnutls_session_t session;

static ssize_t push(gnutls_transport_ptr_t unused, const void *bytes, size_t len)
{
	(void)unused;
	if (refuse_next) {
		refuse_next = false;
		gnutls_transport_set_errno(session, EAGAIN);
		return -1;
	}
	refuse_next = true;
	return send(fd, bytes, len < (size_t)most ? len : (size_t)most, MSG_NOSIGNAL);
}

static ssize_t pull(gnutls_transport_ptr_t unused, void *bytes, size_t len)
{
	(void)unused;
	return recv(fd, bytes, len, 0);
}

static int wait_for(gnutls_transport_ptr_t unused, unsigned ms)
{
	(void)unused;
	(void)ms;
	return 1;
}

static void die(const char *what, ssize_t result)
{
	printf("%s: %s\n", what, gnutls_strerror((int)result));
	exit(1);
}

static ssize_t send_once(const char *bytes, size_t len)
{
	return !strcmp(how, "record") ? gnutls_record_send2(session, bytes, len, 0, 0) :
					gnutls_record_send(session, bytes, len);
}

static void write_all(const char *text, size_t len)
{
	size_t done = 0;

	while (done < len) {
		char *bytes = memcpy(malloc(len - done), text + done, len - done);
		ssize_t n = send_once(bytes, len - done);

		if (!strcmp(how, "null")) {
			/* GnuTLS has a copy of what it took */
			memset(bytes, '#', len - done);
			while (n == GNUTLS_E_AGAIN)
				n = gnutls_record_send(session, NULL, 0);
		}
		while (n == GNUTLS_E_AGAIN)
			n = send_once(bytes, len - done);
		free(bytes);
		if (n <= 0 || (size_t)n > len - done)
			die("send", n);
		done += (size_t)n;
	}
}

static void read_answers(int nr)
{
	static char got[1 << 20];
	size_t len = 0;
	ssize_t n;
	int seen = 0;

	while (seen < nr) {
		n = gnutls_record_recv(session, got + len, sizeof(got) - len);
		if (n < 0 && !gnutls_error_is_fatal((int)n))
			continue;
		if (n <= 0)
			die("recv", n);
		len += (size_t)n;
		seen = 0;
		for (char *at = got;
		     (at = memmem(at, len - (size_t)(at - got), "HTTP/1.1 200", 12)); at++)
			seen++;
	}
	printf("%d answers\n", seen);
}

static void request(const char *text, size_t len, int nr)
{
	int result = 0;

	if (!strcmp(how, "cork"))
		gnutls_record_cork(session);
	write_all(text, len);
	if (!strcmp(how, "cork"))
		while ((result = gnutls_record_uncork(session, 0)) == GNUTLS_E_AGAIN)
			;
	if (result < 0)
		die("uncork", result);
	read_answers(nr);
}

static void post(size_t body_len)
{
	char *text = malloc(body_len + 4096);
	int head = sprintf(text, "POST /ok?%zu HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n",
			   body_len, body_len);

	memset(text + head, 'b', body_len);
	request(text, (size_t)head + body_len, 1);
	free(text);
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)atoi(argv[1])),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	static const char two[] =
		"GET /ok?a HTTP/1.1\r\nHost: h\r\n\r\nGET /ok?b HTTP/1.1\r\nHost: h\r\n\r\n";
	gnutls_certificate_credentials_t credentials;
	int result;

	how = argv[2];
	most = argc > 3 ? atoi(argv[3]) : 100;
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		return 1;
	gnutls_certificate_allocate_credentials(&credentials);
	gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
	gnutls_set_default_priority(session);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_transport_set_push_function(session, push);
	gnutls_transport_set_pull_function(session, pull);
	gnutls_transport_set_pull_timeout_function(session, wait_for);
	while ((result = gnutls_handshake(session)) < 0)
		if (gnutls_error_is_fatal(result))
			die("handshake", result);
	post(10);
	post(100000);
	request(two, sizeof(two) - 1, 2);
	if (strcmp(how, "cork")) {
		write_all("POST /ok?c HTTP/1.1\r\nHo", 23);
		write_all("st: h\r\nContent-Length: 3\r", 25);
	}
	request(strcmp(how, "cork") ?
			"\n\r\nabc" :
			"POST /ok?c HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
		strcmp(how, "cork") ? 6 : 54, 1);
	while (gnutls_bye(session, GNUTLS_SHUT_WR) == GNUTLS_E_AGAIN)
		;
	gnutls_deinit(session);
	close(fd);
	return 0;
}
