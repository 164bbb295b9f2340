/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs every TEST() of the files linked in, or those whose name fits the pattern
 * given (*, ?), one TAP line a test.
 */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

static struct CMUnitTest *tests;
static size_t nr_tests;

void atr_test_add(const char *name, void (*run)(void **))
{
	tests = realloc(tests, (nr_tests + 1) * sizeof(*tests));
	if (!tests)
		abort();
	tests[nr_tests++] = (struct CMUnitTest){ .name = name, .test_func = run };
}

void atr_test_skip(const char *why)
{
	printf("# skipped: %s\n", why);
	skip();
	abort(); /* cmocka jumps away */
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return _cmocka_run_group_tests("unit", tests, nr_tests, NULL, NULL) ? 1 : 0;
}
