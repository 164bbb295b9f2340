/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/work.h"

#include "preload/live/carrier.h"
#include "preload/live/function.h"
#include "preload/live/profiled.h"

#include "propagator/propagator.h"

/*
 * The phase of a piece of work, one word, so that every change is one atomic
 * operation whose old and new value tell whether it became parked or ceased to
 * be: the calls under way in the lower half, and flags above.
 */
#define CALLS_MASK 0x0000ffffu
#define WHOLE 0x00010000u     /* the request was read to its end */
#define ANSWERING 0x00020000u /* the response has begun, or there will be none */
#define PASSED 0x00040000u    /* something was passed on in it, to another thread */
#define BEGUN 0x00100000u     /* times how many calls began, about: some 4,000 are as none */

/*
 * A set of work, of which only the number of members and, when it is one, the
 * member matters: a count in the upper bits and the sum of the slots' indices
 * (+ 1) in the lower.
 */
#define ONE (UINT64_C(1) << 40)
#define SUM_MASK (ONE - 1)

_Atomic uint64_t atr_work_in_flight;
static _Atomic uint64_t invocation;
static _Atomic bool hops;
static _Atomic int unseen; /* server connections whose requests we do not see */

#define LOOPS_MAX 512
static struct {
	_Alignas(64) _Atomic uint64_t parked;
	_Atomic uint64_t paused; /* 0, one piece of work, or several; see atr_work_call_answered */
	_Atomic bool fans_out;	 /* its phases are known, and work had several calls under way */
} loops[LOOPS_MAX];
#define SEVERAL UINT64_MAX
static _Atomic uint32_t nr_loops;
static _Atomic uint64_t staggers_until;
/* Calls of loops that ended beside other work, and nothing was done out of the blue; up to the limit. */
static _Atomic uint32_t unstaggered;
#define UNSTAGGERED_ENOUGH 256
/* Threads that are made in requests were seen to serve others later: they are a pool's. */
static _Atomic bool pools_grow;
#define LATE_CALLS 8
/*
 * Threads that are no loops were seen to leave a request that they had read, and to read or
 * answer another before it was answered: green threads run on them, or they wait where that
 * does not show. What such a thread read says nothing of what it does. For good.
 */
static _Atomic bool threads_leave;
/*
 * A loop was seen to read the next request, or to answer one some turns after it read it, when it had
 * made no call for it and had woken nobody: as who wakes a thread that is being woken anyway (libuv's
 * uv_async_send) has it go along with another. What a loop lends a thread is then not all that the thread
 * does. For good.
 */
static _Atomic bool work_rides_along;

/*
 * Rule 5's; its text is the environment copy's, or after a fork in started_carry. Where its
 * ids are none it is nobody's parent, and what else it says is every root's.
 */
static struct atr_context started_with;
static char started_carry[ATR_CARRY_MAX];
static bool has_started_with;
static uint32_t adopt_max;
static _Atomic uint32_t adopted;

/* Read and not yet being answered: may be anybody's doing. */
static bool is_in_flight(uint32_t phase)
{
	return !(phase & ANSWERING);
}

static bool is_parked(uint32_t phase)
{
	return (phase & (WHOLE | ANSWERING | CALLS_MASK)) == WHOLE;
}

static uint16_t loop_slot_of(const struct atr_live *live)
{
	return atomic_load_explicit(&live->loop_slot, memory_order_relaxed);
}

static _Atomic uint64_t *paused_of(const struct atr_live *live)
{
	return &loops[loop_slot_of(live) - 1].paused;
}

/* The phase was changed: counts it in or out of its loop's parked ones. */
static void moved(const struct atr_live *live, atr_ref ref, uint32_t before, uint32_t after)
{
	uint16_t slot = loop_slot_of(live);
	_Atomic uint64_t *parked;

	if (is_in_flight(before) && !is_in_flight(after))
		atomic_fetch_sub_explicit(&atr_work_in_flight, ONE + (uint32_t)ref,
					  memory_order_relaxed);
	if (!slot || is_parked(before) == is_parked(after))
		return;
	parked = &loops[slot - 1].parked;
	if (is_parked(after))
		atomic_fetch_add_explicit(parked, ONE + (uint32_t)ref, memory_order_relaxed);
	else
		atomic_fetch_sub_explicit(parked, ONE + (uint32_t)ref, memory_order_relaxed);
}

