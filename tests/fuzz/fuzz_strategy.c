/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a strategy of Jaeger's, as JSON or as a message, or is not. Claims: it is read within
 * its bounds, and of one that is read the numbers are within theirs, and the names within it.
 */
#include "export/encode/strategy.h"
#include "tests/fuzz/fuzz.h"

static unsigned sum; /* so that each byte that is told is read */

static void operation(struct atr_str name, double rate, void *arg)
{
	(void)arg;
	CLAIM(rate >= 0 && rate <= 1);
	for (size_t i = 0; i < name.len; i++)
		sum += (unsigned char)name.at[i];
}

static void check(bool is_one, const struct atr_strategy *strategy)
{
	CLAIM(!is_one ||
	      (strategy->rate >= 0 && strategy->rate <= 1 && strategy->least >= 0 &&
	       strategy->traces_a_second >= -1 && strategy->traces_a_second <= INT32_MAX));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* ended by a NUL, as an answer is */
	char *text = malloc(size + 1), *message = malloc(size ? size : 1);
	struct atr_strategy strategy;

	memcpy(text, data, size);
	text[size] = 0;
	memcpy(message, data, size);
	check(atr_strategy_json((struct atr_str){ text, size }, &strategy, operation, NULL),
	      &strategy);
	atr_strategy_done();
	check(atr_strategy_message((struct atr_str){ message, size }, &strategy, operation, NULL),
	      &strategy);
	free(message);
	free(text);
	return 0;
}
