/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_FUNCTION_H
#define ATR_PRELOAD_LIVE_FUNCTION_H

/*
 * function: spans of functions of the program, from their entry to their return. While one
 * runs, what its thread does is done in it: a layer over the thread's work (work.h), which
 * stays what it is, so that nothing that is bound to it outlives the function. A function's
 * own parent is the function around it, or the work.
 *
 * Each call that is followed has a frame, which a thread finds by where on the stack the
 * call is: so it is known who is inside of whom also when a jump left some out, or when
 * there are several stacks. A call whose return address was replaced is found by the number
 * of its frame as well, wherever it returns.
 */
#include "preload/live/thread.h"
#include "preload/live/wanted.h"

/* The stubs that calls return to are in blocks, each behind a word that leads to its frames. */
#define ATR_FRAME_LEN 96
#define ATR_FRAME_RETURNS_TO 16
#define ATR_FRAME_CFA 88
#define ATR_FRAMES_PER_BLOCK 49
#define ATR_FRAME_BLOCKS 16
#define ATR_FRAMES_MAX (ATR_FRAMES_PER_BLOCK * ATR_FRAME_BLOCKS)

struct atr_frame {
	struct atr_pooled pooled;
	struct atr_frame *outer; /* the thread's next; its own business */
	uintptr_t returns_to;	 /* what its return address was; 0: it was left alone */
	uintptr_t at;		 /* where that is, or where the stack was as it told us */
	uintptr_t told_from;	 /* the code that told us, where it did */
	const struct atr_function *function;
	struct atr_thread *thread;
	atr_ref span, work, work_then; /* the span's parent by work.h, and the thread's own, then */
	_Atomic uint32_t state;
	uint32_t depth;
	uintptr_t cfa; /* what unwinding knows the stub's own frame by: no other's is the same */
};

extern struct atr_frame atr_frames[ATR_FRAMES_MAX];

/* What a frame's return address is replaced by; 0: not on this machine. Set by preload/hook. */
extern uintptr_t (*atr_frame_stub)(unsigned frame);
/* The frame whose stub is here; below 0: it is none. */
extern int (*atr_frame_at_stub)(uintptr_t stub);

/*
 * The constructor, where functions are asked for. `marks` sees to it that the thread that calls
 * it calls _thread_ends at its end; false: that cannot be had.
 */
void atr_functions_setup(bool (*marks)(void));

/*
 * The thread enters a function: opens its span. `at` is where its return address lies, which
 * is `returns_to`; or returns_to is 0, it told us, from `told_from`, with its stack at `at`.
 * NULL: there is no room, and the call is not followed.
 */
struct atr_frame *atr_function_begins(struct atr_thread *self, const struct atr_function *function,
				      uintptr_t at, uintptr_t returns_to, uintptr_t told_from);

/* It has returned to its stub, on whatever thread. */
void atr_function_returned(struct atr_thread *self, struct atr_frame *frame);
/* It told us that it is about to, with the stack at `at`. */
void atr_function_told(struct atr_thread *self, const struct atr_function *function, uintptr_t at);

/*
 * The thread unwinds its stack, whose end is here: the innermost call that was to return to a
 * stub is given up. What the stub's unwinding needs of its frame stays as it is for a while.
 * for_good: it is to the thread's end.
 */
void atr_function_unwinds(struct atr_thread *self, uintptr_t here, bool for_good);

/* It jumps from `here` to where its stack was at `there`. */
void atr_functions_jump(struct atr_thread *self, uintptr_t here, uintptr_t there);

/* The thread is at its end: whatever it was in is over. */
void atr_functions_thread_ends(struct atr_thread *self);

/* The process ends: open spans of functions end as they stand. */
void atr_functions_end(void);

/* A forked child, alone: spans are the parent's, and the frames of other threads nobody's. */
void atr_functions_forked(struct atr_thread *self);

/*
 * The function that the thread is in, or was made in and that still runs, as it does this
 * work; `work` where it is in none.
 */
atr_ref atr_function_of(const struct atr_thread *self, atr_ref work);
static inline atr_ref atr_function_or(const struct atr_thread *self, atr_ref work)
{
	return __builtin_expect(self->frames != NULL || self->made_in, 0) ?
		       atr_function_of(self, work) :
		       work;
}

#endif
