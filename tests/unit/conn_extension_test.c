/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/extension.h"
#include "tests/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The platform: one connection, an answer to the first request, and what comes after it. */
static struct {
	int listener;
	const char *answer;
	char said[2][1024];
} platform;

static void hear(int fd, char *out, const char *end)
{
	size_t len = 0;
	ssize_t n;

	for (out[0] = 0; len < 1023 && !strstr(out, end); out[len] = 0) {
		n = recv(fd, out + len, 1023 - len, 0);
		if (n <= 0)
			return;
		len += (size_t)n;
	}
}

static void *serve(void *unused)
{
	int fd = accept(platform.listener, NULL, NULL);

	hear(fd, platform.said[0], "]}");
	if (platform.answer)
		send(fd, platform.answer, strlen(platform.answer), MSG_NOSIGNAL);
	else
		close(fd);
	if (platform.answer) {
		hear(fd, platform.said[1], "\r\n\r\n");
		close(fd);
	}
	return unused;
}

static struct sockaddr_in open_platform(const char *answer)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	memset(&platform, 0, sizeof(platform));
	platform.answer = answer;
	platform.listener = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(bind(platform.listener, (struct sockaddr *)&at, len) == 0);
	CHECK(listen(platform.listener, 1) == 0);
	CHECK(getsockname(platform.listener, (struct sockaddr *)&at, &len) == 0);
	return at;
}

/* Registers at a platform that answers so; what was asked after it is in said[1]. */
static void begins(const char *answer)
{
	struct sockaddr_in at = open_platform(answer);
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, serve, NULL) == 0);
	errno = ENOTTY;
	atr_extension_begin(&at);
	CHECK(errno == ENOTTY);
	pthread_join(thread, NULL);
	close(platform.listener);
}

TEST(extension_registers_for_no_events_and_asks_for_the_next)
{
	begins("HTTP/1.1 200 OK\r\nlambda-extension-identifier: 3a-1\r\nContent-Length: "
	       "2\r\n\r\n{}");
	CHECK(strstr(platform.said[0], "POST /2020-01-01/extension/register HTTP/1.1\r\n"));
	CHECK(strstr(platform.said[0], "\r\nContent-Length: 13\r\n\r\n{\"events\":[]}"));
	CHECK(strstr(platform.said[1], "GET /2020-01-01/extension/event/next HTTP/1.1\r\n"));
	CHECK(strstr(platform.said[1], "\r\nLambda-Extension-Identifier: 3a-1\r\n\r\n"));
}

TEST(extension_that_is_not_taken_asks_for_nothing)
{
	static const char *const answers[] = {
		"HTTP/1.1 403 Forbidden\r\nLambda-Extension-Identifier: x\r\nContent-Length: "
		"0\r\n\r\n",
		"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"garbage\r\n\r\n",
		"\n",
		NULL,
	};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		begins(answers[i]);
		CHECK(!platform.said[1][0]);
	}
}

TEST(extension_without_a_platform_is_none)
{
	struct sockaddr_in at = open_platform(NULL);

	close(platform.listener);
	errno = ENOTTY;
	atr_extension_begin(&at);
	CHECK(errno == ENOTTY);
}
