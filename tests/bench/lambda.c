/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lambda function: a custom runtime that answers each event at once.
 *
 * lambda api RUNS SECONDS INVOCATIONS SETTINGS... -- command...: plays the Runtime
 * API for the command, which is started RUNS times with each of the settings in
 * turn (as spawn.c), fewer when that takes longer than SECONDS. Prints three lines
 * for each: microseconds from before the start until its first `next` had come;
 * from the answer to a response until the `next` after it, the median of a start's
 * invocations but the first; kilobytes resident after the last of them.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS_MAX 2000
#define SETTINGS_MAX 8
#define INVOCATIONS_MAX 64
#define ENV_MAX 256

extern char **environ;
static double took[SETTINGS_MAX][3][RUNS_MAX];
static char *envs[SETTINGS_MAX][ENV_MAX];
static char message[65536];

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* One message, with its body: none, or as long as it says. */
static void read_message(int fd)
{
	size_t len = 0, whole = 0;
	char *end, *field;
	ssize_t n;

	while (!whole || len < whole) {
		n = recv(fd, message + len, sizeof(message) - 1 - len, 0);
		if (n <= 0)
			fail("recv");
		len += (size_t)n;
		message[len] = 0;
		end = strstr(message, "\r\n\r\n");
		if (!end)
			continue;
		field = strcasestr(message, "content-length:");
		whole = (size_t)(end + 4 - message) +
			(field && field < end ? (size_t)atoi(field + 15) : 0);
	}
}

static void say(int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
		fail("send");
}

/* ---- the function ---- */

_Noreturn static void function(void)
{
	const char *api = getenv("AWS_LAMBDA_RUNTIME_API");
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char id[64], answer[256], *field;

	to.sin_port = htons((uint16_t)atoi(strchr(api, ':') + 1));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		fail("connect");
	for (;;) {
		say(fd, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: h\r\n\r\n");
		read_message(fd);
		field = strstr(message, "Request-Id: ");
		if (!field || sscanf(field, "Request-Id: %63[^\r]", id) != 1)
			fail("id");
		snprintf(answer, sizeof(answer),
			 "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: h\r\n"
			 "Content-Length: 2\r\n\r\n{}",
			 id);
		say(fd, answer);
		read_message(fd);
	}
}

/* ---- the Runtime API ---- */

static void lay_out(char **env, char *settings, const char *api)
{
	int n = 0;

	env[n++] = (char *)api;
	for (char *one = strtok(settings, " "); one && n < ENV_MAX - 1; one = strtok(NULL, " "))
		env[n++] = one;
	for (char **v = environ; *v && n < ENV_MAX - 1; v++)
		env[n++] = *v;
	env[n] = NULL;
}

static int order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double resident_kb(pid_t pid)
{
	char path[64];
	long pages = 0;
	FILE *statm;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	statm = fopen(path, "r");
	if (!statm || fscanf(statm, "%*d %ld", &pages) != 1)
		fail(path);
	fclose(statm);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024;
}

/* An event; its response; until the next `next`. */
static double invoke(int fd, int number)
{
	char event[512];
	double begin;

	snprintf(event, sizeof(event),
		 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
		 "Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-%012d\r\n"
		 "Lambda-Runtime-Deadline-Ms: 4102444800000\r\n"
		 "Lambda-Runtime-Invoked-Function-Arn: "
		 "arn:aws:lambda:eu-west-1:123456789012:function:f\r\n"
		 "Lambda-Runtime-Trace-Id: "
		 "Root=1-%08lx-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;"
		 "Sampled=1\r\n\r\n{}",
		 number, (long)time(NULL));
	say(fd, event);
	read_message(fd);
	begin = now_us();
	say(fd, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
	read_message(fd);
	return now_us() - begin;
}

static void run(int listener, char **command, char **env, int invocations, double out[3])
{
	double gap[INVOCATIONS_MAX], begin = now_us();
	int fd, one = 1, status;
	pid_t pid;

	if (posix_spawnp(&pid, command[0], NULL, NULL, command, env))
		fail(command[0]);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		fail("accept");
	read_message(fd);
	out[0] = now_us() - begin;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	for (int i = 0; i < invocations; i++)
		gap[i] = invoke(fd, i);
	qsort(gap + 1, (size_t)invocations - 1, sizeof(gap[0]), order);
	out[1] = gap[1 + (invocations - 1) / 2];
	out[2] = resident_kb(pid);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(fd);
}

static int listen_at(char *variable, size_t cap)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(at);

	if (bind(listener, (struct sockaddr *)&at, len) || listen(listener, 8) ||
	    getsockname(listener, (struct sockaddr *)&at, &len))
		fail("listen");
	snprintf(variable, cap, "AWS_LAMBDA_RUNTIME_API=127.0.0.1:%d", ntohs(at.sin_port));
	return listener;
}

int main(int argc, char **argv)
{
	static char api[64];
	int runs, invocations, done = 0, nr = 0, listener;
	double end_us;

	if (argc > 1 && !strcmp(argv[1], "function"))
		function();
	if (argc < 8)
		return 2;
	listener = listen_at(api, sizeof(api));
	runs = atoi(argv[2]);
	end_us = now_us() + atof(argv[3]) * 1e6;
	invocations = atoi(argv[4]);
	while (nr < SETTINGS_MAX && 5 + nr < argc && strcmp(argv[5 + nr], "--")) {
		lay_out(envs[nr], argv[5 + nr], api);
		nr++;
	}
	if (runs < 1 || runs > RUNS_MAX || invocations < 2 || invocations > INVOCATIONS_MAX ||
	    nr < 1 || argc < nr + 7)
		return 2;
	for (; done < runs && (done < 3 || now_us() < end_us); done++) {
		for (int k = 0; k < nr; k++) {
			int which = (done + k) % nr;
			double out[3];

			run(listener, argv + nr + 6, envs[which], invocations, out);
			for (int i = 0; i < 3; i++)
				took[which][i][done] = out[i];
		}
	}
	for (int k = 0; k < nr; k++)
		for (int i = 0; i < 3; i++)
			for (int n = 0; n < done; n++)
				printf("%.1f%c", took[k][i][n], n + 1 < done ? ' ' : '\n');
	return 0;
}