static void set_bits(struct atr_live *live, atr_ref ref, uint32_t bits)
{
	uint32_t before;

	/* no bit is ever taken back */
	if ((atomic_load_explicit(&live->phase, memory_order_relaxed) & bits) == bits)
		return;
	before = atomic_fetch_or_explicit(&live->phase, bits, memory_order_relaxed);
	moved(live, ref, before, before | bits);
}

static void set_phase(atr_ref ref, uint32_t bits)
{
	struct atr_live *live = atr_live_get(ref);

	if (live)
		set_bits(live, ref, bits);
}

/* It was read, by this loop's number + 1 or by what is no loop. */
static void flies(struct atr_live *live, atr_ref ref, uint16_t loop_slot, bool whole)
{
	atomic_store_explicit(&live->loop_slot, loop_slot, memory_order_relaxed);
	atomic_fetch_add_explicit(&atr_work_in_flight, ONE + (uint32_t)ref, memory_order_relaxed);
	if (whole)
		set_bits(live, ref, WHOLE);
}

/* The reference that an index + 1 of a sum stands for; 0 when it is not open. */
static atr_ref ref_of(uint64_t sum)
{
	extern struct atr_pool atr_live_pool;
	uint32_t index = (uint32_t)(sum & SUM_MASK);
	struct atr_live *live;
	uint32_t gen;

	if (!index || index > atr_live_pool.cap)
		return 0;
	live = atr_pool_at(&atr_live_pool, index - 1);
	gen = atomic_load_explicit(&live->pooled.gen, memory_order_acquire);
	return gen & 1 ? (uint64_t)gen << 32 | index : 0;
}

static atr_ref only_one(uint64_t set)
{
	return set >> 40 == 1 ? ref_of(set) : 0;
}

/* A guess is made for it once more, unless it is too old or was taken too often. */
static atr_ref adopt(atr_ref ref)
{
	struct atr_live *live = atr_live_get(ref);
	struct atr_shown shown;

	if (!atr_live_shown(ref, &shown) ||
	    atomic_load_explicit(&unseen, memory_order_relaxed) > 0 ||
	    atr_clock_ns() - shown.start_ns > ATR_ADOPT_AGE_NS)
		return 0;
	if (atomic_fetch_add_explicit(&live->adopted, 1, memory_order_relaxed) >= ATR_ADOPT_MAX)
		return 0;
	return ref;
}

static bool has_trace(const struct atr_context *context)
{
	uint64_t half[2];

	memcpy(half, context->trace_id, sizeof(half));
	return half[0] | half[1];
}

/* Of a trace, or without one: baggage alone, B3's decision. */
static bool says_something(const struct atr_context *context)
{
	return has_trace(context) || context->baggage.len ||
	       context->marks & (ATR_MARK_KEEP | ATR_MARK_DROP);
}

void atr_work_setup(const struct atr_context *context)
{
	has_started_with = context && says_something(context);
	/* no trace grows by baggage alone */
	adopt_max = !context || has_trace(context) ? ATR_ADOPT_ENV_MAX : UINT32_MAX;
	atomic_store_explicit(&adopted, 0, memory_order_relaxed);
	atomic_store_explicit(&work_rides_along, false, memory_order_relaxed);
	if (has_started_with)
		started_with = *context;
}

void atr_work_setup_in(atr_ref span)
{
	struct atr_shown shown;

	if (!atr_live_shown(span, &shown))
		return;
	memcpy(started_with.trace_id, shown.trace_id, sizeof(shown.trace_id));
	memcpy(started_with.span_id, shown.span_id, sizeof(shown.span_id));
	started_with.flags = shown.flags;
	started_with.remote = false;
	has_started_with = true;
	adopt_max = ATR_ADOPT_ENV_MAX;
}

/* Its own request, read and not answered, is what a thread does whoever wakes it. */
static bool has_own_work(const struct atr_thread *self)
{
	return !self->is_loop && !self->inherited && !self->lent_by && atr_live_get(self->work);
}

static bool is_unanswered(atr_ref work)
{
	struct atr_live *live = atr_live_get(work);

	return live && is_in_flight(atomic_load_explicit(&live->phase, memory_order_relaxed));
}

