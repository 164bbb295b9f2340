/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TESTS_TEST_H
#define ATR_TESTS_TEST_H

/*
 * test: a thin layer over cmocka. TEST(name) { ... } registers itself; the name
 * is the claim. CHECK fails the test and says where. SKIP("why") ends it as skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

void atr_test_add(const char *name, void (*run)(void **));
_Noreturn void atr_test_skip(const char *why);

#define TEST(test_name)                                                                   \
	static void test_name##_body(void);                                                \
	static void test_name##_run(void **unused)                                         \
	{                                                                                  \
		(void)unused;                                                              \
		test_name##_body();                                                        \
	}                                                                                  \
	__attribute__((constructor)) static void test_name##_add(void)                     \
	{                                                                                  \
		atr_test_add(#test_name, test_name##_run);                                 \
	}                                                                                  \
	static void test_name##_body(void)

#define CHECK(claim) assert_true_at((claim), #claim, __FILE__, __LINE__)
#define SKIP(why) atr_test_skip(why)

static inline void assert_true_at(_Bool truth, const char *claim, const char *file, int line)
{
	_assert_true(truth, claim, file, line);
}

#endif
