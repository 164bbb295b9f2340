/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/live.h"

#include "export/attr.h"
#include "export/diag.h"
#include "export/exporter.h"
#include "export/metrics.h"
#include "preload/live/outcome.h"
#include "preload/live/profiled.h"
#include "preload/live/sampler.h"
#include "preload/live/where.h"
#include "preload/live/jaeger.h"
#include "preload/live/xray.h"

#define LIVE_MAX 8192
#define BLOCKS_MAX 256

/*
 * What is shown of a slot is written by the one who opened it, and read by others
 * without a lock. From when all of it is there `shown_as` is the slot's reference,
 * and the generation says until when: who reads looks at both before and after, and
 * what was read from a slot that changed meanwhile is thrown away. Words, read and
 * written one by one, make that a race whose outcome is known.
 *
 * Long text lies in a block, which is not copied but held by its readers as well:
 * the last to let go of it gives it back.
 */
struct atr_pool atr_live_pool;

_Static_assert(sizeof(struct atr_shown) % 8 == 0, "is made of words");
_Static_assert(offsetof(struct atr_shown, carry_block) % 8 == 0 &&
		       offsetof(struct atr_shown, start_ns) % 8 == 0,
	       "and these are such");

struct block {
	struct atr_pooled pooled;
	_Atomic uint32_t holders; /* 0 while it is free: so it cannot be taken by holding it */
	_Alignas(16) char bytes[ATR_BLOCK_LEN]; /* structs are kept in it, too */
};
static struct atr_pool blocks;

bool atr_live_setup(void)
{
	return atr_pool_map(&blocks, sizeof(struct block), BLOCKS_MAX) &&
	       atr_pool_map(&atr_live_pool, sizeof(struct atr_live), LIVE_MAX);
}

atr_ref atr_block_take(void)
{
	atr_ref ref = atr_pool_take(&blocks);
	struct block *block = atr_pool_get(&blocks, ref);

	if (block)
		atomic_store_explicit(&block->holders, 1, memory_order_relaxed);
	return ref;
}

char *atr_block_bytes(atr_ref ref)
{
	struct block *block = atr_pool_get(&blocks, ref);

	return block ? block->bytes : NULL;
}

static void let_go(struct block *block)
{
	uint32_t index, gen;

	if (atomic_fetch_sub_explicit(&block->holders, 1, memory_order_acq_rel) != 1)
		return;
	index = (uint32_t)(((const char *)block - blocks.base) / blocks.item_len);
	gen = atomic_load_explicit(&block->pooled.gen, memory_order_relaxed);
	atr_pool_give(&blocks, (uint64_t)gen << 32 | (index + 1));
}

void atr_block_give(atr_ref ref)
{
	struct block *block = atr_pool_get(&blocks, ref);

	if (block)
		let_go(block);
}

/* Holds it beside its owner; false when it was given back. Let go of by atr_block_give. */
static bool block_hold(atr_ref ref)
{
	struct block *block = atr_pool_get(&blocks, ref);
	uint32_t holders = block ? atomic_load_explicit(&block->holders, memory_order_relaxed) : 0;

	do
		if (!holders)
			return false;
	while (!atomic_compare_exchange_weak_explicit(&block->holders, &holders, holders + 1,
						      memory_order_acquire, memory_order_relaxed));
	if (atr_pool_get(&blocks, ref))
		return true;
	let_go(block); /* it is the next one's */
	return false;
}

static void put_words(_Atomic uint64_t *to, const void *from, size_t len)
{
	const char *at = from;
	uint64_t word;

	for (; len >= 8; len -= 8, at += 8) {
		memcpy(&word, at, 8);
		atomic_store_explicit(to++, word, memory_order_relaxed);
	}
	if (len) {
		word = 0;
		memcpy(&word, at, len);
		atomic_store_explicit(to, word, memory_order_relaxed);
	}
}

static void get_words(void *to, const _Atomic uint64_t *from, size_t len)
{
	char *at = to;
	uint64_t word;

	for (; len >= 8; len -= 8, at += 8) {
		word = atomic_load_explicit(from++, memory_order_relaxed);
		memcpy(at, &word, 8);
	}
	if (len) {
		word = atomic_load_explicit(from, memory_order_relaxed);
		memcpy(at, &word, len);
	}
}