/* The thread turns to another request. An invocation's function may well serve some. */
static void note_left(const struct atr_thread *self)
{
	if (has_own_work(self) && is_unanswered(self->work) &&
	    self->work != atomic_load_explicit(&invocation, memory_order_relaxed))
		atomic_store_explicit(&threads_leave, true, memory_order_relaxed);
}

static bool leaves(const struct atr_thread *self)
{
	return !self->is_loop && atomic_load_explicit(&threads_leave, memory_order_relaxed);
}

static void forget(struct atr_thread *self)
{
	self->just_read = 0;
	self->lent_by = 0;
	atr_profiled_works(self, 0);
}

static void push_outer(struct atr_thread *self, atr_ref work)
{
	if (!atr_live_get(self->work) || self->work == work || self->is_loop)
		return;
	if (self->nr_outer == ATR_OUTER_MAX) {
		memmove(self->outer, self->outer + 1, sizeof(self->outer) - sizeof(self->outer[0]));
		self->nr_outer--;
	}
	self->outer[self->nr_outer++] = self->work;
}

void atr_work_invocation(atr_ref work)
{
	atomic_store_explicit(&invocation, work, memory_order_relaxed);
}

void atr_work_hops(void)
{
	atomic_store_explicit(&hops, true, memory_order_relaxed);
}

void atr_work_unseen(int more)
{
	atomic_fetch_add_explicit(&unseen, more, memory_order_relaxed);
}

static void note_ride(const struct atr_thread *self, atr_ref work)
{
	const struct atr_live *live = atr_live_get(work);
	uint32_t phase;

	if (!live || !self->loop_slot || loop_slot_of(live) != self->loop_slot)
		return;
	phase = atomic_load_explicit(&live->phase, memory_order_relaxed);
	if ((phase & (WHOLE | ANSWERING | PASSED)) == WHOLE && phase < BEGUN)
		atomic_store_explicit(&work_rides_along, true, memory_order_relaxed);
}

void atr_work_read(struct atr_thread *self, atr_ref work, bool whole, atr_ref before)
{
	struct atr_live *live = atr_live_get(work);
	bool is_next = !atr_live_get(before);

	if (!live)
		return;
	if (is_next)
		note_left(self);
	if (self->just_read)
		note_ride(self, self->just_read);
	if (leaves(self)) {
		forget(self);
		flies(live, work, 0, whole);
		return;
	}
	if (is_next) {
		push_outer(self, work);
		atr_profiled_works(self, work);
	}
	self->just_read = work;
	self->serves = !self->is_loop;
	self->inherited = false;
	self->made_in = 0;
	self->lent_by = 0;
	flies(live, work, self->is_loop ? self->loop_slot : 0, whole);
}

void atr_work_read_for_any(struct atr_thread *self, atr_ref work, bool whole)
{
	struct atr_live *live = atr_live_get(work);

	if (self->is_loop) {
		atr_work_read(self, work, whole, 0);
		return;
	}
	if (!live)
		return;
	self->just_read = work;
	flies(live, work, 0, whole);
}

void atr_work_torn(struct atr_thread *self)
{
	self->just_read = 0;
	if (self->is_loop)
		atr_profiled_works(self, 0);
}

bool atr_work_is_alone(atr_ref work)
{
	if (work && work == atomic_load_explicit(&invocation, memory_order_relaxed))
		return true;
	return work &&
	       work == only_one(atomic_load_explicit(&atr_work_in_flight, memory_order_relaxed));
}

void atr_work_whole(struct atr_thread *self, atr_ref work)
{
	set_phase(work, WHOLE);
	atr_work_resume(self, work);
	if (self->is_loop && atr_live_get(work))
		self->just_read = work;
}

bool atr_work_rides_along(void)
{
	return atomic_load_explicit(&work_rides_along, memory_order_relaxed);
}

void atr_work_answering(struct atr_thread *self, atr_ref work)
{
	if (__builtin_expect(self->work != work, 0)) {
		if (is_unanswered(work))
			note_left(self);
		note_ride(self, work);
	}
	set_phase(work, ANSWERING);
	atr_work_resume(self, work);
}

void atr_work_ended(struct atr_thread *self, atr_ref work)
{
	if (!atr_live_get(work))
		return;
	set_phase(work, ANSWERING);
	if (self->work != work)
		return;
	self->work = 0;
	while (self->nr_outer && !self->work) {
		atr_ref outer = self->outer[--self->nr_outer];

		if (outer != work && atr_live_get(outer))
			self->work = outer;
	}
	atr_profiled_works(self, self->work);
}

