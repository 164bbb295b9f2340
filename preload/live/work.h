/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_WORK_H
#define ATR_PRELOAD_LIVE_WORK_H

/*
 * work: who is the parent. Work is a server request that was read and is not
 * answered yet: an open span of kind SERVER. The rules, in their order:
 *
 *  1. The work the thread is doing: the request it last read and has not
 *     answered. Work nests: another may be read while it is being answered.
 *  2. The work bound to the descriptor: a connection opened in it, a response
 *     read on a connection whose request was made in it, an eventfd or pipe
 *     written in it.
 *  3. The invocation of a Lambda function, on any thread, where one runs at a time.
 *  4. The only request in flight (read, and no answer begun) in the process, for
 *     a thread that neither serves requests itself nor has been seen to make some
 *     for nobody: unasked by another thread, and with no request in flight.
 *  5. The context the process was started with.
 *  6. None: a new trace.
 *
 * A thread that reads or answers another request while its own waits for an answer
 * runs green threads, or waits where it does not show. Once one that is no loop was
 * seen to do so rule 1 holds for none of these any more, and rule 4 for all.
 *
 * A thread that runs an event loop reads the request of one piece of work and
 * may then act for another, after a timer say, without our seeing it. So on a
 * loop rule 1 holds only while no other piece of its work is *parked*: read to
 * its end, not yet being answered, and with no request of its own under way
 * that would explain why nothing happens to it. Where a loop is seen to act for
 * work that has a request under way (two calls at once, the second by a timer),
 * that explanation is no good for a while: then it holds only for work that is
 * alone in flight. And before it is known for long enough: not in a turn in which
 * its timers may run, or that comes soon after the answer to one of several calls
 * of other work, but for the first call for a request that was read in it. Where
 * there is no telling the span is a root: that is better than a wrong parent.
 *
 * Where a loop's phases are known (atr_work_polls), what it does by timers, or what was put off, is no
 * work's that is known, and nothing is doubted for their sake: in the call back that read a request it
 * acts for that, unless other work is parked. In those that read answers too, until it was seen to make
 * several calls at once: one of them may have waited for the connection that was answered.
 */
#include "preload/live/live.h"
#include "preload/live/profiled.h"

/* A guess (rules 4 and the loop's) is not made for work that is older, or has as many children. */
#define ATR_ADOPT_AGE_NS (600 * UINT64_C(1000000000))
#define ATR_ADOPT_MAX 1000
/* Children of the context that the process was started with: long runs of one command are real. */
#define ATR_ADOPT_ENV_MAX 10000

/* The constructor: the context the process was started with, or NULL. Its text is borrowed for good. */
void atr_work_setup(const struct atr_context *started_with);
/* And what it does is done in this span of its own: same text, the span's ids. */
void atr_work_setup_in(atr_ref span);

/*
 * The thread has read a request's head; `whole`: and all of its body. `before`
 * is 0, or the request before it on its connection that is to be answered first.
 */
void atr_work_read(struct atr_thread *self, atr_ref work, bool whole, atr_ref before);
/*
 * The same of one of many requests on one connection: who reads it says nothing about
 * who will act for it, but for an event loop.
 */
void atr_work_read_for_any(struct atr_thread *self, atr_ref work, bool whole);
/* What a loop has just touched is for several pieces of work: which is next does not show. */
void atr_work_torn(struct atr_thread *self);
/* Whether there is no other piece of work that what is done for this one could be for. */
bool atr_work_is_alone(atr_ref work);
/*
 * One more (or, -1, one less) server connection whose requests are not seen:
 * while there are any, rule 4 and the loop's guess are not used.
 */
void atr_work_unseen(int more);

/* The rest of its body was read. */
void atr_work_whole(struct atr_thread *self, atr_ref work);
/* Its response has begun. */
void atr_work_answering(struct atr_thread *self, atr_ref work);
/* The response has been written, or never will be; before the span is closed. */
void atr_work_ended(struct atr_thread *self, atr_ref work);

/* A request of its own (a connect, an exchange) is under way, or no more. 0 and stale are ignored. */
void atr_work_begins_call(atr_ref work);
void atr_work_ends_call(atr_ref work);

/*
 * The same as _ends_call, by its answer. A loop's work that has other calls under way and makes none
 * upon it may have set a timer, or put something off, that runs in the same turn: what is then
 * done beside the first call for a request is not believed to be others', until a wait tells.
 */
void atr_work_call_answered(atr_ref work);

/* The thread is (again) doing what this descriptor was used for. 0: not known what. */
void atr_work_resume_loop(struct atr_thread *self, atr_ref work,
			  bool came); /* its part for loops */
static inline void atr_work_touches(struct atr_thread *self, atr_ref work, bool came)
{
	if (self->just_read != work)
		self->just_read = 0;
	if (self->is_loop)
		atr_work_resume_loop(self, work, came);
	self->in_doubt |= !work;
}
static inline void atr_work_resume(struct atr_thread *self, atr_ref work)
{
	atr_work_touches(self, work, false);
}
/* The same by what came on it: where that is nobody's that is known, so is what a loop does next. */
static inline void atr_work_goes_on(struct atr_thread *self, atr_ref work)
{
	atr_work_touches(self, work, true);
}

