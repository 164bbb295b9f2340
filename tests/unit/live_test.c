/* SPDX-License-Identifier: Apache-2.0 */
/* live.c itself, with the exporter's place taken by the test: see live.h. */
#include "export/exporter.h"

#define atr_exporter_offer live_offer
static void live_offer(const struct atr_span *span);
#include "preload/live/live.c"
#undef atr_exporter_offer

#include "export/env.h"
#include "tests/unit/live.h"

#include <pthread.h>

#define RING_SLOTS 256

static struct atr_ring *ring;
static bool is_peeked;
static atr_ref held[BLOCKS_MAX];
static unsigned nr_held;

static void live_offer(const struct atr_span *span)
{
	void *slot = atr_ring_claim(ring, span->len);

	if (!slot)
		return; /* lost, and counted */
	memcpy(slot, span, span->len);
	atr_ring_publish(ring, slot);
}

const struct atr_span *live_next(void)
{
	const struct atr_span *span;

	if (is_peeked)
		atr_ring_release(ring);
	span = atr_ring_peek(ring);
	is_peeked = span != NULL;
	if (span)
		CHECK(atr_span_is_whole(span, ATR_SPAN_MAX) && span->end_ns >= span->start_ns);
	return span;
}

static unsigned nr_out(const struct atr_pool *pool)
{
	unsigned nr = 0;

	for (uint32_t i = 0; i < atomic_load(&pool->fresh); i++)
		nr += ((struct atr_pooled *)atr_pool_at(pool, i))->gen & 1;
	return nr;
}

unsigned live_nr_blocks_out(void)
{
	return nr_out(&blocks);
}

unsigned live_nr_open(void)
{
	return nr_out(&atr_live_pool);
}

void live_hold_blocks(unsigned but)
{
	while (nr_held < BLOCKS_MAX && (held[nr_held] = atr_block_take()))
		nr_held++;
	for (; but && nr_held; but--)
		atr_block_give(held[--nr_held]);
}

void live_release_blocks(void)
{
	while (nr_held)
		atr_block_give(held[--nr_held]);
}

static void no_fork(struct atr_thread *self)
{
	(void)self;
}

void live_begin(const char *const *variables)
{
	static bool is_set_up;
	uint8_t spares = atr_self.spares;

	atr_env_capture((char *const *)variables);
	atr_sampler_setup();
	atr_outcome_setup(live_offer, NULL);
	if (!is_set_up) {
		ring = atr_ring_create(RING_SLOTS, ATR_SPAN_MAX);
		CHECK(ring && atr_live_setup());
		is_set_up = true;
	}
	atr_thread_setup(no_fork);
	atr_ring_reset(ring);
	is_peeked = false;
	nr_held = 0;
	atr_live_forked();
	memset(&atr_self, 0, sizeof(atr_self));
	atr_self.spares = spares; /* of so many threads: it is the same one */
	atr_work_forked(&atr_self);
	atr_work_setup(NULL);
	atr_count_reset();
}

void live_end(void)
{
	CHECK(!live_next());
	CHECK(atr_ring_lost(ring) == 0);
	CHECK(live_nr_open() == 0);
	CHECK(live_nr_blocks_out() == 0);
	CHECK(atr_work_nr_in_flight() == 0);
	CHECK(!atr_self.inside);
}

#define BEGIN(...) live_begin((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })
#define ON "OTEL_TRACES_SAMPLER=parentbased_always_on"

static bool is_zero(const uint8_t *bytes, size_t len)
{
	while (len--)
		if (*bytes++)
			return false;
	return true;
}

TEST(live_span_without_a_parent_begins_a_trace)
{
	struct atr_context_copy copy;
	const struct atr_span *span;
	atr_ref ref;

	BEGIN(ON);
	ref = atr_live_open(&atr_self, ATR_KIND_CLIENT, NULL, 1000);
	CHECK(ref && atr_live_span(ref));
	atr_span_put_str(atr_live_span(ref), ATR_NAME, ATR_STR("GET"));
	CHECK(atr_live_context(ref, &copy));
	CHECK(copy.context.flags == (ATR_FLAG_SAMPLED | ATR_FLAG_RANDOM) && !copy.context.remote);
	CHECK(!copy.context.tracestate.at && !copy.context.baggage.at);
	atr_context_copy_release(&copy);
	CHECK(!live_next());
	atr_live_close(ref, 1500);
	span = live_next();
	CHECK(span && span->kind == ATR_KIND_CLIENT && live_is(live_text(span, ATR_NAME), "GET"));
	CHECK(is_zero(span->parent_id, 8) && !is_zero(span->trace_id, 16) &&
	      !is_zero(span->span_id, 8));
	CHECK(!memcmp(span->trace_id, copy.context.trace_id, 16) &&
	      !memcmp(span->span_id, copy.context.span_id, 8));
	CHECK(span->end_ns - span->start_ns == 500);
	live_end();
}

