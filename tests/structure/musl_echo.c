/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP request to a server in a thread of the same program; prints the answer's first line,
 * and fails when a byte but those of an added trace header is not as sent.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST "GET /echo HTTP/1.1\r\nHost: localhost\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static char heard[4096];

static void *serve(void *arg)
{
	int fd = accept(*(int *)arg, NULL, NULL);
	size_t len = 0;
	ssize_t n;

	while (!strstr(heard, "\r\n\r\n") && (n = read(fd, heard + len, sizeof(heard) - 1 - len)) > 0)
		len += (size_t)n;
	if (write(fd, ANSWER, sizeof(ANSWER) - 1) < 0)
		return NULL;
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t to_len = sizeof(to);
	char answer[256] = "";
	size_t len = 0;
	pthread_t server;
	ssize_t n;
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(listener, (struct sockaddr *)&to, sizeof(to)) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&to, &to_len) ||
	    pthread_create(&server, NULL, serve, &listener) ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return 2;
	if (send(fd, REQUEST "\r\n", sizeof(REQUEST "\r\n") - 1, 0) != sizeof(REQUEST "\r\n") - 1)
		return 3;
	while ((n = recv(fd, answer + len, sizeof(answer) - 1 - len, 0)) > 0)
		len += (size_t)n;
	pthread_join(server, NULL);
	if (strcmp(answer, ANSWER) || strncmp(heard, REQUEST, sizeof(REQUEST) - 1))
		return 4;
	printf("%.15s\n", answer);
	if (argc > 1) /* seconds that it lives on */
		sleep((unsigned)atoi(argv[1]));
	return 0;
}
