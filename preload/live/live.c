/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/live.h"

#include "export/attr.h"
#include "export/diag.h"
#include "export/exporter.h"
#include "preload/live/sampler.h"

#define LIVE_MAX 8192
#define BLOCKS_MAX 256

/*
 * A slot is written by the one who opened it, until its generation says it is
 * open, and read by others without a lock: they copy what they need and look at
 * the generation again. What they copied from a slot that changed meanwhile is
 * thrown away, so bytes torn by the race are never used.
 */
struct atr_pool atr_live_pool;

struct block {
	struct atr_pooled pooled;
	char bytes[ATR_BLOCK_LEN];
};
static struct atr_pool blocks;

bool atr_live_setup(void)
{
	return atr_pool_map(&blocks, sizeof(struct block), BLOCKS_MAX) &&
	       atr_pool_map(&atr_live_pool, sizeof(struct atr_live), LIVE_MAX);
}

atr_ref atr_block_take(void)
{
	return atr_pool_take(&blocks);
}

char *atr_block_bytes(atr_ref ref)
{
	struct block *block = atr_pool_get(&blocks, ref);

	return block ? block->bytes : NULL;
}

void atr_block_give(atr_ref ref)
{
	if (atr_pool_get(&blocks, ref))
		atr_pool_give(&blocks, ref);
}

/* Where the slot's tracestate and baggage are. */
static char *carry_of(struct atr_live *live)
{
	return live->carry_block ? atr_block_bytes(live->carry_block) : live->carry;
}

/* Text that finds no room is not carried: the ids are worth more than it. */
static void put_carry(struct atr_live *live, const struct atr_context *parent)
{
	size_t state_len = parent->tracestate.len, baggage_len = parent->baggage.len;
	char *at;

	live->carry_block = 0;
	live->tracestate_len = live->baggage_len = 0;
	if (!state_len && !baggage_len)
		return;
	if (state_len + baggage_len > sizeof(live->carry)) {
		live->carry_block = atr_block_take();
		if (!live->carry_block)
			return;
	}
	at = carry_of(live);
	if (state_len)
		memcpy(at, parent->tracestate.at, state_len);
	if (baggage_len)
		memcpy(at + state_len, parent->baggage.at, baggage_len);
	live->tracestate_len = (uint16_t)state_len;
	live->baggage_len = (uint16_t)baggage_len;
}

static void begin_record(struct atr_live *live, const struct atr_context *parent)
{
	struct atr_span *span = atr_span_begin(live->record);

	span->kind = live->kind;
	memcpy(span->trace_id, live->trace_id, sizeof(span->trace_id));
	memcpy(span->span_id, live->span_id, sizeof(span->span_id));
	span->flags = live->flags;
	span->start_ns = atr_clock_unix(live->start_ns);
	if (parent) {
		memcpy(span->parent_id, parent->span_id, sizeof(span->parent_id));
		span->parent_remote = parent->remote;
		atr_span_put_str(span, ATR_TRACESTATE, parent->tracestate);
	}
}

static void choose_ids(struct atr_thread *self, struct atr_live *live,
		       const struct atr_context *parent)
{
	static const struct atr_context nobody;
	bool makes_spans = atr_sampler_makes_spans();
	const struct atr_context *from = parent ? parent : &nobody;

	memcpy(live->trace_id, from->trace_id, sizeof(live->trace_id));
	memcpy(live->span_id, from->span_id, sizeof(live->span_id));
	memcpy(live->parent_id, from->span_id, sizeof(live->parent_id));
	live->parent_is_remote = from->remote;
	live->flags = from->flags;
	if (!makes_spans)
		return;
	if (!parent)
		atr_ids_trace(&self->ids, live->trace_id);
	atr_ids_span(&self->ids, live->span_id);
	live->flags = parent ? parent->flags & ATR_FLAG_RANDOM : ATR_FLAG_RANDOM;
	if (atr_sampler_keeps(parent, live->trace_id))
		live->flags |= ATR_FLAG_SAMPLED;
}

