/* SPDX-License-Identifier: Apache-2.0 */
/* stacks_inlined PORT: a request made in functions that the compiler has put into one another. */
#include <algorithm>
#include <arpa/inet.h>
#include <cstdlib>
#include <sys/socket.h>
#include <unistd.h>

#define INLINED __attribute__((always_inline)) static inline

static const char get[] = "GET /inlined HTTP/1.1\r\nHost: h\r\n\r\n";

namespace shop
{
INLINED ssize_t fetch(int fd)
{
	return send(fd, get, sizeof(get) - 1, 0); // SEND
}

INLINED ssize_t order(int fd)
{
	return fetch(fd) + 1; // FETCH
}
} // namespace shop

/* A function of the language's in between. */
static void each(int fd)
{
	int fds[] = { fd };

	std::for_each(
		fds, fds + 1, [](int one) __attribute__((always_inline)) {
			if (shop::order(one) < 0) // ORDER
				exit(1);
		});
}

int main(int argc, char **argv)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in at = {};
	char answer[4096];

	if (argc < 2)
		return 2;
	at.sin_family = AF_INET;
	at.sin_port = htons((uint16_t)atoi(argv[1]));
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)))
		return 1;
	each(fd); // EACH
	return recv(fd, answer, sizeof(answer), 0) > 0 ? 0 : 1;
}
