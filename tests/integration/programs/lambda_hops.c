/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As lambda_threads.c, but each call is made by whichever thread of a pool comes next: what is sent
 * on a connection by one is answered to another, as runtimes with tasks do it. Without
 * $AWS_LAMBDA_MAX_CONCURRENCY it has one task.
 */
#include "net.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#define WORKERS 16

struct job {
	int fd;
	char *bytes;
	size_t len;
	bool sends;
	sem_t done;
};

static struct job *queue[WORKERS];
static int nr_queued;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static sem_t queued;

static void *work(void *unused)
{
	(void)unused;
	for (;;) {
		struct job *job;

		sem_wait(&queued);
		pthread_mutex_lock(&mutex);
		job = queue[--nr_queued];
		pthread_mutex_unlock(&mutex);
		if (job->sends)
			send(job->fd, job->bytes, job->len, MSG_NOSIGNAL);
		else
			job->len = (size_t)recv(job->fd, job->bytes, job->len, 0);
		sem_post(&job->done);
	}
	return NULL;
}

static ssize_t run(int fd, char *bytes, size_t len, bool sends)
{
	struct job job = { .fd = fd, .bytes = bytes, .len = len, .sends = sends };

	sem_init(&job.done, 0, 0);
	pthread_mutex_lock(&mutex);
	queue[nr_queued++] = &job;
	pthread_mutex_unlock(&mutex);
	sem_post(&queued);
	sem_wait(&job.done);
	return (ssize_t)job.len;
}

/* One request; the answers are small, and come whole or with their head first. */
static void ask(int fd, const char *method, const char *path, char answer[static 8192])
{
	char request[1024], *blank = NULL, *length;
	size_t len = 0, whole = SIZE_MAX;
	ssize_t n;

	snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
		 method, path);
	run(fd, request, strlen(request), true);
	for (answer[0] = 0; len < whole; answer[len] = 0) {
		n = run(fd, answer + len, 8191 - len, false);
		if (n <= 0)
			pthread_exit(NULL);
		len += (size_t)n;
		answer[len] = 0;
		blank = strstr(answer, "\r\n\r\n");
		length = strcasestr(answer, "Content-Length: ");
		if (blank)
			whole = (size_t)(blank + 4 - answer) +
				(length ? (size_t)atol(length + 16) : 0);
	}
}

static void *task(void *unused)
{
	int api = connect_to(strrchr(getenv("AWS_LAMBDA_RUNTIME_API"), ':') + 1);
	int web = connect_to(strrchr(getenv("DOWN"), ':') + 1);
	char answer[8192], id[37], path[128];

	(void)unused;
	for (unsigned n = 0;; n++) {
		ask(api, "GET", "/2018-06-01/runtime/invocation/next", answer);
		sscanf(strcasestr(answer, "Lambda-Runtime-Aws-Request-Id: ") + 31, "%36s", id);
		snprintf(path, sizeof(path), "/ok?%s", id);
		for (unsigned i = 0; i < 3; i++) {
			ask(web, "GET", path, answer);
			usleep(1000 * (n % 3));
		}
		snprintf(path, sizeof(path), "/2018-06-01/runtime/invocation/%s/response", id);
		ask(api, "POST", path, answer);
	}
	return NULL;
}

int main(void)
{
	const char *most = getenv("AWS_LAMBDA_MAX_CONCURRENCY");
	int nr = most ? atoi(most) : 1;
	pthread_t thread;

	sem_init(&queued, 0, 0);
	for (int i = 0; i < WORKERS; i++)
		pthread_create(&thread, NULL, work, NULL);
	while (nr--)
		pthread_create(&thread, NULL, task, NULL);
	pthread_join(thread, NULL);
}
