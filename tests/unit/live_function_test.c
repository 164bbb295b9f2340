/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/function.h"

#include "tests/unit/live.h"

#include <stdio.h>

/* A stack, which lies above the test's own frames as a caller's would; it grows down from `top`. */
#define WORDS 1024
/* Of the real one: AddressSanitizer has arrays elsewhere. */
#define STACK() ((uintptr_t *)__builtin_alloca(WORDS * sizeof(uintptr_t)))
#define CODE ((uintptr_t)0x500000)

static struct atr_function one, two;

static uintptr_t stub_of(unsigned frame)
{
	return 0x700000 + frame * 5;
}

static int at_stub(uintptr_t stub)
{
	return stub >= 0x700000 && stub < 0x700000 + ATR_FRAMES_MAX * 5 &&
			       stub % 5 == 0x700000 % 5 ?
		       (int)((stub - 0x700000) / 5) :
		       -1;
}

static void begin(void)
{
	live_begin((const char *const[]){ NULL });
	memset(&atr_self, 0, sizeof(atr_self));
	atr_frame_stub = stub_of;
	atr_frame_at_stub = at_stub;
	atr_functions_setup(NULL);
	one = (struct atr_function){ .name = ATR_STR("one"), .library = ATR_STR("lib.so") };
	two = (struct atr_function){ .name = ATR_STR("two") };
}

static void end(void)
{
	atr_functions_thread_ends(&atr_self);
	while (live_next())
		;
	live_end();
}

/* A function that tells us: its stack ends at this word, and it has a call under way. */
static void tells(const struct atr_function *function, uintptr_t *at)
{
	at[-1] = CODE + 16;
	CHECK(atr_function_begins(&atr_self, function, (uintptr_t)at, 0, CODE));
}

/* One whose return address is at this word. */
static struct atr_frame *called(const struct atr_function *function, uintptr_t *at,
				uintptr_t returns_to)
{
	struct atr_frame *frame;

	*at = returns_to;
	frame = atr_function_begins(&atr_self, function, (uintptr_t)at, returns_to, 0);
	if (frame)
		*at = stub_of((unsigned)(frame - atr_frames));
	return frame;
}

static const struct atr_span *next(const char *name, const char *left_by)
{
	const struct atr_span *span = live_next();

	CHECK(span && span->kind == ATR_KIND_INTERNAL);
	CHECK(live_is(live_text(span, ATR_CODE_FUNCTION_NAME), name));
	CHECK(live_is(live_text(span, ATR_NAME), name));
	CHECK(live_is(live_text(span, ATR_FUNCTION_LEFT_BY), left_by));
	return span;
}

static atr_ref current(void)
{
	return atr_function_or(&atr_self, atr_work_current(&atr_self, 0));
}

TEST(function_is_the_parent_of_what_is_in_it)
{
	uint8_t inner_parent[ATR_SPAN_ID_LEN];
	uintptr_t *stack = STACK();
	const struct atr_span *span;

	begin();
	tells(&one, stack + 900);
	tells(&two, stack + 800);
	atr_function_told(&atr_self, &two, (uintptr_t)(stack + 800));
	span = next("two", "");
	memcpy(inner_parent, span->parent_id, sizeof(inner_parent));
	CHECK(live_is(live_text(span, ATR_FUNCTION_LIBRARY), ""));
	atr_function_told(&atr_self, &one, (uintptr_t)(stack + 900));
	span = next("one", "");
	CHECK(!memcmp(span->span_id, inner_parent, sizeof(inner_parent)));
	CHECK(live_is(live_text(span, ATR_FUNCTION_LIBRARY), "lib.so"));
	CHECK(!current() && !atr_self.frames);
	end();
}

TEST(function_is_in_the_request_and_the_next_request_in_it)
{
	struct atr_context parent;
	uintptr_t *stack = STACK();
	atr_ref request, later;

	begin();
	parent = live_parent(1);
	request = atr_live_open(&atr_self, ATR_KIND_SERVER, &parent, 1);
	atr_work_read(&atr_self, request, true, 0);
	tells(&one, stack + 900);
	CHECK(current() && current() != request);
	CHECK(atr_function_or(&atr_self, request) == current());
	/* what it reads in this function is nearer, until it is answered */
	atr_work_answering(&atr_self, request);
	parent = live_parent(2);
	later = atr_live_open(&atr_self, ATR_KIND_SERVER, &parent, 1);
	atr_work_read(&atr_self, later, true, 0);
	CHECK(current() == later);
	atr_work_ended(&atr_self, later);
	atr_live_drop(later);
	CHECK(current() != request && current());
	/* the request is over before the function is */
	atr_work_ended(&atr_self, request);
	atr_live_drop(request);
	CHECK(current());
	atr_function_told(&atr_self, &one, (uintptr_t)(stack + 900));
	CHECK(!memcmp(next("one", "")->trace_id, live_parent(1).trace_id, ATR_TRACE_ID_LEN));
	end();
}

