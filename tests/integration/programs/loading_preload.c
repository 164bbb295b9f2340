/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library to be preloaded beside ours: its malloc writes to a socket, its constructor and, with
 * $ATR_LATE, its destructor make requests of their own ($ATR_PORT), and it stands in for write, in
 * colours, as some libraries do.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET(path) "GET /ok?" path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

static int told[2] = { -1, -1 };
static __thread int in_malloc;

extern void *__libc_malloc(size_t len);

/* Tells of each allocation, as a profiler does. */
void *malloc(size_t len)
{
	if (told[0] >= 0 && !in_malloc) {
		in_malloc = 1;
		send(told[0], &len, sizeof(len), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (write(told[1], &len, sizeof(len)) < 0)
			in_malloc = 0;
		in_malloc = 0;
	}
	return __libc_malloc(len);
}

ssize_t write(int fd, const void *buf, size_t len)
{
	ssize_t (*next)(int, const void *, size_t) =
		(ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");

	if (fd == 2 && len && getenv("ATR_COLOURS")) {
		next(fd, "\033[31m", 5);
		next(fd, buf, len);
		next(fd, "\033[0m", 4);
		return (ssize_t)len;
	}
	return next(fd, buf, len);
}

static void ask(const char *head, size_t len)
{
	const char *port = getenv("ATR_PORT");
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)atoi(port ? port : "0")),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char answer[1000];

	if (port && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
		if (write(fd, head, len) < 0)
			return;
		while (read(fd, answer, sizeof(answer)) > 0)
			;
	}
	close(fd);
}

__attribute__((constructor)) static void begins(void)
{
	ask(GET("constructor"), sizeof(GET("constructor")) - 1);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, told);
}

__attribute__((destructor)) static void ends(void)
{
	if (getenv("ATR_LATE"))
		ask(GET("destructor"), sizeof(GET("destructor")) - 1);
}
