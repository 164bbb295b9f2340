/* SPDX-License-Identifier: Apache-2.0 */
/* What functions.c and functions.cc call: in one program with them, or a library. */
#include "functions.h"
#include "net.h"

#include <stdarg.h>

#define OUTSIDE __attribute__((noinline))

const char *functions_port;

OUTSIDE int submit_user(const char *name)
{
	char head[256], answer[1024];
	int fd = connect_to(functions_port), status = 0;
	size_t len = 0;
	ssize_t n;

	snprintf(head, sizeof(head), "GET /ok?%s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
		 name);
	if (send(fd, head, strlen(head), 0) < 0)
		die("send");
	while (len < sizeof(answer) - 1 &&
	       (n = recv(fd, answer + len, sizeof(answer) - 1 - len, 0)) > 0)
		len += (size_t)n;
	answer[len] = 0;
	close(fd);
	sscanf(answer, "HTTP/1.1 %d", &status);
	return status;
}

OUTSIDE int handle(const char *name)
{
	int status = submit_user(name);

	__asm__ volatile("" : "+r"(status));
	return status;
}

OUTSIDE int descend(int depth)
{
	char name[16];
	int status;

	snprintf(name, sizeof(name), "depth%d", depth);
	status = submit_user(name);
	if (depth)
		status += descend(depth - 1);
	__asm__ volatile("" : "+r"(status)); /* or it would be a loop */
	return status;
}

OUTSIDE int hops(const char *name)
{
	return submit_user(name);
}

OUTSIDE int with_callback(int (*call)(void *), void *arg)
{
	int result = call(arg);

	__asm__ volatile("" : "+r"(result));
	return result;
}

OUTSIDE int hops_to(int (*call)(void *), void *arg)
{
	return with_callback(call, arg);
}

OUTSIDE void jumps(jmp_buf to)
{
	longjmp(to, 7);
}

OUTSIDE long many(long a, int b, long c, long d, long e, long f, long g, double h, long i, char j)
{
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + (long)(8 * h) + 9 * i + 10 * j;
}

OUTSIDE double varied(int nr, ...)
{
	double sum = 0;
	va_list args;

	va_start(args, nr);
	for (int i = 0; i < nr; i++)
		sum += i % 2 ? va_arg(args, double) : va_arg(args, long);
	va_end(args);
	return sum;
}

OUTSIDE struct large returns_large(long from)
{
	struct large all;

	for (int i = 0; i < 9; i++)
		all.a[i] = from + i;
	return all;
}

OUTSIDE struct pair returns_pair(long a, double b)
{
	return (struct pair){ a + 1, b + 1 };
}

OUTSIDE long double returns_long_double(long double a, double b)
{
	return a / 3 + b;
}

OUTSIDE _Complex long double returns_complex(long double a, long double b)
{
	return a / 3 + b / 7 * 1.0iL;
}

OUTSIDE two returns_two(two a, two b)
{
	return a * b + a;
}

OUTSIDE __attribute__((target("avx"))) four returns_four(four a, four b)
{
	return a * b + a;
}

OUTSIDE int quick(int a)
{
	return a + 1;
}