TEST(function_obeys_the_parents_sampling)
{
	struct atr_context parent;
	uintptr_t *stack = STACK();
	atr_ref request;

	begin();
	parent = live_parent(1);
	parent.flags = 0;
	request = atr_live_open(&atr_self, ATR_KIND_SERVER, &parent, 1);
	atr_work_read(&atr_self, request, true, 0);
	tells(&one, stack + 900);
	CHECK(current() && !atr_live_span(current()));
	atr_function_told(&atr_self, &one, (uintptr_t)(stack + 900));
	atr_work_ended(&atr_self, request);
	atr_live_close(request, 2);
	CHECK(!live_next());
	end();
}

TEST(function_inlined_in_another_is_at_the_same_place)
{
	uintptr_t *stack = STACK();

	begin();
	tells(&one, stack + 900);
	tells(&two, stack + 900);
	tells(&two, stack + 900);
	atr_function_told(&atr_self, &two, (uintptr_t)(stack + 900));
	atr_function_told(&atr_self, &two, (uintptr_t)(stack + 900));
	next("two", "");
	next("two", "");
	CHECK(atr_self.frames && !atr_self.frames->outer);
	/* the last act of it is to tell: from where it was called */
	atr_function_told(&atr_self, &one, (uintptr_t)(stack + 910));
	next("one", "");
	end();
}

TEST(function_that_did_not_tell_its_end_is_jumped_out_of)
{
	uintptr_t *stack = STACK();

	begin();
	tells(&one, stack + 900);
	tells(&two, stack + 800);
	atr_function_told(&atr_self, &one, (uintptr_t)(stack + 900));
	next("two", "jump");
	next("one", "");
	/* and one that is seen to be over by the next that begins */
	tells(&two, stack + 700);
	tells(&one, stack + 900);
	next("two", "jump");
	atr_function_told(&atr_self, &one, (uintptr_t)(stack + 900));
	next("one", "");
	end();
}

TEST(function_that_has_no_call_under_way_is_not_around)
{
	uintptr_t *stack = STACK();

	begin();
	memset(stack, 0, WORDS * sizeof(*stack));
	tells(&one, stack + 900);
	CHECK(current());
	stack[899] = 0; /* an exception has left it, and others were here */
	CHECK(!current());
	end();
}

TEST(function_returns_by_its_frame)
{
	uintptr_t *stack = STACK();
	struct atr_frame *outer, *inner;

	begin();
	outer = called(&one, stack + 900, CODE);
	inner = called(&two, stack + 800, CODE + 8);
	CHECK(outer->returns_to == CODE && inner->returns_to == CODE + 8);
	atr_function_returned(&atr_self, inner);
	next("two", "");
	CHECK(current() == outer->span);
	atr_function_returned(&atr_self, outer);
	next("one", "");
	end();
}

TEST(function_whose_return_address_was_written_over_is_left)
{
	uintptr_t *stack = STACK();
	struct atr_frame *outer;

	begin();
	outer = called(&one, stack + 900, CODE);
	called(&two, stack + 800, CODE);
	stack[800] = 1;
	CHECK(current() == outer->span);
	called(&two, stack + 700, CODE);
	next("two", "jump");
	CHECK(atr_self.frames->outer == outer);
	end();
}

TEST(function_that_is_jumped_out_of_is_kept_until_its_place_is_another_s)
{
	uintptr_t *stack = STACK();
	struct atr_frame *frame, *again;

	begin();
	frame = called(&one, stack + 800, CODE);
	atr_functions_jump(&atr_self, (uintptr_t)(stack + 700), (uintptr_t)(stack + 900));
	next("one", "jump");
	CHECK(!current() && atr_self.frames == frame && frame->returns_to == CODE);
	again = called(&two, stack + 800, CODE);
	CHECK(again && !again->outer);
	/* or it returns after all: the jump was one to another stack */
	atr_functions_jump(&atr_self, (uintptr_t)(stack + 700), (uintptr_t)(stack + 900));
	next("two", "jump");
	CHECK(again->returns_to == CODE);
	atr_function_returned(&atr_self, again);
	CHECK(!live_next() && !atr_self.frames);
	end();
}

