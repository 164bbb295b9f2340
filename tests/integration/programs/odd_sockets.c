/* SPDX-License-Identifier: Apache-2.0 */
/*
 * odd_sockets PORT WAY: requests on connections that come, go, or are written and read in one of the
 * ways that few programs use.
 */
#include "net.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/un.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

int close_range(unsigned first, unsigned last, int flags);
void closefrom(int first);

static const char *port;

static void put(int fd, const char *text)
{
	say("sent", write(fd, text, strlen(text)));
}

static void ask_on(int fd)
{
	put(fd, GET);
	read_ok(fd);
}

static int status_of(pid_t pid)
{
	int status = 0;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void *asks_often(void *unused)
{
	char answer[ANSWER_LEN];
	long good = 0;
	int fd = connect_to(port);

	(void)unused;
	for (int i = 0; i < 50; i++)
		good += send(fd, GET, strlen(GET), 0) == (ssize_t)strlen(GET) &&
			recv(fd, answer, ANSWER_LEN, MSG_WAITALL) == (ssize_t)ANSWER_LEN;
	close(fd);
	return (void *)good;
}

/* One number, over and over, while another thread asks on its own. */
static void dup3_over(void)
{
	int fd = connect_to(port), other, n = 0;
	pthread_t thread;
	void *good;

	pthread_create(&thread, NULL, asks_often, NULL);
	for (int i = 0; i < 20; i++) {
		char answer[ANSWER_LEN];

		if (write(fd, "GET /half HTTP/1.1\r\n", 20) != 20)
			die("half");
		other = connect_to(port);
		if (dup3(other, fd, O_CLOEXEC) != fd || close(other))
			die("dup3");
		n += write(fd, GET, strlen(GET)) == (ssize_t)strlen(GET) &&
		     recv(fd, answer, ANSWER_LEN, MSG_WAITALL) == (ssize_t)ANSWER_LEN;
	}
	pthread_join(thread, &good);
	printf("%d, %ld\n", n, (long)good);
}

/* A request by vmsplice, tee and splice; an answer by splice. */
static void spliced(void)
{
	int fd = connect_to(port), in[2], out[2], copy[2];
	struct iovec iov = { GET, strlen(GET) };
	char answer[ANSWER_LEN];
	size_t got = 0;
	ssize_t n;

	if (pipe(in) || pipe(out) || pipe(copy))
		die("pipe");
	say("vmsplice", vmsplice(in[1], &iov, 1, 0));
	say("tee", tee(in[0], copy[1], 4096, 0));
	say("splice out", splice(copy[0], NULL, fd, NULL, strlen(GET), 0));
	while (got < ANSWER_LEN && (n = splice(fd, NULL, out[1], NULL, ANSWER_LEN - got, 0)) > 0)
		got += (size_t)n;
	say("splice in", (long)got);
	say("read", read(out[0], answer, sizeof(answer)));
	printf("%.*s\n", (int)sizeof(answer), answer);
	/* and the connection goes on */
	ask_on(fd);
}

/* Half a head is sent here, the rest by who is handed the connection. */
static void handed(const char *before)
{
	int over[2], fd;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, over))
		die("socketpair");
	pid = fork();
	if (pid == 0) {
		close(over[1]);
		if (!receive_fds(over[0], &fd, 1, 0))
			fd = -1;
		put(fd, *before == 'G' ? "Host: h\r\n\r\n" : GET);
		read_ok(fd);
		exit(0);
	}
	fd = connect_to(port);
	if (*before == 'G')
		put(fd, before);
	else if (*before)
		ask_on(fd);
	send_fds(over[1], &fd, 1);
	close(fd);
	say("child", status_of(pid));
}

static void handed_new(void)
{
	handed("");
}
static void handed_used(void)
{
	handed("used");
}
static void handed_half(void)
{
	handed("GET /ok HTTP/1.1\r\n");
}

/* To this process itself: the number it had is closed, and it comes by another, or the same. */
static void handed_back(void)
{
	int over[2], fd = connect_to(port), got;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, over))
		die("socketpair");
	ask_on(fd);
	send_fds(over[0], &fd, 1);
	close(fd);
	if (!receive_fds(over[1], &got, 1, 0))
		got = -1;
	say("the same number", got == fd);
	ask_on(got);
}