TEST(live_span_is_a_child_of_its_parent)
{
	struct atr_context parent = live_parent(7);
	const struct atr_span *span;
	atr_ref ref;

	BEGIN(ON);
	parent.tracestate = ATR_STR("a=1");
	ref = atr_live_open(&atr_self, ATR_KIND_SERVER, &parent, 0);
	atr_live_close(ref, 0);
	span = live_next();
	CHECK(span && !memcmp(span->trace_id, parent.trace_id, 16) &&
	      !memcmp(span->parent_id, parent.span_id, 8) &&
	      memcmp(span->span_id, parent.span_id, 8));
	CHECK(span->parent_remote && span->flags == ATR_FLAG_SAMPLED);
	CHECK(live_is(live_text(span, ATR_TRACESTATE), "a=1"));
	live_end();
}

TEST(live_span_that_ends_before_it_began_took_no_time)
{
	const struct atr_span *span;

	BEGIN(ON);
	atr_live_close(atr_live_open(&atr_self, ATR_KIND_CLIENT, NULL, 1000), 10);
	span = live_next();
	CHECK(span && span->end_ns == span->start_ns);
	live_end();
}

TEST(live_span_that_begins_now_knows_when_that_was)
{
	struct atr_context parent = live_parent(7);
	uint64_t before = atr_clock_ns(), coarse = atr_clock_coarse_ns(), after;
	const struct atr_span *span;
	struct atr_shown shown;
	atr_ref ref;

	BEGIN(ON);
	ref = atr_live_open(&atr_self, ATR_KIND_CLIENT, NULL, 0);
	after = atr_clock_ns();
	CHECK(atr_live_shown(ref, &shown) && shown.start_ns >= before && shown.start_ns <= after);
	atr_live_close(ref, shown.start_ns + 5);
	span = live_next();
	CHECK(span && span->end_ns == span->start_ns + 5);
	/* of what is not recorded, about when: it grows too old to be a parent by seconds */
	parent.flags = 0;
	ref = atr_live_open(&atr_self, ATR_KIND_SERVER, &parent, 0);
	CHECK(atr_live_shown(ref, &shown) && shown.start_ns >= coarse &&
	      shown.start_ns <= atr_clock_ns());
	atr_live_close(ref, 0);
	live_end();
}

TEST(live_span_that_did_not_happen_is_not_told)
{
	atr_ref ref;

	BEGIN(ON);
	ref = atr_live_open(&atr_self, ATR_KIND_CLIENT, NULL, 0);
	atr_live_drop(ref);
	CHECK(!atr_live_span(ref));
	live_end();
}

TEST(live_reference_is_good_for_one_close)
{
	struct atr_context_copy copy;
	atr_ref ref, next;

	BEGIN(ON);
	ref = atr_live_open(&atr_self, ATR_KIND_CLIENT, NULL, 0);
	atr_live_close(ref, 1);
	CHECK(live_next());
	next = atr_live_open(&atr_self, ATR_KIND_CLIENT, NULL, 0);
	CHECK((uint32_t)next == (uint32_t)ref); /* the same place */
	atr_live_close(ref, 1);
	atr_live_drop(ref);
	CHECK(!atr_live_context(ref, &copy) && !atr_live_span(ref));
	CHECK(live_nr_open() == 1 && atr_live_span(next));
	atr_live_close(0, 1);
	atr_live_close(next, 1);
	CHECK(live_next());
	live_end();
}