TEST(function_jump_within_it_or_to_another_stack_is_none)
{
	uintptr_t *stack = STACK();

	begin();
	called(&one, stack + 900, CODE);
	atr_functions_jump(&atr_self, (uintptr_t)(stack + 700), (uintptr_t)(stack + 800));
	atr_functions_jump(&atr_self, (uintptr_t)(stack + 800), (uintptr_t)(stack + 700));
	atr_functions_jump(&atr_self, (uintptr_t)stack, (uintptr_t)stack + (UINT64_C(1) << 40));
	CHECK(!live_next() && current());
	end();
}

TEST(function_called_as_the_last_act_of_another)
{
	uintptr_t *stack = STACK(), cfa;
	struct atr_frame *first, *frame = NULL, *before;
	unsigned nr = 1;

	begin();
	first = before = called(&one, stack + 900, CODE);
	cfa = first->cfa;
	while ((frame = called(&two, stack + 900, stub_of((unsigned)(before - atr_frames))))) {
		CHECK(frame->cfa > before->cfa && frame->cfa < cfa + sizeof(uintptr_t));
		CHECK(frame->outer == before);
		before = frame;
		nr++;
	}
	CHECK(nr == 7);
	for (; nr > 1; nr--) {
		frame = before->outer;
		atr_function_returned(&atr_self, before);
		next("two", "");
		before = frame;
	}
	CHECK(before == first);
	atr_function_returned(&atr_self, first);
	next("one", "");
	end();
}

TEST(function_called_as_the_last_act_is_unwound_before_the_other)
{
	uintptr_t *stack = STACK();
	struct atr_frame *first, *last;

	begin();
	first = called(&one, stack + 900, CODE);
	last = called(&two, stack + 900, stub_of((unsigned)(first - atr_frames)));
	CHECK(current() == last->span);
	atr_function_unwinds(&atr_self, (uintptr_t)(stack + 700), false);
	next("two", "exception");
	atr_function_unwinds(&atr_self, (uintptr_t)(stack + 700), false);
	next("one", "exception");
	CHECK(!atr_self.frames);
	end();
}

TEST(function_called_as_the_last_act_keeps_the_frame_of_the_other)
{
	/* those of suspended stacks take all the frames that there are */
	static uintptr_t others[8][WORDS];
	uintptr_t *stack = STACK();
	struct atr_thread threads[8];
	struct atr_frame *first;

	begin();
	first = called(&one, stack + 900, CODE);
	called(&two, stack + 900, stub_of((unsigned)(first - atr_frames)));
	memset(threads, 0, sizeof(threads));
	for (unsigned t = 0; t < 8; t++)
		for (unsigned i = 0; i < 120; i++) {
			uintptr_t *at = others[t] + 1000 - i * 2;
			struct atr_frame *frame;

			*at = CODE;
			frame = atr_function_begins(&threads[t], &one, (uintptr_t)at, CODE, 0);
			if (frame)
				*at = stub_of((unsigned)(frame - atr_frames));
		}
	CHECK(!called(&two, stack + 800, CODE)); /* it has looked for one that is over */
	CHECK(first->pooled.gen & 1 && atr_self.frames->outer == first);
	for (unsigned t = 0; t < 8; t++) {
		atr_functions_thread_ends(&threads[t]);
		while (live_next())
			;
	}
	end();
}

TEST(function_that_is_unwound_keeps_what_unwinding_reads)
{
	uintptr_t *stack = STACK();
	struct atr_frame *outer, *inner;
	uintptr_t here = (uintptr_t)(stack + 700);

	begin();
	outer = called(&one, stack + 900, CODE);
	inner = called(&two, stack + 800, CODE + 8);
	atr_function_unwinds(&atr_self, here, false);
	next("two", "exception");
	CHECK(inner->returns_to == CODE + 8 && inner->pooled.gen & 1);
	atr_function_unwinds(&atr_self, here, true);
	next("one", "exit");
	CHECK(!(inner->pooled.gen & 1) && outer->pooled.gen & 1 && outer->returns_to == CODE);
	CHECK(!current() && !atr_self.frames);
	called(&one, stack + 900, CODE);
	CHECK(atr_self.frames == outer || !(outer->pooled.gen & 1));
	end();
}