#define SHOWN_WORDS (sizeof(struct atr_shown) / 8)

/* All that a slot shows, at once: a compiler that is not told makes a loop of it. */
static inline void put_shown(struct atr_live *live, const struct atr_shown *shown)
{
#pragma GCC unroll 9
	for (size_t i = 0; i < SHOWN_WORDS; i++) {
		uint64_t word;

		memcpy(&word, (const char *)shown + 8 * i, 8);
		atomic_store_explicit(&live->shown[i], word, memory_order_relaxed);
	}
}

static inline void get_shown(const struct atr_live *live, struct atr_shown *shown)
{
#pragma GCC unroll 9
	for (size_t i = 0; i < SHOWN_WORDS; i++) {
		uint64_t word = atomic_load_explicit(&live->shown[i], memory_order_relaxed);

		memcpy((char *)shown + 8 * i, &word, 8);
	}
}

/* Text that finds no room is not carried: the ids are worth more than it. */
__attribute__((noinline)) static void put_carry(struct atr_live *live, struct atr_shown *shown,
						const struct atr_context *parent,
						struct atr_str tracestate)
{
	size_t state_len = tracestate.len, baggage_len = parent->baggage.len;
	size_t xray_len = parent->xray.len, len = state_len + baggage_len + xray_len;
	char room[ATR_CARRY_INLINE], *at = room;

	if (len > sizeof(room)) {
		shown->carry_block = atr_block_take();
		at = atr_block_bytes(shown->carry_block);
		if (!at)
			return;
	}
	if (state_len)
		memcpy(at, tracestate.at, state_len);
	if (baggage_len)
		memcpy(at + state_len, parent->baggage.at, baggage_len);
	if (xray_len)
		memcpy(at + state_len + baggage_len, parent->xray.at, xray_len);
	if (at == room)
		put_words(live->carry, room, len);
	shown->tracestate_len = (uint16_t)state_len;
	shown->baggage_len = (uint16_t)baggage_len;
	shown->xray_len = (uint16_t)xray_len;
}

/* What a record can hold of it, in whole members: the left-most are the most recent. */
static struct atr_str cut_members(struct atr_str tracestate)
{
	const char *comma;

	if (tracestate.len <= ATR_SPAN_STR_MAX)
		return tracestate;
	comma = memrchr(tracestate.at, ',', ATR_SPAN_STR_MAX + 1);
	if (!comma)
		return (struct atr_str){ 0 };
	return (struct atr_str){ tracestate.at, (size_t)(comma - tracestate.at) };
}

static inline void begin_record(struct atr_live *live, const struct atr_shown *shown)
{
	struct atr_span *span = (struct atr_span *)live->record;

	*span = (struct atr_span){ .len = sizeof(*span),
				   .version = ATR_SPAN_VERSION,
				   .kind = shown->kind,
				   .flags = shown->flags,
				   .parent_remote = shown->parent_is_remote };
	memcpy(span->trace_id, shown->trace_id, sizeof(span->trace_id));
	memcpy(span->span_id, shown->span_id, sizeof(span->span_id));
	memcpy(span->parent_id, shown->parent_id, sizeof(span->parent_id));
	span->start_ns = atr_clock_unix(shown->start_ns);
}

static void put_tracestate(struct atr_span *span, struct atr_str tracestate)
{
	span->cut_strings += tracestate.len > ATR_SPAN_STR_MAX;
	atr_span_put_str(span, ATR_TRACESTATE, cut_members(tracestate));
}

bool atr_live_dates_ids;
static _Atomic uint32_t seeding;

void atr_live_reseed(void)
{
	atomic_fetch_add(&seeding, 1);
}

/*
 * The id of a trace that begins here; of one that is known to have begun, its own, and
 * what is known of it.
 */
