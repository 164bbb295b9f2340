/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_THREAD_H
#define ATR_PRELOAD_LIVE_THREAD_H

/*
 * thread: what we keep for the thread that runs: whether it is inside our own
 * code, and the work it is doing. Small, because it is carved out of every
 * thread's stack, and of the initial-exec model: one instruction to reach.
 */
#include "export/stacks.h"
#include "preload/live/pool.h"
#include "propagator/ids.h"

#define ATR_OUTER_MAX 3

struct atr_thread {
	bool inside;	  /* in our own code: hooks pass through */
	bool jumped;	  /* has jumped while inside: out of our code, perhaps, from a handler */
	bool is_loop;	  /* has waited on a set that holds server connections */
	bool serves;	  /* has read a request that it is to answer itself */
	bool after_vfork; /* called vfork: may be the child, in our memory */
	bool is_doubled;  /* a child in our memory runs beside it, on what is thread-local of it */
	bool is_apart; /* has descriptors of its own: what we know of their numbers is not of them */
	bool inherited; /* `work` is that of the thread that made this one */
	bool was_made_in_work;
	uint8_t late_calls; /* requests it made when the work that it was made in was over */
	bool prompted;	    /* was woken by another thread for what it does */
	bool own_business;  /* makes requests that nothing asked it for */
	uint8_t nr_outer;
	bool is_events_loop;	   /* waits for several of Lambda's events at once, or has */
	uint16_t awaits_events;	   /* calls of `next` under way, where several may be (Lambda) */
	uint16_t lent_by;	   /* the carrier that `work` came by, + 1 */
	uint16_t loop_slot;	   /* a loop's number + 1, see work.c */
	bool is_marked;		   /* what ends with it is known to be: function.h */
	bool in_doubt;		   /* a loop's turn: touched a call of work that is not known */
	atr_ref work;		   /* what it is doing; may be stale */
	uint64_t due_ns;	   /* a loop's: when the timeout of its last wait is over */
	const uintptr_t *polls_at; /* a loop's, or NULL: where its phase shows (atr_work_polls) */
	uintptr_t polls;	   /* what is there while it calls back for what came */
	bool is_mute;		   /* and not all of that shows by what is touched */
	uint32_t reads;		   /* a carrier that it reads when it is called back for it, + 1 */
	atr_ref just_read;	   /* the request it read, and has touched nothing since */
	atr_ref outer[ATR_OUTER_MAX]; /* what it did before that, and will again */
	void *holds;		      /* the connection that it holds: conn.c */
	uintptr_t below_at;	/* a call is under way on the real function, from this frame */
	uint32_t below;		/* on which descriptor, and which way */
	const void *in_session; /* of TLS: a call of its library's, from this frame */
	uintptr_t in_session_at;
	uintptr_t known_page; /* + 1: can be read, since the plan that is made began: cursor.h */
	uint32_t seeding;     /* of the ids: see live.c */
	uint32_t spare;	      /* the slot of its last span, kept for its next one; or 0 */
	uint8_t spares;	      /* whether it may keep one: see live.c */
	struct atr_frame *frames; /* of calls that it is in, the innermost first: function.h */
	atr_ref made_in,
		made_in_work; /* the function that its maker was in, and the work of that */
	atr_ref unwound;      /* the frame that it gave up last */
	struct atr_ids ids;
	struct atr_stack_range stack; /* of which collecting knows: where.h */
};

extern __thread struct atr_thread atr_self
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/*
 * Whether what is thread-local is there, errno too. A child in our memory may be given an area of
 * its own for that by who makes it (CLONE_SETTLS), and sandboxes give it one that is all zero: there
 * its first word, which the ABI has point to itself, tells. Elsewhere such an area reads as
 * a thread's that does nothing.
 */
static inline bool atr_has_thread(void)
{
#if defined(__x86_64__)
	uintptr_t area;

	__asm__("mov %%fs:0, %0" : "=r"(area));
	return area != 0;
#else
	return true;
#endif
}

/*
 * Whether hooks do anything at all: set by who enters first after the constructor, and
 * cleared where we stand down. A word in a page that the kernel wipes in a
 * forked child, so that a child is noticed however it was made.
 */
enum { ATR_PROCESS_OFF = 0, ATR_PROCESS_ON = 1 };
extern _Atomic uint32_t *_Atomic atr_process_state;

static inline bool atr_process_is_on(void)
{
	_Atomic uint32_t *state = atomic_load_explicit(&atr_process_state, memory_order_relaxed);

	return atomic_load_explicit(state, memory_order_relaxed) == ATR_PROCESS_ON;
}