void atr_work_begins_call(atr_ref work)
{
	struct atr_live *live = atr_live_get(work);
	uint32_t before;

	if (!live)
		return;
	before = atomic_fetch_add_explicit(&live->phase, BEGUN + 1, memory_order_relaxed);
	moved(live, work, before, before + BEGUN + 1);
	if ((before & CALLS_MASK) && loop_slot_of(live) &&
	    atomic_load_explicit(paused_of(live), memory_order_relaxed) == work)
		atomic_store_explicit(paused_of(live), 0, memory_order_relaxed);
}

/* Loops were seen for long enough to know that they do not act by timers for work that waits. */
static bool is_trusted(void)
{
	return atomic_load_explicit(&unstaggered, memory_order_relaxed) >= UNSTAGGERED_ENOUGH;
}

void atr_work_ends_call(atr_ref work)
{
	struct atr_live *live = atr_live_get(work);
	uint32_t before;

	if (!live)
		return;
	before = atomic_fetch_sub_explicit(&live->phase, 1, memory_order_relaxed);
	moved(live, work, before, before - 1);
	if (loop_slot_of(live) && atr_work_nr_in_flight() > 1 && !is_trusted())
		atomic_fetch_add_explicit(&unstaggered, 1, memory_order_relaxed);
}

void atr_work_call_answered(atr_ref work)
{
	struct atr_live *live = atr_live_get(work);
	uint64_t paused;

	if (!live)
		return;
	atr_work_ends_call(work);
	if (!loop_slot_of(live) || is_trusted() ||
	    !(atomic_load_explicit(&live->phase, memory_order_relaxed) & CALLS_MASK))
		return;
	paused = atomic_load_explicit(paused_of(live), memory_order_relaxed);
	atomic_store_explicit(paused_of(live), paused && paused != work ? SEVERAL : work,
			      memory_order_relaxed);
}

/*
 * Only a loop changes its work by touching a descriptor. Another thread either
 * has work of its own, which stays, or serves many (a client's selector
 * thread), and then what it read last says little about what it does next.
 */
void atr_work_resume_loop(struct atr_thread *self, atr_ref work, bool came)
{
	if (!atr_live_get(work)) {
		if (!came)
			return;
		work = 0;
	}
	if (self->work != work)
		atr_profiled_works(self, work);
	self->lent_by = 0;
}

/* Of a loop: whether it calls back for what came, or does something else. */
enum phase { UNKNOWN, POLLS, ELSEWHERE };

static enum phase phase_of(const struct atr_thread *self)
{
	const uintptr_t *at = self->polls_at;

	/* it has returned to where the loop is run from */
	if (!at || (uintptr_t)__builtin_frame_address(0) >= (uintptr_t)at)
		return UNKNOWN;
	return *at == self->polls ? POLLS : ELSEWHERE;
}

void atr_work_polls(struct atr_thread *self, const uintptr_t *at, bool is_mute)
{
	self->polls = at ? *at : 0;
	self->is_mute = is_mute;
	self->polls_at = at;
}

void atr_work_lost(struct atr_thread *self)
{
	if (phase_of(self) != POLLS)
		return;
	forget(self);
	self->in_doubt = true;
}

void atr_work_woken(struct atr_thread *self, uint32_t carrier)
{
	if (phase_of(self) != POLLS)
		return;
	self->reads = carrier + 1;
	atr_work_lost(self);
}

/* What was touched before its timers run says nothing of them. */
__attribute__((noinline)) static bool leaves_behind(struct atr_thread *self)
{
	if (phase_of(self) != ELSEWHERE)
		return false;
	forget(self);
	return true;
}

void atr_work_lent(struct atr_thread *self, atr_ref work, uint32_t carrier)
{
	self->prompted = true;
	if (has_own_work(self) || (self->is_loop && !atr_live_get(work)))
		return;
	if (self->just_read != work)
		self->just_read = 0;
	atr_profiled_works(self, work);
	self->inherited = false;
	self->lent_by = (uint16_t)(carrier + 1);
}

/* A loop's timers may run in this turn. The clock that it is told by is a coarse one. */
#define CLOCK_STEP_NS UINT64_C(10000000)

static bool timers_may_run(const struct atr_thread *self)
{
	return atr_clock_coarse_ns() + CLOCK_STEP_NS >= self->due_ns;
}

