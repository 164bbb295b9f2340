/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded below the library: a kernel that takes at most SHORT bytes a call from the sockets that
 * do not block, and after each call that took some says once that it takes none.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

static size_t most_bytes(void)
{
	const char *text = getenv("SHORT");

	return text ? (size_t)atoi(text) : 1;
}

/* Whether this call is refused, for a descriptor that is a socket. */
static int refuses(int fd)
{
	static char took[1024];

	if (!(NEXT(fcntl)(fd, F_GETFL) & O_NONBLOCK)) /* one that blocks takes all */
		return 0;
	took[fd % 1024] = !took[fd % 1024];
	if (!took[fd % 1024])
		errno = EAGAIN;
	return !took[fd % 1024];
}

static int is_short(int fd)
{
	int type;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
}

static size_t cut(size_t len)
{
	size_t most = most_bytes();

	return len < most ? len : most;
}

ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	return refuses(fd) ? -1 : NEXT(send)(fd, buf, cut(len), flags);
}

ssize_t write(int fd, const void *buf, size_t len)
{
	if (!is_short(fd))
		return NEXT(write)(fd, buf, len);
	return refuses(fd) ? -1 : NEXT(write)(fd, buf, cut(len));
}

/* As many of the pieces as make up the bytes that are taken; the last one shortened. */
static int shorten(const struct iovec *from, int nr, struct iovec *to)
{
	size_t left = most_bytes();
	int n = 0;

	for (; n < nr && n < 16 && left; n++) {
		to[n] = from[n];
		if (to[n].iov_len > left)
			to[n].iov_len = left;
		left -= to[n].iov_len;
	}
	return n;
}

ssize_t writev(int fd, const struct iovec *iov, int nr)
{
	struct iovec some[16];

	if (!is_short(fd))
		return NEXT(writev)(fd, iov, nr);
	return refuses(fd) ? -1 : NEXT(writev)(fd, some, shorten(iov, nr, some));
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct iovec some[16];
	struct msghdr shorter = *msg;

	shorter.msg_iov = some;
	shorter.msg_iovlen = (size_t)shorten(msg->msg_iov, (int)msg->msg_iovlen, some);
	return refuses(fd) ? -1 : NEXT(sendmsg)(fd, &shorter, flags);
}
