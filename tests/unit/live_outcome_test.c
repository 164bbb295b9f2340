/* SPDX-License-Identifier: Apache-2.0 */
/* outcome.c itself, so that what it holds can be counted. */
#include "preload/live/outcome.c"

#include "tests/unit/live.h"

#include <pthread.h>

#define BEGIN(...) live_begin((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static unsigned nr_out(const struct atr_pool *pool)
{
	unsigned nr = 0;

	for (uint32_t i = 0; i < atomic_load(&pool->fresh); i++)
		nr += ((struct atr_pooled *)atr_pool_at(pool, i))->gen & 1;
	return nr;
}

static void end(void)
{
	CHECK(nr_out(&traces) == 0);
	CHECK(nr_out(&waitings) == 0);
	live_end();
	atr_outcome_is_on = false; /* for the tests of others */
}

/* A request from elsewhere whose trace has this random number, of which the first digits count. */
static atr_ref open_root(uint8_t random, const char *tracestate)
{
	struct atr_context parent = live_parent(7);

	memset(parent.trace_id + 9, random, 7);
	parent.tracestate = atr_str(tracestate);
	return atr_live_open(&atr_self, ATR_KIND_SERVER, &parent, 1000);
}

static atr_ref open_child(atr_ref of)
{
	struct atr_context_copy parent;
	atr_ref ref;

	CHECK(atr_live_context(of, &parent));
	ref = atr_live_open(&atr_self, ATR_KIND_CLIENT, &parent.context, 1000);
	atr_context_copy_release(&parent);
	return ref;
}

static void close_named(atr_ref ref, const char *name, bool is_error, uint64_t took_ns)
{
	struct atr_span *span = atr_live_span(ref);

	CHECK(span != NULL);
	atr_span_put_str(span, ATR_NAME, atr_str(name));
	if (is_error)
		span->status = ATR_STATUS_ERROR;
	atr_live_close(ref, 1000 + took_ns);
}

/* The names of the spans that came out, each once. */
static const char *came(void)
{
	static char names[256];
	const struct atr_span *span;

	names[0] = 0;
	while ((span = live_next())) {
		strcat(names, live_text(span, ATR_NAME));
		strcat(names, " ");
	}
	return names;
}

static bool counted(enum atr_count what, uint64_t n)
{
	if (atr_count_read(what) == n)
		return true;
	print_error("%s: %llu\n", atr_count_name(what), (unsigned long long)atr_count_read(what));
	return false;
}

TEST(outcome_of_an_error_anywhere_keeps_the_whole_trace)
{
	atr_ref root, a, b;

	BEGIN("AUTOTRACE_KEEP=error");
	root = open_root(0, "");
	a = open_child(root);
	b = open_child(root);
	close_named(a, "a", false, 5);
	close_named(b, "b", true, 5);
	CHECK(live_is(came(), ""));
	close_named(root, "root", false, 10);
	CHECK(live_is(came(), "a b root "));
	CHECK(counted(ATR_COUNT_TRACES_KEPT_ERROR, 1) && counted(ATR_COUNT_TRACES_DROPPED, 0));

	root = open_root(0, "");
	close_named(open_child(root), "a", false, 5);
	close_named(root, "root", true, 10);
	CHECK(live_is(came(), "a root "));
	end();
}

TEST(outcome_without_one_drops_the_whole_trace_and_counts_it)
{
	atr_ref root;

	BEGIN("AUTOTRACE_KEEP=error,slow:1s");
	root = open_root(0xff, "");
	close_named(open_child(root), "a", false, 5);
	close_named(open_child(root), "b", false, 5);
	close_named(root, "root", false, 1000000000);
	CHECK(live_is(came(), ""));
	CHECK(counted(ATR_COUNT_TRACES_DROPPED, 1) && counted(ATR_COUNT_SPANS_DROPPED, 3));
	end();
}

TEST(outcome_that_is_slow_is_kept_by_the_time_of_the_root)
{
	atr_ref root;

	BEGIN("AUTOTRACE_KEEP=slow:0.5ms,slow:/reports/*:2s,slow:/reports/now:1ms");
	root = open_root(0, "");
	close_named(open_child(root), "a", false, 2000000);
	close_named(root, "fast", false, 500000);
	root = open_root(0, "");
	close_named(open_child(root), "a", false, 1);
	close_named(root, "slow", false, 500001);
	CHECK(live_is(came(), "a slow "));
	CHECK(counted(ATR_COUNT_TRACES_KEPT_SLOW, 1));

	root = open_root(0, "");
	atr_span_put_str(atr_live_span(root), ATR_URL_PATH, ATR_STR("/reports/now"));
	close_named(root, "usual", false, 1999999999);
	root = open_root(0, "");
	atr_span_put_str(atr_live_span(root), ATR_URL_PATH, ATR_STR("/reports/now"));
	close_named(root, "unusual", false, 2000000001);
	root = open_root(0, "");
	atr_span_put_str(atr_live_span(root), ATR_URL_PATH, ATR_STR("/other"));
	close_named(root, "other", false, 500001);
	CHECK(live_is(came(), "unusual other "));
	end();
}

