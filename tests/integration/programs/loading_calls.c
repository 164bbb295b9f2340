/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loading_calls PORT HOW [LIBRARY]: requests by functions that are found, or reached, in other ways
 * than by their names in the program.
 *
 *	numbers   syscall(SYS_...) from the socket to the close
 *	parts     the first half of a head by write, the second by syscall(SYS_write)
 *	aio       aio_write, lio_listio and aio_read
 *	default   dlsym(RTLD_DEFAULT)
 *	handle    dlsym(of libc): past everybody
 *	local     a library of RTLD_LOCAL that calls send and recv (LIBRARY)
 *	locked    while another thread loads LIBRARY, and has the loader's lock
 *	memory    messages and lengths that cannot be read, addresses that do not fit
 *	many      recvmmsg, preadv2, pwritev2, readv
 */
#include "net.h"

#include <aio.h>
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/un.h>

static const char *port;

/* ---- by number ------------------------------------------------------------------------------- */

static void read_by_number(int fd)
{
	char answer[ANSWER_LEN];
	size_t done = 0;
	long n = 1;

	while (done < ANSWER_LEN && n > 0) {
		if (done % 2)
			n = syscall(SYS_read, fd, answer + done, ANSWER_LEN - done);
		else
			n = syscall(SYS_recvfrom, fd, answer + done, 9L, 0L, NULL, NULL);
		done += n > 0 ? (size_t)n : 0;
	}
	say("as it should be", done == ANSWER_LEN && memcmp(answer, ANSWER, ANSWER_LEN) == 0);
}

static void numbers(void)
{
	struct sockaddr_in address = at_port(port);
	struct iovec iov = { GET, sizeof(GET) - 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);

	say("connect", syscall(SYS_connect, fd, &address, sizeof(address)));
	say("write", syscall(SYS_write, fd, GET, sizeof(GET) - 1));
	read_by_number(fd);
	say("sendto", syscall(SYS_sendto, fd, GET, sizeof(GET) - 1, 0L, NULL, 0L));
	read_by_number(fd);
	say("writev", syscall(SYS_writev, fd, &iov, 1L));
	read_by_number(fd);
	say("sendmsg", syscall(SYS_sendmsg, fd, &msg, 0L));
	read_by_number(fd);
	say("write to nobody", syscall(SYS_write, -1L, GET, 1L));
	say("close", syscall(SYS_close, fd));
}

static void parts(void)
{
	static const char head[] = "POST /ok HTTP/1.1\r\nHost: h\r\nContent-Length: 26\r\n\r\n",
			  body[] = "\r\n\r\nGET /no HTTP/1.1\r\n\r\n\r\n";
	int fd = connect_to(port);

	say("write", write(fd, head, 28));
	say("by number", syscall(SYS_write, fd, head + 28, sizeof(head) - 1 - 28));
	say("write", write(fd, body, sizeof(body) - 1));
	read_ok(fd);
	close(fd);
}

/* ---- aio ------------------------------------------------------------------------------------- */

static void waits(struct aiocb *block)
{
	const struct aiocb *list[] = { block };

	while (aio_error(block) == EINPROGRESS)
		aio_suspend(list, 1, NULL);
	say("aio", aio_return(block));
}

static void aio(void)
{
	static char answer[ANSWER_LEN + 1];
	int fd = connect_to(port);
	struct aiocb block = { .aio_fildes = fd,
			       .aio_buf = GET,
			       .aio_nbytes = sizeof(GET) - 1,
			       .aio_lio_opcode = LIO_WRITE },
		     *list[] = { &block };

	aio_write(&block);
	waits(&block);
	read_ok(fd);
	say("lio_listio", lio_listio(LIO_WAIT, list, 1, NULL));
	say("aio", aio_return(&block));
	usleep(100000);
	block = (struct aiocb){ .aio_fildes = fd, .aio_buf = answer, .aio_nbytes = ANSWER_LEN };
	aio_read(&block);
	waits(&block);
	say("as it should be", strcmp(answer, ANSWER) == 0);
	close(fd);
	/* begun by name */
	fd = connect_to(port);
	say("write", write(fd, GET, sizeof(GET) - 1));
	block = (struct aiocb){ .aio_fildes = fd, .aio_buf = answer, .aio_nbytes = ANSWER_LEN };
	aio_read(&block);
	waits(&block);
	close(fd);
}

/* ---- dlsym ----------------------------------------------------------------------------------- */

static void by_address(void *handle, bool both)
{
	ssize_t (*sends)(int, const void *, size_t, int) =
		(ssize_t(*)(int, const void *, size_t, int))dlsym(handle, "send");
	ssize_t (*receives)(int, void *, size_t, int) =
		(ssize_t(*)(int, void *, size_t, int))dlsym(handle, "recv");
	int fd = connect_to(port);
	char answer[ANSWER_LEN];

	for (int i = 0; i < 2; i++) {
		say("send", sends(fd, GET, sizeof(GET) - 1, 0));
		if (both || i)
			say("recv", receives(fd, answer, ANSWER_LEN, MSG_WAITALL));
		else
			read_ok(fd);
	}
	close(fd);
}