static uint8_t choose_trace(struct atr_thread *self, struct atr_shown *shown,
			    const struct atr_context *carried)
{
	uint64_t known[2];

	memcpy(known, carried->trace_id, sizeof(known));
	if (known[0] | known[1]) {
		memcpy(shown->trace_id, carried->trace_id, sizeof(shown->trace_id));
		return carried->flags & ATR_FLAG_RANDOM;
	}
	if (atr_live_dates_ids)
		atr_ids_trace_at(&self->ids,
				 (uint32_t)(atr_clock_unix(shown->start_ns) / 1000000000),
				 shown->trace_id);
	else
		atr_ids_trace(&self->ids, shown->trace_id);
	return ATR_FLAG_RANDOM;
}

/* B3 may say of a trace that begins here whether it is to be sampled. */
__attribute__((noinline, cold)) static void
ask(const struct atr_context *parent, const struct atr_context *carried,
    const struct atr_shown *shown, const struct atr_request *request, struct atr_decision *out)
{
	struct atr_beginning span = { .parent = parent,
				      .tracestate = carried->tracestate,
				      .trace_id = shown->trace_id,
				      .start_ns = shown->start_ns,
				      .kind = shown->kind,
				      .request = request };

	if (parent || !(carried->marks & (ATR_MARK_KEEP | ATR_MARK_DROP)))
		atr_sampler_decide(&span, out);
	else
		*out = (struct atr_decision){ .is_sampled = carried->marks & ATR_MARK_KEEP };
}

/*
 * Mostly it is the parent's flag, or what all traces have in common, and nothing is to be
 * told of it: as the sampler would say, which has more to look at. False: it is to be asked.
 */
static inline bool is_plain(const struct atr_context *parent, const struct atr_context *carried,
			    bool *is_sampled)
{
	const struct atr_sampler_known *known = &atr_sampler_known;

	if (!known->is_plain || atr_outcome_is_on)
		return false;
	if (parent && known->follows && !(parent->marks & ATR_MARK_UNDECIDED)) {
		*is_sampled = parent->flags & ATR_FLAG_SAMPLED;
		return true;
	}
	*is_sampled = known->samples;
	return !carried->tracestate.len && !(carried->marks & (ATR_MARK_KEEP | ATR_MARK_DROP));
}

/* Where spans are not made: who its parent is, is what is carried on. */
static void carry_on(struct atr_shown *shown, const struct atr_context *parent)
{
	memcpy(shown->trace_id, parent->trace_id, sizeof(shown->trace_id));
	memcpy(shown->span_id, parent->span_id, sizeof(shown->span_id));
	shown->flags = parent->flags;
}

static inline void choose_ids(struct atr_thread *self, struct atr_shown *shown,
			      const struct atr_context *parent, const struct atr_context *carried)
{
	uint32_t seeded = atomic_load_explicit(&seeding, memory_order_relaxed);

	/* it is decided here */
	shown->marks &= ATR_MARK_DEBUG | ATR_MARK_FIREHOSE;
	if (__builtin_expect(self->seeding != seeded, 0)) {
		self->seeding = seeded;
		atr_ids_seed(&self->ids);
	}
	if (parent) {
		memcpy(shown->trace_id, parent->trace_id, sizeof(shown->trace_id));
		shown->flags = parent->flags & ATR_FLAG_RANDOM;
	} else {
		shown->flags = choose_trace(self, shown, carried);
	}
	atr_ids_span(&self->ids, shown->span_id);
}

/* The tracestate with what the sampler has to say; in a block where it is long. */
__attribute__((noinline, cold)) static struct atr_str tell(struct atr_str tracestate,
							   const struct atr_decision *decision,
							   char room[static ATR_CARRY_INLINE],
							   atr_ref *block)
{
	if (tracestate.len + ATR_OT_MORE > ATR_CARRY_INLINE) {
		*block = atr_block_take();
		room = atr_block_bytes(*block);
	}
	return room ? atr_ot_tell(tracestate, decision->th, room) : tracestate;
}

/* It is whole: others may read it. */
static inline void show(struct atr_live *live, atr_ref ref, const struct atr_shown *shown)
{
	put_shown(live, shown);
	atomic_store_explicit(&live->shown_as, ref, memory_order_release);
}

/*
 * To take a slot and to give it back is to write to what all threads share. So a thread keeps
 * one for its next span. It ends without our seeing it, and the slot is lost with it: therefore
 * only so many of them may.
 */
#define SPARES_MAX 256
enum { SPARES_UNKNOWN, SPARES_MAY, SPARES_NOT };
static _Atomic uint32_t nr_sparing;

