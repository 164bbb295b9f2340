/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function of $AWS_LAMBDA_MAX_CONCURRENCY threads, each with a loop of its own. Each
 * invocation asks $DOWN for /ok?<its request id>, three times, on connections of the thread's
 * that are kept or made anew.
 */
#include "net.h"

#include <pthread.h>
#include <stdbool.h>

struct peer {
	const char *port;
	int fd;
	char head[8192], body[8192];
};

static void get(int fd, char *to, size_t len)
{
	if (len && recv(fd, to, len, MSG_WAITALL) != (ssize_t)len)
		pthread_exit(NULL);
}

static const char *field(const struct peer *p, const char *name)
{
	const char *at = strcasestr(p->head, name);

	return at ? at + strlen(name) : NULL;
}

static void ask(struct peer *p, bool anew, const char *method, const char *path)
{
	char request[1024];
	size_t len = 0;

	if (p->fd >= 0 && anew) {
		close(p->fd);
		p->fd = -1;
	}
	if (p->fd < 0)
		p->fd = connect_to(p->port);
	snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
		 method, path);
	if (send(p->fd, request, strlen(request), 0) < 0)
		pthread_exit(NULL);
	for (p->head[0] = 0; !strstr(p->head, "\r\n\r\n"); p->head[++len] = 0)
		get(p->fd, p->head + len, 1);
	len = field(p, "Content-Length: ") ? (size_t)atol(field(p, "Content-Length: ")) : 0;
	get(p->fd, p->body, len < sizeof(p->body) ? len : sizeof(p->body));
}

static void *work(void *unused)
{
	struct peer api = { strrchr(getenv("AWS_LAMBDA_RUNTIME_API"), ':') + 1, -1, "", "" };
	struct peer web = { strrchr(getenv("DOWN"), ':') + 1, -1, "", "" };
	char id[37], path[128];

	(void)unused;
	for (unsigned n = 0;; n++) {
		ask(&api, false, "GET", "/2018-06-01/runtime/invocation/next");
		sscanf(field(&api, "Lambda-Runtime-Aws-Request-Id: "), "%36s", id);
		snprintf(path, sizeof(path), "/ok?%s", id);
		for (unsigned i = 0; i < 3; i++) {
			ask(&web, n % 2, "GET", path);
			usleep(1000 * (n % 3));
		}
		snprintf(path, sizeof(path), "/2018-06-01/runtime/invocation/%s/response", id);
		ask(&api, false, "POST", path);
	}
	return NULL;
}

int main(void)
{
	int nr = atoi(getenv("AWS_LAMBDA_MAX_CONCURRENCY"));
	pthread_t thread;

	while (nr--)
		pthread_create(&thread, NULL, work, NULL);
	pthread_join(thread, NULL);
}
