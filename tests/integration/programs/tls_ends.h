/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TESTS_PROGRAMS_TLS_ENDS_H
#define ATR_TESTS_PROGRAMS_TLS_ENDS_H

/*
 * What openssl_ends and gnutls_ends share: both ends of TLS sessions that end in all kinds of ways,
 * or change in the middle. Each says what every call of its library gave.
 *
 *	PROGRAM client PORT FOLDER HOW...
 *	PROGRAM server PORT FOLDER HOW...
 *
 * FOLDER has ca.pem, which a client trusts, and what a server shows: cert.pem and key.pem. HOW:
 *
 *	old           no TLS above 1.2
 *	demand        the server demands a certificate of the client
 *	renegotiate   hands are shaken anew, between two requests; by who has it
 *	update        keys are made anew, between two requests; by who has it
 *	cut           the answer is shorter than it said, and the connection is closed without a word
 *	open          it ends with the connection, which is closed without a word
 *	closed        the same, and closed as it is to be
 *	twice         the client asks twice, as it does where something changes on its side
 *	look          it looks at the certificate after the handshake
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the program has of its library. All print what it said. */
static bool begin(int fd, bool is_server); /* hands are shaken; false: in vain */
static bool say(const char *text);
static int hear(char *out, size_t len); /* how many bytes; not above 0: the end */
static void renegotiate(bool is_server);
static void update(void);
static void shut(void);
static void end(void); /* before the descriptor is closed */

static char **how;
static const char *folder;

static inline bool has(const char *what)
{
	for (char **one = how; *one; one++)
		if (!strcmp(*one, what))
			return true;
	return false;
}

static inline const char *file(const char *name)
{
	static char path[4][500];
	static int which;

	which = (which + 1) % 4;
	snprintf(path[which], sizeof(path[0]), "%s/%s", folder, name);
	return path[which];
}

/* All that comes until the text is there; false: the end was first. */
static bool hear_up_to(const char *text)
{
	char got[4096];
	size_t len = 0;
	int n;

	while ((n = hear(got + len, sizeof(got) - len - 1)) > 0) {
		len += (size_t)n;
		got[len] = 0;
		if (strstr(got, text))
			return true;
	}
	return false;
}

static void change(bool is_server)
{
	if (has("renegotiate"))
		renegotiate(is_server);
	if (has("update"))
		update();
}

static void be_client(int fd)
{
	bool is_again = has("renegotiate") || has("update") || has("twice");

	if (begin(fd, false) && say("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n") &&
	    hear_up_to(is_again ? "ok\n" : "\n and nothing more") && is_again) {
		change(false);
		if (say("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n"))
			hear_up_to("ok\n");
		shut();
	}
	end();
}

static void be_server(int fd)
{
	static const char whole[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";

	for (int i = 0; (i || begin(fd, true)) && hear_up_to("\r\n\r\n"); i++) {
		if (!i)
			change(true);
		if (has("cut"))
			say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok\n");
		else if (has("open") || has("closed"))
			say("HTTP/1.1 200 OK\r\n\r\nok\n");
		else
			say(whole);
		if (has("closed"))
			shut();
		if (has("cut") || has("open") || has("closed"))
			break;
	}
	end();
}

/* Nothing is left unread, which would make a reset of the end, and one of them the first. */
static void say_goodbye(int fd)
{
	char rest[4096];

	shutdown(fd, SHUT_WR);
	while (recv(fd, rest, sizeof(rest), 0) > 0)
		;
	close(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (argc < 4)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	folder = argv[3];
	how = argv + 4;
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!strcmp(argv[1], "client")) {
		if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
			return 1;
		be_client(fd);
		say_goodbye(fd);
		return 0;
	}
	if (bind(fd, (struct sockaddr *)&to, sizeof(to)) != 0 || listen(fd, 8) != 0)
		return 1;
	for (;;) {
		int peer = accept(fd, NULL, NULL);

		setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		be_server(peer);
		say_goodbye(peer);
	}
}

#endif
