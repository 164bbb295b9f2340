/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool: the programs of the soak. HTTP/1.1 on loopback by a pool of threads.
 *
 *	pool origin PORT		answers
 *	pool front PORT ORIGIN		asks ORIGIN the same, and answers what that said
 *	pool client PORT SECONDS NR	NR threads ask; for SECONDS, or -N for N requests a thread
 *
 * GET /LEN/SEED is answered with the body of that length and seed (body_of), and
 * POST /LEN/SEED with the body that it brought. So an answer can be told right or
 * wrong from its question alone. The seed also chooses by which calls it is sent.
 *
 * origin and front end on SIGTERM. Each says at its end what it counted:
 * "requests N wrong M untraced U", for a client also when it came to its end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define BODY_MAX 65536
#define HEAD_MAX 4096
#define WORKERS 6
#define IDLE_MAX 64

struct conn {
	int fd;
	size_t len; /* bytes read and not yet used */
	struct conn *next;
	char buf[HEAD_MAX + 2 * BODY_MAX];
};

/* A request, or an answer of which len alone is known. */
struct message {
	bool is_post, is_last, is_traced_once;
	unsigned long len, seed;
	char body[BODY_MAX];
};

static atomic_ulong nr_requests, nr_wrong, nr_untraced;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void body_of(unsigned long len, unsigned long seed, char *out)
{
	int head = snprintf(out, 48, "%lu %lu\n", len, seed);

	for (unsigned long i = (unsigned long)head; i < len; i++)
		out[i] = (char)('a' + (i * 7 + seed) % 26);
}

/* ---- the wire ------------------------------------------------------------------------------ */

static struct sockaddr_in at_port(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return at;
}

static struct conn *new_conn(int fd)
{
	struct conn *c = calloc(1, sizeof(*c));
	int on = 1;

	if (!c)
		die("memory");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->fd = fd;
	return c;
}

static struct conn *connect_to(int port)
{
	struct sockaddr_in to = at_port(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	return new_conn(fd);
}

static void end_conn(struct conn *c)
{
	close(c->fd);
	free(c);
}

static bool put(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return true;
}

/* Both at once, and by put what did not go. */
static bool put_both(int fd, const char *head, size_t head_len, const char *body, size_t len)
{
	struct iovec both[2] = { { (char *)head, head_len }, { (char *)body, len } };
	ssize_t n = writev(fd, both, len ? 2 : 1);
	size_t done = n < 0 ? 0 : (size_t)n;

	if (n < 0 && errno != EINTR)
		return false;
	if (done < head_len)
		return put(fd, head + done, head_len - done) && put(fd, body, len);
	return put(fd, body + (done - head_len), len - (done - head_len));
}

/* In three chunks, or as many as there are bytes. */
static bool put_chunks(int fd, const char *body, size_t len)
{
	size_t most = len / 3 + 1;

	while (len) {
		size_t n = len < most ? len : most;
		char line[24];
		int line_len = snprintf(line, sizeof(line), "%zx\r\n", n);

		if (!put_both(fd, line, (size_t)line_len, body, n) || !put(fd, "\r\n", 2))
			return false;
		body += n;
		len -= n;
	}
	return put(fd, "0\r\n\r\n", 5);
}

static bool put_answer(int fd, const struct message *m)
{
	char head[256];
	bool is_chunked = m->seed % 4 == 3;
	int n = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n%s",
			 m->is_last ? "Connection: close\r\n" : "");

	if (is_chunked)
		n += snprintf(head + n, sizeof(head) - n, "Transfer-Encoding: chunked\r\n\r\n");
	else
		n += snprintf(head + n, sizeof(head) - n, "Content-Length: %lu\r\n\r\n", m->len);
	if (is_chunked)
		return put(fd, head, (size_t)n) && put_chunks(fd, m->body, m->len);
	if (m->seed % 4 == 2)
		return put(fd, head, (size_t)n) && put(fd, m->body, m->len);
	return put_both(fd, head, (size_t)n, m->body, m->len);
}

static bool put_request(int fd, const struct message *m)
{
	char head[256];
	size_t len = m->is_post ? m->len : 0;
	int n = snprintf(head, sizeof(head), "%s /%lu/%lu HTTP/1.1\r\nHost: 127.0.0.1\r\n%s",
			 m->is_post ? "POST" : "GET", m->len, m->seed,
			 m->is_last ? "Connection: close\r\n" : "");

	if (m->is_post)
		n += snprintf(head + n, sizeof(head) - n, "Content-Length: %lu\r\n", m->len);
	n += snprintf(head + n, sizeof(head) - n, "\r\n");
	if (m->seed % 3 == 0)
		return put(fd, head, (size_t)n) && put(fd, m->body, len);
	return put_both(fd, head, (size_t)n, m->body, len);
}