/* A worker listens on the port of another's, by SO_REUSEPORT. */
static void reused_port(void)
{
	struct sockaddr_in address = at_port("0");
	socklen_t len = sizeof(address);
	int one = 1, hears[2], got = 0;
	pid_t pid[2];

	for (int i = 0; i < 2; i++) {
		hears[i] = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(hears[i], SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
		if (bind(hears[i], (struct sockaddr *)&address, sizeof(address)) ||
		    listen(hears[i], 16) ||
		    getsockname(hears[i], (struct sockaddr *)&address, &len))
			die("listen");
	}
	fflush(stdout);
	for (int i = 0; i < 2; i++) {
		pid[i] = fork();
		if (pid[i])
			continue;
		close(hears[!i]);
		for (;;) {
			char head[1024];
			int fd = accept(hears[i], NULL, NULL);

			if (read(fd, head, sizeof(head)) <= 0 || memcmp(head, "GET /ok", 7))
				_exit(0);
			if (write(fd, ANSWER, ANSWER_LEN) != (ssize_t)ANSWER_LEN)
				_exit(1);
			close(fd);
		}
	}
	for (int i = 0; i < 8; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		char answer[ANSWER_LEN];

		if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
			die("connect");
		/* its end, too: who is killed has come back from the write by then */
		got += write(fd, GET, strlen(GET)) == (ssize_t)strlen(GET) &&
		       recv(fd, answer, ANSWER_LEN, MSG_WAITALL) == (ssize_t)ANSWER_LEN &&
		       recv(fd, answer, 1, 0) == 0;
		close(fd);
	}
	say("answers", got);
	close(hears[0]);
	close(hears[1]);
	for (int i = 0; i < 2; i++) {
		kill(pid[i], SIGTERM);
		say("worker", status_of(pid[i]));
	}
}

/* Until the peer, too, has closed it. */
static void wait_for_its_end(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	for (int i = 0; i < 500 && info.tcpi_state != TCP_CLOSE; i++) {
		usleep(10000);
		getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	}
}

static void half_closed(void)
{
	int fd = connect_to(port);
	char c;

	put(fd, GET);
	say("SHUT_WR", shutdown(fd, SHUT_WR));
	read_ok(fd);
	say("end", recv(fd, &c, 1, 0));
	signal(SIGPIPE, SIG_IGN);
	say("write after it", write(fd, GET, strlen(GET)));
	close(fd);
	fd = connect_to(port);
	put(fd, GET);
	read_ok(fd);
	say("SHUT_RD", shutdown(fd, SHUT_RD));
	say("read after it", recv(fd, &c, 1, 0));
	put(fd, GET);
	say("SHUT_RDWR", shutdown(fd, SHUT_RDWR));
	wait_for_its_end(fd);
	say("again", shutdown(fd, SHUT_RDWR));
}

/* The request goes with the connect, or is the connect. */
static void fast_open(void)
{
	struct sockaddr_in address = at_port(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	struct iovec iov = { GET, strlen(GET) };
	struct msghdr msg = { .msg_name = &address,
			      .msg_namelen = sizeof(address),
			      .msg_iov = &iov,
			      .msg_iovlen = 1 };

	say("sendto", sendto(fd, GET, strlen(GET), MSG_FASTOPEN, (struct sockaddr *)&address,
			     sizeof(address)));
	read_ok(fd);
	ask_on(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	say("sendmsg", sendmsg(fd, &msg, MSG_FASTOPEN));
	read_ok(fd);
	ask_on(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, IPPROTO_TCP, 30 /* TCP_FASTOPEN_CONNECT */, &one, sizeof(one));
	say("connect", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	ask_on(fd);
}

static _Atomic int listener;

static void *answers_once(void *unused)
{
	char head[4096];
	int fd = accept(listener, NULL, NULL);

	(void)unused;
	while (read(fd, head, sizeof(head)) > 0)
		if (write(fd, ANSWER, ANSWER_LEN) < 0)
			break;
	close(fd);
	return NULL;
}

static void abstract(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t len = offsetof(struct sockaddr_un, sun_path) +
			(socklen_t)snprintf(address.sun_path, 100, "%codd-%d", 0, getpid());
	pthread_t thread;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, len) || listen(listener, 1))
		die("bind");
	pthread_create(&thread, NULL, answers_once, NULL);
	say("connect", connect(fd, (struct sockaddr *)&address, len));
	ask_on(fd);
	ask_on(fd);
	close(fd);
	pthread_join(thread, NULL);
}

/* Nobody connected and nobody accepted. */
static void paired(void)
{
	char head[4096];
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		die("socketpair");
	for (int i = 0; i < 2; i++) {
		put(fds[0], GET);
		say("read", read(fds[1], head, sizeof(head)));
		put(fds[1], ANSWER);
		read_ok(fds[0]);
	}
}

/* Another process takes a copy of the connection out of ours. */
static void taken(void)
{
	int fd = connect_to(port), tells[2];
	pid_t pid;
	char c;

	if (pipe(tells))
		die("pipe");
	ask_on(fd);
	pid = fork();
	if (pid == 0) {
		int from, got;

		close(fd);
		from = (int)syscall(SYS_pidfd_open, getppid(), 0);
		got = (int)syscall(SYS_pidfd_getfd, from, fd, 0);
		if (got < 0)
			_exit(0); /* not there, or not allowed */
		ask_on(got);
		_exit(0);
	}
	close(tells[1]);
	if (read(tells[0], &c, 1)) /* until it is gone */
		die("read");
	say("child", status_of(pid));
	ask_on(fd);
}

static void marked(void)
{
	int fd = connect_to(port);
	pid_t pid;

	ask_on(fd);
	say("close_range", syscall(SYS_close_range, 3, ~0u, 4));
	ask_on(fd);
	say("flag", fcntl(fd, F_GETFD));
	/* the child's own, from which all is closed */
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		say("close_range", syscall(SYS_close_range, 3, ~0u, 2));
		ask_on(connect_to(port));
		exit(0);
	}
	say("child", status_of(pid));
	ask_on(fd);
	/* closed past us: the number is a file's next */
	say("close_range", syscall(SYS_close_range, fd, fd, 0));
	say("file", open("/dev/null", O_RDWR) == fd);
	put(fd, GET);
	say("read", read(fd, &pid, sizeof(pid)));
}

/* Closed with all others while they wait for an answer; what is told of it at exit is not told. */
static void in_ranges(void)
{
	for (int i = 0; i < 2; i++) {
		put(connect_to(port), GET);
		if (i == 0)
			say("close_range", close_range(3, ~0u, 0));
		else
			closefrom(3);
		sleep(1);
	}
	kill(getpid(), SIGKILL);
}

/* select with more descriptors than its type has room for. */
static void many_selected(void)
{
	struct rlimit limit = { 4096, 4096 };
	static fd_set sets[4];
	int fd;

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < 3000) {
		limit.rlim_cur = 3000;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	fd = dup2(connect_to(port), 2900);
	put(fd, GET);
	((unsigned char *)sets)[fd / 8] |= (unsigned char)(1 << fd % 8);
	say("select", select(fd + 1, sets, NULL, NULL, NULL));
	say("set", !!(((unsigned char *)sets)[fd / 8] & 1 << fd % 8));
	read_ok(fd);
}

/* EAGAIN somewhere in a long head, which is then sent on. */
static void stuck(void)
{
	struct sockaddr_in address = at_port("0");
	socklen_t len = sizeof(address);
	int small = 2048, fd = socket(AF_INET, SOCK_STREAM, 0), to;
	static char head[65536], got[sizeof(head) + 4096];
	size_t at = 0, n, all = 0, again = 0;

	listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &len) ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)))
		die("connect");
	to = accept(listener, NULL, NULL);
	n = (size_t)sprintf(head, "GET /ok HTTP/1.1\r\nHost: h\r\n");
	while (n < 12000)
		n += (size_t)sprintf(head + n, "X-%zu: %050d\r\n", n, 0);
	n += (size_t)sprintf(head + n, "\r\n");
	fcntl(fd, F_SETFL, O_NONBLOCK);
	fcntl(to, F_SETFL, O_NONBLOCK);
	while (at < n || again < 1000) {
		ssize_t sent = at < n ? send(fd, head + at, n - at, 0) : 0, read_n;

		at += sent > 0 ? (size_t)sent : 0;
		if (sent < 0 && errno != EAGAIN)
			die("send");
		if (at == n && again++ && at < n)
			continue;
		read_n = recv(to, got + all, sizeof(got) - 1 - all, 0);
		all += read_n > 0 ? (size_t)read_n : 0;
		if (at == n && strstr(got, "\r\n\r\n"))
			break;
	}
	/* what is not ours of it */
	for (char *p; (p = strcasestr(got, "traceparent:"));)
		memmove(p, strchr(p, '\n') + 1, strlen(strchr(p, '\n')));
	printf("sent %zu; as it was: %d\n", at, !strcmp(got, head));
}

