/* SPDX-License-Identifier: Apache-2.0 */
/* log_stdio PORT N: a server that says what it does by every function of stdio; and what these returned. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int by_list(FILE *stream, const char *text, ...)
{
	va_list args;
	int n;

	va_start(args, text);
	n = vfprintf(stream, text, args);
	va_end(args);
	return n;
}

static void say(const char *path)
{
	int results[12], nr = 0;
	char longest[5000];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	results[nr++] = printf("serving %s %d %.2f\n", path, 5, 1.5);
	results[nr++] = puts("by puts") >= 0;
	results[nr++] = fputs("by fputs\n", stdout) >= 0;
	results[nr++] = (int)fwrite("{\"by\":\"fwrite\"}\n", 4, 4, stdout);
	results[nr++] = by_list(stdout, "two\nlines %s\n", path);
	printf("in "), printf("parts"), printf("\n");
	putchar('b'), printf("egun by putchar\n");
	results[nr++] = printf("%s\n", longest);
	fflush(stdout);
	results[nr++] = fprintf(stderr, "to stderr\n");
	results[nr++] = dprintf(1, "%s", ""); /* nothing */
	printf("returned");
	for (int i = 0; i < nr; i++)
		printf(" %d", results[i]);
	printf("\n");
	fflush(stdout);
	dprintf(1, "by dprintf %d\n", 1);
}

int main(int argc, char **argv)
{
	static const char answer[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

	if (argc != 3)
		return 2;
	at.sin_port = htons((uint16_t)atoi(argv[1]));
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 8))
		return 1;
	printf("before\n");
	for (int i = 0; i < atoi(argv[2]); i++) {
		char request[2048];
		int fd = accept(listener, NULL, NULL);
		ssize_t n = recv(fd, request, sizeof(request) - 1, 0);

		request[n > 0 ? n : 0] = 0;
		strtok(request, " ");
		say(strtok(NULL, " "));
		send(fd, answer, sizeof(answer) - 1, 0);
		close(fd);
	}
	printf("after\n");
	return 0;
}
