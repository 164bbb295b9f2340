/* SPDX-License-Identifier: Apache-2.0 */
/*
 * functions PORT HOW: calls functions of functions_lib.c, which may be followed. Each says what
 * it returned, which must be what it is without the library.
 */
#include "functions.h"
#include "net.h"

#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <ucontext.h>

static int submit(void *name)
{
	return submit_user(name);
}

static void abi(void)
{
	struct large large = returns_large(5);
	struct pair pair = returns_pair(3, 4.5);
	_Complex long double complex;
	two of_two = returns_two((two){ 2, 3 }, (two){ 4, 5 });

	say("many", many(1, 2, 3, 4, 5, 6, 7, 8.5, 9, 10));
	printf("varied: %g\n", varied(10, 1L, 2.5, 3L, 4.5, 5L, 6.5, 7L, 8.5, 9L, 10.5));
	say("large", large.a[0] + large.a[8]);
	printf("pair: %ld %g\n", pair.a, pair.b);
	printf("long double: %.18Lg\n", returns_long_double(10, 2.5));
	complex = returns_complex(10, 20);
	printf("complex: %.18Lg %.18Lg\n", __real__ complex, __imag__ complex);
	printf("two: %g %g\n", of_two[0], of_two[1]);
}

__attribute__((target("avx"))) static void wide(void)
{
	four all = returns_four((four){ 1, 2, 3, 4 }, (four){ 5, 6, 7, 8 });

	printf("four: %g %g %g %g\n", all[0], all[1], all[2], all[3]);
}

static void jump(void)
{
	jmp_buf back;
	int value = setjmp(back);

	if (!value)
		jumps(back);
	say("jumped", value);
	say("after", submit("after"));
}

static int jump_far(void *back)
{
	submit("before");
	longjmp(back, 8);
}

static void jump_out(void)
{
	jmp_buf back;
	int value = setjmp(back);

	if (!value)
		with_callback(jump_far, back);
	say("jumped", value);
	say("after", submit("after"));
}

#define THREADS 8
#define CALLS 20

static void *in_thread(void *arg)
{
	long sum = 0;

	(void)arg;
	for (int i = 0; i < CALLS; i++)
		sum += with_callback(submit, "thread");
	return (void *)sum;
}

static void threads(void)
{
	pthread_t all[THREADS];
	pthread_attr_t small;
	void *sum;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 32768);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&all[i], &small, in_thread, NULL);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(all[i], &sum);
		say("thread", (long)sum);
	}
}

/* ---- ends of threads ---- */

static int exits(void *arg)
{
	submit("exits");
	pthread_exit(arg);
}

static void *exiting(void *arg)
{
	return (void *)(long)with_callback(exits, arg);
}

static int is_cancelled(void *arg)
{
	(void)arg;
	submit("cancelled");
	pthread_cancel(pthread_self());
	pthread_testcancel();
	return 0;
}

static void *cancelling(void *arg)
{
	return (void *)(long)with_callback(is_cancelled, arg);
}

static void ends(void)
{
	static char value[] = "value";
	pthread_t thread;
	void *result;

	pthread_create(&thread, NULL, exiting, value);
	pthread_join(thread, &result);
	say("exited", result == value);
	pthread_create(&thread, NULL, cancelling, NULL);
	pthread_join(thread, &result);
	say("cancelled", result == PTHREAD_CANCELED);
}

/* A thread that ends so for each of many frames: none may be kept. */
static void many_ends(void)
{
	pthread_t thread;
	void *result;

	for (int i = 0; i < 40; i++) {
		pthread_create(&thread, NULL, exiting, NULL);
		pthread_join(thread, &result);
	}
	say("exited", 40);
}

/* ---- two stacks ---- */

static ucontext_t of_main, of_other;
static char other_stack[128 * 1024];

static int yields(void *name)
{
	swapcontext(&of_other, &of_main);
	return submit(name);
}

static void run_other(void)
{
	say("other", with_callback(yields, "other"));
}

static int resumes(void *name)
{
	int status = submit(name);

	swapcontext(&of_main, &of_other);
	return status;
}

static void coroutine(void)
{
	getcontext(&of_other);
	of_other.uc_stack.ss_sp = other_stack;
	of_other.uc_stack.ss_size = sizeof(other_stack);
	of_other.uc_link = &of_main;
	makecontext(&of_other, run_other, 0);
	swapcontext(&of_main, &of_other);
	say("between", submit("between"));
	say("resumed", with_callback(resumes, "resumes"));
}

/* ---- signals, children, stacks ---- */

static void on_signal(int number)
{
	(void)number;
	handle("signal");
}

static int raises(void *arg)
{
	(void)arg;
	raise(SIGUSR1);
	return submit("raised");
}

static void signals(void)
{
	signal(SIGUSR1, on_signal);
	say("raised", with_callback(raises, NULL));
}

static int forks(void *arg)
{
	pid_t pid = fork();
	int status;

	(void)arg;
	if (pid == 0)
		return submit("child");
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static void child(void)
{
	int status;

	fflush(stdout);
	status = with_callback(forks, NULL);
	if (status == 200)
		_exit(handle("child2") == 200 ? 3 : 4);
	say("child", status);
}

static int looks(void *main_end)
{
	void *all[32];
	int nr = backtrace(all, 32), is_found = 0;

	for (int i = 0; i < nr; i++)
		is_found += all[i] == main_end;
	return is_found;
}

__attribute__((noinline)) static void traces_back(void)
{
	/* the one address of ours that is on the stack, whoever is in between */
	say("found", with_callback(looks, __builtin_return_address(0)));
}

/* Another thread does a part of it. */
static void *does_part(void *unused)
{
	return (void *)(long)(submit("part") + (unused != NULL));
}

static int makes_thread(void *unused)
{
	pthread_t thread;
	void *status;

	pthread_create(&thread, NULL, does_part, unused);
	pthread_join(thread, &status);
	return (int)(long)status;
}

/* Deeper than anyone can follow. */
static int deep(void *arg)
{
	long n = (long)arg;

	return n ? with_callback(deep, (void *)(n - 1)) + 1 : 0;
}

static void many_quick(void)
{
	int sum = 0;

	for (int i = 0; i < 1000; i++)
		sum = quick(sum);
	say("quick", sum);
}

int main(int argc, char **argv)
{
	const char *how = argc > 2 ? argv[2] : "";

	if (argc < 3)
		return 2;
	functions_port = argv[1];
	if (!strcmp(how, "nested"))
		say("status", handle("nested"));
	else if (!strcmp(how, "recursion"))
		say("status", descend(2));
	else if (!strcmp(how, "hops"))
		say("status", hops("hops"));
	else if (!strcmp(how, "abi"))
		abi();
	else if (!strcmp(how, "wide"))
		wide();
	else if (!strcmp(how, "jump"))
		jump();
	else if (!strcmp(how, "jump_out"))
		jump_out();
	else if (!strcmp(how, "threads"))
		threads();
	else if (!strcmp(how, "ends"))
		ends();
	else if (!strcmp(how, "many_ends"))
		many_ends();
	else if (!strcmp(how, "coroutine"))
		coroutine();
	else if (!strcmp(how, "signals"))
		signals();
	else if (!strcmp(how, "child"))
		child();
	else if (!strcmp(how, "traces_back"))
		traces_back();
	else if (!strcmp(how, "deep"))
		say("deep", with_callback(deep, (void *)2000L));
	else if (!strcmp(how, "makes_thread"))
		say("part", with_callback(makes_thread, NULL));
	else if (!strcmp(how, "quick"))
		many_quick();
	else
		return 2;
	return 0;
}