__attribute__((noinline, cold)) static bool may_spare(struct atr_thread *self)
{
	if (self->spares == SPARES_UNKNOWN)
		self->spares = atomic_fetch_add_explicit(&nr_sparing, 1, memory_order_relaxed) <
					       SPARES_MAX ?
				       SPARES_MAY :
				       SPARES_NOT;
	return self->spares == SPARES_MAY;
}

static inline atr_ref again(struct atr_thread *self)
{
	uint32_t kept = self->spare;

	if (__builtin_expect(!kept, 0))
		return atr_pool_take(&atr_live_pool);
	self->spare = 0;
	return atr_pool_again(&atr_live_pool, kept);
}

static inline void keep_or_give(struct atr_thread *self, atr_ref ref)
{
	if (__builtin_expect(!self->spare, 1) &&
	    (__builtin_expect(self->spares == SPARES_MAY, 1) || may_spare(self)))
		self->spare = atr_pool_keep(&atr_live_pool, ref);
	else
		atr_pool_give(&atr_live_pool, ref);
}

static inline void clear(struct atr_live *live)
{
	/* who still reads what was here sees, with any word that follows, that it is over */
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&live->loop_slot, 0, memory_order_relaxed);
	atomic_store_explicit(&live->phase, 0, memory_order_relaxed);
	atomic_store_explicit(&live->adopted, 0, memory_order_relaxed);
	live->trace = 0;
}

/* A slot, of which nothing is shown; NULL: too many are open. */
static inline struct atr_live *take(struct atr_thread *self, atr_ref *ref)
{
	struct atr_live *live;

	*ref = again(self);
	live = atr_live_get(*ref);
	if (!live) {
		atr_count(ATR_COUNT_LOST_NO_LIVE_SLOT);
		return NULL;
	}
	clear(live);
	return live;
}

/* Those who asked to be told of each. */
__attribute__((noinline, cold)) static void
tell_of_it(struct atr_thread *self, struct atr_live *live, struct atr_shown *shown,
	   const struct atr_context *parent, const struct atr_context *carried,
	   struct atr_str tracestate)
{
	if (atr_where_is_on && shown->kind == ATR_KIND_CLIENT && live->recording)
		atr_where_opened(self, (struct atr_span *)live->record);
	if (atr_metrics_are_on)
		atr_metrics_began(!parent	 ? ATR_ORIGIN_NONE :
				  parent->remote ? ATR_ORIGIN_REMOTE :
						   ATR_ORIGIN_LOCAL,
				  live->recording);
	if (atr_outcome_is_on && live->recording && !(shown->marks & ATR_MARK_DEBUG))
		shown->trace = live->trace = atr_outcome_begins(
			carried->local, tracestate, shown->trace_id, &live->is_local_root);
}

/*
 * When it began, where nobody has said so. Of one that is not recorded the age is asked for
 * of a server's alone (work.c), and not to be exact.
 */
static inline uint64_t begins_now(bool is_recorded, enum atr_kind kind)
{
	if (is_recorded)
		return atr_clock_ns();
	return kind == ATR_KIND_SERVER ? atr_clock_coarse_ns() : 0;
}

static const struct atr_context nothing;