/* False at the end of the stream. */
static bool fill(struct conn *c)
{
	size_t room = sizeof(c->buf) - 1 - c->len;
	ssize_t n;

	do {
		n = c->len & 1 ? read(c->fd, c->buf + c->len, room) :
				 recv(c->fd, c->buf + c->len, room, 0);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	c->len += (size_t)n;
	c->buf[c->len] = 0;
	return true;
}

static void drop(struct conn *c, size_t len)
{
	c->len -= len;
	memmove(c->buf, c->buf + len, c->len + 1);
}

/* The head up to its blank line, which is kept apart from what follows: its length, or 0. */
static size_t get_head(struct conn *c, char head[static HEAD_MAX])
{
	char *blank;
	size_t len;

	while (!(blank = c->len ? strstr(c->buf, "\r\n\r\n") : NULL))
		if (c->len >= HEAD_MAX || !fill(c))
			return 0;
	len = (size_t)(blank + 4 - c->buf);
	if (len >= HEAD_MAX)
		return 0;
	memcpy(head, c->buf, len);
	head[len] = 0;
	drop(c, len);
	return len;
}

static bool get_bytes(struct conn *c, char *out, size_t len)
{
	while (c->len < len)
		if (!fill(c))
			return false;
	memcpy(out, c->buf, len);
	drop(c, len);
	return true;
}

static bool get_chunks(struct conn *c, struct message *m)
{
	for (m->len = 0;;) {
		char *end;
		unsigned long size;
		char line_end[2];

		while (!(end = c->len ? strstr(c->buf, "\r\n") : NULL))
			if (!fill(c))
				return false;
		size = strtoul(c->buf, NULL, 16);
		drop(c, (size_t)(end + 2 - c->buf));
		if (size > BODY_MAX - m->len || !get_bytes(c, m->body + m->len, size) ||
		    !get_bytes(c, line_end, 2) || memcmp(line_end, "\r\n", 2) != 0)
			return false;
		if (!size)
			return true;
		m->len += size;
	}
}

static bool get_body(struct conn *c, const char *head, struct message *m)
{
	const char *length = strcasestr(head, "\r\nContent-Length: ");

	if (strcasestr(head, "\r\nTransfer-Encoding: chunked"))
		return get_chunks(c, m);
	m->len = length ? strtoul(length + 18, NULL, 10) : 0;
	return m->len <= BODY_MAX && get_bytes(c, m->body, m->len);
}

static bool has_once(const char *head, const char *field)
{
	const char *first = strcasestr(head, field);

	return first && !strcasestr(first + 1, field);
}

static bool get_request(struct conn *c, struct message *m)
{
	char head[HEAD_MAX];
	unsigned long len;

	if (!get_head(c, head))
		return false;
	m->is_post = !strncmp(head, "POST ", 5);
	m->is_last = strcasestr(head, "\r\nConnection: close") != NULL;
	m->is_traced_once = has_once(head, "\r\ntraceparent: ");
	if (sscanf(strchr(head, '/'), "/%lu/%lu ", &len, &m->seed) != 2 || len > BODY_MAX)
		return false;
	if (m->is_post)
		return get_body(c, head, m);
	m->len = len;
	return true;
}

static bool get_answer(struct conn *c, struct message *m)
{
	char head[HEAD_MAX];

	return get_head(c, head) && !strncmp(head, "HTTP/1.1 200 ", 13) && get_body(c, head, m);
}

/* ---- origin and front ---------------------------------------------------------------------- */

/* Connections that have something to read, and the threads that wait for them. */
static struct conn *ready, **ready_end = &ready;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t is_ready = PTHREAD_COND_INITIALIZER;
static int set, origin;

/* Idle connections to the origin, last in, first out: they wander between threads. */
static struct conn *idle[IDLE_MAX];
static int nr_idle;
static pthread_mutex_t idle_lock = PTHREAD_MUTEX_INITIALIZER;

static struct conn *take_idle(void)
{
	struct conn *up = NULL;

	pthread_mutex_lock(&idle_lock);
	if (nr_idle)
		up = idle[--nr_idle];
	pthread_mutex_unlock(&idle_lock);
	return up ? up : connect_to(origin);
}

static void give_idle(struct conn *up)
{
	pthread_mutex_lock(&idle_lock);
	idle[nr_idle++] = up;
	pthread_mutex_unlock(&idle_lock);
}

/* Every hundredth call has a connection of its own. */
static bool ask_origin(struct message *m)
{
	bool was_last = m->is_last, is_own = m->seed % 100 == 0, answered;
	struct conn *up = is_own ? connect_to(origin) : take_idle();

	m->is_last = is_own;
	answered = put_request(up->fd, m) && get_answer(up, m);
	m->is_last = was_last;
	if (is_own || !answered)
		end_conn(up);
	else
		give_idle(up);
	return answered;
}

static bool answer_one(struct conn *c, struct message *m)
{
	if (!get_request(c, m))
		return false;
	nr_requests++;
	if (!m->is_traced_once)
		nr_untraced++;
	if (origin && !ask_origin(m))
		nr_wrong++;
	if (!origin && !m->is_post)
		body_of(m->len, m->seed, m->body);
	return put_answer(c->fd, m) && !m->is_last;
}

static struct conn *next_ready(void)
{
	struct conn *c;

	pthread_mutex_lock(&lock);
	while (!ready)
		pthread_cond_wait(&is_ready, &lock);
	c = ready;
	ready = c->next;
	if (!ready)
		ready_end = &ready;
	pthread_mutex_unlock(&lock);
	return c;
}

static void *work(void *unused)
{
	struct message *m = calloc(1, sizeof(*m));

	for (;;) {
		struct conn *c = next_ready();
		struct epoll_event again = { EPOLLIN | EPOLLONESHOT, { .ptr = c } };
		bool goes_on;

		do {
			goes_on = answer_one(c, m);
		} while (goes_on && c->len);
		if (!goes_on)
			end_conn(c);
		else if (epoll_ctl(set, EPOLL_CTL_MOD, c->fd, &again))
			die("epoll_ctl");
	}
	return unused;
}

static void is_to_be_read(struct conn *c)
{
	pthread_mutex_lock(&lock);
	c->next = NULL;
	*ready_end = c;
	ready_end = &c->next;
	pthread_cond_signal(&is_ready);
	pthread_mutex_unlock(&lock);
}

static int listen_on(int port)
{
	struct sockaddr_in at = at_port(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 128))
		die("listen");
	return fd;
}

