/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_LIVE_H
#define ATR_PRELOAD_LIVE_LIVE_H

/*
 * live: spans that are still open. Opened and closed by whoever holds the
 * connection (or the call) they describe; read by any thread that looks for a
 * parent. A span is built in place here and copied once, into the ring.
 */
#include "export/span.h"
#include "preload/live/sampler.h"
#include "preload/live/thread.h"

#define ATR_CARRY_INLINE 192

/*
 * What others than its opener may read of a span, at any time: so it lies in the
 * slot as words that are read and written one by one, and whole or not at all.
 */
struct atr_shown {
	uint8_t trace_id[ATR_TRACE_ID_LEN], span_id[ATR_SPAN_ID_LEN];
	uint8_t parent_id[ATR_SPAN_ID_LEN];
	uint8_t kind, flags, marks;
	bool parent_is_remote;
	uint16_t tracestate_len, baggage_len, xray_len; /* the bytes of all, one after the other */
	atr_ref carry_block; /* where they are when they do not fit in the slot */
	atr_ref trace;	     /* that is not decided yet (outcome.h), or 0 */
	uint64_t start_ns;   /* monotonic; 0 where nobody asks: not recorded, and no server's */
};

struct atr_live {
	struct atr_pooled pooled;
	_Atomic uint32_t phase;	    /* a server's: see work.c */
	_Atomic uint32_t adopted;   /* spans that a guess made its children */
	_Atomic uint16_t loop_slot; /* of the loop that read it, + 1 */
	bool recording;		    /* sampled and spans are made: the record is to be filled */
	bool is_local_root;	    /* of `trace`: */
	atr_ref trace;		    /* whether it is kept is decided when it is over, or 0 */
	_Atomic atr_ref shown_as;   /* the reference; a former one: it is being opened */
	_Atomic uint64_t shown[sizeof(struct atr_shown) / 8];
	_Atomic uint64_t carry[ATR_CARRY_INLINE / 8];
	uint64_t record[ATR_SPAN_MAX / 8];
};

/* A context with its text, copied or held, so that it lives as long as this does. */
struct atr_context_copy {
	struct atr_context context;
	char *carry; /* what tracestate and baggage borrow: `own` or a block */
	atr_ref block;
	char own[ATR_CARRY_INLINE];
};

/* The constructor. Maps the room for them; false: there is no memory. */
bool atr_live_setup(void);

/*
 * The thread that holds what the span describes. Opens a span as a child of
 * `parent` (NULL or without ids: a new trace; with a trace id alone: the first of that
 * trace that is known) and decides its sampling. Returns 0 when too many
 * are open. Where spans are not made at all (OTEL_SDK_DISABLED), what is opened
 * has its parent's ids, so that the context is only carried on. Name and attributes are put into atr_live_span(ref), which is NULL
 * when nothing is to be recorded. start_ns is monotonic; 0 is now, which costs less
 * where nothing is recorded.
 */
atr_ref atr_live_open(struct atr_thread *self, enum atr_kind kind, const struct atr_context *parent,
		      uint64_t start_ns);
/* The same of a request, for the rules of its sampling; where atr_sampler_wants_request. */
atr_ref atr_live_open_for(struct atr_thread *self, enum atr_kind kind,
			  const struct atr_context *parent, uint64_t start_ns,
			  const struct atr_request *request);
static inline struct atr_span *atr_live_span(atr_ref ref);

/* The span has ended: to the ring, and the slot is free. Stale and 0 are ignored. */
void atr_live_close(atr_ref ref, uint64_t end_ns);
/* It did not happen. */
void atr_live_drop(atr_ref ref);

/*
 * Its record as it stands, ending now; false where there is none. Who may close it, or who
 * can tell afterwards that nobody changed it meanwhile.
 */
bool atr_live_copy(atr_ref ref, uint64_t record[static ATR_SPAN_MAX / 8]);

/* Any thread. What is shown of it; false when it has ended, or is only being opened. */
bool atr_live_shown(atr_ref ref, struct atr_shown *out);
/* Any thread. The span's context; false as above. To be released. */
bool atr_live_context(atr_ref ref, struct atr_context_copy *out);
/*
 * Who opened it, before it is closed: the same, in less. False: it carries text, or its ids are
 * none.
 */
bool atr_live_own_context(atr_ref ref, struct atr_context *out);
/* Any thread. The same of the one with this id: a look at each. */
bool atr_live_context_of(const uint8_t span_id[static ATR_SPAN_ID_LEN],
			 struct atr_context_copy *out);
void atr_context_copy_release(struct atr_context_copy *copy);
/* Copies a context and its text; false when there was no memory for the text. */
bool atr_context_copy_of(const struct atr_context *context, struct atr_context_copy *out);

static inline struct atr_live *atr_live_get(atr_ref ref)
{
	extern struct atr_pool atr_live_pool;

	/* as atr_pool_get, which does not know how long an item is */
	uint32_t index = (uint32_t)ref - 1;
	struct atr_live *live = (struct atr_live *)(void *)atr_live_pool.base + index;

	if (index >= atr_live_pool.cap)
		return NULL;
	return atomic_load_explicit(&live->pooled.gen, memory_order_acquire) == ref >> 32 ? live :
											    NULL;
}

static inline struct atr_span *atr_live_span(atr_ref ref)
{
	struct atr_live *live = atr_live_get(ref);

	return live && live->recording ? (struct atr_span *)live->record : NULL;
}

/*
 * Blocks of ATR_BLOCK_LEN bytes for what is rarely large: split heads, long
 * context. 0: none left. Given back once by who took it; 0 is ignored. The bytes are
 * aligned to 16.
 */
#define ATR_BLOCK_LEN (66 * 1024)
atr_ref atr_block_take(void);
char *atr_block_bytes(atr_ref ref);
void atr_block_give(atr_ref ref);

/* New trace ids begin with the time, as X-Ray wants them. Set by the constructor. */
extern bool atr_live_dates_ids;
/* Any thread: every thread seeds its ids anew. For what runs in copies of one memory image. */
void atr_live_reseed(void);

/* A forked child, alone. */
void atr_live_forked(void);

#endif
