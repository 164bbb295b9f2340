/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library to be preloaded: what is said on standard error is said in red, however it is said, as
 * stderred does it: it stands in for the calls and for the streams' functions alike.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))
#define BEGIN "\033[31m"
#define END "\033[0m"

static ssize_t in_red(const void *text, size_t len)
{
	ssize_t n;

	if (!len)
		return 0;
	NEXT(write)(2, BEGIN, sizeof(BEGIN) - 1);
	n = NEXT(write)(2, text, len);
	NEXT(write)(2, END, sizeof(END) - 1);
	return n;
}

ssize_t write(int fd, const void *text, size_t len)
{
	return fd == 2 ? in_red(text, len) : NEXT(write)(fd, text, len);
}

ssize_t writev(int fd, const struct iovec *iov, int nr)
{
	ssize_t done = 0;

	if (fd != 2)
		return NEXT(writev)(fd, iov, nr);
	for (int i = 0; i < nr; i++)
		done += in_red(iov[i].iov_base, iov[i].iov_len);
	return done;
}

static size_t put(const void *text, size_t len, FILE *to)
{
	if (fileno(to) != 2)
		return NEXT(fwrite)(text, 1, len, to);
	fflush(to);
	return (size_t)in_red(text, len);
}

size_t fwrite(const void *text, size_t len, size_t nr, FILE *to)
{
	return len ? put(text, len * nr, to) / len : 0;
}

int fputs(const char *text, FILE *to)
{
	return (int)put(text, strlen(text), to);
}

int fputc(int c, FILE *to)
{
	char one = (char)c;

	return put(&one, 1, to) == 1 ? (unsigned char)one : EOF;
}

int vfprintf(FILE *to, const char *format, va_list args)
{
	char text[4096];
	int len;

	if (fileno(to) != 2)
		return NEXT(vfprintf)(to, format, args);
	len = vsnprintf(text, sizeof(text), format, args);
	in_red(text, len < (int)sizeof(text) ? (size_t)len : sizeof(text) - 1);
	return len;
}

int fprintf(FILE *to, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vfprintf(to, format, args);
	va_end(args);
	return len;
}

void perror(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
}
