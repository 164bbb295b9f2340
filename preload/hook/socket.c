/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/real.h"

#include "export/exporter.h"
#include "preload/conn/conn.h"
#include "preload/hook/credentials.h"
#include "preload/hook/dns.h"
#include "preload/hook/process.h"
#include "preload/hook/seccomp.h"
#include "preload/live/readable.h"
#include "preload/live/work.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stdarg.h>

/* Opening, closing and copying of descriptors. */

/* A new descriptor: what we knew of its number is over, however it was closed. */
static int opened(int fd)
{
	if (fd >= 0 && __builtin_expect(atr_fd(fd) != 0, 0))
		atr_conn_closing(fd);
	return fd;
}

HOOK int socket(int family, int type, int protocol)
{
	return opened(REAL(socket)(family, type, protocol));
}

HOOK int socketpair(int family, int type, int protocol, int fds[2])
{
	int result = REAL(socketpair)(family, type, protocol, fds);

	if (result == 0) {
		opened(fds[0]);
		opened(fds[1]);
	}
	return result;
}

static bool is_futex_wait(long number, long operation)
{
	return number == SYS_futex && ((operation & FUTEX_CMD_MASK) == FUTEX_WAIT ||
				       (operation & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET);
}

/*
 * Reads and writes of a connection by number, and what makes or copies one: they
 * go by the functions of those names, or the connection would be seen in part.
 * Unlike those, a call by number is no point at which a thread can be cancelled.
 */
static bool by_name(long number, const long *a, long *result)
{
	int fd = (int)a[0];
	void *at = (void *)a[1];
	size_t len = (size_t)a[2];

	switch (number) {
	case SYS_read:
		*result = read(fd, at, len);
		break;
	case SYS_readv:
		*result = readv(fd, at, (int)a[2]);
		break;
	case SYS_recvfrom:
		*result = recvfrom(fd, at, len, (int)a[3], (void *)a[4], (void *)a[5]);
		break;
	case SYS_recvmsg:
		*result = recvmsg(fd, at, (int)a[2]);
		break;
	case SYS_recvmmsg:
		*result = recvmmsg(fd, at, (unsigned)a[2], (int)a[3], (void *)a[4]);
		break;
	case SYS_write:
		*result = write(fd, at, len);
		break;
	case SYS_writev:
		*result = writev(fd, at, (int)a[2]);
		break;
	case SYS_sendto:
		*result = sendto(fd, at, len, (int)a[3], (void *)a[4], (socklen_t)a[5]);
		break;
	case SYS_sendmsg:
		*result = sendmsg(fd, at, (int)a[2]);
		break;
	case SYS_sendmmsg:
		*result = sendmmsg(fd, at, (unsigned)a[2], (int)a[3]);
		break;
	case SYS_sendfile:
		*result = sendfile(fd, (int)a[1], (void *)a[2], (size_t)a[3]);
		break;
	case SYS_shutdown:
		*result = shutdown(fd, (int)a[1]);
		break;
	case SYS_dup:
		*result = dup(fd);
		break;
	case SYS_dup3:
		*result = dup3(fd, (int)a[1], (int)a[2]);
		break;
	case SYS_fcntl:
		*result = fcntl(fd, (int)a[1], a[2]);
		break;
	default:
		return false;
	}
	return true;
}

/* A connection begins, or there may be one at a number that is taken: whatever is known of it. */
static bool makes_conn(long number, const long *a, long *result)
{
	switch (number) {
	case SYS_socket:
		*result = socket((int)a[0], (int)a[1], (int)a[2]);
		return true;
	case SYS_connect:
		*result = connect((int)a[0], (void *)a[1], (socklen_t)a[2]);
		return true;
	case SYS_accept:
		*result = accept((int)a[0], (void *)a[1], (void *)a[2]);
		return true;
	case SYS_accept4:
		*result = accept4((int)a[0], (void *)a[1], (void *)a[2], (int)a[3]);
		return true;
#ifdef SYS_dup2
	case SYS_dup2:
		*result = dup2((int)a[0], (int)a[1]);
		return true;
#endif
	case SYS_dup3:
		*result = dup3((int)a[0], (int)a[1], (int)a[2]);
		return true;
	default:
		return false;
	}
}

static bool is_taken_over(long number, const long *a, long *result)
{
	int cancel;
	bool is;

	if (!atr_fds || atr_self.inside)
		return false;
	switch (number) { /* the calls that programs make most by number */
	case SYS_futex:
	case SYS_gettid:
	case SYS_getrandom:
	case SYS_getpid:
	case SYS_clock_gettime:
		return false;
	}
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	is = makes_conn(number, a, result) ||
	     (atr_fd_is_conn(atr_fd((int)a[0])) && by_name(number, a, result));
	pthread_setcancelstate(cancel, NULL);
	return is;
}

/* By number they are the calling thread's alone, which some use them for. */
static bool sets_credentials(long number)
{
	switch (number) {
	case SYS_setuid:
	case SYS_setgid:
	case SYS_setreuid:
	case SYS_setregid:
	case SYS_setresuid:
	case SYS_setresgid:
	case SYS_setgroups:
		return true;
	}
	return false;
}

/* libuv closes by number, lest the call be a cancellation point; others wait so for a thread. */
HOOK long syscall(long number, ...)
{
	va_list args;
	long a[6], result;

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (!atr_has_thread())
		; /* the kernel's alone */
	else if (is_taken_over(number, a, &result))
		return result;
	else if (number == SYS_close && __builtin_expect(atr_fd((int)a[0]) != 0, 0))
		atr_conn_closing((int)a[0]);
	else if (is_futex_wait(number, a[1]))
		atr_work_waits(&atr_self);
	else if (number == SYS_seccomp &&
		 (a[0] == SECCOMP_SET_MODE_STRICT || a[0] == SECCOMP_SET_MODE_FILTER))
		atr_before_seccomp(a[0] == SECCOMP_SET_MODE_STRICT, (const void *)a[2]);
	else if (number == SYS_exit_group)
		atr_process_ends((int)a[0]);
	else if (number == SYS_unshare)
		return unshare((int)a[0]);
	else if (number == SYS_setns)
		return setns((int)a[0], (int)a[1]);
	else if (number == SYS_exit)
		atr_thread_ends(pthread_self());
	else if (sets_credentials(number))
		atr_credentials_differ();
	else if (number == SYS_capset)
		return capset((void *)a[0], (void *)a[1]);
	else if (number == SYS_prctl)
		return prctl((int)a[0], a[1], a[2], a[3], a[4]);
	return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

HOOK int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t len)
{
	const struct sockaddr *to = address.__sockaddr__;
	/* one that a lookup makes for itself is its own business */
	uint64_t start_ns = atr_looks_up() ? 0 : atr_conn_connecting(to, len);
	int result;

	result = REAL(connect)(fd, address, len);
	if (start_ns)
		atr_conn_connected(fd, to, len, start_ns, result);
	return result;
}

static void wait_for_work(void)
{
	struct atr_thread *self = &atr_self;

	if (!atr_has_thread())
		return;
	/* nothing of it is to be ended: no need to enter */
	self->nr_outer = 0;
	if (self->work)
		atr_profiled_works(self, 0);
}

/* What the kernel may write of an address; it tells the whole length, however little that is. */
static socklen_t room_for(__SOCKADDR_ARG address, const socklen_t *len)
{
	return address.__sockaddr__ && atr_is_readable(len, sizeof(*len)) ? *len : 0;
}

static int accepted(int listener, int got, __SOCKADDR_ARG address, socklen_t room,
		    const socklen_t *len)
{
	if (got >= 0 && atr_has_thread())
		atr_conn_accepted(listener, got, address.__sockaddr__,
				  room && *len <= room ? *len : 0);
	return got;
}

HOOK int accept(int fd, __SOCKADDR_ARG address, socklen_t *len)
{
	socklen_t room = room_for(address, len);

	wait_for_work();
	return accepted(fd, REAL(accept)(fd, address, len), address, room, len);
}

HOOK int accept4(int fd, __SOCKADDR_ARG address, socklen_t *len, int flags)
{
	socklen_t room = room_for(address, len);

	wait_for_work();
	return accepted(fd, REAL(accept4)(fd, address, len, flags), address, room, len);
}

HOOK int listen(int fd, int backlog)
{
	int result = REAL(listen)(fd, backlog);

	if (result == 0)
		atr_conn_listens(fd);
	return result;
}

HOOK int shutdown(int fd, int how)
{
	if (__builtin_expect(atr_fd(fd) != 0, 0))
		atr_conn_shutdown(fd, how);
	return REAL(shutdown)(fd, how);
}

/* A descriptor of ours does not exist for the program. */
HOOK int close(int fd)
{
	if (atr_exporter_owns(fd) && !atr_self.inside && !atr_in_shared_child()) {
		errno = EBADF;
		return -1;
	}
	if (__builtin_expect(atr_fd(fd) != 0, 0))
		atr_conn_closing(fd);
	return REAL(close)(fd);
}

static void closing_range(unsigned first, unsigned last)
{
	if (atr_in_shared_child())
		return;
	for (unsigned fd = first; fd <= last && fd < atr_fds_len; fd++) {
		/* pages of the table that were never touched are not to be touched for this */
		if (fd > first + 65536)
			break;
		if (atr_fd((int)fd))
			atr_conn_closing((int)fd);
		if (atr_exporter_owns((int)fd))
			atr_exporter_lost((int)fd);
	}
}

HOOK int close_range(unsigned first, unsigned last, int flags)
{
	/* CLOSE_RANGE_CLOEXEC closes nothing yet; what is not even CLOSE_RANGE_UNSHARE is refused */
	if (!(flags & ~2) && first <= last)
		closing_range(first, last);
	return REAL(close_range)(first, last, flags);
}

HOOK void closefrom(int first)
{
	closing_range(first < 0 ? 0 : (unsigned)first, ~0u);
	REAL(closefrom)(first);
}

HOOK int dup(int fd)
{
	int got = REAL(dup)(fd);

	if (got >= 0 && atr_fd(fd))
		atr_conn_duplicated(fd, got);
	return got;
}

/* What the kernel refuses replaces nothing. */
static bool is_refused(int from, int flags)
{
	int saved = errno;
	bool is_so = (flags & ~O_CLOEXEC) || REAL(fcntl)(from, F_GETFD) < 0;

	errno = saved;
	return is_so;
}

static void replaces(int from, int to, int flags)
{
	if (from == to || !(atr_exporter_owns(to) || atr_fd(to)) || is_refused(from, flags))
		return;
	if (atr_exporter_owns(to))
		atr_exporter_lost(to);
	if (atr_fd(to))
		atr_conn_closing(to);
}

HOOK int dup2(int from, int to)
{
	int got;

	replaces(from, to, 0);
	got = REAL(dup2)(from, to);
	if (got >= 0 && atr_fd(from))
		atr_conn_duplicated(from, got);
	return got;
}

HOOK int dup3(int from, int to, int flags)
{
	int got;

	replaces(from, to, flags);
	got = REAL(dup3)(from, to, flags);
	if (got >= 0 && atr_fd(from))
		atr_conn_duplicated(from, got);
	return got;
}

static void duplicated(int fd, int command, int got)
{
	if ((command == F_DUPFD || command == F_DUPFD_CLOEXEC) && got >= 0 && atr_fd(fd))
		atr_conn_duplicated(fd, got);
}

/* The argument is a pointer or an int, or is not there: it is passed on as a word. */
HOOK int fcntl(int fd, int command, ...)
{
	va_list args;
	void *arg;
	int got;

	va_start(args, command);
	arg = va_arg(args, void *);
	va_end(args);
	got = REAL(fcntl)(fd, command, arg);
	duplicated(fd, command, got);
	return got;
}

HOOK int fcntl64(int fd, int command, ...)
{
	va_list args;
	void *arg;
	int got;

	va_start(args, command);
	arg = va_arg(args, void *);
	va_end(args);
	got = atr_real[ATR_REAL_fcntl64] || !atr_real[ATR_REAL_fcntl] ?
		      REAL(fcntl64)(fd, command, arg) :
		      REAL(fcntl)(fd, command, arg);
	duplicated(fd, command, got);
	return got;
}

HOOK int getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
	int result = REAL(getsockopt)(fd, level, option, value, len);

	if (option == SO_ERROR && level == SOL_SOCKET && result == 0 && atr_fd(fd) &&
	    *len >= sizeof(int))
		atr_conn_connect_ended(fd, *(int *)value);
	return result;
}

HOOK int eventfd(unsigned count, int flags)
{
	int fd = opened(REAL(eventfd)(count, flags));

	if (fd >= 0)
		atr_conn_carrier(-1, fd);
	return fd;
}

HOOK int pipe(int fds[2])
{
	int result = REAL(pipe)(fds);

	if (result == 0)
		atr_conn_carrier(opened(fds[0]), opened(fds[1]));
	return result;
}

HOOK int pipe2(int fds[2], int flags)
{
	int result = REAL(pipe2)(fds, flags);

	if (result == 0)
		atr_conn_carrier(opened(fds[0]), opened(fds[1]));
	return result;
}