__attribute__((noinline)) static atr_ref
open_any(struct atr_thread *self, enum atr_kind kind, const struct atr_context *carried,
	 const struct atr_context *parent, uint64_t start_ns, const struct atr_request *request)
{
	struct atr_shown shown = { .kind = (uint8_t)kind,
				   .marks = carried->marks,
				   .start_ns = start_ns };
	struct atr_decision decision = { .is_sampled = false };
	struct atr_str tracestate = carried->tracestate;
	char room[ATR_CARRY_INLINE];
	atr_ref ref, block = 0;
	struct atr_live *live = take(self, &ref);

	if (!live)
		return 0;
	if (__builtin_expect(!start_ns && atr_live_dates_ids, 0))
		shown.start_ns = atr_clock_ns();
	if (parent) {
		memcpy(shown.parent_id, parent->span_id, sizeof(shown.parent_id));
		shown.parent_is_remote = parent->remote;
	}
	if (__builtin_expect(!atr_sampler_makes_spans(), 0)) {
		carry_on(&shown, parent ? parent : &nothing);
	} else {
		choose_ids(self, &shown, parent, carried);
		if (!is_plain(parent, carried, &decision.is_sampled))
			ask(parent, carried, &shown, request, &decision);
		if (decision.is_sampled)
			shown.flags |= ATR_FLAG_SAMPLED;
	}
	if (decision.tells)
		tracestate = tell(tracestate, &decision, room, &block);
	if (tracestate.len | carried->baggage.len | carried->xray.len)
		put_carry(live, &shown, carried, tracestate);
	live->recording = decision.is_sampled;
	if (!shown.start_ns)
		shown.start_ns = begins_now(live->recording, kind);
	if (live->recording) {
		begin_record(live, &shown);
		put_tracestate((struct atr_span *)live->record, tracestate);
	} else {
		atr_count(ATR_COUNT_UNSAMPLED);
	}
	if (__builtin_expect(atr_where_is_on | atr_metrics_are_on | atr_outcome_is_on, 0))
		tell_of_it(self, live, &shown, parent, carried, tracestate);
	show(live, ref, &shown);
	if (kind == ATR_KIND_CLIENT && atr_profiled_is_on)
		atr_profiled_call(self, ref);
	if (__builtin_expect(block != 0, 0))
		atr_block_give(block);
	return ref;
}

/*
 * Most spans: nothing but ids and a flag is carried on, what is decided is plain, and nobody asks
 * to be told of it.
 */
static inline bool is_like_most(const struct atr_thread *self, const struct atr_context *carried,
				const struct atr_context *parent)
{
	const struct atr_sampler_known *known = &atr_sampler_known;
	uint64_t id[2];

	memcpy(id, carried->trace_id, sizeof(id));
	return known->makes_spans & known->is_plain && self->spare &&
	       self->seeding == atomic_load_explicit(&seeding, memory_order_relaxed) &&
	       (parent || !(id[0] | id[1])) &&
	       !(carried->tracestate.len | carried->baggage.len | carried->xray.len) &&
	       !(carried->marks | atr_where_is_on | atr_metrics_are_on | atr_outcome_is_on |
		 atr_live_dates_ids);
}

/* As open_any has it of these. */
static inline atr_ref open_like_most(struct atr_thread *self, enum atr_kind kind,
				     const struct atr_context *parent, uint64_t start_ns)
{
	const struct atr_sampler_known *known = &atr_sampler_known;
	struct atr_shown shown = { .kind = (uint8_t)kind };
	atr_ref ref = again(self);
	struct atr_live *live = (struct atr_live *)(void *)atr_live_pool.base + ((uint32_t)ref - 1);
	bool is_sampled = known->samples;

	clear(live);
	if (parent) {
		memcpy(shown.trace_id, parent->trace_id, sizeof(shown.trace_id));
		memcpy(shown.parent_id, parent->span_id, sizeof(shown.parent_id));
		shown.parent_is_remote = parent->remote;
		shown.flags = parent->flags & ATR_FLAG_RANDOM;
		if (known->follows)
			is_sampled = parent->flags & ATR_FLAG_SAMPLED;
	} else {
		atr_ids_trace(&self->ids, shown.trace_id);
		shown.flags = ATR_FLAG_RANDOM;
	}
	atr_ids_span(&self->ids, shown.span_id);
	shown.flags |= is_sampled ? ATR_FLAG_SAMPLED : 0;
	live->recording = is_sampled;
	shown.start_ns = start_ns ? start_ns : begins_now(is_sampled, kind);
	if (is_sampled)
		begin_record(live, &shown);
	else
		atr_count(ATR_COUNT_UNSAMPLED);
	show(live, ref, &shown);
	if (kind == ATR_KIND_CLIENT && atr_profiled_is_on)
		atr_profiled_call(self, ref);
	return ref;
}

atr_ref atr_live_open_for(struct atr_thread *self, enum atr_kind kind,
			  const struct atr_context *context, uint64_t start_ns,
			  const struct atr_request *request)
{
	const struct atr_context *carried = context ? context : &nothing;
	const struct atr_context *parent = atr_context_is_valid(carried) ? context : NULL;

	if (__builtin_expect(is_like_most(self, carried, parent), 1))
		return open_like_most(self, kind, parent, start_ns);
	return open_any(self, kind, carried, parent, start_ns, request);
}