static void local(const char *library)
{
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	long (*sends)(int, const void *, size_t) =
		handle ? (long (*)(int, const void *, size_t))dlsym(handle, "deep_send") : NULL;
	int fd = connect_to(port);

	say("found", sends != NULL);
	say("sends", sends ? sends(fd, GET, sizeof(GET) - 1) : -1);
	read_ok(fd);
	say("dlclose", dlclose(handle));
	say("no error is left", dlerror() == NULL);
	close(fd);
}

static sem_t begun, sent;
void while_loaded(void);

void while_loaded(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 3;
	sem_post(&begun);
	say("asked meanwhile", sem_timedwait(&sent, &until));
}

static void *load(void *library)
{
	say("loaded", dlopen(library, RTLD_NOW) != NULL);
	return NULL;
}

static void locked(const char *library)
{
	pthread_t thread;
	int fd;

	sem_init(&begun, 0, 0);
	sem_init(&sent, 0, 0);
	pthread_create(&thread, NULL, load, (void *)library);
	sem_wait(&begun);
	fd = connect_to(port);
	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	read_ok(fd);
	close(fd);
	sem_post(&sent);
	pthread_join(thread, NULL);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void memory(void)
{
	struct sockaddr_un small = { .sun_family = AF_UNIX }, peer;
	struct iovec iov = { (void *)8, 100 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	socklen_t len = 2;
	int fd = connect_to(port), listener = socket(AF_UNIX, SOCK_STREAM, 0), other;

	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	usleep(100000);
	say("recvmsg of nothing", recvmsg(fd, (void *)16, 0));
	say("recvmsg of a bad array", recvmsg(fd, &msg, 0));
	say("recvmmsg", recvmmsg(fd, (void *)16, 2, 0, NULL));
	say("recv", recv(fd, (void *)8, 100, 0));
	read_ok(fd);
	close(fd);
	small.sun_path[0] = 0;
	snprintf(small.sun_path + 1, 100, "atr-%s-%d", port, getpid());
	say("bind", bind(listener, (void *)&small, sizeof(small)));
	listen(listener, 4);
	for (int i = 0; i < 3; i++) {
		other = socket(AF_UNIX, SOCK_STREAM, 0);
		bind(other, (void *)&(struct sockaddr_un){ AF_UNIX, "" }, sizeof(sa_family_t));
		connect(other, (void *)&small, sizeof(small));
		if (i == 0)
			say("accept", accept(listener, NULL, (void *)8) >= 0);
		else if (i == 1)
			say("accept", accept4(listener, (void *)&peer, &len, 0) >= 0);
		else
			say("accept", accept(listener, (void *)&peer, (void *)8));
		close(other);
	}
	say("length", len > 2);
}

static void many(void)
{
	int fd = connect_to(port);
	char first[20], rest[100];
	struct iovec two[2] = { { first, 20 }, { rest, ANSWER_LEN - 20 } },
		     out = { GET, sizeof(GET) - 1 };
	struct mmsghdr messages[2] = { { .msg_hdr = { .msg_iov = &two[0], .msg_iovlen = 1 } },
				       { .msg_hdr = { .msg_iov = &two[1], .msg_iovlen = 1 } } };

	for (int i = 0; i < 3; i++) {
		say("pwritev2", pwritev2(fd, &out, 1, -1, 0));
		usleep(50000);
		if (i == 0)
			say("recvmmsg", recvmmsg(fd, messages, 2, 0, NULL));
		else if (i == 1)
			say("readv", readv(fd, two, 2));
		else
			say("preadv2", preadv2(fd, two, 2, -1, 0));
		say("as it should be", memcmp(first, ANSWER, 20) == 0 &&
					       memcmp(rest, ANSWER + 20, ANSWER_LEN - 20) == 0);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	const char *how = argc > 2 ? argv[2] : "";

	port = argc > 1 ? argv[1] : "";
	if (strcmp(how, "numbers") == 0)
		numbers();
	else if (strcmp(how, "parts") == 0)
		parts();
	else if (strcmp(how, "aio") == 0)
		aio();
	else if (strcmp(how, "default") == 0)
		by_address(RTLD_DEFAULT, false);
	else if (strcmp(how, "handle") == 0)
		by_address(dlopen("libc.so.6", RTLD_NOW), false);
	else if (strcmp(how, "local") == 0 && argc > 3)
		local(argv[3]);
	else if (strcmp(how, "locked") == 0 && argc > 3)
		locked(argv[3]);
	else if (strcmp(how, "memory") == 0)
		memory();
	else if (strcmp(how, "many") == 0)
		many();
	else
		return 2;
	return 0;
}