TEST(outcome_knows_the_path_of_a_client_and_the_route_of_a_server)
{
	atr_ref root;

	BEGIN("AUTOTRACE_KEEP=slow:1ms,slow:/a/*:2s,slow:/orders/{id}:2s");
	root = open_root(0, "");
	atr_span_put_str(atr_live_span(root), ATR_URL_FULL, ATR_STR("http://h:1/a/b?/x"));
	close_named(root, "usual", false, 1900000000);
	root = open_root(0, "");
	atr_span_put_str(atr_live_span(root), ATR_URL_FULL, ATR_STR("http://h"));
	close_named(root, "slow", false, 1900000000);
	root = open_root(0, "");
	atr_span_put_str(atr_live_span(root), ATR_HTTP_ROUTE, ATR_STR("/orders/{id}"));
	atr_span_put_str(atr_live_span(root), ATR_URL_PATH, ATR_STR("/orders/7"));
	close_named(root, "usual", false, 1900000000);
	CHECK(live_is(came(), "slow "));
	end();
}

static bool state_is(const char *name, const char *tracestate)
{
	const struct atr_span *span = live_next();

	return span && live_is(live_text(span, ATR_NAME), name) &&
	       live_is(live_text(span, ATR_TRACESTATE), tracestate);
}

TEST(outcome_share_is_decided_by_the_trace_s_number_and_told)
{
	struct atr_context_copy copy;
	atr_ref root;

	BEGIN("AUTOTRACE_KEEP=error,25%", "OTEL_TRACES_SAMPLER=always_on");
	root = open_root(0xc0, "foo=1");
	CHECK(atr_live_context(root, &copy) && copy.context.flags & ATR_FLAG_SAMPLED);
	CHECK(atr_str_equal(copy.context.tracestate, ATR_STR("ot=th:0,foo=1")));
	atr_context_copy_release(&copy);
	close_named(open_child(root), "a", false, 5);
	close_named(root, "root", false, 5);
	CHECK(state_is("a", "ot=th:c,foo=1") && state_is("root", "ot=th:c,foo=1"));
	CHECK(counted(ATR_COUNT_TRACES_KEPT_SHARE, 1));

	/* of errors all are kept, also those with such a number */
	root = open_root(0xc0, "foo=1");
	close_named(root, "error", true, 5);
	CHECK(state_is("error", "ot=th:0,foo=1"));
	root = open_root(0xbf, "");
	close_named(root, "error", true, 5);
	CHECK(state_is("error", "ot=th:0"));
	root = open_root(0xbf, "");
	close_named(root, "none", false, 5);
	root = open_root(0, "ot=rv:c0000000000000");
	close_named(root, "rv", false, 5);
	CHECK(state_is("rv", "ot=rv:c0000000000000;th:c"));
	end();
}

TEST(outcome_share_is_of_all_whatever_was_sampled_before)
{
	BEGIN("AUTOTRACE_KEEP=25%");
	close_named(open_root(0xf0, "ot=th:8"), "rarer", false, 5);
	CHECK(state_is("rarer", "ot=th:c"));
	close_named(open_root(0xf0, "ot=th:f"), "rare", false, 5);
	CHECK(state_is("rare", "ot=th:f"));
	/* how likely the parent was is not known: nor is this */
	close_named(open_root(0xf0, "foo=1"), "unknown", false, 5);
	CHECK(state_is("unknown", "foo=1"));
	end();
}

TEST(outcome_share_that_finds_no_room_to_be_told_is_not_known)
{
	struct atr_span *span;
	atr_ref root;

	BEGIN("AUTOTRACE_KEEP=25%");
	root = open_root(0xf0, "ot=th:8");
	span = atr_live_span(root);
	atr_span_put_str(span, ATR_NAME, ATR_STR("full"));
	while (span->len + 32 <= ATR_SPAN_MAX)
		atr_span_late_int(span, ATR_SERVER_PORT, 1);
	while (span->len + 16 <= ATR_SPAN_MAX)
		atr_span_late_int(span, ATR_SERVER_PORT, 1);
	atr_live_close(root, 1500);
	CHECK(state_is("full", ""));
	end();
}

