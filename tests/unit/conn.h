/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TESTS_UNIT_CONN_H
#define ATR_TESTS_UNIT_CONN_H

/*
 * What the tests of preload/conn share: descriptors that are numbers only, a
 * kernel that takes what the test lets it take, and the hooks' part of a call.
 * In conn_test.c.
 */
#include "preload/conn/conn.h"
#include "tests/unit/live.h"

#include <errno.h>
#include <netinet/in.h>

enum { FD = 100, OTHER, SERVER, SECOND_SERVER, LISTENER, SET, NR_FDS = 16 };

/* What the kernel does with what is sent on a descriptor, and what has arrived. */
struct wire {
	size_t most;   /* bytes that a call takes; 0: all */
	bool in_turns; /* after each call that took some it says once that it takes none */
	int error;     /* each call fails with it */
	bool took;
	const char *
		answer; /* the next call, before it comes back, finds this read by another thread */
	size_t len;
	char arrived[512 * 1024];
};
struct wire *conn_wire(int fd);

/* As live_begin and live_end; sampling is on unless the variables say otherwise. */
void conn_begin(const char *const *variables);
void conn_end(void);
#define CONN_BEGIN(...)                                                                \
	conn_begin((const char *const[]){ "OTEL_TRACES_SAMPLER=parentbased_always_on", \
					  __VA_ARGS__ __VA_OPT__(, ) NULL })

/* connect that succeeds at once; accept; close. The wire is empty then. */
void conn_connect(int fd);
void conn_accept(int fd);
void conn_close(int fd);

/* The program's write, as the hooks carry it out. The result and errno are the program's. */
ssize_t conn_writev(int fd, const struct iovec *iov, int nr, int flags);
ssize_t conn_write(int fd, const char *bytes, size_t len, int flags);

/* Writes until all of it is taken, as a program does; counts and errno are looked at. */
void conn_write_all(int fd, const char *bytes, size_t len);
void conn_writev_all(int fd, const struct iovec *iov, int nr);
#define CONN_WRITE(fd, text) conn_write_all(fd, text, strlen(text))

/* The program's read got this. */
void conn_read(int fd, const char *bytes, size_t len);
#define CONN_READ(fd, text) conn_read(fd, text, strlen(text))
void conn_read_end(int fd);
void conn_read_fails(int fd, int error);

/*
 * What arrived, without the fields that are ours; the number of fields taken out
 * goes to *nr_ours and the last traceparent's value to parent.
 */
const char *conn_arrived(int fd, unsigned *nr_ours, char parent[static ATR_TRACEPARENT_LEN + 1]);

/* Whether what arrived is this text with one traceparent in each of `nr_heads` heads. */
bool conn_has_arrived(int fd, const char *text, unsigned nr_heads);

/* Whether it is this text and nothing else. */
bool conn_is_untouched(int fd, const char *text);

/* The next span as a line: "CLIENT GET 200 http://h/a", " error=404", " body=5", " incomplete". */
const char *conn_next(void);
#define CONN_SAYS(line) CHECK(live_is(conn_next(), line))

#endif
