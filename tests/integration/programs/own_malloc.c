/* SPDX-License-Identifier: Apache-2.0 */
/* own_malloc PORT: it brings a malloc that is made for one thread, and tells who else called it. */
#include "net.h"

#include <stdint.h>
#include <sys/syscall.h>

static _Alignas(16) char room[16 << 20];
static size_t used;
static long others;

void *malloc(size_t len)
{
	char *at = room + used;

	others += syscall(SYS_gettid) != getpid();
	used += 16 + ((len + 15) & ~(size_t)15);
	if (len > sizeof(room) || used > sizeof(room))
		return NULL;
	memcpy(at, &len, sizeof(len));
	return at + 16;
}

void free(void *at)
{
	others += at && syscall(SYS_gettid) != getpid();
}

void *calloc(size_t nr, size_t len)
{
	return malloc(nr * len); /* all of it is new */
}

void *realloc(void *at, size_t len)
{
	void *to = malloc(len);
	size_t before = 0;

	if (to && at) {
		memcpy(&before, (char *)at - 16, sizeof(before));
		memcpy(to, at, before < len ? before : len);
	}
	return to;
}

static void ask(const char *port)
{
	int fd = connect_to(port);

	if (send(fd, GET, sizeof(GET) - 1, 0) != (ssize_t)sizeof(GET) - 1)
		die("send");
	read_ok(fd);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 1;
	ask(argv[1]);
	usleep(400000);
	ask(argv[1]);
	usleep(100000);
	say("calls of others", others);
	return 0;
}
