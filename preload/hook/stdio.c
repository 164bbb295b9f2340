/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/real.h"

#include "preload/conn/conn.h"
#include "preload/conn/logs.h"

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
extern void _IO_doallocbuf(FILE *) __attribute__((weak));

/* A buffer as libc's own stream has it, whose size is the file's matter: what is written leaves in the same parts. */
static void lend_buffer(FILE *stream, FILE *own)
{
	size_t len;

	if (!_IO_doallocbuf)
		return;
	_IO_doallocbuf(own);
	len = (size_t)(own->_IO_buf_end - own->_IO_buf_base);
	if (own->_IO_buf_base && len > 1)
		setvbuf(stream, own->_IO_buf_base, _IOFBF, len);
}

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
		lend_buffer(stream, own);
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

/* By our write: a connection, or what is to carry ids. */
static bool is_ours(int fd)
{
	return atr_fd_is_conn(atr_fd(fd)) || (atr_logs_are_on && (fd == 1 || fd == 2));
}

HOOK int vdprintf(int fd, const char *text, va_list args)
{
	return is_ours(fd) ? print(fd, -1, text, args) : REAL(vdprintf)(fd, text, args);
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
	return is_ours(fd) ? print(fd, checks, text, args) :
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

/* ---- lines of a log --------------------------------------------------------------------------- */

/*
 * What libc's streams write leaves libc by no name, and a full buffer may leave while another
 * request is served. So the ids go into a line as it is printed, and lie in the stream's
 * buffer with it. A line that is printed in parts carries none.
 */
extern const char *gnu_get_libc_version(void) __attribute__((weak));

/* Of stdout and stderr: what was printed last was no line's end. */
static _Atomic bool in_line[3];

/* 1 or 2: a stream of the log's; else 0. */
static int log_of(FILE *stream)
{
	int fd;

	if (__builtin_expect(!atr_logs_are_on, 1))
		return 0;
	fd = stream == stdout ? 1 : stream == stderr ? 2 : 0;
	return fd && fileno(stream) == fd ? fd : 0;
}

/* What is in the buffer was printed by whatever function; what was flushed is known of ours. */
static bool is_in_line(FILE *stream, int fd)
{
#ifdef __GLIBC__
	if (gnu_get_libc_version && stream->_IO_write_ptr > stream->_IO_write_base)
		return stream->_IO_write_ptr[-1] != '\n';
#endif
	(void)stream;
	return in_line[fd];
}

static void note_end(int fd, struct atr_str text)
{
	if (fd && text.len)
		in_line[fd] = text.at[text.len - 1] != '\n';
}

/* False: it is to be printed as it is. *count: how many of its bytes went into the stream. */
__attribute__((noinline)) static bool put_lines(FILE *stream, int fd, struct atr_str text,
						size_t *count)
{
	struct atr_lines lines;
	size_t n;

	if (!atr_logs_plan_text(text, is_in_line(stream, fd), &lines))
		return false;
	n = REAL(fwrite)(lines.text, 1, lines.len, stream);
	atr_logs_export(fd, &lines, (ssize_t)n);
	*count = atr_logs_count(&lines, n);
	note_end(fd, text);
	return true;
}

/* What printf is to return; false: it is to be printed as it is. */
__attribute__((noinline)) static bool print_lines(FILE *stream, int fd, int checks,
						  const char *text, va_list args, int *result)
{
	char room[ATR_LOGS_MAX];
	struct atr_str line = { room, 0 };
	int saved = errno, len;
	size_t count;
	va_list again;

	va_copy(again, args);
	len = format(room, sizeof(room), checks, text, again);
	va_end(again);
	errno = saved;
	if (len <= 0 || (size_t)len >= sizeof(room))
		return false;
	line.len = (size_t)len;
	if (!put_lines(stream, fd, line, &count)) {
		note_end(fd, line);
		return false;
	}
	*result = count == line.len ? len : -1;
	return true;
}

static int print_to(FILE *stream, int checks, const char *text, va_list args)
{
	int fd = log_of(stream), result;

	if (__builtin_expect(fd, 0) && print_lines(stream, fd, checks, text, args, &result))
		return result;
	return checks >= 0 ? REAL(__vfprintf_chk)(stream, checks, text, args) :
			     REAL(vfprintf)(stream, text, args);
}

HOOK int vfprintf(FILE *stream, const char *text, va_list args)
{
	return print_to(stream, -1, text, args);
}

/* Two that the header has inline: clang takes no attribute for them any more. */
#pragma GCC visibility push(default)
int vprintf(const char *text, va_list args)
{
	return print_to(stdout, -1, text, args);
}
#pragma GCC visibility pop

HOOK int fprintf(FILE *stream, const char *text, ...)
{
	va_list args;
	int result;

	va_start(args, text);
	result = print_to(stream, -1, text, args);
	va_end(args);
	return result;
}

HOOK int printf(const char *text, ...)
{
	va_list args;
	int result;

	va_start(args, text);
	result = print_to(stdout, -1, text, args);
	va_end(args);
	return result;
}

HOOK int __vfprintf_chk(FILE *stream, int checks, const char *text, va_list args)
{
	return print_to(stream, checks, text, args);
}

HOOK int __vprintf_chk(int checks, const char *text, va_list args)
{
	return print_to(stdout, checks, text, args);
}

HOOK int __fprintf_chk(FILE *stream, int checks, const char *text, ...)
{
	va_list args;
	int result;

	va_start(args, text);
	result = print_to(stream, checks, text, args);
	va_end(args);
	return result;
}

HOOK int __printf_chk(int checks, const char *text, ...)
{
	va_list args;
	int result;

	va_start(args, text);
	result = print_to(stdout, checks, text, args);
	va_end(args);
	return result;
}

HOOK size_t fwrite(const void *bytes, size_t size, size_t nr, FILE *stream)
{
	int fd = log_of(stream);
	struct atr_str text = { bytes, 0 };
	size_t count;

	if (__builtin_expect(!fd, 1) || __builtin_mul_overflow(size, nr, &text.len) || !text.len)
		return REAL(fwrite)(bytes, size, nr, stream);
	if (put_lines(stream, fd, text, &count))
		return count == text.len ? nr : count / size;
	note_end(fd, text);
	return REAL(fwrite)(bytes, size, nr, stream);
}

HOOK int fputs(const char *line, FILE *stream)
{
	int fd = log_of(stream);
	size_t count;

	if (__builtin_expect(!fd, 1))
		return REAL(fputs)(line, stream);
	if (put_lines(stream, fd, atr_str(line), &count))
		return count < strlen(line) ? EOF : gnu_get_libc_version ? 1 : 0;
	note_end(fd, atr_str(line));
	return REAL(fputs)(line, stream);
}

/* With its end in one piece, as it has to be for a line. */
__attribute__((noinline)) static bool put_whole(int fd, const char *line, size_t *count)
{
	char room[ATR_LOGS_MAX];
	size_t len = strlen(line);

	if (len >= sizeof(room))
		return false;
	memcpy(room, line, len);
	room[len] = '\n';
	return put_lines(stdout, fd, (struct atr_str){ room, len + 1 }, count);
}

HOOK int puts(const char *line)
{
	int fd = log_of(stdout);
	size_t count;

	if (__builtin_expect(!fd, 1))
		return REAL(puts)(line);
	if (put_whole(fd, line, &count))
		return count <= strlen(line) ? EOF : gnu_get_libc_version ? (int)count : 0;
	note_end(fd, ATR_STR("\n"));
	return REAL(puts)(line);
}

/* Of one character it is only to be known whether it ends a line: compilers make one of printf("\n"). */
static void note_character(FILE *stream, int c)
{
	int fd = log_of(stream);

	if (__builtin_expect(fd, 0))
		in_line[fd] = (unsigned char)c != '\n';
}

HOOK int fputc(int c, FILE *stream)
{
	note_character(stream, c);
	return REAL(fputc)(c, stream);
}

#undef putc
HOOK int putc(int c, FILE *stream)
{
	note_character(stream, c);
	return REAL(putc)(c, stream);
}

#undef putchar
#pragma GCC visibility push(default)
int putchar(int c)
{
	note_character(stdout, c);
	return REAL(putchar)(c);
}
#pragma GCC visibility pop
