/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/where.h"

#include "export/attr.h"
#include "export/diag.h"
#include "export/env.h"
#include "export/print.h"

enum mode { OFF, OF_ERRORS, OF_SLOW, OF_ALL };

bool atr_where_is_on;
static struct {
	const struct atr_stacks *stacks;
	enum mode mode;
	unsigned depth;
	uint64_t slow_ns;
} where;

/* slow:MS; false: there is no number, or something behind it. */
static bool read_slow(struct atr_str text, uint64_t *ns)
{
	struct atr_str prefix = ATR_STR("slow:");
	uint64_t ms = 0;

	if (text.len <= prefix.len || text.len > prefix.len + 9 ||
	    memcmp(text.at, prefix.at, prefix.len) != 0)
		return false;
	for (size_t i = prefix.len; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		ms = ms * 10 + (uint64_t)(text.at[i] - '0');
	}
	*ns = ms * 1000000;
	return true;
}

bool atr_where_wanted(void)
{
	static const char name[] = "AUTOTRACE_STACKS";
	struct atr_str mode = atr_str_trim(atr_env_get(name));

	if (!mode.len || atr_str_equal(mode, ATR_STR("off")))
		return false;
	where.mode = OFF;
	if (atr_str_equal(mode, ATR_STR("all")))
		where.mode = OF_ALL;
	else if (atr_str_equal(mode, ATR_STR("error")))
		where.mode = OF_ERRORS;
	else if (read_slow(mode, &where.slow_ns))
		where.mode = OF_SLOW;
	else
		atr_log_bad_env(name, mode, "it is off, error, slow:MS or all", "there are none");
	if (where.mode == OFF)
		return false;
	where.depth =
		atr_env_uint("AUTOTRACE_STACK_DEPTH", ATR_STACK_DEPTH, 1, ATR_STACK_DEPTH_MAX);
	return true;
}

void atr_where_by(const struct atr_stacks *stacks)
{
	where.stacks = stacks;
	atr_where_is_on = true;
}

void atr_where_opened(struct atr_thread *self, struct atr_span *span)
{
	uint64_t *words = atr_span_begin_words(span, ATR_STACK, where.depth + 1);

	if (words)
		atr_span_end_words(span, words,
				   where.stacks->collect(&self->stack, words, where.depth));
}

void atr_where_closes(struct atr_span *span, uint64_t took_ns)
{
	if (where.mode == OF_ERRORS ? span->status != ATR_STATUS_ERROR :
				      where.mode == OF_SLOW && took_ns < where.slow_ns)
		atr_span_drop_words(span, ATR_STACK);
}

void atr_where_loads(void)
{
	if (__builtin_expect(atr_where_is_on, 0))
		where.stacks->loads();
}

void atr_where_unloads(void)
{
	if (__builtin_expect(atr_where_is_on, 0))
		where.stacks->unloads();
}
