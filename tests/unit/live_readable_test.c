/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/readable.h"

#include "tests/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096

/* Two pages that can be read, between two that cannot. */
static char *island(void)
{
	char *at = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(at != MAP_FAILED && !mprotect(at + PAGE, 2 * PAGE, PROT_READ));
	return at + PAGE;
}

static void leave(char *at)
{
	munmap(at - PAGE, 4 * PAGE);
}

TEST(readable_is_what_lies_in_pages_that_are)
{
	char *at = island();

	errno = ENOTTY;
	CHECK(atr_is_readable(at, 2 * PAGE));
	CHECK(atr_is_readable(at, 1) && atr_is_readable(at + 2 * PAGE - 1, 1));
	CHECK(atr_is_readable(at + PAGE - 1, 2));
	CHECK(!atr_is_readable(at - 1, 1) && !atr_is_readable(at + 2 * PAGE, 1));
	CHECK(!atr_is_readable(at - 1, 2) && !atr_is_readable(at, 2 * PAGE + 1));
	CHECK(!atr_is_readable(at + 2 * PAGE - 1, 2));
	CHECK(errno == ENOTTY);
	leave(at);
}

TEST(readable_is_each_page_for_itself)
{
	char *at = island();

	for (int i = 0; i < PAGE; i += 61) {
		CHECK(atr_page_is_readable(at + i) && atr_page_is_readable(at + PAGE + i));
		CHECK(!atr_page_is_readable(at - PAGE + i));
		CHECK(!atr_page_is_readable(at + 2 * PAGE + i));
	}
	leave(at);
}

TEST(readable_is_nothing_at_addresses_that_are_none)
{
	CHECK(!atr_is_readable(NULL, 1) && !atr_is_readable((void *)16, 8));
	CHECK(!atr_is_readable((void *)UINTPTR_MAX, 1));
	CHECK(!atr_is_readable((void *)(UINTPTR_MAX - 10), 8));
	/* of nothing all can be read */
	CHECK(atr_is_readable(NULL, 0));
}

TEST(readable_memory_that_is_gone_is_none)
{
	char *at = island();

	CHECK(atr_is_readable(at, PAGE));
	munmap(at, PAGE);
	CHECK(!atr_is_readable(at, 1) && atr_is_readable(at + PAGE, PAGE));
	leave(at);
}

TEST(readable_are_the_stack_the_heap_and_constants)
{
	char on_stack[64] = { 0 }, *on_heap = malloc(100000);

	CHECK(on_heap);
	for (int is_set_up = 0; is_set_up < 2; is_set_up++) {
		CHECK(atr_is_readable(on_stack, sizeof(on_stack)));
		CHECK(atr_is_readable(on_heap, 100000));
		CHECK(atr_is_readable("text", 5));
		atr_readable_setup(environ);
	}
	free(on_heap);
}

/* The page below a thread's stack is there so that it cannot be read. */
static void *look_from_a_thread(void *stack)
{
	char here[16] = { 0 };

	return atr_is_readable(here, sizeof(here)) && !atr_is_readable((char *)stack - PAGE, 8) &&
			       !atr_is_readable((char *)stack - 1, 2) ?
		       NULL :
		       "wrong";
}

TEST(readable_is_not_guessed_beyond_a_threads_stack)
{
	const size_t len = 2048 * 1024; /* what a sanitizer asks for */
	char *at = mmap(NULL, len + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_t attributes;
	pthread_t thread;
	void *says;

	CHECK(at != MAP_FAILED && !mprotect(at + PAGE, len, PROT_READ | PROT_WRITE));
	pthread_attr_init(&attributes);
	CHECK(!pthread_attr_setstack(&attributes, at + PAGE, len));
	CHECK(!pthread_create(&thread, &attributes, look_from_a_thread, at + PAGE));
	pthread_join(thread, &says);
	pthread_attr_destroy(&attributes);
	CHECK(!says);
	CHECK(!atr_is_readable(at + PAGE + len, 1));
	munmap(at, len + 2 * PAGE);
}

TEST(readable_length_in_a_page_ends_with_it)
{
	CHECK(atr_len_in_page((void *)0x1000, 10) == 10);
	CHECK(atr_len_in_page((void *)0x1000, 5000) == 4096);
	CHECK(atr_len_in_page((void *)0x1fff, 10) == 1);
	CHECK(atr_len_in_page((void *)0x1ffe, 2) == 2);
	CHECK(atr_len_in_page((void *)0x1ffe, 0) == 0);
}