/* 0 says nothing of timers: something is left over from this turn, as it is in most of node's. */
static uint64_t due_after(int timeout_ms)
{
	return timeout_ms > 0 ? atr_clock_coarse_ns() + (uint64_t)timeout_ms * 1000000 : UINT64_MAX;
}

void atr_work_idle(struct atr_thread *self, bool loop, int timeout_ms)
{
	if (loop && !self->is_loop) {
		uint32_t n = atomic_fetch_add_explicit(&nr_loops, 1, memory_order_relaxed);

		self->is_loop = true;
		self->loop_slot = n < LOOPS_MAX ? (uint16_t)(n + 1) : 0;
	}
	if (loop && !is_trusted())
		self->due_ns = due_after(timeout_ms);
	/* what was set before is told by this timeout, and what was put off is done */
	if (loop && timeout_ms != 0 && self->loop_slot)
		atomic_store_explicit(&loops[self->loop_slot - 1].paused, 0, memory_order_relaxed);
	self->polls_at = NULL;
	self->just_read = self->made_in = 0;
	self->nr_outer = self->lent_by = 0;
	self->inherited = self->in_doubt = false;
	atr_profiled_works(self, 0);
}

/*
 * Whether what the loop does now is surely for the work whose descriptor it last
 * touched. Evidence that it is not always so: something is done out of the blue,
 * and it may be for work that has a request under way.
 */
#define STAGGERS_FOR_NS UINT64_C(1000000000)

static void note_out_of_the_blue(struct atr_thread *self)
{
	uint64_t parked =
		atomic_load_explicit(&loops[self->loop_slot - 1].parked, memory_order_relaxed);
	uint32_t in_all = atr_work_nr_in_flight();

	if (in_all > 1 || (in_all == 1 && !(parked >> 40))) {
		atomic_store_explicit(&staggers_until, atr_clock_ns() + STAGGERS_FOR_NS,
				      memory_order_relaxed);
		atomic_store_explicit(&unstaggered, 0, memory_order_relaxed);
	}
}

static bool another_pauses(const struct atr_thread *self)
{
	uint64_t paused =
		atomic_load_explicit(&loops[self->loop_slot - 1].paused, memory_order_relaxed);

	return paused && paused != self->work;
}

/*
 * Not its first call in the turn that read it: it may as well be that of other work which
 * has a call under way, and whose timer runs in this turn.
 */
static bool may_be_staggered(const struct atr_thread *self, uint32_t phase, uint32_t nr_parked)
{
	bool is_first = !(phase & CALLS_MASK) && (self->lent_by || self->just_read == self->work);

	return !is_first && !is_trusted() &&
	       atr_work_nr_in_flight() > nr_parked + (is_in_flight(phase) && !is_parked(phase)) &&
	       (timers_may_run(self) || another_pauses(self));
}

static bool staggers(void)
{
	uint64_t until = atomic_load_explicit(&staggers_until, memory_order_relaxed);

	return until && atr_clock_ns() < until;
}

/*
 * In a call back for what came, others who have a call under way: they may be who it is for, if nothing
 * was touched at its begin, or if a call of theirs waited for what was answered.
 */
static bool may_be_anothers(const struct atr_thread *self, uint32_t phase, uint32_t nr_parked)
{
	bool is_reading = self->just_read == self->work && !self->lent_by;
	bool is_mute = self->is_mute || self->lent_by;

	if (atr_work_nr_in_flight() <= nr_parked + (is_in_flight(phase) && !is_parked(phase)))
		return false;
	if (atomic_load_explicit(&loops[self->loop_slot - 1].fans_out, memory_order_relaxed))
		return !is_reading || (is_mute && (phase & CALLS_MASK));
	return is_mute && (staggers() || may_be_staggered(self, phase, nr_parked));
}

static bool is_sure_on_loop(struct atr_thread *self, const struct atr_live *doing)
{
	bool is_of_loop = loop_slot_of(doing) == self->loop_slot;
	uint32_t others, phase = atomic_load_explicit(&doing->phase, memory_order_relaxed);

	/* another thread's, and not even told us now: the loop may serve many such */
	if (!self->loop_slot || (!is_of_loop && !self->lent_by))
		return false;
	others = (uint32_t)(atomic_load_explicit(&loops[self->loop_slot - 1].parked,
						 memory_order_relaxed) >>
			    40);
	if (phase_of(self) == POLLS ? may_be_anothers(self, phase, others) :
				      staggers() || may_be_staggered(self, phase, others))
		return false;
	if (is_of_loop && is_parked(phase))
		others--;
	return !others;
}