/*
 * A carrier (see carrier.h) that was written in `work` (0: it is not clear in which)
 * was read: what the thread does next may be for that.
 */
void atr_work_lent(struct atr_thread *self, atr_ref work, uint32_t carrier);

/*
 * The thread waits, however long, for another one. What it was made for is then
 * over as far as we can tell: who wakes it may have other work for it.
 */
static inline void atr_work_waits(struct atr_thread *self)
{
	if (__builtin_expect(self->inherited || self->made_in, 0)) {
		self->made_in = 0;
		atr_profiled_works(self, self->inherited ? 0 : self->work);
		self->inherited = false;
	}
	self->prompted = true;
}

/*
 * It makes a request for `work`, or 0: for nothing known. is_opened_for: on a connection
 * opened in known work. What kind of thread it is shows in this.
 */
void atr_work_calls(struct atr_thread *self, atr_ref work, bool is_opened_for);

/*
 * What a thread read says nothing of what it does: work goes from thread to thread, between
 * several Lambda invocations. For good.
 */
void atr_work_hops(void);

/* The invocation that runs, alone; 0: none does any more. */
void atr_work_invocation(atr_ref work);

/* Requests that were read and whose answers have not begun. */
extern _Atomic uint64_t atr_work_in_flight; /* work.c's own; their number is its upper bits */
static inline uint32_t atr_work_nr_in_flight(void)
{
	return (uint32_t)(atomic_load_explicit(&atr_work_in_flight, memory_order_relaxed) >> 40);
}

/*
 * The thread goes to wait for new work: it does none now. _loop: on a set that
 * holds several of its connections, so it runs an event loop; timeout_ms: for so long,
 * after which its timers may run; -1: it has none.
 */
void atr_work_idle(struct atr_thread *self, bool loop, int timeout_ms);

/*
 * Its wait is over: `at`, on its stack, or NULL, is where the phase shows that it is in: the
 * word there is what it is now as long as it calls back for what came, and another while it runs
 * timers and the like. is_mute: of what came, not all is surely touched before it is acted upon.
 */
void atr_work_polls(struct atr_thread *self, const uintptr_t *at, bool is_mute);

/* Where that is known: it was called back for what is nobody's that is known. */
void atr_work_lost(struct atr_thread *self);
/* The same by a carrier that it reads. */
void atr_work_woken(struct atr_thread *self, uint32_t carrier);

/*
 * The work that a message to another thread belongs to: as _current, but a loop
 * that passes on what it has just read is taken at its word.
 */
atr_ref atr_work_passed_on(struct atr_thread *self);

/* Any thread: whether work of event loops was seen to go along with what woke a thread for another. */
bool atr_work_rides_along(void);

/* The work that what the thread now does belongs to, by the rules up to 4; 0: none is known. */
atr_ref atr_work_current(struct atr_thread *self, atr_ref bound_to_descriptor);

/* The same as far as it is sure: no guess is made, and so none is used up. */
atr_ref atr_work_doing(struct atr_thread *self);

/*
 * The context that a new client span of this thread, or a child process, has as its
 * parent: of `work`, or of the function that does it (function.h), else rule 5's. Its ids may
 * be none: then a trace begins there, with the baggage that the process was started with.
 * False: there is nothing at all. To be released.
 */
bool atr_work_context(atr_ref work, struct atr_context_copy *out);

/*
 * Who knows of functions that this thread is in and that are no spans of ours: puts the innermost of
 * those that are done for the context's span into its place. NULL: nobody does.
 */
struct atr_context;
extern void (*_Atomic atr_work_narrows)(struct atr_context *context);
/* Rule 5 alone: the parent of a server request that came without a context. */
bool atr_work_started_with(struct atr_context_copy *out);

/*
 * The one piece of work whose request came with this context as its parent: a
 * request that goes out with that very context is its request passed on, as
 * proxies do. 0: none, or several and none of them is \`likely\`.
 */
atr_ref atr_work_came_with(const struct atr_context *context, atr_ref likely);

/* A thread made by one that does `work` begins with it; to be handed over by the maker. */
atr_ref atr_work_hand_over(struct atr_thread *maker);
void atr_work_inherit(struct atr_thread *self, atr_ref work);
/* The same of the function (function.h) that the maker is in as it does that work, or 0: none. */
atr_ref atr_work_hand_over_function(struct atr_thread *maker, atr_ref work);
void atr_work_inherit_function(struct atr_thread *self, atr_ref function, atr_ref work);

/* The thread, which serves, goes on with the next of several requests that it read at once. */
void atr_work_next(struct atr_thread *self, atr_ref work);

/* A forked child: the work of the thread that forked becomes what it was started with. */
void atr_work_forked(struct atr_thread *self);

#endif
