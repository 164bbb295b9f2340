/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stdio_client PORT HOW: one or more requests by libc's own ways to write and read a descriptor,
 * most of which make their system calls below every name that can be answered for.
 */
#include "net.h"

#include <signal.h>
#include <stdarg.h>
#include <wchar.h>

static const char *port;

static FILE *stream_of(int fd, const char *mode)
{
	FILE *stream = fdopen(fd, mode);

	if (!stream)
		die("fdopen");
	return stream;
}

static void read_by_fgets(FILE *stream)
{
	char line[200];
	int lines = 0;

	while (fgets(line, sizeof(line), stream) && ++lines)
		if (strcmp(line, "ok\n") == 0)
			break;
	say("lines", lines);
}

static void head(FILE *stream, const char *method, const char *more)
{
	say("fprintf", fprintf(stream, "%s /ok HTTP/1.%d\r\n", method, 1));
	say("fputs", fputs("Host: h\r\n", stream) >= 0);
	say("fwrite", (long)fwrite(more, 1, strlen(more), stream));
	say("putc", putc('\r', stream));
	say("fputc", fputc('\n', stream));
}

static void with_buffer(int mode, size_t len)
{
	static char room[8192];
	FILE *stream = stream_of(connect_to(port), "r+");

	say("setvbuf", setvbuf(stream, mode == _IONBF ? NULL : room, mode, len));
	head(stream, "GET", "");
	say("fflush", fflush(stream));
	read_by_fgets(stream);
	head(stream, "GET", "Connection: close\r\n");
	say("fflush", fflush(stream));
	read_by_fgets(stream);
	say("fclose", fclose(stream));
}

static void full(void)
{
	with_buffer(_IOFBF, 4096);
}

static void full_small(void)
{
	with_buffer(_IOFBF, 7);
}

static void by_line(void)
{
	with_buffer(_IOLBF, 100);
}

static void unbuffered(void)
{
	with_buffer(_IONBF, 0);
}

/* Two streams on two descriptors of one connection, as many programs have it. */
static void two_streams(void)
{
	int fd = connect_to(port);
	FILE *in = stream_of(fd, "r"), *out = stream_of(dup(fd), "w");

	for (int i = 0; i < 3; i++) {
		head(out, "GET", "");
		say("fflush", fflush(out));
		read_by_fgets(in);
	}
	say("fclose out", fclose(out));
	say("fclose in", fclose(in));
}