TEST(live_span_is_found_by_its_id_while_it_is_open)
{
	struct atr_context parent = live_parent(7);
	struct atr_context_copy copy;
	uint8_t id[ATR_SPAN_ID_LEN];
	atr_ref first, ref;

	BEGIN(ON);
	first = atr_live_open(&atr_self, ATR_KIND_CLIENT, NULL, 0);
	parent.tracestate = ATR_STR("a=1");
	ref = atr_live_open(&atr_self, ATR_KIND_SERVER, &parent, 0);
	memcpy(id, atr_live_span(ref)->span_id, sizeof(id));
	CHECK(atr_live_context_of(id, &copy) &&
	      atr_str_equal(copy.context.tracestate, ATR_STR("a=1")));
	CHECK(!memcmp(copy.context.trace_id, parent.trace_id, 16));
	atr_context_copy_release(&copy);
	CHECK(!atr_live_context_of(parent.span_id, &copy));
	atr_live_close(ref, 1);
	CHECK(!atr_live_context_of(id, &copy));
	atr_live_close(first, 1);
	CHECK(live_next() && live_next());
	live_end();
}

TEST(live_unsampled_span_is_carried_on_and_not_recorded)
{
	struct atr_context parent = live_parent(7);
	struct atr_context_copy copy;
	atr_ref ref;

	BEGIN(ON);
	parent.flags = ATR_FLAG_RANDOM;
	parent.baggage = ATR_STR("k=v");
	ref = atr_live_open(&atr_self, ATR_KIND_CLIENT, &parent, 0);
	CHECK(ref && !atr_live_span(ref));
	CHECK(atr_count_read(ATR_COUNT_UNSAMPLED) == 1);
	CHECK(atr_live_context(ref, &copy));
	CHECK(copy.context.flags == ATR_FLAG_RANDOM);
	CHECK(memcmp(copy.context.span_id, parent.span_id, 8));
	CHECK(atr_str_equal(copy.context.baggage, ATR_STR("k=v")));
	atr_context_copy_release(&copy);
	atr_live_close(ref, 1);
	live_end();
}

/* What is not asked for is what the sampler would have said. How many need not be asked for. */
static unsigned check_plain(const struct atr_context *carried, bool is_valid)
{
	struct atr_shown shown = { .kind = ATR_KIND_SERVER, .start_ns = 1000 };
	const struct atr_context *parent = is_valid ? carried : NULL;
	struct atr_decision asked = { .is_sampled = false };
	bool is_sampled;

	if (!is_plain(parent, carried, &is_sampled))
		return 0;
	memcpy(shown.trace_id, carried->trace_id, sizeof(shown.trace_id));
	ask(parent, carried, &shown, NULL, &asked);
	CHECK(asked.is_sampled == is_sampled && !asked.tells);
	return 1;
}

/* With parents and without, of every flag and mark, near and far, with a tracestate and without. */
static unsigned check_plain_of_all(void)
{
	unsigned nr = 0;

	for (unsigned bits = 0; bits < 1u << 9; bits++) {
		struct atr_context c = live_parent(0xf0);

		c.flags = bits & 1;
		c.remote = bits & 2;
		c.marks = (uint8_t)(bits >> 2 & 0x3f);
		if (bits & 256)
			c.tracestate = ATR_STR("ot=th:c,x=y");
		nr += check_plain(&c, true) + check_plain(&c, false);
	}
	return nr;
}

TEST(live_decides_without_the_sampler_what_that_would)
{
	static const char *const plain[] = { "OTEL_TRACES_SAMPLER=parentbased_always_on",
					     "OTEL_TRACES_SAMPLER=parentbased_always_off",
					     "OTEL_TRACES_SAMPLER=always_on",
					     "OTEL_TRACES_SAMPLER=always_off",
					     "OTEL_TRACES_SAMPLER=" };
	static const char *const others[] = {
		"OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER=parentbased_traceidratio",
		"AUTOTRACE_RATE_LIMIT=1", "AUTOTRACE_KEEP=error",
		"AUTOTRACE_SAMPLER_PARENTS=remote_parent_sampled=always_off"
	};

	for (unsigned i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		BEGIN(plain[i]);
		CHECK(check_plain_of_all() > 64);
		live_end();
	}
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		BEGIN(others[i]);
		CHECK(check_plain_of_all() == 0);
		live_end();
	}
	BEGIN(ON);
	atr_sampler_asks(true);
	CHECK(check_plain_of_all() == 0);
	live_end();
	atr_sampler_setup();
}

