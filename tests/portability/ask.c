/* SPDX-License-Identifier: Apache-2.0 */
/* ask PORT: one request, and what came of it. It has one thread and links libc alone. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static const char request[] = "GET /ask HTTP/1.0\r\n\r\n";
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char room[4096];
	ssize_t n;

	to.sin_port = htons((unsigned short)(argc > 1 ? atoi(argv[1]) : 0));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		return 1;
	if (send(fd, request, strlen(request), 0) != (ssize_t)strlen(request))
		return 1;
	while ((n = recv(fd, room, sizeof(room), 0)) > 0)
		if (write(1, room, (size_t)n) != n)
			return 1;
	return n < 0;
}