static void before_connect(void)
{
	struct sockaddr_in address = at_port(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	FILE *stream = stream_of(fd, "r+");

	say("connect", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	head(stream, "GET", "");
	fflush(stream);
	read_by_fgets(stream);
	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	read_by_fgets(stream);
	say("fclose", fclose(stream));
}

/* What is still in the buffer is written by fclose. */
static void by_fclose(void)
{
	int fd = connect_to(port), copy = dup(fd);
	FILE *stream = stream_of(fd, "w");

	head(stream, "GET", "");
	say("fclose", fclose(stream));
	read_ok(copy);
	say("close", close(copy));
}

/* ... or by exit; nobody reads the answer. */
static void by_exit(void)
{
	head(stream_of(connect_to(port), "w"), "GET", "Connection: close\r\n");
	exit(3);
}

static void reads(void)
{
	FILE *stream = stream_of(connect_to(port), "r+");
	char *line = NULL, text[8];
	size_t room = 0;
	int status = 0, c;

	head(stream, "GET", "");
	fflush(stream);
	say("fscanf", fscanf(stream, "HTTP/1.1 %d X\r\n", &status));
	say("status", status);
	c = getc(stream);
	say("ungetc", ungetc(c, stream) == c);
	say("getline", getline(&line, &room, stream));
	say("getdelim", getdelim(&line, &room, ':', stream));
	say("fgetc", fgetc(stream));
	say("fread", (long)fread(text, 1, 5, stream));
	say("fread", (long)fread(text, 1, 3, stream));
	say("ftell", ftell(stream));
	say("errno", errno);
	free(line);
	fclose(stream);
}

static int vprint(int fd, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vdprintf(fd, format, args);
	va_end(args);
	return n;
}

static void dprintfs(void)
{
	int fd = connect_to(port);

	say("dprintf", dprintf(fd, "GET /%s HTTP/1.1\r\nHost: %c\r\n\r\n", "ok", 'h'));
	read_ok(fd);
	say("vdprintf", vprint(fd, "GET /%s HTTP/1.1\r\nHost: %c\r\n\r\n", "ok", 'h'));
	read_ok(fd);
	say("close", close(fd));
	say("dprintf of a closed one", dprintf(fd, "x"));
}

/* A part by one way and a part by another: what is in the body looks like a head's end. */
static void mixed(void)
{
	int fd = connect_to(port);

	say("write", write(fd, "POST /ok HTTP/1.1\r\nHost: h\r\n", 28));
	say("dprintf", dprintf(fd, "Content-Length: %d\r\n\r\n", 23));
	say("write", write(fd, "\r\n\r\nGET / HTTP/1.1\r\n\r\n\n", 23));
	read_ok(fd);
	say("dprintf", dprintf(fd, "GET /ok HTTP/1.1\r\nHo"));
	say("write", write(fd, "st: h\r\n\r\n", 9));
	read_ok(fd);
	close(fd);
}

static void long_text(void)
{
	int fd = connect_to(port);

	say("dprintf", dprintf(fd, "GET /ok HTTP/1.1\r\nHost: h\r\nX: %020000d\r\n\r\n", 7));
	read_ok(fd);
	close(fd);
}

static ssize_t cookie_read(void *cookie, char *buf, size_t len)
{
	return recv(*(int *)cookie, buf, len, 0);
}

static ssize_t cookie_write(void *cookie, const char *buf, size_t len)
{
	return send(*(int *)cookie, buf, len, 0);
}

static int cookie_close(void *cookie)
{
	return close(*(int *)cookie);
}

static void cookie(void)
{
	static const cookie_io_functions_t functions = { cookie_read, cookie_write, NULL,
							 cookie_close };
	int fd = connect_to(port);
	FILE *stream = fopencookie(&fd, "r+", functions);

	head(stream, "GET", "");
	fflush(stream);
	read_by_fgets(stream);
	say("fclose", fclose(stream));
}

/* More than the buffer takes, in a head and in a body. */
static void large(void)
{
	FILE *stream = stream_of(connect_to(port), "r+");

	fprintf(stream, "POST /ok HTTP/1.1\r\nHost: h\r\nX: %09000d\r\n", 1);
	fprintf(stream, "Content-Length: 50000\r\n\r\n%050000d", 2);
	fflush(stream);
	read_by_fgets(stream);
	fclose(stream);
}

/* The stream becomes a file, under the connection's number. */
static void reopened(void)
{
	FILE *stream = stream_of(connect_to(port), "r+");
	int fd = fileno(stream);
	char text[200];
	ssize_t n;

	head(stream, "GET", "");
	fflush(stream);
	read_by_fgets(stream);
	stream = freopen("reopened", "w+", stream);
	say("same number", stream && fileno(stream) == fd);
	say("write", write(fd, GET, sizeof(GET) - 1));
	n = pread(fd, text, sizeof(text), 0);
	say("pread", n);
	say("as written", n == sizeof(GET) - 1 && memcmp(text, GET, sizeof(GET) - 1) == 0);
	fclose(stream);
	remove("reopened");
}

static void modes(void)
{
	static const char *const all[] = { "r",	 "w",  "a",  "rb", "r+b", "rb+", "w+",
					   "a+", "we", "wx", "rm", "q",	  "",	 "wt+" };
	int fd = connect_to(port);

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		FILE *stream;
		char c;

		errno = 0;
		stream = fdopen(dup(fd), all[i]);
		printf("%s: %d %d\n", all[i], stream != NULL, stream ? 0 : errno);
		if (!stream)
			continue;
		say(" flags", fcntl(fileno(stream), F_GETFL));
		say(" putc", strchr(all[i], 'r') && !strchr(all[i], '+') ? putc('x', stream) : 0);
		say(" ferror", ferror(stream) != 0);
		say(" fread",
		    strchr(all[i], '+') || *all[i] == 'r' ? 0 : (long)fread(&c, 1, 1, stream));
		say(" ferror", ferror(stream) != 0);
		fclose(stream);
	}
	close(fd);
}

static void bad_numbers(void)
{
	errno = 0;
	printf("%d %s\n", fdopen(-1, "r") == NULL, strerror(errno));
	errno = 0;
	printf("%d %s\n", fdopen(999, "r") == NULL, strerror(errno));
	say("dprintf", dprintf(-1, "x"));
}

/* A peer that is gone: the same errors at the same calls. */
static void gone(void)
{
	FILE *stream = stream_of(connect_to(port), "r+");

	signal(SIGPIPE, SIG_IGN);
	shutdown(fileno(stream), SHUT_WR);
	head(stream, "GET", "");
	say("fflush", fflush(stream));
	say("ferror", ferror(stream) != 0);
	clearerr(stream);
	say("fclose", fclose(stream));
	int fd = connect_to(port);
	shutdown(fd, SHUT_WR);
	say("dprintf", dprintf(fd, "GET / HTTP/1.1\r\n\r\n"));
	close(fd);
}

static void wide(void)
{
	FILE *stream = stream_of(connect_to(port), "r+");
	wchar_t line[100];
	int lines = 0;

	say("fwprintf", fwprintf(stream, L"GET /%ls HTTP/1.1\r\nHost: h\r\n\r\n", L"ok"));
	say("fflush", fflush(stream));
	while (fgetws(line, 100, stream) && ++lines)
		if (wcscmp(line, L"ok\n") == 0)
			break;
	say("lines", lines);
	fclose(stream);
}

static const struct {
	const char *name;
	void (*run)(void);
} ways[] = {
	{ "full", full },
	{ "full_small", full_small },
	{ "by_line", by_line },
	{ "unbuffered", unbuffered },
	{ "two_streams", two_streams },
	{ "before_connect", before_connect },
	{ "by_fclose", by_fclose },
	{ "by_exit", by_exit },
	{ "reads", reads },
	{ "dprintf", dprintfs },
	{ "mixed", mixed },
	{ "long_text", long_text },
	{ "cookie", cookie },
	{ "large", large },
	{ "reopened", reopened },
	{ "modes", modes },
	{ "bad_numbers", bad_numbers },
	{ "gone", gone },
	{ "wide", wide },
};

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	port = argv[1];
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(ways[i].name, argv[2]) == 0) {
			ways[i].run();
			return 0;
		}
	return 2;
}