TEST(live_with_the_sdk_disabled_carries_the_context_as_it_is)
{
	struct atr_context parent = live_parent(7);
	struct atr_context_copy copy;
	atr_ref ref;

	BEGIN(ON, "OTEL_SDK_DISABLED=true");
	ref = atr_live_open(&atr_self, ATR_KIND_CLIENT, &parent, 0);
	CHECK(ref && !atr_live_span(ref) && atr_live_context(ref, &copy));
	CHECK(!memcmp(copy.context.trace_id, parent.trace_id, 16) &&
	      !memcmp(copy.context.span_id, parent.span_id, 8) &&
	      copy.context.flags == parent.flags);
	atr_context_copy_release(&copy);
	atr_live_close(ref, 1);
	ref = atr_live_open(&atr_self, ATR_KIND_CLIENT, NULL, 0);
	CHECK(ref && atr_live_context(ref, &copy) && !atr_context_is_valid(&copy.context));
	atr_context_copy_release(&copy);
	atr_live_close(ref, 1);
	live_end();
}

/* `len` bytes of text, no two neighbours alike. */
static struct atr_str some_text(char *room, size_t len, char first)
{
	for (size_t i = 0; i < len; i++)
		room[i] = (char)(first + i % 20);
	return (struct atr_str){ len ? room : NULL, len };
}

static char state_room[ATR_TRACESTATE_MAX], baggage_room[ATR_BAGGAGE_MAX];

static bool carries(size_t state_len, size_t baggage_len)
{
	struct atr_context parent = live_parent(7);
	struct atr_context_copy copy;
	atr_ref ref;
	bool same;

	parent.tracestate = some_text(state_room, state_len, 'a');
	parent.baggage = some_text(baggage_room, baggage_len, 'A');
	ref = atr_live_open(&atr_self, ATR_KIND_CLIENT, &parent, 0);
	CHECK(atr_live_context(ref, &copy));
	same = atr_str_equal(copy.context.tracestate, parent.tracestate) &&
	       atr_str_equal(copy.context.baggage, parent.baggage);
	atr_live_close(ref, 1);
	/* the copy lives as long as it is wanted, and the span does not have to */
	same = same && atr_str_equal(copy.context.tracestate, parent.tracestate);
	atr_context_copy_release(&copy);
	CHECK(live_next());
	return same;
}

TEST(live_carries_tracestate_and_baggage_of_every_length)
{
	static const size_t lengths[] = { 0, 1, 95, 96, 97, 190, 191, 192, 193, 512, 8191, 8192 };

	BEGIN(ON);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++)
			CHECK(carries(lengths[i], lengths[k]));
	live_end();
}

TEST(live_without_a_block_keeps_the_ids_and_loses_the_text)
{
	struct atr_context parent = live_parent(7);
	struct atr_context_copy copy;
	atr_ref ref;

	BEGIN(ON);
	parent.baggage = some_text(baggage_room, 1000, 'A');
	live_hold_blocks(0);
	ref = atr_live_open(&atr_self, ATR_KIND_CLIENT, &parent, 0);
	live_release_blocks();
	CHECK(ref && atr_live_context(ref, &copy));
	CHECK(!memcmp(copy.context.trace_id, parent.trace_id, 16) && !copy.context.baggage.at);
	atr_context_copy_release(&copy);
	atr_live_close(ref, 1);
	CHECK(live_next());
	live_end();
}

TEST(live_copy_without_a_block_keeps_the_ids_and_says_so)
{
	struct atr_context parent = live_parent(7);
	struct atr_context_copy copy;

	BEGIN(ON);
	parent.tracestate = some_text(state_room, 1000, 'A');
	live_hold_blocks(0);
	CHECK(!atr_context_copy_of(&parent, &copy));
	CHECK(!copy.context.tracestate.at && atr_context_is_valid(&copy.context));
	atr_context_copy_release(&copy);
	live_release_blocks();
	live_end();
}

TEST(live_too_many_open_are_counted_and_room_comes_back)
{
	static atr_ref ref[LIVE_MAX];

	BEGIN("OTEL_TRACES_SAMPLER=always_off");
	for (int i = 0; i < LIVE_MAX; i++) {
		ref[i] = atr_live_open(&atr_self, ATR_KIND_CLIENT, NULL, 0);
		CHECK(ref[i]);
	}
	CHECK(!atr_live_open(&atr_self, ATR_KIND_CLIENT, NULL, 0));
	CHECK(atr_count_read(ATR_COUNT_LOST_NO_LIVE_SLOT) == 1);
	atr_live_close(ref[5], 1);
	ref[5] = atr_live_open(&atr_self, ATR_KIND_CLIENT, NULL, 0);
	CHECK(ref[5] && !atr_live_open(&atr_self, ATR_KIND_CLIENT, NULL, 0));
	for (int i = 0; i < LIVE_MAX; i++)
		atr_live_close(ref[i], 1);
	live_end();
}

