/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/function.h"

#include "export/attr.h"
#include "export/diag.h"
#include "preload/live/live.h"
#include "preload/live/readable.h"
#include "preload/live/work.h"

/*
 * A frame's span is closed by who changes its state from RUNS: the thread, or one that ends
 * the process. A frame is used again only when nothing can return to its stub any more: it
 * did, or it was unwound, or its return address was written over. One that was unwound, by
 * code that goes on reading it for a moment, waits for that.
 */
enum state { RUNS = 1, ENDED, JUMPED, GONE, UNWINDS };

#define DEPTH_MAX 128 /* of a thread's calls that are followed */

/* On one stack calls are nested by their addresses; two stacks are further apart than this, or are told by it. */
#define NEAR_LEN (256 * 1024)
#define STACK_LEN (16 * 1024 * 1024) /* no jump on one stack is further */

_Static_assert(sizeof(struct atr_frame) == ATR_FRAME_LEN &&
		       offsetof(struct atr_frame, returns_to) == ATR_FRAME_RETURNS_TO &&
		       offsetof(struct atr_frame, cfa) == ATR_FRAME_CFA,
	       "the stubs' unwinding knows it");

struct atr_frame atr_frames[ATR_FRAMES_MAX];
uintptr_t (*atr_frame_stub)(unsigned frame);
int (*atr_frame_at_stub)(uintptr_t stub);

static struct atr_pool frames;
static bool (*marks_thread)(void);

void atr_functions_setup(bool (*marks)(void))
{
	marks_thread = marks;
	frames.base = (char *)atr_frames;
	frames.item_len = sizeof(struct atr_frame);
	frames.cap = ATR_FRAMES_MAX;
}

static unsigned number_of(const struct atr_frame *frame)
{
	return (unsigned)(frame - atr_frames);
}

static uint32_t state_of(const struct atr_frame *frame)
{
	return atomic_load_explicit(&frame->state, memory_order_relaxed);
}

static void give(struct atr_frame *frame)
{
	uint64_t gen = atomic_load_explicit(&frame->pooled.gen, memory_order_relaxed);

	atr_pool_give(&frames, gen << 32 | (number_of(frame) + 1));
}

/* Its span is over, one way or another: false when it was already. */
static bool ends(struct atr_frame *frame, uint32_t as, struct atr_str way)
{
	uint32_t runs = RUNS;
	struct atr_span *span;

	if (!atomic_compare_exchange_strong_explicit(&frame->state, &runs, as, memory_order_acq_rel,
						     memory_order_relaxed))
		return false;
	span = atr_live_span(frame->span);
	if (span && way.len)
		atr_span_late_str(span, ATR_FUNCTION_LEFT_BY, way);
	atr_live_close(frame->span, atr_clock_ns());
	return true;
}

/*
 * Functions that called one another as their last act have one place on the stack: there is
 * the stub of the last, which returns to the one before it.
 */
#define CHAIN_MAX 7

static bool leads_to(uintptr_t word, const struct atr_frame *frame)
{
	for (unsigned i = 0; i < CHAIN_MAX; i++) {
		int number = atr_frame_at_stub(word);

		if (number < 0 || atr_frames[number].at != frame->at)
			return false;
		if (&atr_frames[number] == frame)
			return true;
		word = atr_frames[number].returns_to;
	}
	return false;
}

/* The word at a frame's place on the stack, where that is there at all. */
static bool still_returns_to_stub(const struct atr_frame *frame, uintptr_t here)
{
	const uintptr_t *place = (const uintptr_t *)frame->at;

	if ((frame->at < here || frame->at - here > NEAR_LEN) &&
	    !atr_is_readable(place, sizeof(*place)))
		return false;
	return leads_to(*place, frame);
}

/* A call that it makes from where it told us leaves an address in it there, or a little below. */
#define PUSHED_WORDS 64
#define CODE_NEAR (64 * 1024)

static bool still_calls(const struct atr_frame *frame, uintptr_t here)
{
	const uintptr_t *word = (const uintptr_t *)frame->at - 1;

	for (unsigned i = 0; i < PUSHED_WORDS && (uintptr_t)word >= here; i++, word--)
		if (*word - frame->told_from + CODE_NEAR < 2 * CODE_NEAR)
			return true;
	return false;
}

static bool is_above(const struct atr_frame *frame, uintptr_t here)
{
	return frame->at > here && frame->at - here < NEAR_LEN;
}

/* Whether what runs with the stack at `here` is called by it. */
static bool is_around(const struct atr_frame *frame, uintptr_t here)
{
	if (state_of(frame) != RUNS || !is_above(frame, here))
		return false;
	return frame->returns_to ? still_returns_to_stub(frame, here) : still_calls(frame, here);
}

