/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TESTS_NET_H
#define ATR_TESTS_NET_H

/* net: what the small programs of this folder share. Each prints what its calls answered. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define GET "GET /ok HTTP/1.1\r\nHost: h\r\n\r\n"
#define GET_CLOSE "GET /ok HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

/* A call's answer, and errno when it failed. */
static inline long say(const char *what, long n)
{
	if (n < 0)
		printf("%s: %s\n", what, strerror(errno));
	else
		printf("%s: %ld\n", what, n);
	fflush(stdout);
	return n;
}

static inline void die(const char *what)
{
	perror(what);
	exit(1);
}

static inline struct sockaddr_in at_port(const char *port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)atoi(port)),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static inline int connect_to(const char *port)
{
	struct sockaddr_in address = at_port(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("connect");
	return fd;
}

/* Reads until `end` has come or the peer closed; what came, ended by a 0. */
static inline char *read_to(int fd, const char *end)
{
	static char all[1 << 20];
	size_t len = 0;
	ssize_t n;

	all[0] = 0;
	while (!strstr(all, end) && (n = recv(fd, all + len, sizeof(all) - 1 - len, 0)) > 0) {
		len += (size_t)n;
		all[len] = 0;
	}
	return all;
}

/* The origin's answer to a request for /ok. */
#define ANSWER "HTTP/1.1 200 X\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"
#define ANSWER_LEN (sizeof(ANSWER) - 1)

/* Reads as many answers to a GET of /ok, and prints how many came. */
static inline void read_oks(int fd, int nr)
{
	char answer[ANSWER_LEN];
	int got = 0;

	while (got < nr && recv(fd, answer, ANSWER_LEN, MSG_WAITALL) == (ssize_t)ANSWER_LEN &&
	       memcmp(answer, ANSWER, ANSWER_LEN) == 0)
		got++;
	printf("answers: %d\n", got);
}

static inline void read_ok(int fd)
{
	read_oks(fd, 1);
}

/* Descriptors by a message: as many are had as were sent, by recvmmsg where that is asked for. */
#define FDS_MAX 4

static inline void send_fds(int over, const int *fds, unsigned nr)
{
	char byte = 0, room[CMSG_SPACE(FDS_MAX * sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = room,
			      .msg_controllen = CMSG_SPACE(nr * sizeof(int)) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(nr * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, nr * sizeof(int));
	if (sendmsg(over, &msg, 0) != 1)
		die("sendmsg");
}

/* 0: there are none. */
static inline int receive_fds(int over, int *fds, unsigned nr, int by_many)
{
	char byte, room[CMSG_SPACE(FDS_MAX * sizeof(int))] __attribute__((aligned(8)));
	struct iovec iov = { &byte, 1 };
	struct mmsghdr many = { .msg_hdr = { .msg_iov = &iov,
					     .msg_iovlen = 1,
					     .msg_control = room,
					     .msg_controllen = CMSG_SPACE(nr * sizeof(int)) } };
	struct cmsghdr *cmsg;

	if (by_many ? recvmmsg(over, &many, 1, 0, NULL) != 1 : recvmsg(over, &many.msg_hdr, 0) != 1)
		return 0;
	cmsg = CMSG_FIRSTHDR(&many.msg_hdr);
	if (!cmsg || cmsg->cmsg_len != CMSG_LEN(nr * sizeof(int)))
		return 0;
	memcpy(fds, CMSG_DATA(cmsg), nr * sizeof(int));
	return 1;
}

/* A server's part: reads requests without a body from the one and answers them on the other. */
static inline int answer_all(int from, int to)
{
	char room[4096], *end;
	size_t len = 0;
	ssize_t n;

	while ((n = read(from, room + len, sizeof(room) - 1 - len)) > 0) {
		len += (size_t)n;
		room[len] = 0;
		while ((end = strstr(room, "\r\n\r\n"))) {
			len -= (size_t)(end + 4 - room);
			memmove(room, end + 4, len + 1);
			if (write(to, ANSWER, ANSWER_LEN) < 0)
				return 1;
		}
	}
	return 0;
}

#endif
