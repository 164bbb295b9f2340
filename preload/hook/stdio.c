/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/real.h"

#include "preload/conn/conn.h"

#include <errno.h>

/*
 * A stream made on a connection. libc's own stream functions write and read
 * below every symbol that could be answered for, so such a stream would be seen
 * in part or not at all. It is made of our own four functions instead, which
 * call the hooked ones; fileno still tells its descriptor. musl has no field to
 * tell it by: there the connection is left alone as a whole.
 */
#ifdef __GLIBC__
static ssize_t stream_read(void *cookie, char *buf, size_t len)
{
	return read((int)(intptr_t)cookie, buf, len);
}

static ssize_t stream_write(void *cookie, const char *buf, size_t len)
{
	int fd = (int)(intptr_t)cookie;
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(fd, buf + done, len - done);

		if (n < 0)
			return done ? (ssize_t)done : 0; /* 0 is this interface's error */
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static int stream_seek(void *cookie, off64_t *at, int whence)
{
	(void)cookie;
	(void)at;
	(void)whence;
	errno = ESPIPE;
	return -1;
}

static int stream_close(void *cookie)
{
	return close((int)(intptr_t)cookie);
}

/* Weak: absent in musl, whose programs load this file too. */
extern __typeof__(fopencookie) fopencookie __attribute__((weak));
extern const char *gnu_get_libc_version(void) __attribute__((weak));

static FILE *stream_of(int fd, const char *mode)
{
	static const cookie_io_functions_t functions = { stream_read, stream_write, stream_seek,
							 stream_close };
	FILE *stream;

	if (!fopencookie || !gnu_get_libc_version)
		return NULL;
	stream = fopencookie((void *)(intptr_t)fd, mode, functions);
	if (stream)
		stream->_fileno = fd;
	return stream;
}
#else
static FILE *stream_of(int fd, const char *mode)
{
	(void)fd;
	(void)mode;
	return NULL;
}
#endif

HOOK FILE *fdopen(int fd, const char *mode)
{
	FILE *stream = NULL;

	if (__builtin_expect(atr_fd_is_conn(atr_fd(fd)), 0)) {
		stream = stream_of(fd, mode);
		if (!stream)
			atr_conn_closing(fd);
	}
	return stream ? stream : REAL(fdopen)(fd, mode);
}