/* Whether nothing will ever return to it: it can be used again. */
static bool is_over(const struct atr_frame *frame, uintptr_t here)
{
	uint32_t state = state_of(frame);

	if (state == GONE)
		return true;
	if (!frame->returns_to)
		return state != RUNS ||
		       (frame->at < here && here - frame->at < NEAR_LEN); /* below what runs now */
	return !still_returns_to_stub(frame, here);
}

/* That the thread unwound last: it went on since. */
static void settle(struct atr_thread *self)
{
	atr_ref ref = self->unwound;
	struct atr_frame *frame = atr_pool_get(&frames, ref);
	uint32_t unwinds = UNWINDS;

	self->unwound = 0;
	if (frame && atomic_compare_exchange_strong(&frame->state, &unwinds, GONE))
		give(frame);
}

/* Those further in than `until` that are over, as far as they are on top. */
static void tidy(struct atr_thread *self, uintptr_t here, const struct atr_frame *until)
{
	settle(self);
	while (self->frames && self->frames != until && is_over(self->frames, here)) {
		struct atr_frame *frame = self->frames;

		self->frames = frame->outer;
		ends(frame, GONE, ATR_STR("jump"));
		give(frame);
	}
}

/* All that are over, wherever. */
static void tidy_all(struct atr_thread *self, uintptr_t here)
{
	struct atr_frame **link = &self->frames;

	while (*link) {
		struct atr_frame *frame = *link;

		if (!is_over(frame, here)) {
			link = &frame->outer;
			continue;
		}
		*link = frame->outer;
		ends(frame, GONE, ATR_STR("jump"));
		give(frame);
	}
}

static atr_ref take(struct atr_thread *self, uintptr_t here)
{
	atr_ref ref = atr_pool_take(&frames);

	if (ref)
		return ref;
	tidy_all(self, here);
	return atr_pool_take(&frames);
}

static void describe(struct atr_span *span, const struct atr_function *function)
{
	if (!span)
		return;
	atr_span_put_str(span, ATR_NAME, function->name);
	atr_span_put_str(span, ATR_CODE_FUNCTION_NAME, function->name);
	atr_span_put_str(span, ATR_FUNCTION_LIBRARY, function->library);
}

/* The span, as a child of what the thread does. */
static bool open_span(struct atr_thread *self, struct atr_frame *frame)
{
	struct atr_context_copy parent;
	bool has_parent;

	frame->work_then = self->work;
	frame->work = atr_work_current(self, 0);
	has_parent = atr_work_context(frame->work, &parent);
	frame->span =
		atr_live_open(self, ATR_KIND_INTERNAL, has_parent ? &parent.context : NULL, 0);
	if (has_parent)
		atr_context_copy_release(&parent);
	describe(atr_live_span(frame->span), frame->function);
	return frame->span;
}

/*
 * A frame of the stack is known by an address in it, to which unwinding comes twice, and
 * stops where it is the same. Those of stubs have none of their own, least of all several at
 * one place. So they get one that is in no stack, the word behind that place being the
 * caller's: its bytes but the first. 0: they are all in use.
 */
static uintptr_t cfa_of(uintptr_t at, uintptr_t returns_to)
{
	uintptr_t first = at + sizeof(uintptr_t) + 1, next;
	int before = returns_to ? atr_frame_at_stub(returns_to) : -1;

	if (before < 0)
		return first;
	next = atr_frames[before].cfa + 1;
	return atr_frames[before].at == at && next < first + CHAIN_MAX ? next : 0;
}

struct atr_frame *atr_function_begins(struct atr_thread *self, const struct atr_function *function,
				      uintptr_t at, uintptr_t returns_to, uintptr_t told_from)
{
	struct atr_frame *frame;
	uintptr_t cfa;
	atr_ref ref;

	tidy(self, at, NULL);
	cfa = cfa_of(at, returns_to);
	if (!self->frames && !self->is_marked)
		self->is_marked = marks_thread && marks_thread();
	ref = !cfa || (self->frames && self->frames->depth == DEPTH_MAX - 1) ? 0 : take(self, at);
	if (!ref) {
		atr_count(ATR_COUNT_CALLS_NO_SLOT);
		return NULL;
	}
	frame = atr_pool_at(&frames, (uint32_t)ref - 1);
	frame->returns_to = returns_to;
	frame->at = at;
	frame->cfa = cfa;
	frame->told_from = told_from;
	frame->function = function;
	frame->thread = self;
	frame->depth = self->frames ? self->frames->depth + 1 : 0;
	if (!open_span(self, frame)) {
		atr_pool_give(&frames, ref);
		return NULL;
	}
	atomic_store_explicit(&frame->state, RUNS, memory_order_release);
	frame->outer = self->frames;
	self->frames = frame;
	atr_profiled_works(self, self->work);
	return frame;
}

static void unlink_frame(struct atr_thread *self, struct atr_frame *frame)
{
	struct atr_frame **link = &self->frames;

	while (*link && *link != frame)
		link = &(*link)->outer;
	if (*link)
		*link = frame->outer;
}