/* Not a head's first bytes by which it could be told: urgent data, no data, a peer that resets. */
static void oddities(void)
{
	struct linger now = { 1, 0 };
	int fd = connect_to(port);
	char c;

	say("nothing", send(fd, "", 0, 0));
	say("nothing", write(fd, NULL, 0));
	say("urgent", send(fd, "", 0, MSG_OOB));
	ask_on(fd);
	say("nothing", recv(fd, &c, 0, 0));
	say("no data", recv(fd, &c, 1, MSG_DONTWAIT));
	say("no urgent data", recv(fd, &c, 1, MSG_OOB));
	say("error queue", recv(fd, &c, 1, MSG_ERRQUEUE));
	say("bad memory", send(fd, (void *)8, 100, 0));
	say("confirm", send(fd, GET, strlen(GET), MSG_MORE | MSG_NOSIGNAL));
	say("trunc", recv(fd, NULL, ANSWER_LEN, MSG_TRUNC | MSG_WAITALL));
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	say("close", close(fd));
	say("closed", close(fd));
	say("write", write(fd, GET, strlen(GET)));
	say("negative", write(-1, GET, strlen(GET)));
	say("huge", write(1 << 30, GET, strlen(GET)));
}

/* The number is closed by what nobody sees, and is a file's next. */
static long by_instruction(long number, long a)
{
	long result;

#ifdef __x86_64__
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a) : "rcx", "r11", "memory");
#else
	result = syscall(number, a);
