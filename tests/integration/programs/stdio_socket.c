/* SPDX-License-Identifier: Apache-2.0 */
/* Streams on a socket: fprintf and fgets, fileno, ferror, a seek that fails, and closing it. */
#include "net.h"

int main(int argc, char **argv)
{
	int fd = argc > 1 ? connect_to(argv[1]) : -1;
	FILE *stream = fdopen(fd, "r+");
	char line[200];

	say("same descriptor", fileno(stream) == fd);
	say("fprintf", fprintf(stream, "GET /ok HTTP/1.1\r\n"));
	say("fputs", fputs("Host: h\r\n", stream) >= 0);
	fprintf(stream, "Connection: %s\r\n\r\n", "close");
	say("fflush", fflush(stream));
	while (fgets(line, sizeof(line), stream))
		printf("%s", line);
	say("feof", feof(stream) != 0);
	say("ferror", ferror(stream) != 0);
	say("fseek", fseek(stream, 0, SEEK_SET));
	say("fclose", fclose(stream));
	say("close", close(fd));
	return 0;
}