TEST(function_on_another_stack_is_not_around)
{
	/* static: far below the stack that runs */
	static uintptr_t other[WORDS];
	uintptr_t *stack = STACK();
	struct atr_frame *suspended, *frame;

	begin();
	suspended = called(&one, other + 900, CODE);
	CHECK(!current());
	frame = called(&two, stack + 900, CODE);
	CHECK(current() == frame->span);
	/* they return in any order */
	atr_function_returned(&atr_self, suspended);
	next("one", "");
	CHECK(current() == frame->span);
	atr_function_returned(&atr_self, frame);
	next("two", "");
	end();
}

TEST(function_that_returns_on_another_thread)
{
	uintptr_t *stack = STACK();
	struct atr_frame *frame;
	struct atr_thread other;

	begin();
	memset(&other, 0, sizeof(other));
	frame = called(&one, stack + 900, CODE);
	atr_function_returned(&other, frame);
	next("one", "");
	CHECK(atr_self.frames == frame && !current());
	/* its own thread lets go of it */
	called(&two, stack + 800, CODE);
	CHECK(!atr_self.frames->outer);
	end();
}

TEST(function_is_around_what_threads_made_in_it_do)
{
	struct atr_context parent = live_parent(1);
	uintptr_t *stack = STACK();
	struct atr_thread made;
	struct atr_frame *frame;
	atr_ref later;

	begin();
	memset(&made, 0, sizeof(made));
	CHECK(!atr_work_hand_over_function(&atr_self, 0));
	frame = called(&one, stack + 900, CODE);
	CHECK(atr_work_hand_over_function(&atr_self, 0) == frame->span);
	atr_work_inherit_function(&made, frame->span, 0);
	CHECK(atr_function_or(&made, 0) == frame->span);
	/* not what it does for others */
	later = atr_live_open(&made, ATR_KIND_SERVER, &parent, 1);
	CHECK(atr_function_or(&made, later) == later);
	atr_work_read(&made, later, true, 0);
	CHECK(atr_function_or(&made, 0) == 0);
	atr_work_ended(&made, later);
	atr_live_drop(later);
	/* nor when it has waited for another thread, and when the function is over */
	atr_work_inherit_function(&made, frame->span, 0);
	atr_work_waits(&made);
	CHECK(atr_function_or(&made, 0) == 0);
	atr_work_inherit_function(&made, frame->span, 0);
	atr_function_returned(&atr_self, frame);
	next("one", "");
	CHECK(atr_function_or(&made, 0) == 0);
	end();
}

TEST(function_calls_are_followed_to_a_depth)
{
	uintptr_t *stack = STACK();
	unsigned nr = 0;

	begin();
	while (nr < 500 && called(&one, stack + 1000 - nr, CODE))
		nr++;
	CHECK(nr == 128 && atr_count_read(ATR_COUNT_CALLS_NO_SLOT));
	end();
}

TEST(function_frames_are_used_again)
{
	uintptr_t *stack = STACK();

	begin();
	for (unsigned i = 0; i < 10 * ATR_FRAMES_MAX; i++) {
		struct atr_frame *frame = called(&one, stack + 900, CODE);

		CHECK(frame);
		if (i % 3 == 0)
			atr_function_returned(&atr_self, frame);
		else if (i % 3 == 1)
			atr_function_unwinds(&atr_self, (uintptr_t)(stack + 100), false);
		else
			atr_functions_jump(&atr_self, (uintptr_t)stack, (uintptr_t)(stack + 1000));
		while (live_next())
			;
	}
	end();
}

TEST(function_open_at_the_end_of_the_process_ends_as_it_stands)
{
	uintptr_t *stack = STACK();
	struct atr_frame *frame;

	begin();
	frame = called(&one, stack + 900, CODE);
	atr_functions_end();
	CHECK(live_number(next("one", ""), ATR_INCOMPLETE) == 1);
	CHECK(frame->returns_to == CODE);
	atr_function_returned(&atr_self, frame); /* a destructor of the program's */
	CHECK(!live_next());
	end();
}

TEST(function_of_a_forked_child_is_its_parents)
{
	uintptr_t *stack = STACK();
	struct atr_frame *frame;

	begin();
	frame = called(&one, stack + 900, CODE);
	atr_live_forked();
	atr_functions_forked(&atr_self);
	CHECK(!current() && frame->returns_to == CODE && atr_self.frames == frame);
	atr_function_returned(&atr_self, frame);
	CHECK(!live_next() && !atr_self.frames);
	end();
}