atr_ref atr_live_open(struct atr_thread *self, enum atr_kind kind, const struct atr_context *parent,
		      uint64_t start_ns)
{
	return atr_live_open_for(self, kind, parent, start_ns, NULL);
}

/* One word of what is shown, for who may close it. */
#define SHOWN_WORD(live, field)                                                     \
	atomic_load_explicit(&(live)->shown[offsetof(struct atr_shown, field) / 8], \
			     memory_order_relaxed)

static void give(const struct atr_live *live, atr_ref ref)
{
	atr_ref block = SHOWN_WORD(live, carry_block);

	if (__builtin_expect(atr_metrics_are_on, 0))
		atr_metrics_ended(live->recording);
	if (atr_profiled_is_on)
		atr_profiled_call_over(ref);
	if (block)
		atr_block_give(block);
	keep_or_give(&atr_self, ref);
}

void atr_live_close(atr_ref ref, uint64_t end_ns)
{
	struct atr_live *live = atr_live_get(ref);

	if (!live)
		return;
	if (live->recording) {
		struct atr_span *span = (struct atr_span *)live->record;
		uint64_t start_ns = SHOWN_WORD(live, start_ns);

		/* by the duration, so that a clock set in between cannot turn it around */
		span->end_ns = span->start_ns + (end_ns > start_ns ? end_ns - start_ns : 0);
		if (__builtin_expect(atr_where_is_on, 0))
			atr_where_closes(span, span->end_ns - span->start_ns);
		if (live->trace)
			atr_outcome_ends(live->trace, live->is_local_root, span);
		else
			atr_exporter_offer(span);
	}
	give(live, ref);
}

bool atr_live_copy(atr_ref ref, uint64_t record[static ATR_SPAN_MAX / 8])
{
	const struct atr_live *live = atr_live_get(ref);
	struct atr_span *copy = (struct atr_span *)record;
	struct atr_shown shown;
	uint32_t len;

	if (!live || !live->recording)
		return false;
	get_shown(live, &shown);
	len = ((const struct atr_span *)live->record)->len;
	if (len < sizeof(*copy) || len > ATR_SPAN_MAX)
		return false;
	memcpy(copy, live->record, len);
	copy->len = len;
	copy->end_ns = atr_clock_unix(atr_clock_ns());
	if (shown.trace)
		atr_outcome_keep(shown.trace);
	return atr_span_is_whole(copy, len);
}

void atr_live_drop(atr_ref ref)
{
	struct atr_live *live = atr_live_get(ref);

	if (!live)
		return;
	if (live->recording && live->trace)
		atr_outcome_drops(live->trace, live->is_local_root);
	give(live, ref);
}

/* Copies text to where it is to lie, and goes on behind it. */
static struct atr_str put_text(char **at, struct atr_str text)
{
	struct atr_str out = { text.len ? *at : NULL, text.len };

	if (text.len)
		memcpy(*at, text.at, text.len);
	*at += text.len;
	return out;
}

bool atr_context_copy_of(const struct atr_context *context, struct atr_context_copy *out)
{
	size_t len = context->tracestate.len + context->baggage.len + context->xray.len;
	char *at;

	out->context = *context;
	out->carry = out->own;
	out->block = 0;
	if (len > sizeof(out->own)) {
		out->block = atr_block_take();
		out->carry = atr_block_bytes(out->block);
		if (!out->carry) {
			out->context.tracestate = out->context.baggage = out->context.xray =
				(struct atr_str){ 0 };
			return false;
		}
	}
	at = out->carry;
	out->context.tracestate = put_text(&at, context->tracestate);
	out->context.baggage = put_text(&at, context->baggage);
	out->context.xray = put_text(&at, context->xray);
	return true;
}

void atr_context_copy_release(struct atr_context_copy *copy)
{
	atr_block_give(copy->block);
	copy->block = 0;
}

static inline bool is_shown(const struct atr_live *live, atr_ref ref)
{
	return atomic_load_explicit(&live->shown_as, memory_order_acquire) == ref;
}