/* That it is about to have two under way; what a connection was opened for counts already. */
static void note_calls_at_once(struct atr_thread *self, atr_ref work, bool is_opened_for)
{
	struct atr_live *live = atr_live_get(work);

	if (live && (atomic_load_explicit(&live->phase, memory_order_relaxed) & CALLS_MASK) >
			    (is_opened_for ? 1 : 0))
		atomic_store_explicit(&loops[self->loop_slot - 1].fans_out, true,
				      memory_order_relaxed);
}

__attribute__((noinline)) static void loop_calls(struct atr_thread *self, atr_ref work,
						 bool is_opened_for)
{
	if (!is_opened_for && !atr_live_get(self->work) && !self->in_doubt &&
	    phase_of(self) != ELSEWHERE)
		note_out_of_the_blue(self);
	if (self->polls_at)
		note_calls_at_once(self, work, is_opened_for);
}

void atr_work_calls(struct atr_thread *self, atr_ref work, bool is_opened_for)
{
	if (self->was_made_in_work && !self->inherited && self->late_calls < LATE_CALLS &&
	    ++self->late_calls == LATE_CALLS)
		atomic_store_explicit(&pools_grow, true, memory_order_relaxed);
	if (!work && !self->prompted && !self->is_loop && !atr_work_nr_in_flight())
		self->own_business = true;
	if (self->loop_slot)
		loop_calls(self, work, is_opened_for);
}

/* By the rules up to 3. */
static atr_ref sure(struct atr_thread *self, atr_ref bound)
{
	struct atr_live *doing = atr_live_get(self->work);
	atr_ref running;

	if (self->inherited &&
	    (!doing || atomic_load_explicit(&pools_grow, memory_order_relaxed))) {
		self->inherited = false;
		atr_profiled_works(self, 0);
		doing = NULL;
	}
	if (doing && (atomic_load_explicit(&hops, memory_order_relaxed) ||
		      (leaves(self) && has_own_work(self))))
		doing = NULL;
	if (doing && self->lent_by && !atr_carrier_is_sure(self->lent_by - 1u, self->work))
		doing = NULL;
	if (doing) {
		if (!self->is_loop)
			return self->work;
		if (self->polls_at && leaves_behind(self))
			doing = NULL;
	}
	if (atr_live_get(bound))
		return bound;
	running = atomic_load_explicit(&invocation, memory_order_relaxed);
	if (running && atr_live_get(running))
		return running;
	if (doing && is_sure_on_loop(self, doing))
		return self->work;
	return 0;
}

atr_ref atr_work_doing(struct atr_thread *self)
{
	return sure(self, 0);
}

atr_ref atr_work_current(struct atr_thread *self, atr_ref bound)
{
	atr_ref work = sure(self, bound);

	if (work)
		return work;
	/* what a thread does that serves requests, but none now, is nobody's */
	if ((self->serves && !leaves(self)) || self->own_business)
		return 0;
	return adopt(only_one(atomic_load_explicit(&atr_work_in_flight, memory_order_relaxed)));
}

atr_ref atr_work_passed_on(struct atr_thread *self)
{
	atr_ref work;

	if (self->polls_at)
		leaves_behind(self);
	work = atr_live_get(self->just_read) ? self->just_read : atr_work_current(self, 0);
	set_phase(work, PASSED);
	/* as long as it is called back for that, so is whatever else it passes on */
	if (phase_of(self) != POLLS)
		self->just_read = 0;
	return work;
}

bool atr_work_started_with(struct atr_context_copy *out)
{
	if (!has_started_with ||
	    atomic_fetch_add_explicit(&adopted, 1, memory_order_relaxed) >= adopt_max)
		return false;
	atr_context_copy_of(&started_with, out);
	return true;
}

void (*_Atomic atr_work_narrows)(struct atr_context *context);

bool atr_work_context(atr_ref work, struct atr_context_copy *out)
{
	void (*narrows)(struct atr_context *) =
		atomic_load_explicit(&atr_work_narrows, memory_order_acquire);

	if (!atr_live_context(atr_function_or(&atr_self, work), out))
		return atr_work_started_with(out);
	if (__builtin_expect(narrows != NULL, 0))
		narrows(&out->context);
	return true;
}

