/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that share descriptors, through the hooks: this program has the library's own objects in
 * it, so that ThreadSanitizer sees into both. It says by its exit code whether what was sent and
 * read was right; the sanitizer has its own.
 *
 * The calls below the hooks are made by number: a sanitizer that knew them would complain of a
 * number that is closed under another thread, which is what this is about.
 */
#include "export/diag.h"
#include "preload/hook/real.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>

#define REQUEST "GET /ok HTTP/1.1\r\nHost: h\r\n\r\n"
#define ANSWER "HTTP/1.1 200 X\r\nContent-Length: 3\r\n\r\nok\n"
#define LEN(text) (sizeof(text) - 1)

static long by_number(long number, long a, long b, long c, long d, long e, long f)
{
	return REAL(syscall)(number, a, b, c, d, e, f);
}

static ssize_t raw_send(int fd, const void *bytes, size_t len, int flags)
{
	return by_number(SYS_sendto, fd, (long)bytes, (long)len, flags, 0, 0);
}

static ssize_t raw_sendmsg(int fd, const struct msghdr *message, int flags)
{
	return by_number(SYS_sendmsg, fd, (long)message, flags, 0, 0, 0);
}

static ssize_t raw_write(int fd, const void *bytes, size_t len)
{
	return by_number(SYS_write, fd, (long)bytes, (long)len, 0, 0, 0);
}

static ssize_t raw_recv(int fd, void *room, size_t len, int flags)
{
	return by_number(SYS_recvfrom, fd, (long)room, (long)len, flags, 0, 0);
}

static int raw_close(int fd)
{
	return (int)by_number(SYS_close, fd, 0, 0, 0, 0, 0);
}

static int raw_socket(int family, int type, int protocol)
{
	return (int)by_number(SYS_socket, family, type, protocol, 0, 0, 0);
}

static int raw_connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t len)
{
	return (int)by_number(SYS_connect, fd, (long)address.__sockaddr__, len, 0, 0, 0);
}

static int raw_accept(int fd, __SOCKADDR_ARG address, socklen_t *len)
{
	return (int)by_number(SYS_accept4, fd, (long)address.__sockaddr__, (long)len, 0, 0, 0);
}

static int raw_poll(struct pollfd *fds, nfds_t nr, int timeout_ms)
{
	struct timespec limit = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };

	return (int)by_number(SYS_ppoll, (long)fds, (long)nr, (long)&limit, 0, 0, 0);
}

static int raw_dup2(int from, int to)
{
	return (int)by_number(SYS_dup3, from, to, 0, 0, 0, 0);
}

static void go_below_the_sanitizer(void)
{
	atr_real[ATR_REAL_send] = (void *)raw_send;
	atr_real[ATR_REAL_sendmsg] = (void *)raw_sendmsg;
	atr_real[ATR_REAL_write] = (void *)raw_write;
	atr_real[ATR_REAL_recv] = (void *)raw_recv;
	atr_real[ATR_REAL_close] = (void *)raw_close;
	atr_real[ATR_REAL_socket] = (void *)raw_socket;
	atr_real[ATR_REAL_connect] = (void *)raw_connect;
	atr_real[ATR_REAL_accept] = (void *)raw_accept;
	atr_real[ATR_REAL_poll] = (void *)raw_poll;
	atr_real[ATR_REAL_dup2] = (void *)raw_dup2;
}

static _Noreturn void fail(const char *why)
{
	perror(why);
	_exit(1);
}

/* ---- the other side: answers every request of a connection, in its own thread ------------------ */

static struct sockaddr_in address = { .sin_family = AF_INET };

static void start(void *(*run)(void *), void *arg, pthread_t *thread)
{
	if (pthread_create(thread, NULL, run, arg))
		fail("pthread_create");
}

static _Atomic int nr_served;
static _Atomic bool is_over;

/* Two may come to wait at the two ends of one connection: so not for ever. */
static ssize_t next_bytes(int fd, char *room, size_t len)
{
	ssize_t n;

	do {
		struct pollfd one = { .fd = fd, .events = POLLIN };

		poll(&one, 1, 20);
		n = recv(fd, room, len, MSG_DONTWAIT);
	} while (n < 0 && errno == EAGAIN && !atomic_load(&is_over));
	return n;
}

static void *answers(void *arg)
{
	int fd = (int)(intptr_t)arg;
	size_t line = 0; /* how much of a blank line's "\r\n\r\n" was seen */
	char room[4096];
	ssize_t n;

	while ((n = next_bytes(fd, room, sizeof(room))) > 0)
		for (ssize_t i = 0; i < n; i++) {
			line = room[i] == "\r\n\r\n"[line] ? line + 1 : room[i] == '\r';
			if (line < 4)
				continue;
			line = 0;
			if (send(fd, ANSWER, LEN(ANSWER), MSG_NOSIGNAL) < 0)
				break;
		}
	close(fd);
	atomic_fetch_sub(&nr_served, 1);
	return NULL;
}

static void *accepts(void *arg)
{
	int listener = (int)(intptr_t)arg, fd;
	pthread_t thread;

	while (listener >= 0) {
		fd = accept(listener, NULL, NULL);
		if (fd < 0)
			continue;
		atomic_fetch_add(&nr_served, 1);
		start(answers, (void *)(intptr_t)fd, &thread);
		pthread_detach(thread);
	}
	return NULL;
}