TEST(outcome_without_room_is_decided_at_once_and_counted)
{
	atr_ref root, child;

	BEGIN("AUTOTRACE_KEEP=error,25%", "AUTOTRACE_KEEP_SPANS=16");
	/* a quarter of the room is for one trace */
	root = open_root(0xf0, "");
	for (int i = 0; i < 4; i++)
		close_named(open_child(root), "a", false, 5);
	CHECK(live_is(came(), ""));
	close_named(open_child(root), "b", false, 5);
	CHECK(live_is(came(), "a a a a b "));
	CHECK(counted(ATR_COUNT_TRACES_DECIDED_EARLY, 1));
	close_named(open_child(root), "c", true, 5);
	CHECK(live_is(came(), "c "));
	close_named(root, "root", false, 5);
	CHECK(live_is(came(), "root "));

	root = open_root(0, "");
	for (int i = 0; i < 4; i++)
		close_named(child = open_child(root), "a", i == 2, 5);
	close_named(open_child(root), "b", false, 5);
	CHECK(live_is(came(), "a a a a b ")); /* the error is known */
	close_named(root, "root", false, 5);
	CHECK(live_is(came(), "root "));

	root = open_root(0, "");
	for (int i = 0; i < 5; i++)
		close_named(open_child(root), "a", false, 5);
	CHECK(counted(ATR_COUNT_SPANS_DROPPED, 5) && counted(ATR_COUNT_TRACES_DROPPED, 1));
	close_named(root, "root", true, 5);
	CHECK(live_is(came(), "") && counted(ATR_COUNT_TRACES_DECIDED_EARLY, 3));
	end();
}

TEST(outcome_room_of_all_is_bounded)
{
	atr_ref roots[6];

	BEGIN("AUTOTRACE_KEEP=error", "AUTOTRACE_KEEP_SPANS=16");
	for (int i = 0; i < 6; i++) {
		roots[i] = open_root(0, "");
		for (int j = 0; j < 3; j++)
			close_named(open_child(roots[i]), "a", false, 5);
	}
	CHECK(nr_out(&waitings) <= 16 && counted(ATR_COUNT_TRACES_DECIDED_EARLY, 1));
	for (int i = 0; i < 6; i++)
		close_named(roots[i], "root", false, 5);
	CHECK(live_is(came(), "") && counted(ATR_COUNT_SPANS_DROPPED, 24));
	end();
}

TEST(outcome_holds_for_what_ends_after_its_root)
{
	atr_ref root, late, later;

	BEGIN("AUTOTRACE_KEEP=error");
	root = open_root(0, "");
	late = open_child(root);
	close_named(root, "root", true, 5);
	later = open_child(late);
	close_named(late, "late", false, 5);
	close_named(later, "later", false, 5);
	CHECK(live_is(came(), "root late later "));

	root = open_root(0, "");
	late = open_child(root);
	close_named(root, "root", false, 5);
	close_named(late, "late", true, 5);
	CHECK(live_is(came(), "") && counted(ATR_COUNT_SPANS_DROPPED, 2));
	end();
}

TEST(outcome_that_is_not_known_at_the_end_of_the_process_is_kept)
{
	atr_ref root, child;

	BEGIN("AUTOTRACE_KEEP=error");
	root = open_root(0, "");
	child = open_child(root);
	close_named(open_child(root), "a", false, 5);
	atr_outcome_keep_all();
	CHECK(live_is(came(), "a ") && counted(ATR_COUNT_TRACES_KEPT_UNFINISHED, 1));
	close_named(child, "b", false, 5);
	close_named(root, "root", false, 5);
	CHECK(live_is(came(), "b root "));
	atr_outcome_keep_all();
	CHECK(counted(ATR_COUNT_TRACES_KEPT_UNFINISHED, 1));
	end();
}

TEST(outcome_of_what_was_told_before_its_end_is_to_be_kept)
{
	uint64_t record[ATR_SPAN_MAX / 8];
	atr_ref root;

	BEGIN("AUTOTRACE_KEEP=error");
	root = open_root(0, "");
	close_named(open_child(root), "a", false, 5);
	CHECK(atr_live_copy(root, record));
	CHECK(live_is(came(), "a "));
	close_named(root, "root", false, 5);
	CHECK(live_is(came(), "root "));
	end();
}

TEST(outcome_of_a_root_that_did_not_happen)
{
	atr_ref root, child;

	BEGIN("AUTOTRACE_KEEP=error");
	atr_live_drop(open_root(0, ""));
	CHECK(counted(ATR_COUNT_TRACES_DROPPED, 0));
	root = open_root(0, "");
	child = open_child(root);
	atr_live_drop(child);
	close_named(open_child(root), "a", true, 5);
	atr_live_drop(root);
	CHECK(live_is(came(), "a "));
	end();
}

