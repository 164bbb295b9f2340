/* SPDX-License-Identifier: Apache-2.0 */
/* functions_server PORT UPSTREAM: answers each request with what it asked UPSTREAM in its handler. */
#include "functions.h"
#include "net.h"

__attribute__((noinline)) static void serve(int fd)
{
	char head[1024], answer[256];
	ssize_t n = recv(fd, head, sizeof(head), 0);
	int status = n > 0 ? handle("served") : 0;

	snprintf(answer, sizeof(answer),
		 "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n%d\n", status);
	send(fd, answer, strlen(answer), 0);
	close(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address;
	int listening = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (argc < 3)
		return 2;
	functions_port = argv[2];
	address = at_port(argv[1]);
	setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listening, (struct sockaddr *)&address, sizeof(address)) || listen(listening, 8))
		die("listen");
	for (;;)
		serve(accept(listening, NULL, NULL));
}