static bool came_with(atr_ref work, const struct atr_context *context)
{
	struct atr_shown shown;

	return atr_live_shown(work, &shown) && shown.kind == ATR_KIND_SERVER &&
	       shown.parent_is_remote &&
	       !memcmp(shown.trace_id, context->trace_id, sizeof(shown.trace_id)) &&
	       !memcmp(shown.parent_id, context->span_id, sizeof(shown.parent_id));
}

atr_ref atr_work_came_with(const struct atr_context *context, atr_ref likely)
{
	extern struct atr_pool atr_live_pool;
	uint32_t fresh = atomic_load_explicit(&atr_live_pool.fresh, memory_order_relaxed);
	atr_ref found = 0;

	if (came_with(likely, context))
		return likely;
	for (uint32_t i = 1; i <= fresh; i++) {
		atr_ref ref = ref_of(i);

		if (!came_with(ref, context))
			continue;
		if (found)
			return 0;
		found = ref;
	}
	return found;
}

/*
 * A loop's threads are its helpers, made once and used for many requests; those
 * of a thread that serves one request are made for that, until others are seen.
 */
atr_ref atr_work_hand_over(struct atr_thread *maker)
{
	if (maker->is_loop || atomic_load_explicit(&pools_grow, memory_order_relaxed))
		return 0;
	return atr_live_get(maker->work) ? maker->work : 0;
}

void atr_work_inherit(struct atr_thread *self, atr_ref work)
{
	self->inherited = self->was_made_in_work = true;
	atr_profiled_works(self, work);
}

atr_ref atr_work_hand_over_function(struct atr_thread *maker, atr_ref work)
{
	atr_ref function = atr_function_or(maker, work);

	if (maker->is_loop || atomic_load_explicit(&pools_grow, memory_order_relaxed))
		return 0;
	return function == work ? 0 : function;
}

void atr_work_inherit_function(struct atr_thread *self, atr_ref function, atr_ref work)
{
	self->made_in = function;
	self->made_in_work = work;
	atr_profiled_works(self, self->work);
}

void atr_work_next(struct atr_thread *self, atr_ref work)
{
	self->lent_by = 0;
	atr_profiled_works(self, work);
}

/* Copies text to where it stays; the context then borrows it from there. */
static struct atr_str keep_text(struct atr_str text, char *at)
{
	if (text.len)
		memmove(at, text.at, text.len);
	return (struct atr_str){ text.len ? at : NULL, text.len };
}

void atr_work_forked(struct atr_thread *self)
{
	atr_ref work = atr_work_current(self, 0);
	struct atr_context_copy copy;

	if (atr_live_context(atr_function_or(self, work), &copy)) {
		started_with = copy.context;
		started_with.tracestate = keep_text(copy.context.tracestate, started_carry);
		started_with.baggage = keep_text(copy.context.baggage,
						 started_carry + copy.context.tracestate.len);
		started_with.xray =
			keep_text(copy.context.xray, started_carry + copy.context.tracestate.len +
							     copy.context.baggage.len);
		started_with.remote = true;
		started_with.local = 0;
		has_started_with = true;
		adopt_max = ATR_ADOPT_MAX;
		atomic_store_explicit(&adopted, 0, memory_order_relaxed);
	}
	atomic_store_explicit(&atr_work_in_flight, 0, memory_order_relaxed);
	atomic_store_explicit(&invocation, 0, memory_order_relaxed);
	atomic_store_explicit(&unseen, 0, memory_order_relaxed);
	for (uint32_t i = 0; i < LOOPS_MAX && i < nr_loops; i++) {
		atomic_store_explicit(&loops[i].parked, 0, memory_order_relaxed);
		atomic_store_explicit(&loops[i].paused, 0, memory_order_relaxed);
		atomic_store_explicit(&loops[i].fans_out, false, memory_order_relaxed);
	}
	atomic_store_explicit(&nr_loops, 0, memory_order_relaxed);
	self->work = self->just_read = 0;
	atr_profiled_nothing();
	self->nr_outer = 0;
	self->serves = self->is_loop = self->inherited = self->prompted = self->own_business =
		false;
	self->is_events_loop = false;
	self->polls_at = NULL;
	self->loop_slot = self->lent_by = self->awaits_events = 0;
}