#endif
	return result;
}

static void unseen(void)
{
	char name[] = "/tmp/odd-XXXXXX", got[4096];
	int fd = connect_to(port), file;
	FILE *stream;

	ask_on(fd);
	by_instruction(SYS_close, fd);
	file = mkstemp(name);
	say("the same number", file == fd);
	put(file, GET);
	put(file, GET);
	say("pread", pread(file, got, sizeof(got), 0));
	printf("%d\n", strncmp(got, GET GET, strlen(GET GET)));
	lseek(file, 0, SEEK_SET);
	say("read", read(file, got, sizeof(got)));
	close(file);
	fd = connect_to(port);
	stream = fdopen(fd, "r+");
	fputs(GET, stream);
	fflush(stream);
	read_ok(fd);
	fclose(stream);
	file = open(name, O_RDWR | O_TRUNC);
	say("the same number", file == fd);
	put(file, GET);
	say("pread", pread(file, got, sizeof(got), 0));
	unlink(name);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} ways[] = {
		{ "dup3", dup3_over },	  { "spliced", spliced },      { "new", handed_new },
		{ "used", handed_used },  { "half", handed_half },     { "back", handed_back },
		{ "port", reused_port },  { "shutdown", half_closed }, { "fast", fast_open },
		{ "abstract", abstract }, { "paired", paired },	       { "taken", taken },
		{ "marked", marked },	  { "select", many_selected }, { "stuck", stuck },
		{ "odd", oddities },	  { "unseen", unseen },	       { "ranges", in_ranges },
	};

	if (argc < 3)
		return 2;
	port = argv[1];
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(argv[2], ways[i].name))
			ways[i].run();
	return 0;
}