static void take_conn(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct epoll_event one = { EPOLLIN | EPOLLONESHOT, { .ptr = NULL } };

	if (fd < 0)
		return;
	one.data.ptr = new_conn(fd);
	if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &one))
		die("epoll_ctl");
}

static volatile sig_atomic_t is_over;

static void over(int signal)
{
	is_over = signal;
}

static void serve(int port)
{
	struct epoll_event event[16], listening = { EPOLLIN, { .ptr = NULL } };
	int listener = listen_on(port);
	sigset_t end, none;

	sigemptyset(&none);
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &end, NULL); /* but in epoll_pwait, by this thread */
	signal(SIGTERM, over);
	set = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_ctl(set, EPOLL_CTL_ADD, listener, &listening))
		die("epoll_ctl");
	for (int i = 0; i < WORKERS; i++) {
		pthread_t t;

		if (pthread_create(&t, NULL, work, NULL))
			die("thread");
	}
	while (!is_over) {
		int n = epoll_pwait(set, event, 16, -1, &none);

		for (int i = 0; i < n; i++) {
			if (event[i].data.ptr)
				is_to_be_read(event[i].data.ptr);
			else
				take_conn(listener);
		}
	}
}

/* ---- client -------------------------------------------------------------------------------- */

static int target;
static double end_at;
static long most;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool is_right(struct conn *c, struct message *m, struct message *answer, char *want)
{
	body_of(m->len, m->seed, want);
	if (m->is_post)
		memcpy(m->body, want, m->len);
	return put_request(c->fd, m) && get_answer(c, answer) && answer->len == m->len &&
	       !memcmp(answer->body, want, m->len);
}

static unsigned long some_len(unsigned *random)
{
	static const unsigned long most_of[] = { 64,   64,   2000,  2000,
						 2000, 9000, 20000, BODY_MAX - 48 };

	return 48 + (unsigned long)rand_r(random) % most_of[rand_r(random) % 8];
}

static void *ask(void *arg)
{
	struct message *m = calloc(1, sizeof(*m)), *answer = calloc(1, sizeof(*answer));
	char *want = malloc(BODY_MAX);
	unsigned random = (unsigned)(long)arg * 7919;
	struct conn *c = NULL;

	for (long i = 0; most ? i < most : now() < end_at; i++) {
		bool right;

		m->seed = (unsigned long)rand_r(&random) % 100000;
		m->len = some_len(&random);
		m->is_post = m->seed % 5 == 0;
		m->is_last = m->seed % 50 == 7;
		c = c ? c : connect_to(target);
		right = is_right(c, m, answer, want);
		nr_requests++;
		if (!right)
			nr_wrong++;
		if (!right || m->is_last) {
			end_conn(c);
			c = NULL;
		}
		usleep((unsigned)rand_r(&random) % 3000);
	}
	if (c)
		end_conn(c);
	return NULL;
}

static void load(const char *how_long, int nr)
{
	pthread_t t[64];

	most = *how_long == '-' ? atol(how_long + 1) : 0;
	end_at = now() + atof(how_long);
	for (long i = 0; i < nr; i++)
		if (pthread_create(&t[i], NULL, ask, (void *)(i + 1 + (long)getpid())))
			die("thread");
	for (int i = 0; i < nr; i++)
		pthread_join(t[i], NULL);
}

int main(int argc, char **argv)
{
	target = argc > 2 ? atoi(argv[2]) : 0;
	if (argc == 5 && !strcmp(argv[1], "client")) {
		load(argv[3], atoi(argv[4]) < 64 ? atoi(argv[4]) : 64);
	} else if (argc == 3 || argc == 4) {
		origin = argc == 4 ? atoi(argv[3]) : 0;
		serve(target);
	} else {
		fprintf(stderr, "pool origin PORT | front PORT ORIGIN | client PORT SECONDS NR\n");
		return 2;
	}
	printf("requests %lu wrong %lu untraced %lu end %.3f\n", nr_requests, nr_wrong, nr_untraced,
	       now());
	fflush(stdout);
	return nr_wrong != 0;
}
