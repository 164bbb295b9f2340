/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TESTS_FUZZ_H
#define ATR_TESTS_FUZZ_H

/* What each fuzz target has: the function that is called with an input, and what it claims. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLAIM(claim)                                             \
	do {                                                     \
		if (!(claim)) {                                  \
			fprintf(stderr, "not so: %s\n", #claim); \
			abort();                                 \
		}                                                \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#endif
