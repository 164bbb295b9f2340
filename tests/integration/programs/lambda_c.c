/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A custom runtime over plain sockets, on one connection for as long as that is
 * kept. argv[1] says how it behaves:
 *
 *	fine      answers with the event
 *	early     ends before it asks for anything, with status 3
 *	never     never asks
 *	deaf      takes the event, and does nothing
 *	quits     answers and ends
 *	crashes   takes the event, and dies of SIGSEGV
 *	once      crashes the first time ($MARK is then there), is fine the second
 *	twice     answers twice, and to a wrong id, and prints what it is told
 */
#include "net.h"

#include <signal.h>

static int fd = -1;
static char head[65536], body[1 << 16];

static void reach(void)
{
	if (fd < 0)
		fd = connect_to(strchr(getenv("AWS_LAMBDA_RUNTIME_API"), ':') + 1);
}

static char *field(const char *name)
{
	static char value[256];
	char *at = strcasestr(head, name);

	if (!at || sscanf(at + strlen(name), ": %255[^\r]", value) != 1)
		return NULL;
	return value;
}

static void get(void *to, size_t len)
{
	if (len && recv(fd, to, len, MSG_WAITALL) != (ssize_t)len)
		die("recv");
}

/* By length, or in chunks. */
static void read_body(void)
{
	size_t len = 0, size;
	char line[32], *at;

	if (field("Content-Length")) {
		len = (size_t)atol(field("Content-Length"));
		get(body, len);
	}
	while (field("Transfer-Encoding")) {
		for (at = line; at == line || at[-1] != '\n'; at++)
			get(at, 1);
		size = strtoul(line, NULL, 16);
		get(body + len, size);
		get(line, 2);
		len += size;
		if (!size)
			break;
	}
	body[len] = 0;
}

/* Sends a request and reads what is answered into head and body. */
static void ask(const char *method, const char *path, const char *text)
{
	char request[1 << 17];
	size_t len = 0;

	reach();
	snprintf(request, sizeof(request),
		 "%s /2018-06-01/runtime/%s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n%s",
		 method, path, strlen(text), text);
	if (send(fd, request, strlen(request), 0) < 0)
		die("send");
	for (head[0] = 0; !strstr(head, "\r\n\r\n"); head[++len] = 0)
		get(head + len, 1);
	read_body();
	if (field("Connection") && strcmp(field("Connection"), "close") == 0) {
		close(fd);
		fd = -1;
	}
}

static void answer(const char *id, const char *what, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "invocation/%s/%s", id, what);
	ask("POST", path, text);
}

static void misbehave(const char *how)
{
	const char *mark = getenv("MARK");
	int file;

	if (strcmp(how, "deaf") == 0)
		pause();
	if (strcmp(how, "crashes") == 0)
		raise(SIGSEGV);
	if (strcmp(how, "once") == 0 && access(mark, F_OK) != 0) {
		file = open(mark, O_CREAT | O_WRONLY, 0600);
		close(file);
		raise(SIGSEGV);
	}
}

static void answer_too_often(const char *id)
{
	answer(id, "response", "again");
	printf("again: %.12s %s\n", head, body);
	answer("00000000-0000-4000-8000-000000000000", "response", "whose");
	printf("whose: %.12s %s\n", head, body);
	ask("POST", "init/error", "late");
	printf("late: %.12s %s\n", head, body);
	ask("GET", "nowhere", "");
	printf("nowhere: %.12s\n", head);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "fine";
	char id[64];

	if (strcmp(how, "early") == 0)
		return 3;
	if (strcmp(how, "never") == 0)
		pause();
	while (1) {
		ask("GET", "invocation/next", "");
		snprintf(id, sizeof(id), "%.40s", field("Lambda-Runtime-Aws-Request-Id"));
		misbehave(how);
		answer(id, "response", body);
		if (strcmp(how, "quits") == 0)
			return 0;
		if (strcmp(how, "twice") == 0)
			answer_too_often(id);
	}
}
