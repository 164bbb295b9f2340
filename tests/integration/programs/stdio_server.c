/* SPDX-License-Identifier: Apache-2.0 */
/* stdio_server PORT: reads requests by fgets and answers by fprintf, on one stream or on two. */
#include "net.h"

#include <signal.h>

static void answers(FILE *in, FILE *out)
{
	char line[1000];

	while (fgets(line, sizeof(line), in)) {
		if (strcmp(line, "\r\n") != 0)
			continue;
		fprintf(out, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", 3);
		fputs("ok\n", out);
		fflush(out);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = at_port(argv[argc - 1]);
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 5))
		die("listen");
	signal(SIGPIPE, SIG_IGN);
	for (int nr = 0;; nr++) {
		int fd = accept(listener, NULL, NULL);
		FILE *in = fdopen(fd, nr % 2 ? "r" : "r+");
		FILE *out = nr % 2 ? fdopen(dup(fd), "w") : in;

		answers(in, out);
		if (out != in)
			fclose(out);
		fclose(in);
	}
}
