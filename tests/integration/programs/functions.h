/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TESTS_FUNCTIONS_H
#define ATR_TESTS_FUNCTIONS_H

/* functions: of a library, or of the program, as it is built; what each does is in functions_lib.c. */
#include <setjmp.h>

#ifdef __cplusplus
extern "C" {
#endif

struct large {
	long a[9];
};
struct pair {
	long a;
	double b;
};
typedef double four __attribute__((vector_size(32)));
typedef double two __attribute__((vector_size(16)));

extern const char *functions_port;

int submit_user(const char *name); /* one request, its status */
int handle(const char *name);	   /* calls it */
int descend(int depth);		   /* calls itself, and at the bottom submits */
int hops(const char *name);	   /* its last act is a call */
int with_callback(int (*call)(void *), void *arg);
int hops_to(int (*call)(void *), void *arg); /* its last act is with_callback */
void jumps(jmp_buf to);
long many(long a, int b, long c, long d, long e, long f, long g, double h, long i, char j);
double varied(int nr, ...);
struct large returns_large(long from);
struct pair returns_pair(long a, double b);
long double returns_long_double(long double a, double b);
_Complex long double returns_complex(long double a, long double b);
two returns_two(two a, two b);
__attribute__((target("avx"))) four returns_four(four a, four b);
int quick(int a);

#ifdef __cplusplus
}
#endif
#endif
