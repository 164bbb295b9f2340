/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "export/stacks/collect.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unwind.h>

#define WHOLE __attribute__((noinline))
#define FRAMES 40

static struct atr_stack_range range;
static uint64_t words[FRAMES + 1];
static uint64_t others[FRAMES]; /* as we have them */
static unsigned nr;
static int nr_others;

/* Nothing of ours is left out: all is in one program. */
static void begin(void)
{
	memset(&range, 0, sizeof(range));
	CHECK(!atr_collect_setup(NULL, dlsym(RTLD_DEFAULT, "_dl_find_object")));
}

/* What the compiler's own unwinder finds, with all that it takes. */
static _Unwind_Reason_Code take(struct _Unwind_Context *context, void *unused)
{
	int is_interrupted = 0;
	uint64_t at = _Unwind_GetIPInfo(context, &is_interrupted);

	(void)unused;
	if (nr_others < FRAMES && at)
		others[nr_others++] = at - !is_interrupted;
	return _URC_NO_REASON;
}

WHOLE static void collect(void)
{
	nr = atr_collect(&range, words, FRAMES);
	nr_others = 0;
	_Unwind_Backtrace(take, NULL);
	__asm__ volatile(""); /* or this frame would be gone by then */
}

WHOLE static void down(int n)
{
	char room[n * 24 + 8];

	__asm__ volatile("" : : "r"(room) : "memory");
	if (n)
		down(n - 1);
	else
		collect();
	__asm__ volatile("");
}

/* The first frame is collect's, at another call; what a handler returns to was not called. */
static bool is_as_others_say(void)
{
	if (nr < 3 || (int)nr - 1 != nr_others) {
		printf("# %u frames, others say %d\n", nr - 1, nr_others);
		return false;
	}
	for (unsigned i = 2; i < nr; i++)
		if ((words[i] & ATR_STACK_HANDLER ? (words[i] & ~ATR_STACK_HANDLER) - 1 :
						    words[i]) != others[i - 1])
			return false;
	return true;
}

TEST(collect_finds_the_frames_that_the_compilers_unwinder_does)
{
	begin();
	for (int n = 0; n < 20; n++) {
		down(n);
		CHECK(is_as_others_say());
		down(n); /* by what was kept */
		CHECK(is_as_others_say());
	}
}

TEST(collect_goes_by_what_is_kept_no_longer_than_until_something_is_unloaded)
{
	uint64_t before;

	begin();
	down(3);
	before = words[0];
	atr_collect_unloads();
	down(3);
	CHECK(words[0] == before + 1);
	CHECK(is_as_others_say());
}

TEST(collect_takes_no_more_than_is_asked_for)
{
	uint64_t few[4] = { 1, 1, 1, 1 };

	begin();
	CHECK(atr_collect(&range, few, 2) == 3);
	CHECK(few[1] && few[2] && few[3] == 1);
}

static void on_signal(int unused)
{
	(void)unused;
	down(2);
}

static __attribute__((unused)) void raise_it(int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags }, before;

	sigaction(SIGUSR2, &action, &before);
	raise(SIGUSR2);
	sigaction(SIGUSR2, &before, NULL);
}

static __attribute__((unused)) bool has_handler(void)
{
	for (unsigned i = 1; i < nr; i++)
		if (words[i] & ATR_STACK_HANDLER)
			return true;
	return false;
}

/* Elsewhere handlers are the sanitizer's, or not followed. */
#if (defined(__x86_64__) || defined(__aarch64__)) && !defined(__SANITIZE_ADDRESS__) && \
	!defined(__SANITIZE_THREAD__)
TEST(collect_goes_from_a_handler_to_what_was_interrupted)
{
	static char other[65536];
	stack_t stack = { .ss_sp = other, .ss_size = sizeof(other) }, before;

	begin();
	raise_it(0);
	CHECK(has_handler() && is_as_others_say());
	sigaltstack(&stack, &before);
	raise_it(SA_ONSTACK);
	sigaltstack(&before, NULL);
	CHECK(has_handler() && is_as_others_say());
}
#endif

/* ---- how much of a stack it takes ------------------------------------------------------------ */

#define PAINTED 16384

static size_t taken;

/* What is below this frame is painted, and looked at afterwards. */
__attribute__((noinline, no_sanitize("address"))) static void measure(void)
{
	volatile unsigned char *low = (unsigned char *)__builtin_frame_address(0) - PAINTED;
	size_t i;

	for (i = 0; i < PAINTED - 512; i++)
		low[i] = 0xa5;
	atr_collect_unloads(); /* so that all is worked out anew */
	nr = atr_collect(&range, words, FRAMES);
	for (i = 0; i < PAINTED - 512 && low[i] == 0xa5; i++)
		;
	taken = PAINTED - i;
}

static __attribute__((unused)) void *on_thread(void *unused)
{
	(void)unused;
	measure();
	return NULL;
}

/* A sanitizer's frames are larger. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(collect_takes_less_than_two_kilobytes_of_a_small_stack)
{
	pthread_attr_t attributes;
	pthread_t thread;

	begin();
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 512 * 1024);
	CHECK(pthread_create(&thread, &attributes, on_thread, NULL) == 0);
	pthread_join(thread, NULL);
	CHECK(nr >= 3);
	if (taken >= 2048)
		printf("# %zu bytes\n", taken);
	CHECK(taken < 2048);
}
#endif

static void *many(void *unused)
{
	struct atr_stack_range own = { 0 };
	uint64_t at[6];

	for (int i = 0; i < 20000; i++) {
		if (atr_collect(&own, at, 5) < 3)
			return unused;
		if (i % 1000 == 0)
			atr_collect_unloads();
	}
	return NULL;
}

TEST(collect_is_done_by_many_threads_at_once)
{
	pthread_t threads[4];
	void *failed;

	begin();
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], NULL, many, &failed) == 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &failed);
		CHECK(!failed);
	}
}

/* As before glibc 2.35, and with musl. */
TEST(collect_finds_them_by_a_table_of_its_own)
{
	memset(&range, 0, sizeof(range));
	atr_collect_setup(NULL, NULL);
	atr_collect_unloads();
	down(4);
	CHECK(is_as_others_say());
	begin();
}