TEST(live_blocks_are_given_once_and_are_whole)
{
	atr_ref a, b;

	BEGIN(ON);
	a = atr_block_take();
	b = atr_block_take();
	CHECK(a && b && atr_block_bytes(a) != atr_block_bytes(b));
	memset(atr_block_bytes(a), 'a', ATR_BLOCK_LEN);
	memset(atr_block_bytes(b), 'b', ATR_BLOCK_LEN);
	CHECK(atr_block_bytes(a)[0] == 'a' && atr_block_bytes(a)[ATR_BLOCK_LEN - 1] == 'a');
	atr_block_give(a);
	atr_block_give(a);
	CHECK(!atr_block_bytes(a) && !atr_block_bytes(0) && live_nr_blocks_out() == 1);
	atr_block_give(b);
	live_end();
}

static void *open_one(void *ref)
{
	*(atr_ref *)ref = atr_live_open(&atr_self, ATR_KIND_CLIENT, NULL, 0);
	return NULL;
}

static void *open_one_and_drop_it(void *ref)
{
	open_one(ref);
	atr_live_drop(*(atr_ref *)ref);
	return NULL;
}

TEST(live_slot_that_a_thread_keeps_is_no_other_threads)
{
	atr_ref first, second, others;
	pthread_t thread;

	BEGIN(ON);
	first = atr_live_open(&atr_self, ATR_KIND_CLIENT, NULL, 0);
	atr_live_drop(first);
	CHECK(!atr_live_get(first) && live_nr_open() == 0);
	pthread_create(&thread, NULL, open_one, &others);
	pthread_join(thread, NULL);
	second = atr_live_open(&atr_self, ATR_KIND_CLIENT, NULL, 0);
	CHECK((uint32_t)second == (uint32_t)first && second != first);
	CHECK((uint32_t)others != (uint32_t)second && atr_live_get(others));
	CHECK(!atr_live_get(first) && live_nr_open() == 2);
	atr_live_drop(second);
	atr_live_drop(others); /* beside the one that is kept */
	CHECK(live_nr_open() == 0);
	live_end();
}

TEST(live_forked_child_keeps_no_slot)
{
	atr_ref ref[3];

	BEGIN(ON);
	atr_live_drop(atr_live_open(&atr_self, ATR_KIND_CLIENT, NULL, 0));
	atr_live_forked();
	for (int i = 0; i < 3; i++)
		ref[i] = atr_live_open(&atr_self, ATR_KIND_CLIENT, NULL, 0);
	for (int i = 0; i < 3; i++) {
		CHECK(atr_live_get(ref[i]));
		atr_live_drop(ref[i]);
	}
	live_end();
}

/* Of more threads than may keep a slot, each begun when the one before has ended. */
TEST(live_slots_are_not_lost_with_the_threads_that_kept_them)
{
	pthread_t thread;
	atr_ref ref;

	BEGIN(ON);
	for (int i = 0; i < 2 * LIVE_MAX; i++) {
		pthread_create(&thread, NULL, open_one_and_drop_it, &ref);
		pthread_join(thread, NULL);
		CHECK(ref);
	}
	live_end();
}

TEST(live_forked_child_has_none_of_its_parents_spans)
{
	struct atr_context_copy copy;
	atr_ref ref, block;

	BEGIN(ON);
	ref = atr_live_open(&atr_self, ATR_KIND_CLIENT, NULL, 0);
	block = atr_block_take();
	atr_live_forked();
	CHECK(!atr_live_context(ref, &copy) && !atr_block_bytes(block));
	atr_live_close(ref, 1);
	live_end();
}

#define THREADS 3
#define SEEN 20000 /* looks that found a span open: so long it goes on */

/* Opens span after span, each with another id, and looks at the others' all the while. */
static _Atomic atr_ref shown[THREADS];
static _Atomic int nr_seen;
static size_t text_len;

static bool is_all(const void *bytes, size_t len, uint8_t value)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len; i++)
		if (at[i] != value)
			return false;
	return true;
}