/*
 * Any thread: begins our own code, NULL when it is not to run: inside it
 * already, switched off, or in a child that shares our memory. A child of fork
 * is made clean first. Every non-NULL enter is followed by leave.
 */
struct atr_thread *atr_enter_slow(struct atr_thread *self);

/* Whether it was ever: in most processes nothing is, and at their end nothing is to be done. */
extern _Atomic bool atr_was_entered;

/* Its first part, and mostly all of it; false: nothing was begun, and _enter is to be asked. */
static inline bool atr_enters_at_once(struct atr_thread *self)
{
	if (__builtin_expect(!atr_has_thread(), 0))
		return false;
	if (__builtin_expect(self->inside | self->after_vfork | !atr_process_is_on(), 0))
		return false;
	self->inside = true;
	/* a signal handler on this thread must see it before what follows */
	atomic_signal_fence(memory_order_seq_cst);
	return true;
}

static inline struct atr_thread *atr_enter(void)
{
	struct atr_thread *self = &atr_self;

	if (__builtin_expect(!atr_has_thread(), 0))
		return NULL;
	return atr_enters_at_once(self) ? self : atr_enter_slow(self);
}

static inline void atr_leave(struct atr_thread *self)
{
	if (self) {
		atomic_signal_fence(memory_order_seq_cst);
		self->inside = false;
	}
}

/*
 * A library that is preloaded below us may make the call that we hand it by another
 * name, which is ours again. What it does for a call on a descriptor is not told
 * twice: a call on the same one, the same way (0 to 3), from a deeper frame. A jump
 * out of the call ends it too; a C++ exception is not seen to, so that where libc itself
 * is next, none of this is looked at: _may_be_below.
 */
extern bool atr_may_be_below;
static inline bool atr_is_below(int fd, unsigned way)
{
	return __builtin_expect(atr_may_be_below, 0) && atr_has_thread() && atr_self.below_at &&
	       atr_self.below == ((uint32_t)fd << 2 | way) &&
	       (uintptr_t)__builtin_frame_address(0) < atr_self.below_at;
}
static inline void atr_goes_below(int fd, unsigned way)
{
	atr_self.below = (uint32_t)fd << 2 | way;
	atr_self.below_at = (uintptr_t)__builtin_frame_address(0);
}
static inline void atr_comes_back(void)
{
	atr_self.below_at = 0;
}

/*
 * The same for a TLS session: what its library does by names that are ours, in a call
 * that was handed to it, is not told.
 */
static inline bool atr_is_within(const void *session)
{
	return atr_self.in_session == session &&
	       (uintptr_t)__builtin_frame_address(0) < atr_self.in_session_at;
}

/*
 * A longjmp is about to be made. From inside, it is one of a signal's handler: what
 * was interrupted may never leave, and the next enter is not to take it for inside.
 */
static inline void atr_thread_jumps(void)
{
	if (atr_has_thread() && __builtin_expect(atr_self.inside, 0))
		atr_self.jumped = true;
}

/* The constructor: everything above is ready; `forked` is called in a forked child. */
void atr_thread_setup(void (*forked)(struct atr_thread *self));

/* Stands down for good: hooks pass through from now on. */
void atr_thread_off(void);

/* The child of a fork that a hook saw: makes the next enter find it. */
void atr_thread_forked(void);

/* Whether this is a vfork child (or a clone) that runs in our memory. A system call at most. */
bool atr_in_shared_child(void);

/* Whether this is a forked child that has not been made clean yet. One system call. */
bool atr_is_forked_child(void);

/*
 * The thread is about to make a child in our memory that runs beside it, and has no thread-local
 * memory of its own.
 */
void atr_thread_doubles(void);

/* The thread is about to call vfork, or a call that makes a child in our memory. */
void atr_thread_vforks(void);

/* This thread has descriptors of its own from now on, as the program wanted it: nothing that it does is told. */
void atr_thread_parts(void);

/* Whether a number means another thing to who calls than to the table of descriptors: one of these. */
bool atr_has_other_descriptors(void);

/* Clocks: monotonic nanoseconds, and the unix time of such an instant. */
uint64_t atr_clock_ns(void);
uint64_t atr_clock_coarse_ns(void); /* behind by some milliseconds, and cheap */
uint64_t atr_clock_unix(uint64_t monotonic_ns);
/* The process stood still, and the first of them perhaps with it. */
void atr_clock_doubt(void);

#endif
