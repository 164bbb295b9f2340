/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/real.h"

#include "preload/conn/conn.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>

/*
 * A stream made on a connection. libc's own stream functions write and read
 * below every symbol that could be answered for, so such a stream would be seen
 * in part or not at all. It is made of our own four functions instead, which
 * call the hooked ones; fileno still tells its descriptor. musl has no field to
 * tell it by: there the connection is left alone as a whole.
 *
 * libc's own stream is made as well: it judges the mode, and lends what a cookie
 * stream has not, the part for wide characters. A stream that the program uses
 * for those, or gives to freopen, turns into one of libc's, unseen as a whole.
 */
#ifdef __GLIBC__
static int fd_of(void *cookie)
{
	return ((FILE *)cookie)->_fileno;
}

static ssize_t stream_read(void *cookie, char *buf, size_t len)
{
	return read(fd_of(cookie), buf, len);
}

static ssize_t stream_write(void *cookie, const char *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(fd_of(cookie), buf + done, len - done);

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
	int fd = fd_of(cookie);

	((FILE *)cookie)->_fileno = -1; /* nothing for libc to close */
	fclose(cookie);
	return close(fd);
}

/* Weak: absent in musl, whose programs load this file too. */
extern __typeof__(fopencookie) fopencookie __attribute__((weak));
extern const char *gnu_get_libc_version(void) __attribute__((weak));

/* In the place of libc's `own`; NULL when it is to be used itself. */
static FILE *stream_over(FILE *own, int fd, const char *mode)
{
	static const cookie_io_functions_t functions = { stream_read, stream_write, stream_seek,
							 stream_close };
	char plain[3] = { *mode, strchr(mode, '+') ? '+' : 0, 0 };
	FILE *stream;

	if (!fopencookie || !gnu_get_libc_version)
		return NULL;
	stream = fopencookie(own, plain, functions);
	if (stream) {
		stream->_fileno = fd;
		stream->_wide_data = own->_wide_data;
		stream->_mode = 0; /* neither kind of characters yet */
	}
	return stream;
}
#else
static FILE *stream_over(FILE *own, int fd, const char *mode)
{
	(void)own;
	(void)fd;
	(void)mode;
	return NULL;
}
#endif

/* A socket that will be a connection yet: some programs have their streams first. */
static bool is_to_be_connected(int fd)
{
	int type = 0, listens = 0;
	socklen_t len = sizeof(type);
	struct sockaddr_storage peer;
	socklen_t peer_len = sizeof(peer);

	return atr_fds && REAL(getsockopt)(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       type == SOCK_STREAM &&
	       REAL(getsockopt)(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && !listens &&
	       getpeername(fd, (struct sockaddr *)&peer, &peer_len) < 0;
}

HOOK FILE *fdopen(int fd, const char *mode)
{
	bool is_conn = atr_fd_is_conn(atr_fd(fd));
	FILE *own = REAL(fdopen)(fd, mode), *stream = NULL;
	int saved = errno;

	if (own && (is_conn || (!atr_fd(fd) && is_to_be_connected(fd)))) {
		stream = stream_over(own, fd, mode);
		if (!stream && is_conn)
			atr_conn_closing(fd);
	}
	errno = saved;
	return stream ? stream : own;
}

/* The number stays and means another thing, by a call that is made below us. */
static void before_freopen(FILE *stream)
{
	int saved = errno, fd = fileno(stream);

	if (fd >= 0 && atr_fd_is_conn(atr_fd(fd))) {
		fflush(stream);
		atr_conn_closing(fd);
	}
	errno = saved;
}

HOOK FILE *freopen(const char *path, const char *mode, FILE *stream)
{
	before_freopen(stream);
	return REAL(freopen)(path, mode, stream);
}

HOOK FILE *freopen64(const char *path, const char *mode, FILE *stream)
{
	before_freopen(stream);
	return REAL(freopen64)(path, mode, stream);
}

/* musl has none. */
extern __typeof__(__vsnprintf_chk) __vsnprintf_chk __attribute__((weak));

/* What dprintf has to say goes by write. `checks` is the fortified forms' flag, or negative. */
static int format(char *room, size_t len, int checks, const char *text, va_list args)
{
	return checks >= 0 && __vsnprintf_chk ?
		       __vsnprintf_chk(room, len, checks, len, text, args) :
		       vsnprintf(room, len, text, args);
}

static int write_all(int fd, const char *text, int len)
{
	int done = 0;

	while (done < len) {
		ssize_t n = write(fd, text + done, (size_t)(len - done));

		if (n < 0)
			return -1;
		done += (int)n;
	}
	return len;
}

static int print(int fd, int checks, const char *text, va_list args)
{
	char small[256], *large;
	int len, result, saved;
	va_list again;

	va_copy(again, args);
	len = format(small, sizeof(small), checks, text, again);
	va_end(again);
	if (len < 0 || (size_t)len < sizeof(small))
		return len < 0 ? len : write_all(fd, small, len);
	large = mmap(NULL, (size_t)len + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	if (large == MAP_FAILED) {
		atr_conn_closing(fd);
		return REAL(vdprintf)(fd, text, args);
	}
	format(large, (size_t)len + 1, checks, text, args);
	result = write_all(fd, large, len);
	saved = errno;
	munmap(large, (size_t)len + 1);
	errno = saved;
	return result;
}

HOOK int vdprintf(int fd, const char *text, va_list args)
{
	return atr_fd_is_conn(atr_fd(fd)) ? print(fd, -1, text, args) :
					    REAL(vdprintf)(fd, text, args);
}

HOOK int dprintf(int fd, const char *text, ...)
{
	va_list args;
	int result;

	va_start(args, text);
	result = vdprintf(fd, text, args);
	va_end(args);
	return result;
}

HOOK int __vdprintf_chk(int fd, int checks, const char *text, va_list args)
{
	return atr_fd_is_conn(atr_fd(fd)) ? print(fd, checks, text, args) :
					    REAL(__vdprintf_chk)(fd, checks, text, args);
}

HOOK int __dprintf_chk(int fd, int checks, const char *text, ...)
{
	va_list args;
	int result;

	va_start(args, text);
	result = __vdprintf_chk(fd, checks, text, args);
	va_end(args);
	return result;
}
