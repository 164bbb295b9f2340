/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded below the library: calls that write return only after the answer may have come. */
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static ssize_t late(ssize_t n)
{
	int saved = errno;

	usleep(20000);
	errno = saved;
	return n;
}

ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	return late(sendto(fd, buf, len, flags, NULL, 0));
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	ssize_t (*next)(int, const struct msghdr *, int) = dlsym(RTLD_NEXT, "sendmsg");

	return late(next(fd, msg, flags));
}

/* By another name, which is the library's above: a call that it has made already. */
ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	return recvfrom(fd, buf, len, flags, NULL, NULL);
}