TEST(outcome_is_not_waited_for_where_a_trace_is_to_be_kept_whatever_happens)
{
	struct atr_context parent = live_parent(7);

	BEGIN("AUTOTRACE_KEEP=error");
	parent.marks = ATR_MARK_DEBUG;
	close_named(atr_live_open(&atr_self, ATR_KIND_SERVER, &parent, 1000), "debug", false, 5);
	CHECK(live_is(came(), "debug "));
	end();
}

TEST(outcome_is_nobody_s_where_nothing_is_sampled)
{
	struct atr_context parent = live_parent(7);

	BEGIN("AUTOTRACE_KEEP=error");
	parent.flags = 0;
	atr_live_close(atr_live_open(&atr_self, ATR_KIND_SERVER, &parent, 1000), 1500);
	CHECK(counted(ATR_COUNT_UNSAMPLED, 1) && counted(ATR_COUNT_TRACES_DROPPED, 0));
	end();
}

TEST(outcome_of_a_forked_child_s_parent_is_not_the_child_s)
{
	atr_ref root;

	BEGIN("AUTOTRACE_KEEP=error");
	root = open_root(0, "");
	close_named(open_child(root), "a", true, 5);
	atr_live_forked();
	atr_outcome_keep_all();
	CHECK(live_is(came(), ""));
	root = open_root(0, "");
	close_named(open_child(root), "b", true, 5);
	close_named(root, "root", false, 5);
	CHECK(live_is(came(), "b root "));
	end();
}

TEST(outcome_variable_that_is_wrong_is_left_out)
{
	static const char *const wrong[] = { "AUTOTRACE_KEEP=errors",	 "AUTOTRACE_KEEP=5",
					     "AUTOTRACE_KEEP=101%",	 "AUTOTRACE_KEEP=%",
					     "AUTOTRACE_KEEP=slow:5",	 "AUTOTRACE_KEEP=slow:ms",
					     "AUTOTRACE_KEEP=slow::5ms", "AUTOTRACE_KEEP=slow:",
					     "AUTOTRACE_KEEP=-1%",	 "AUTOTRACE_KEEP=,," };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		BEGIN(wrong[i]);
		CHECK(!atr_outcome_is_on);
	}
	BEGIN("AUTOTRACE_KEEP=errors, Error ,SLOW:1.5s, 0.1%");
	CHECK(atr_outcome_is_on && keep.error && keep.nr_slow == 1 &&
	      keep.slow[0].ns == 1500000000 && keep.threshold == UINT64_C(0xffbe7700000000));
	end();
}

#define ROUNDS 2000

static _Atomic unsigned nr_offered;

static void count_offer(const struct atr_span *span)
{
	(void)span;
	atomic_fetch_add(&nr_offered, 1);
}

static atr_ref shared_root;
static pthread_barrier_t round_begins, round_ends;

static void *close_children(void *unused)
{
	uint64_t record[ATR_SPAN_MAX / 8];

	for (int i = 0; i < ROUNDS; i++) {
		bool is_root;
		atr_ref ref;

		pthread_barrier_wait(&round_begins);
		ref = atr_outcome_begins(shared_root, (struct atr_str){ 0 }, (uint8_t[16]){ 0 },
					 &is_root);
		atr_outcome_ends(ref, is_root, atr_span_begin(record));
		pthread_barrier_wait(&round_ends);
	}
	return unused;
}

TEST(outcome_loses_nothing_between_threads)
{
	uint64_t record[ATR_SPAN_MAX / 8];
	pthread_t threads[2];

	BEGIN("AUTOTRACE_KEEP=error");
	offer = count_offer;
	nr_offered = 0;
	pthread_barrier_init(&round_begins, NULL, 3);
	pthread_barrier_init(&round_ends, NULL, 3);
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_create(&threads[i], NULL, close_children, NULL));
	for (int i = 0; i < ROUNDS; i++) {
		struct atr_span *span = atr_span_begin(record);
		bool is_root;

		shared_root =
			atr_outcome_begins(0, (struct atr_str){ 0 }, (uint8_t[16]){ 0 }, &is_root);
		span->status = i % 2 ? ATR_STATUS_ERROR : ATR_STATUS_UNSET;
		pthread_barrier_wait(&round_begins);
		atr_outcome_ends(shared_root, true, span);
		pthread_barrier_wait(&round_ends);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	CHECK(nr_offered + atr_count_read(ATR_COUNT_SPANS_DROPPED) == 3 * ROUNDS);
	CHECK(nr_offered >= ROUNDS / 2);
	end();
}