atr_ref atr_live_open(struct atr_thread *self, enum atr_kind kind, const struct atr_context *parent,
		      uint64_t start_ns)
{
	static const struct atr_context nothing;
	const struct atr_context *carried = parent ? parent : &nothing;
	bool has_parent = parent && atr_context_is_valid(parent);
	atr_ref ref = atr_pool_take(&atr_live_pool);
	struct atr_live *live = atr_live_get(ref);

	if (!live) {
		atr_count(ATR_COUNT_LOST_NO_LIVE_SLOT);
		return 0;
	}
	live->kind = (uint8_t)kind;
	live->start_ns = start_ns;
	live->loop_slot = 0;
	atomic_store_explicit(&live->phase, 0, memory_order_relaxed);
	atomic_store_explicit(&live->adopted, 0, memory_order_relaxed);
	choose_ids(self, live, has_parent ? parent : NULL);
	put_carry(live, carried);
	live->recording = (live->flags & ATR_FLAG_SAMPLED) && atr_sampler_makes_spans();
	if (live->recording)
		begin_record(live, has_parent ? parent : NULL);
	else
		atr_count(ATR_COUNT_UNSAMPLED);
	return ref;
}

struct atr_span *atr_live_span(atr_ref ref)
{
	struct atr_live *live = atr_live_get(ref);

	return live && live->recording ? (struct atr_span *)live->record : NULL;
}

static void give(struct atr_live *live, atr_ref ref)
{
	atr_block_give(live->carry_block);
	live->carry_block = 0;
	atr_pool_give(&atr_live_pool, ref);
}

void atr_live_close(atr_ref ref, uint64_t end_ns)
{
	struct atr_live *live = atr_live_get(ref);

	if (!live)
		return;
	if (live->recording) {
		struct atr_span *span = (struct atr_span *)live->record;

		/* by the duration, so that a clock set in between cannot turn it around */
		span->end_ns =
			span->start_ns + (end_ns > live->start_ns ? end_ns - live->start_ns : 0);
		atr_exporter_offer(span);
	}
	give(live, ref);
}

void atr_live_drop(atr_ref ref)
{
	struct atr_live *live = atr_live_get(ref);

	if (live)
		give(live, ref);
}

bool atr_context_copy_of(const struct atr_context *context, struct atr_context_copy *out)
{
	size_t state_len = context->tracestate.len, baggage_len = context->baggage.len;

	out->context = *context;
	out->carry = out->own;
	out->block = 0;
	if (state_len + baggage_len > sizeof(out->own)) {
		out->block = atr_block_take();
		out->carry = atr_block_bytes(out->block);
		if (!out->carry) {
			out->context.tracestate = out->context.baggage = (struct atr_str){ 0 };
			return false;
		}
	}
	if (state_len) {
		memcpy(out->carry, context->tracestate.at, state_len);
		out->context.tracestate.at = out->carry;
	}
	if (baggage_len) {
		memcpy(out->carry + state_len, context->baggage.at, baggage_len);
		out->context.baggage.at = out->carry + state_len;
	}
	return true;
}

void atr_context_copy_release(struct atr_context_copy *copy)
{
	atr_block_give(copy->block);
	copy->block = 0;
}

bool atr_live_context(atr_ref ref, struct atr_context_copy *out)
{
	struct atr_live *live = atr_live_get(ref);
	struct atr_context context = { .remote = false };
	const char *carry;
	uint16_t state_len, baggage_len;

	if (!live)
		return false;
	memcpy(context.trace_id, live->trace_id, sizeof(context.trace_id));
	memcpy(context.span_id, live->span_id, sizeof(context.span_id));
	context.flags = live->flags;
	state_len = live->tracestate_len;
	baggage_len = live->baggage_len;
	carry = carry_of(live);
	/* before the lengths are believed: are they still this span's? */
	atomic_thread_fence(memory_order_acquire);
	if (atr_live_get(ref) != live || !carry)
		return false;
	if (state_len)
		context.tracestate = (struct atr_str){ carry, state_len };
	if (baggage_len)
		context.baggage = (struct atr_str){ carry + state_len, baggage_len };
	atr_context_copy_of(&context, out);
	atomic_thread_fence(memory_order_acquire);
	if (atr_live_get(ref) != live) {
		atr_context_copy_release(out);
		return false;
	}
	return true;
}

void atr_live_forked(void)
{
	if (!atr_live_pool.base)
		return;
	atr_pool_reset(&atr_live_pool);
	atr_pool_reset(&blocks);
}
