/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel_followed PORT [OTHER]: a server whose functions are static, and built as programs are: nobody is told of
 * their calls. Each path goes through them in another way. Some ask a server on the other port.
 */
#include <arpa/inet.h>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#define PLAIN __attribute__((noipa)) static

static jmp_buf out;
static volatile int sum;

PLAIN int innermost(int n)
{
	usleep(1000);
	sum += n;
	return n;
}

PLAIN int deeper(int n)
{
	int got = n > 1 ? deeper(n - 1) : innermost(n);

	sum += got;
	return got + 1;
}

namespace shop
{
PLAIN int order(int n)
{
	int got = innermost(n);

	sum += got;
	return deeper(2) + got;
}
} // namespace shop

PLAIN int throws(int n)
{
	sum += n;
	if (n)
		throw std::runtime_error("no");
	return n + sum;
}

PLAIN int jumps(int n)
{
	sum += n;
	if (n)
		longjmp(out, 1);
	return n + sum;
}

/* Its last act is a call. */
PLAIN int hands_on(int n)
{
	sum += n;
	return innermost(n + 1);
}

PLAIN int quick(int n)
{
	sum += n;
	return sum;
}

PLAIN int between(int n)
{
	usleep(1000);
	sum += n;
	return sum;
}

static int other; /* port */

__attribute__((noipa)) static void ask(const char *path)
{
	std::string text = "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n\r\n";
	struct sockaddr_in at = {};
	char answer[1024];
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	at.sin_family = AF_INET;
	at.sin_port = htons((uint16_t)other);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    send(fd, text.data(), text.size(), 0) != (ssize_t)text.size() ||
	    recv(fd, answer, sizeof(answer), 0) <= 0)
		perror(path);
	close(fd);
}

PLAIN int buys(int n)
{
	ask("/inner");
	sum += n;
	return sum;
}

PLAIN int sells(int n)
{
	ask("/outer");
	buys(n);
	ask("/later");
	sum += n;
	return sum;
}

PLAIN int here(int n)
{
	ask("/here");
	sum += n;
	return sum;
}

PLAIN int there(int n)
{
	ask("/there");
	sum += n;
	return sum;
}

static std::string handle(const char *head)
{
	if (strstr(head, "/order"))
		shop::order(1);
	if (strstr(head, "/throw")) {
		try {
			throws(1);
		} catch (const std::exception &e) {
			innermost(1);
			return e.what();
		}
	}
	if (strstr(head, "/jump")) {
		if (!setjmp(out))
			jumps(1);
		else
			innermost(1);
	}
	if (strstr(head, "/hand"))
		hands_on(1);
	if (strstr(head, "/thread"))
		std::thread([] { innermost(1); }).join();
	if (strstr(head, "/trades")) {
		ask("/before");
		sells(1);
		ask("/after");
	}
	if (strstr(head, "/twice")) {
		std::thread one([] { here(1); }), two([] { there(1); });

		one.join();
		two.join();
		ask("/after");
	}
	if (strstr(head, "/leaves")) {
		if (!setjmp(out))
			jumps(1);
		else
			ask("/jumped");
		try {
			throws(1);
		} catch (const std::exception &) {
			ask("/caught");
		}
	}
	if (strstr(head, "/often"))
		for (int i = 0; i < 1000; i++)
			quick(i);
	return "yes";
}

/* Of /fork a child, which serves from then on. */
static bool answer(int fd)
{
	char head[4096];
	ssize_t n = recv(fd, head, sizeof(head) - 1, 0);
	std::string text;

	if (n <= 0)
		return false;
	head[n] = 0;
	if (strstr(head, "/fork")) {
		pid_t child = fork();

		if (child) {
			waitpid(child, nullptr, 0);
			return false;
		}
	}
	text = handle(head);
	text = "HTTP/1.1 200 X\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" +
	       text;
	return send(fd, text.data(), text.size(), 0) > 0;
}

static int listener;

/* accept fails from then on. */
static void ends(int)
{
	shutdown(listener, SHUT_RDWR);
}

int main(int argc, char **argv)
{
	struct sigaction action = {};
	int one = 1, fd;
	struct sockaddr_in at = {};

	if (argc < 2)
		return 2;
	other = argc > 2 ? atoi(argv[2]) : 0;
	listener = socket(AF_INET, SOCK_STREAM, 0);
	action.sa_handler = ends;
	sigaction(SIGTERM, &action, nullptr);
	at.sin_family = AF_INET;
	at.sin_port = htons((uint16_t)atoi(argv[1]));
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 64))
		return 1;
	while ((fd = accept(listener, nullptr, nullptr)) >= 0) {
		while (answer(fd))
			;
		close(fd);
		between(1); /* in no span */
	}
	return 0;
}