/* All of one span, and nothing of another: each byte of it says which. */
static bool is_whole(const struct atr_context *c)
{
	uint8_t id = c->trace_id[0];

	return is_all(c->trace_id, ATR_TRACE_ID_LEN, id) && c->tracestate.len == text_len &&
	       c->baggage.len == text_len && is_all(c->tracestate.at, text_len, id) &&
	       is_all(c->baggage.at, text_len, id);
}

static void *open_and_look(void *arg)
{
	size_t me = (size_t)arg;
	const char *says = NULL;
	char text[1000];

	for (size_t i = 0; !says && atomic_load(&nr_seen) < SEEN; i++) {
		struct atr_context parent = live_parent((uint8_t)(1 + (i * THREADS + me) % 100));
		struct atr_context_copy copy = { .block = 0 };
		atr_ref ref;

		memset(text, parent.trace_id[0], text_len);
		parent.tracestate = parent.baggage = (struct atr_str){ text, text_len };
		ref = atr_live_open(&atr_self, ATR_KIND_CLIENT, &parent, 0);
		atomic_store(&shown[me], ref);
		if (atr_live_context(atomic_load(&shown[(me + 1) % THREADS]), &copy)) {
			says = is_whole(&copy.context) ? NULL : "torn";
			atomic_fetch_add(&nr_seen, 1);
		}
		atr_context_copy_release(&copy);
		atr_live_drop(ref);
	}
	return (void *)says;
}

static void open_and_look_all(size_t len)
{
	pthread_t thread[THREADS];
	void *result = NULL, *one;

	BEGIN("OTEL_TRACES_SAMPLER=always_off");
	text_len = len;
	atomic_store(&nr_seen, 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, open_and_look, (void *)i);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &one);
		result = one ? one : result;
	}
	CHECK(!result);
	live_end();
}

TEST(live_context_read_by_another_thread_is_whole_or_refused)
{
	open_and_look_all(80);
}

TEST(live_context_with_long_text_read_by_another_thread_is_whole_or_refused)
{
	open_and_look_all(1000);
}

TEST(live_long_text_is_held_by_who_reads_it_and_takes_no_second_block)
{
	struct atr_context parent = live_parent(7);
	struct atr_context_copy a, b;
	atr_ref ref;

	BEGIN(ON);
	parent.baggage = some_text(baggage_room, 1000, 'A');
	ref = atr_live_open(&atr_self, ATR_KIND_CLIENT, &parent, 0);
	live_hold_blocks(0);
	CHECK(atr_live_context(ref, &a) && atr_live_context(ref, &b));
	live_release_blocks();
	atr_live_drop(ref);
	atr_context_copy_release(&b);
	CHECK(!atr_live_context(ref, &b));
	atr_context_copy_release(&b); /* of one that was refused: as callers do */
	CHECK(live_nr_blocks_out() == 1);
	CHECK(atr_str_equal(a.context.baggage, parent.baggage));
	atr_context_copy_release(&a);
	atr_context_copy_release(&a);
	live_end();
}

TEST(live_span_is_shown_until_it_is_closed_and_not_to_a_child)
{
	struct atr_context parent = live_parent(7);
	struct atr_shown shown;
	atr_ref ref;

	BEGIN(ON);
	CHECK(!atr_live_shown(0, &shown));
	ref = atr_live_open(&atr_self, ATR_KIND_SERVER, &parent, 77);
	CHECK(atr_live_shown(ref, &shown));
	CHECK(shown.kind == ATR_KIND_SERVER && shown.start_ns == 77 && shown.parent_is_remote);
	CHECK(!memcmp(shown.parent_id, parent.span_id, 8) &&
	      !memcmp(shown.trace_id, parent.trace_id, 16));
	atr_live_drop(ref);
	CHECK(!atr_live_shown(ref, &shown));
	ref = atr_live_open(&atr_self, ATR_KIND_SERVER, NULL, 0);
	CHECK(atr_live_shown(ref, &shown) && !shown.parent_is_remote &&
	      is_zero(shown.parent_id, 8));
	atr_live_forked();
	CHECK(!atr_live_shown(ref, &shown));
	live_end();
}

