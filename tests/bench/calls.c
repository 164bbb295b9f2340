/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls: what a call costs on a descriptor of no interest. Asked for a round of
 * one of the kinds below, says what a call took. `calls names` lists them.
 */
#include "tests/bench/bench.h"

#include <fcntl.h>
#include <string.h>

#define CALLS 1000

static int null_fd, zero_fd, file_fd, pipe_fds[2], pair[2], udp[2], client[2], server[2];
static struct calls libc;
static char bytes[64];

static void write_null(void)
{
	CHECK(write(null_fd, bytes, 1) == 1);
}

static void read_zero(void)
{
	CHECK(read(zero_fd, bytes, 1) == 1);
}

static void write_file(void)
{
	CHECK(write(file_fd, bytes, sizeof(bytes)) == sizeof(bytes));
}

static void through_pipe(void)
{
	CHECK(write(pipe_fds[1], bytes, 1) == 1);
	CHECK(read(pipe_fds[0], bytes, 1) == 1);
}

static void through_pair(void)
{
	CHECK(send(pair[0], "\1", 1, 0) == 1);
	CHECK(recv(pair[1], bytes, 1, 0) == 1);
}

static void through_udp(void)
{
	CHECK(send(udp[0], "\1", 1, 0) == 1);
	CHECK(recv(udp[1], bytes, 1, 0) == 1);
}

/* Connections that were looked at, and do not speak what we know: there and back. */
static void as_client(void)
{
	CHECK(send(client[0], "\1", 1, 0) == 1);
	CHECK(libc.recv(client[1], bytes, 1, 0) == 1);
	CHECK(libc.send(client[1], "\1", 1, 0) == 1);
	CHECK(recv(client[0], bytes, 1, 0) == 1);
}

static void as_server(void)
{
	CHECK(libc.send(server[0], "\1", 1, 0) == 1);
	CHECK(recv(server[1], bytes, 1, 0) == 1);
	CHECK(send(server[1], "\1", 1, 0) == 1);
	CHECK(libc.recv(server[0], bytes, 1, 0) == 1);
}

static const struct {
	const char *name;
	void (*calls)(void);
	int nr; /* that a preload can have its hands in */
} kinds[] = {
	{ "write, /dev/null", write_null, 1 },
	{ "read, /dev/zero", read_zero, 1 },
	{ "write, a file", write_file, 1 },
	{ "write and read, a pipe", through_pipe, 2 },
	{ "send and recv, a socketpair", through_pair, 2 },
	{ "send and recv, UDP", through_udp, 2 },
	{ "send and recv, TCP client, not HTTP", as_client, 2 },
	{ "recv and send, TCP server, not HTTP", as_server, 2 },
};
#define NR_KINDS ((int)(sizeof(kinds) / sizeof(kinds[0])))

static void make_calls(void *calls, int turns)
{
	while (turns--)
		(*(void (**)(void))calls)();
}

static int calls_of(int kind)
{
	return CALLS * kinds[kind].nr;
}

static struct took a_call(int kind)
{
	void (*calls)(void);
	struct took took;

	CHECK(kind >= 0 && kind < NR_KINDS);
	calls = kinds[kind].calls;
	took = timed_round(make_calls, &calls, CALLS, kinds[kind].nr);
	CHECK(ftruncate(file_fd, 0) == 0 && lseek(file_fd, 0, SEEK_SET) == 0);
	return took;
}

static void open_all(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	char name[] = "/tmp/calls.XXXXXX";
	struct calls program = programs_calls();

	libc = libcs_calls();
	null_fd = open("/dev/null", O_WRONLY);
	zero_fd = open("/dev/zero", O_RDONLY);
	file_fd = mkstemp(name);
	CHECK(null_fd >= 0 && zero_fd >= 0 && file_fd >= 0 && unlink(name) == 0);
	CHECK(pipe(pipe_fds) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	udp[0] = socket(AF_INET, SOCK_DGRAM, 0);
	udp[1] = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(bind(udp[1], (struct sockaddr *)&address, len) == 0);
	CHECK(getsockname(udp[1], (struct sockaddr *)&address, &len) == 0);
	CHECK(connect(udp[0], (struct sockaddr *)&address, len) == 0);
	connect_pair(&program, &client[0], &libc, &client[1]);
	connect_pair(&libc, &server[0], &program, &server[1]);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "names")) {
		for (int i = 0; i < NR_KINDS; i++)
			puts(kinds[i].name);
		return 0;
	}
	open_all();
	answer_rounds(a_call, calls_of);
	return 0;
}
