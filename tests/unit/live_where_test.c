/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/live.h"

#include "export/env.h"
#include "preload/live/where.h"

static unsigned nr_asked, nr_given;

static unsigned collect(struct atr_stack_range *range, uint64_t *words, unsigned nr_frames)
{
	CHECK(range == &atr_self.stack);
	nr_asked = nr_frames;
	for (unsigned i = 0; i < nr_given; i++)
		words[i] = 100 + i;
	return nr_given;
}

static const struct atr_stacks stacks = { .collect = collect };

static void begin(const char *how, const char *depth, bool is_wanted)
{
	const char *variables[] = { how, depth, NULL };

	live_begin(variables);
	nr_asked = 0;
	nr_given = 4;
	CHECK(atr_where_wanted() == is_wanted);
	if (is_wanted)
		atr_where_by(&stacks);
}

static void end(void)
{
	atr_where_is_on = false;
	live_end();
}

static unsigned words_of(enum atr_kind kind, enum atr_status status, uint64_t took_ns)
{
	uint64_t start = atr_clock_ns(), words[8] = { 0 };
	atr_ref ref = atr_live_open(&atr_self, kind, NULL, start);
	struct atr_span *span = atr_live_span(ref);
	unsigned nr;

	atr_span_put_str(span, ATR_NAME, ATR_STR("GET"));
	span->status = (uint8_t)status;
	atr_live_close(ref, start + took_ns);
	nr = atr_span_words(live_next(), ATR_STACK, words, 8);
	CHECK(!nr || (words[0] == 100 && words[nr - 1] == 100 + nr - 1));
	return nr;
}

TEST(where_all_clients_spans_have_their_stacks_and_no_servers)
{
	begin("AUTOTRACE_STACKS=all", "AUTOTRACE_STACK_DEPTH=7", true);
	CHECK(words_of(ATR_KIND_CLIENT, ATR_STATUS_UNSET, 1) == 4);
	CHECK(nr_asked == 7);
	CHECK(words_of(ATR_KIND_SERVER, ATR_STATUS_ERROR, 1) == 0);
	CHECK(words_of(ATR_KIND_INTERNAL, ATR_STATUS_ERROR, 1) == 0);
	nr_given = 0;
	CHECK(words_of(ATR_KIND_CLIENT, ATR_STATUS_UNSET, 1) == 0);
	end();
}

TEST(where_of_errors_alone)
{
	begin("AUTOTRACE_STACKS=error", NULL, true);
	CHECK(words_of(ATR_KIND_CLIENT, ATR_STATUS_UNSET, 1000000000) == 0);
	CHECK(words_of(ATR_KIND_CLIENT, ATR_STATUS_ERROR, 1) == 4);
	CHECK(nr_asked == ATR_STACK_DEPTH);
	end();
}

TEST(where_of_the_slow_alone)
{
	begin("AUTOTRACE_STACKS=slow:20", NULL, true);
	CHECK(words_of(ATR_KIND_CLIENT, ATR_STATUS_ERROR, 19999999) == 0);
	CHECK(words_of(ATR_KIND_CLIENT, ATR_STATUS_UNSET, 20000000) == 4);
	end();
}

TEST(where_nothing_is_wanted_by_default_and_by_what_is_wrong)
{
	static const char *const none[] = {
		"AUTOTRACE_STACKS=off",	      "AUTOTRACE_STACKS=",
		"AUTOTRACE_STACKS=slow",      "AUTOTRACE_STACKS=slow:",
		"AUTOTRACE_STACKS=slow:1s",   "AUTOTRACE_STACKS=slow:-1",
		"AUTOTRACE_STACKS=everything"
	};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		begin(none[i], NULL, false);
		CHECK(words_of(ATR_KIND_CLIENT, ATR_STATUS_ERROR, 1) == 0);
		end();
	}
}