void atr_function_returned(struct atr_thread *self, struct atr_frame *frame)
{
	if (frame->thread != self) {
		/* its stack has gone to another thread: the one that has it in its list lets go of it */
		ends(frame, ENDED, ATR_STR(""));
		atomic_store_explicit(&frame->state, GONE, memory_order_release);
		return;
	}
	tidy(self, frame->at, frame);
	unlink_frame(self, frame);
	ends(frame, GONE, ATR_STR(""));
	give(frame);
	atr_profiled_works(self, self->work);
}

/*
 * The call that ends is the outermost one with its stack below `at`: those further in did
 * not say that they ended. Of several at one place (which are inlined) it is the last.
 */
static struct atr_frame *teller(struct atr_thread *self, const struct atr_function *function,
				uintptr_t at)
{
	struct atr_frame *found = NULL;

	for (struct atr_frame *f = self->frames; f; f = f->outer)
		if (!f->returns_to && f->function == function && f->at <= at &&
		    at - f->at < NEAR_LEN && (!found || f->at > found->at))
			found = f;
	return found;
}

void atr_function_told(struct atr_thread *self, const struct atr_function *function, uintptr_t at)
{
	struct atr_frame *frame = teller(self, function, at);
	struct atr_frame **link = &self->frames;

	settle(self);
	if (!frame)
		return;
	while (*link != frame) {
		struct atr_frame *inner = *link;

		if (inner->returns_to ||
		    !(inner->at <= frame->at && frame->at - inner->at < NEAR_LEN)) {
			link = &inner->outer;
			continue;
		}
		*link = inner->outer;
		ends(inner, GONE, ATR_STR("jump"));
		give(inner);
	}
	*link = frame->outer;
	ends(frame, GONE, ATR_STR(""));
	give(frame);
	atr_profiled_works(self, self->work);
}

void atr_function_unwinds(struct atr_thread *self, uintptr_t here, bool for_good)
{
	struct atr_frame *found = NULL;

	for (struct atr_frame *f = self->frames; f; f = f->outer)
		if (f->returns_to && f->at > here && state_of(f) != GONE &&
		    (!found || f->at < found->at) && still_returns_to_stub(f, here))
			found = f;
	settle(self); /* what it was in until now the search still goes by */
	if (!found)
		return;
	unlink_frame(self, found);
	ends(found, GONE, for_good ? ATR_STR("exit") : ATR_STR("exception"));
	self->unwound = (uint64_t)atomic_load(&found->pooled.gen) << 32 | (number_of(found) + 1);
	atomic_store_explicit(&found->state, UNWINDS, memory_order_release);
	atr_profiled_works(self, self->work);
}

void atr_functions_jump(struct atr_thread *self, uintptr_t here, uintptr_t there)
{
	if (there < here || there - here > STACK_LEN)
		return;
	for (struct atr_frame *f = self->frames; f; f = f->outer)
		if (f->at >= here && f->at < there)
			ends(f, JUMPED, ATR_STR("jump"));
	atr_profiled_works(self, self->work);
}

void atr_functions_thread_ends(struct atr_thread *self)
{
	settle(self);
	while (self->frames) {
		struct atr_frame *frame = self->frames;

		self->frames = frame->outer;
		ends(frame, GONE, ATR_STR("exit"));
		give(frame);
	}
	self->is_marked = false;
}

void atr_functions_end(void)
{
	uint32_t fresh = atomic_load_explicit(&frames.fresh, memory_order_relaxed);

	for (uint32_t i = 0; i < fresh; i++) {
		struct atr_frame *frame = &atr_frames[i];
		uint32_t runs = RUNS;
		struct atr_span *span;

		if (!atomic_compare_exchange_strong(&frame->state, &runs, ENDED))
			continue;
		span = atr_live_span(frame->span);
		if (span)
			atr_span_put_bool(span, ATR_INCOMPLETE, true);
		atr_live_close(frame->span, atr_clock_ns());
	}
}

void atr_functions_forked(struct atr_thread *self)
{
	uint32_t fresh = atomic_load_explicit(&frames.fresh, memory_order_relaxed);

	for (struct atr_frame *f = self->frames; f; f = f->outer)
		f->thread = NULL;
	for (uint32_t i = 0; i < fresh; i++) {
		struct atr_frame *frame = &atr_frames[i];

		if (!(atomic_load(&frame->pooled.gen) & 1))
			continue;
		if (frame->thread)
			give(frame);
		else
			frame->thread = self;
		frame->span = 0;
	}
}

atr_ref atr_function_of(const struct atr_thread *self, atr_ref work)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	const struct atr_frame *f = self->frames;

	while (f && !(is_around(f, here) && atr_live_get(f->span)))
		f = f->outer;
	/* what it read since, it does in this function, and that is the nearer */
	if (f && (work == f->work || !work || (f->work && self->work == f->work_then)))
		return f->span;
	if (!f && atr_live_get(self->made_in) && (!work || work == self->made_in_work))
		return self->made_in;
	return work;
}
