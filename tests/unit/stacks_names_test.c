/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "export/stacks/names.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_named(const char *symbol, const char *name)
{
	char out[ATR_FUNCTION_MAX];

	memset(out, 'x', sizeof(out));
	atr_name_of_symbol(symbol, out);
	if (!strcmp(out, name))
		return true;
	printf("# %s is %s\n", symbol, out);
	return false;
}

TEST(names_of_cxx_are_told_without_arguments)
{
	CHECK(is_named("_ZN4shop5StockIlE5fetchERKSt6vectorIlSaIlEE", "shop::Stock<long>::fetch"));
	CHECK(is_named("_ZN4shop5orderEi", "shop::order"));
	CHECK(is_named("_ZN4shop5orderEi.cold", "shop::order"));
	CHECK(is_named("_ZN4shop5orderEi.constprop.0", "shop::order"));
	CHECK(is_named("_ZN12_GLOBAL__N_13runEv", "(anonymous namespace)::run"));
}

TEST(names_of_rust_are_told_in_both_manglings)
{
	CHECK(is_named("_ZN3req5stock6Client5fetch17h0123456789abcdefE",
		       "req::stock::Client::fetch"));
	CHECK(is_named("_RNvMNtCs1234_3req5stockNtB2_6Client5fetch",
		       "<req::stock::Client>::fetch"));
	/* letters that are none of ASCII's are put together in memory */
	CHECK(is_named("_RNvCs1234_3requ6fo_fka", "req::f\xc3\xb6"
						  "o"));
}

TEST(names_of_c_are_told_without_what_compilers_add)
{
	CHECK(is_named("main", "main"));
	CHECK(is_named("fetch.part.0", "fetch"));
	CHECK(is_named("fetch.constprop.0.isra.0", "fetch"));
	CHECK(is_named("__libc_start_main@@GLIBC_2.34", "__libc_start_main"));
	CHECK(is_named("a.out", "a.out"));
	CHECK(is_named(".cold", ".cold"));
	CHECK(is_named("", ""));
	CHECK(is_named("_Z", "_Z"));
	CHECK(is_named("_R", "_R"));
	CHECK(is_named("_ZN4shop", "_ZN4shop"));
}

static void repeat(char *to, const char *begin, const char *middle, const char *end, size_t len)
{
	size_t at = strlen(begin);

	memcpy(to, begin, at);
	while (at + strlen(middle) + strlen(end) < len) {
		memcpy(to + at, middle, strlen(middle));
		at += strlen(middle);
	}
	memcpy(to + at, end, strlen(end) + 1);
}

/* On a stack as the exporter's thread has it: the guard below it is what would be hit. */
static void *hostile(void *unused)
{
	static const char *const forms[][3] = {
		{ "_Z1f", "P", "i" },
		{ "_Z1fI", "N1aE", "E" },
		{ "_Z1f", "F", "" },
		{ "_Z1fI", "S_I", "E" },
		{ "_ZN", "1a", "E" },
		{ "_Z1fIXcv", "T_cv", "E" },
		{ "_Z1fDpT_", "T_I", "E" },
		{ "_ZZ", "Z", "" },
		{ "_Z1f", "DTcl", "E" },
		{ "_RNvC1a", "I", "E" },
		{ "_RIC1a", "TB0_", "E" },
		{ "_RINvC1a1b", "T", "E" },
		{ "_RINvC1a1b", "B2_", "E" },
		{ "_Z1fILi", "9", "E" },
		{ "_Z1fI", "J", "E" },
		{ "_Z1f", "M1a", "i" },
		{ "_Z1fIiET_", "S1_IS1_", "" },
	};
	static char symbol[70000];
	char out[ATR_FUNCTION_MAX];

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		for (size_t len = 10; len < sizeof(symbol); len += len / 3) {
			repeat(symbol, forms[i][0], forms[i][1], forms[i][2], len);
			atr_name_of_symbol(symbol, out);
			if (strlen(out) >= sizeof(out))
				return unused;
		}
	return NULL;
}

TEST(names_that_are_made_to_harm_do_not)
{
	pthread_attr_t attributes;
	pthread_t thread;
	void *failed = NULL;

	pthread_attr_init(&attributes);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	pthread_attr_setstacksize(&attributes, 1024 * 1024);
#endif
	CHECK(pthread_create(&thread, &attributes, hostile, &failed) == 0);
	pthread_join(thread, &failed);
	CHECK(!failed);
}

TEST(names_that_are_too_long_are_cut)
{
	char symbol[3000], out[ATR_FUNCTION_MAX];

	memset(symbol, 'a', sizeof(symbol));
	symbol[sizeof(symbol) - 1] = 0;
	atr_name_of_symbol(symbol, out);
	CHECK(strlen(out) == ATR_FUNCTION_MAX - 1);
	/* each stands for twice what the one before it does */
	repeat(symbol, "_Z1fI1aS_", "S0_IS1_S1_E", "E", 590);
	atr_name_of_symbol(symbol, out);
	CHECK(strlen(out) < ATR_FUNCTION_MAX);
}