/* What was read since the last look is this span's. */
static inline bool is_still_shown(const struct atr_live *live, atr_ref ref)
{
	atomic_thread_fence(memory_order_acquire);
	return atr_live_get(ref) == live && is_shown(live, ref);
}

/* As atr_live_shown, of a slot that may be its own. */
static inline bool get_still_shown(const struct atr_live *live, atr_ref ref, struct atr_shown *out)
{
	if (!live || !is_shown(live, ref))
		return false;
	get_shown(live, out);
	return is_still_shown(live, ref);
}

bool atr_live_shown(atr_ref ref, struct atr_shown *out)
{
	return get_still_shown(atr_live_get(ref), ref, out);
}

/* The next part of the text; absent when it is empty. */
static struct atr_str next_text(const char **at, size_t len)
{
	struct atr_str out = { len ? *at : NULL, len };

	*at += len;
	return out;
}

/* The text of a span: from the slot, or in its block, which is then held. */
__attribute__((noinline)) static bool get_carry(const struct atr_live *live, atr_ref ref,
						const struct atr_shown *shown,
						struct atr_context_copy *out)
{
	size_t len = (size_t)shown->tracestate_len + shown->baggage_len + shown->xray_len;
	const char *at;

	if (shown->carry_block) {
		if (!block_hold(shown->carry_block))
			return false;
		out->block = shown->carry_block;
		out->carry = atr_block_bytes(out->block);
	} else {
		get_words(out->own, live->carry, len);
		if (!is_still_shown(live, ref))
			return false;
	}
	at = out->carry;
	out->context.tracestate = next_text(&at, shown->tracestate_len);
	out->context.baggage = next_text(&at, shown->baggage_len);
	out->context.xray = next_text(&at, shown->xray_len);
	return true;
}

static inline bool carries_text(const struct atr_shown *shown)
{
	return shown->tracestate_len | shown->baggage_len | shown->xray_len;
}

/* Without its text. */
static inline void context_of(const struct atr_shown *shown, struct atr_context *out)
{
	*out = (struct atr_context){ .flags = shown->flags,
				     .marks = shown->marks,
				     .local = shown->trace };
	memcpy(out->trace_id, shown->trace_id, sizeof(shown->trace_id));
	memcpy(out->span_id, shown->span_id, sizeof(shown->span_id));
}

bool atr_live_context(atr_ref ref, struct atr_context_copy *out)
{
	const struct atr_live *live = atr_live_get(ref);
	struct atr_shown shown;

	if (!live || !get_still_shown(live, ref, &shown))
		return false;
	out->carry = out->own;
	out->block = 0;
	context_of(&shown, &out->context);
	if (carries_text(&shown))
		return get_carry(live, ref, &shown, out);
	return true;
}

bool atr_live_own_context(atr_ref ref, struct atr_context *out)
{
	const struct atr_live *live = atr_live_get(ref);
	struct atr_shown shown;

	if (!live)
		return false;
	get_shown(live, &shown);
	if (carries_text(&shown))
		return false;
	context_of(&shown, out);
	return atr_context_is_valid(out);
}

bool atr_live_context_of(const uint8_t span_id[static ATR_SPAN_ID_LEN],
			 struct atr_context_copy *out)
{
	uint32_t fresh = atomic_load_explicit(&atr_live_pool.fresh, memory_order_relaxed);
	uint64_t id;

	memcpy(&id, span_id, sizeof(id));
	for (uint32_t i = 0; i < fresh; i++) {
		const struct atr_live *live = atr_pool_at(&atr_live_pool, i);

		if (SHOWN_WORD(live, span_id) != id ||
		    !atr_live_context(atomic_load(&live->shown_as), out))
			continue;
		if (!memcmp(out->context.span_id, span_id, sizeof(id)))
			return true;
		atr_context_copy_release(out);
	}
	return false;
}

void atr_live_forked(void)
{
	if (!atr_live_pool.base)
		return;
	atr_pool_reset(&atr_live_pool);
	atr_self.spare = 0;
	atr_pool_reset(&blocks);
	atr_outcome_forked();
	atr_xray_forked();
	atr_jaeger_forked();
}