static bool carries_state(atr_ref ref, const char *tracestate)
{
	struct atr_context_copy copy;
	bool same;

	CHECK(atr_live_context(ref, &copy));
	same = atr_str_equal(copy.context.tracestate, atr_str(tracestate));
	if (!same)
		print_error("is: %.*s\n", (int)copy.context.tracestate.len,
			    copy.context.tracestate.at);
	atr_context_copy_release(&copy);
	return same;
}

TEST(live_span_carries_and_records_what_the_sampler_tells)
{
	struct atr_context parent = live_parent(0xff);
	char text[ATR_CARRY_INLINE + 16], expected[ATR_CARRY_INLINE + 32];
	const struct atr_span *span;
	atr_ref ref;

	BEGIN("OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=1");
	ref = atr_live_open(&atr_self, ATR_KIND_CLIENT, NULL, 1000);
	CHECK(carries_state(ref, "ot=th:0"));
	atr_live_close(ref, 1500);
	span = live_next();
	CHECK(live_is(live_text(span, ATR_TRACESTATE), "ot=th:0"));

	parent.tracestate = ATR_STR("foo=1,ot=th:c;rv:ffffffffffffff");
	ref = atr_live_open(&atr_self, ATR_KIND_SERVER, &parent, 1000);
	CHECK(carries_state(ref, "ot=rv:ffffffffffffff;th:0,foo=1"));
	atr_live_close(ref, 1500);
	span = live_next();
	CHECK(live_is(live_text(span, ATR_TRACESTATE), "ot=rv:ffffffffffffff;th:0,foo=1"));

	/* longer than the room that is always there */
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	memcpy(text, "foo=", 4);
	memcpy(expected, "ot=th:0,", 8);
	memcpy(expected + 8, text, sizeof(text));
	parent.tracestate = atr_str(text);
	ref = atr_live_open(&atr_self, ATR_KIND_SERVER, &parent, 1000);
	CHECK(carries_state(ref, expected));
	atr_live_close(ref, 1500);
	CHECK(live_next());
	live_end();
}

TEST(live_span_that_is_not_sampled_carries_no_threshold)
{
	struct atr_context parent = live_parent(0);
	atr_ref ref;

	BEGIN("OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=0");
	parent.trace_id[0] = 1;
	parent.tracestate = ATR_STR("foo=1,ot=th:c;rv:ffffffffffffff");
	ref = atr_live_open(&atr_self, ATR_KIND_SERVER, &parent, 1000);
	CHECK(carries_state(ref, "ot=rv:ffffffffffffff,foo=1"));
	atr_live_close(ref, 1500);
	live_end();
}

TEST(live_trace_id_that_came_without_a_parent_is_not_said_to_be_random)
{
	struct atr_context only_trace = live_parent(7);
	struct atr_context_copy copy;
	atr_ref ref;

	BEGIN(ON);
	memset(only_trace.span_id, 0, sizeof(only_trace.span_id));
	only_trace.flags = 0;
	ref = atr_live_open(&atr_self, ATR_KIND_SERVER, &only_trace, 1000);
	CHECK(atr_live_context(ref, &copy) && copy.context.flags == ATR_FLAG_SAMPLED);
	CHECK(!memcmp(copy.context.trace_id, only_trace.trace_id, 16));
	atr_context_copy_release(&copy);
	atr_live_close(ref, 1500);
	CHECK(live_next());
	live_end();
}

/* A record holds members, or none; what travels on is all of it. */
TEST(live_tracestate_that_is_too_long_for_a_record_loses_whole_members)
{
	struct atr_context parent = live_parent(1);
	char text[1200];
	size_t lens[] = { 1024, 1025, 1026, 1100 };

	BEGIN(ON);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct atr_context_copy copy;
		const char *told;
		atr_ref ref;

		memset(text, 'x', sizeof(text));
		memcpy(text, "a=", 2);
		memcpy(text + 1021, ",b=", 3);
		parent.tracestate = (struct atr_str){ text, lens[i] };
		ref = atr_live_open(&atr_self, ATR_KIND_SERVER, &parent, 0);
		told = live_text(atr_live_span(ref), ATR_TRACESTATE);
		CHECK(strlen(told) == (lens[i] == 1024 ? 1024u : 1021u));
		CHECK(!memcmp(told, text, strlen(told)));
		CHECK(atr_live_context(ref, &copy));
		CHECK(atr_str_equal(copy.context.tracestate, parent.tracestate));
		atr_context_copy_release(&copy);
		atr_live_drop(ref);
	}
	live_end();
}