static void serve(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(address);
	pthread_t thread;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&address, len) || listen(fd, 128) ||
	    getsockname(fd, (struct sockaddr *)&address, &len))
		fail("listen");
	/* out of the way of the numbers that are used again and again */
	fd = fcntl(fd, F_DUPFD, 200);
	start(accepts, (void *)(intptr_t)fd, &thread);
	pthread_detach(thread);
}

static int connected(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return -1;
	return fd;
}

/* ---- writers and readers at once --------------------------------------------------------------- */

#define WRITERS 3
#define READERS 2
#define EACH 200

static int shared;
static _Atomic size_t got;

static void *writes(void *unused)
{
	for (int i = 0; i < EACH; i++)
		if ((i & 1 ? send(shared, REQUEST, LEN(REQUEST), MSG_NOSIGNAL) :
			     write(shared, REQUEST, LEN(REQUEST))) != (ssize_t)LEN(REQUEST))
			fail("send");
	return unused;
}

static void *reads(void *unused)
{
	char room[700];
	ssize_t n;

	while (atomic_load(&got) < WRITERS * EACH * LEN(ANSWER)) {
		struct pollfd one = { .fd = shared, .events = POLLIN };

		poll(&one, 1, 20);
		n = recv(shared, room, sizeof(room), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			fail("recv");
		if (n > 0)
			atomic_fetch_add(&got, (size_t)n);
	}
	return unused;
}

static void writers_and_readers(void)
{
	pthread_t threads[WRITERS + READERS];

	shared = connected();
	for (int i = 0; i < WRITERS + READERS; i++)
		start(i < WRITERS ? writes : reads, NULL, &threads[i]);
	for (int i = 0; i < WRITERS + READERS; i++)
		pthread_join(threads[i], NULL);
	if (got != WRITERS * EACH * LEN(ANSWER))
		fail("another number of bytes than was sent");
	close(shared);
}

/* ---- numbers closed, replaced and used again under other threads ------------------------------- */

#define NUMBERS 12
#define ROUNDS 300

static int lowest;

static void *makes_requests(void *unused)
{
	char room[200];

	for (int i = 0; i < ROUNDS; i++) {
		int fd = connected();

		for (int k = 0; fd >= 0 && k < 3; k++) {
			struct pollfd one = { .fd = fd, .events = POLLIN };

			if (send(fd, REQUEST, LEN(REQUEST), MSG_NOSIGNAL) < 0)
				break;
			poll(&one, 1, 20);
			recv(fd, room, sizeof(room), MSG_DONTWAIT);
		}
		if (fd >= 0)
			close(fd);
	}
	return unused;
}

/* Whatever a number stands for. */
static void *disturbs(void *arg)
{
	unsigned random = (unsigned)(uintptr_t)arg;
	char room[50];

	while (!atomic_load(&is_over)) {
		int fd = lowest + (int)(random >> 8) % NUMBERS;
		struct pollfd one = { .fd = fd, .events = POLLIN };

		random = random * 1103515245 + 12345;
		switch (random >> 20 & 7) {
		case 0:
		case 1:
		case 2:
			send(fd, REQUEST, LEN(REQUEST), MSG_NOSIGNAL | MSG_DONTWAIT);
			break;
		case 3:
		case 4:
			recv(fd, room, sizeof(room), MSG_DONTWAIT);
			break;
		case 5:
			poll(&one, 1, 1);
			break;
		case 6:
			dup2(fd, lowest + (int)(random >> 12) % NUMBERS);
			break;
		default:
			close(fd);
		}
	}
	return NULL;
}

static void numbers_used_again(void)
{
	pthread_t threads[5];

	lowest = connected();
	for (int i = 0; i < 5; i++)
		start(i < 3 ? makes_requests : disturbs, (void *)(uintptr_t)(i * 7919 + 1),
		      &threads[i]);
	for (int i = 0; i < 5; i++) {
		if (i == 3)
			atomic_store(&is_over, true);
		pthread_join(threads[i], NULL);
	}
	/* until nobody is left who might close a number that is another's by now */
	while (atomic_load(&nr_served)) {
		for (int i = 0; i < NUMBERS; i++)
			close(lowest + i);
		poll(NULL, 0, 10);
	}
	atomic_store(&is_over, false);
}

/* ---- afterwards ---------------------------------------------------------------------------------- */

static void is_traced_still(void)
{
	uint64_t before = atr_count_read(ATR_COUNT_HEADS_INJECTED);
	char room[LEN(ANSWER)];
	int fd = connected();

	for (int i = 0; i < 3; i++)
		if (send(fd, REQUEST, LEN(REQUEST), 0) != (ssize_t)LEN(REQUEST) ||
		    recv(fd, room, sizeof(room), MSG_WAITALL) != (ssize_t)sizeof(room) ||
		    memcmp(room, ANSWER, sizeof(room)) != 0)
			fail("the requests afterwards");
	close(fd);
	if (atr_count_read(ATR_COUNT_HEADS_INJECTED) != before + 3)
		fail("they are not traced");
}

int main(int argc, char **argv)
{
	(void)argc;
	/* the library's constructor has read its variables by now: once more, with ours */
	if (!getenv("AUTOTRACE_FILE")) {
		setenv("OTEL_TRACES_EXPORTER", "otlp/file", 1);
		setenv("AUTOTRACE_FILE", "/dev/null", 1);
		setenv("OTEL_BSP_SCHEDULE_DELAY", "20", 1);
		execv("/proc/self/exe", argv);
		fail("execv");
	}
	go_below_the_sanitizer();
	serve();
	writers_and_readers();
	numbers_used_again();
	is_traced_still();
	return 0;
}
