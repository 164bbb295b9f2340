/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/profiled.h"

#include "tests/unit/live.h"

#include <pthread.h>

static atr_ref open_span(enum atr_kind kind)
{
	return atr_live_open(&atr_self, kind, NULL, 0);
}

static void begin(const char *const *variables)
{
	live_begin(variables);
	atr_ids_seed(&atr_self.ids);
	atr_profiled_nothing();
	CHECK(atr_profiled_setup());
}

static void end(void)
{
	atr_profiled_is_on = false;
	atr_profiled_nothing();
	live_end();
}

static const char *const unsampled[] = { "OTEL_TRACES_SAMPLER=always_off", NULL };

/* As a reader has it: by the variable. */
static bool shows(atr_ref ref)
{
	const struct atr_profiled *record = otel_thread_ctx_v1;
	struct atr_shown shown;

	return record && record->valid == 1 && !record->attributes_len &&
	       atr_live_shown(ref, &shown) && record->flags == shown.flags &&
	       !memcmp(record->trace_id, shown.trace_id, sizeof(shown.trace_id)) &&
	       !memcmp(record->span_id, shown.span_id, sizeof(shown.span_id));
}

static bool shows_none(void)
{
	return !otel_thread_ctx_v1 || otel_thread_ctx_v1->valid != 1;
}

TEST(profiled_shows_the_work_of_a_thread_until_it_is_over)
{
	atr_ref outer, inner;

	begin(unsampled);
	CHECK(shows_none());
	outer = open_span(ATR_KIND_SERVER);
	CHECK(shows_none());
	atr_work_read(&atr_self, outer, true, 0);
	CHECK(shows(outer));
	atr_work_answering(&atr_self, outer);
	inner = open_span(ATR_KIND_SERVER);
	atr_work_read(&atr_self, inner, true, 0);
	CHECK(shows(inner));
	atr_work_ended(&atr_self, inner);
	CHECK(shows(outer));
	atr_live_close(inner, 0);
	atr_work_idle(&atr_self, false, -1);
	CHECK(shows_none());
	atr_work_ended(&atr_self, outer);
	atr_live_close(outer, 0);
	end();
}

TEST(profiled_shows_flags_of_a_span_that_is_sampled)
{
	atr_ref work;

	begin((const char *const[]){ NULL });
	work = open_span(ATR_KIND_SERVER);
	atr_work_read(&atr_self, work, true, 0);
	CHECK(shows(work));
	CHECK(otel_thread_ctx_v1->flags & ATR_FLAG_SAMPLED);
	atr_work_ended(&atr_self, work);
	atr_live_drop(work);
	end();
}

TEST(profiled_shows_the_only_call_of_a_thread_that_does_no_work)
{
	atr_ref one, two, work;

	begin(unsampled);
	one = open_span(ATR_KIND_CLIENT);
	CHECK(shows(one));
	two = open_span(ATR_KIND_CLIENT);
	CHECK(shows_none());
	atr_live_close(one, 0);
	CHECK(shows(two));
	work = open_span(ATR_KIND_SERVER);
	atr_work_read(&atr_self, work, true, 0);
	CHECK(shows(work));
	one = open_span(ATR_KIND_CLIENT);
	CHECK(shows(work));
	atr_live_close(one, 0);
	atr_work_ended(&atr_self, work);
	CHECK(shows(two));
	atr_live_close(work, 0);
	atr_live_drop(two);
	CHECK(shows_none());
	end();
}

TEST(profiled_says_nothing_of_a_thread_with_more_calls_than_it_keeps)
{
	atr_ref calls[6];

	begin(unsampled);
	for (int i = 0; i < 6; i++)
		calls[i] = open_span(ATR_KIND_CLIENT);
	CHECK(shows_none());
	for (int i = 0; i < 6; i++) {
		atr_live_close(calls[i], 0);
		CHECK(shows_none());
	}
	end();
}

static void *close_it(void *arg)
{
	atr_live_close(*(atr_ref *)arg, 0);
	return NULL;
}

TEST(profiled_shows_a_call_again_when_work_that_came_after_it_is_dropped)
{
	atr_ref call, work;

	begin(unsampled);
	call = open_span(ATR_KIND_CLIENT);
	CHECK(shows(call));
	work = open_span(ATR_KIND_SERVER);
	atr_work_read(&atr_self, work, true, 0);
	CHECK(shows(work));
	/* what is closed is what is shown, and not the call */
	atr_profiled_call_over(work);
	CHECK(shows(work));
	atr_work_ended(&atr_self, work);
	CHECK(shows(call));
	atr_live_close(work, 0);
	CHECK(shows(call));
	atr_live_close(call, 0);
	CHECK(shows_none());
	end();
}

TEST(profiled_lets_go_of_what_another_thread_has_closed)
{
	atr_ref call, work;
	pthread_t other;

	begin(unsampled);
	call = open_span(ATR_KIND_CLIENT);
	pthread_create(&other, NULL, close_it, &call);
	pthread_join(other, NULL);
	atr_profiled_look(&atr_self);
	CHECK(shows_none());
	work = open_span(ATR_KIND_SERVER);
	atr_work_read(&atr_self, work, true, 0);
	CHECK(shows(work));
	atr_profiled_nothing(); /* the child of a fork */
	CHECK(shows_none());
	atr_work_ended(&atr_self, work);
	atr_live_close(work, 0);
	end();
}

TEST(profiled_is_off_where_it_is_switched_off_or_no_spans_are_made)
{
	live_begin((const char *const[]){ "AUTOTRACE_THREAD_CONTEXT=false", NULL });
	CHECK(!atr_profiled_setup());
	live_begin((const char *const[]){ "OTEL_SDK_DISABLED=true", NULL });
	CHECK(!atr_profiled_setup());
	CHECK(!atr_profiled_is_on);
	live_end();
}
