/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/outcome.h"

#include "export/attr.h"
#include "export/diag.h"
#include "export/env.h"
#include "export/options.h"
#include "preload/live/glob.h"
#include "preload/live/sampler.h"
#include "propagator/ot.h"

#define TRACES_MAX 8192 /* as many as spans can be open */
#define SLOW_MAX 32

/*
 * `waiting` is the last of those that wait, its index + 1, or how the trace was decided: one
 * word, so that nobody can come to wait when it is too late.
 */
enum { KEPT = 0xfffffff0u, KEPT_BY_SHARE, DROPPED };

struct trace {
	struct atr_pooled pooled;
	_Atomic uint32_t waiting;
	_Atomic uint32_t nr_waiting;
	_Atomic uint32_t open; /* spans in it; 0: nobody can come in any more */
	_Atomic bool has_error;
	bool is_in_share;
};

struct waiting {
	struct atr_pooled pooled;
	uint32_t next; /* the one before it, + 1 */
	uint64_t record[ATR_SPAN_MAX / 8];
};

struct slow {
	struct atr_str path; /* a glob; absent: any */
	uint64_t ns;
};

bool atr_outcome_is_on;
static struct atr_pool traces, waitings;
static void (*offer)(const struct atr_span *);
static void (*_Atomic first)(void);
static uint32_t most_of_one;

static struct {
	bool error;
	uint64_t threshold;
	struct slow slow[SLOW_MAX];
	unsigned nr_slow;
} keep;

/* ---- the variable ------------------------------------------------------------------------------ */

static bool strip_end(struct atr_str *text, struct atr_str end)
{
	if (text->len < end.len || memcmp(text->at + text->len - end.len, end.at, end.len) != 0)
		return false;
	text->len -= end.len;
	return true;
}

/* "500ms", "1.5s" */
static bool read_duration(struct atr_str text, uint64_t *ns)
{
	double n, unit = 1e9;

	if (strip_end(&text, ATR_STR("ms")))
		unit = 1e6;
	else if (!strip_end(&text, ATR_STR("s")))
		return false;
	if (!atr_decimal_of(text, &n) || n * unit >= 1e18)
		return false;
	*ns = (uint64_t)(n * unit);
	return true;
}

/* "500ms", or "/path:500ms" */
static bool read_slow(struct atr_str text)
{
	struct slow *slow = &keep.slow[keep.nr_slow];
	const char *colon = text.len ? memrchr(text.at, ':', text.len) : NULL;

	if (keep.nr_slow == SLOW_MAX)
		return false;
	*slow = (struct slow){ .ns = 0 };
	if (colon) {
		slow->path = (struct atr_str){ text.at, (size_t)(colon - text.at) };
		text = (struct atr_str){ colon + 1, text.len - slow->path.len - 1 };
		if (!slow->path.len)
			return false;
	}
	if (!read_duration(text, &slow->ns))
		return false;
	keep.nr_slow++;
	return true;
}

static bool read_share(struct atr_str text)
{
	double percent;

	if (!strip_end(&text, ATR_STR("%")) || !atr_decimal_of(text, &percent) || percent > 100)
		return false;
	keep.threshold = atr_ot_threshold(percent / 100);
	return true;
}

static bool read_member(struct atr_str member)
{
	if (atr_str_equal_nocase(member, ATR_STR("error"))) {
		keep.error = true;
		return true;
	}
	if (member.len > 5 &&
	    atr_str_equal_nocase((struct atr_str){ member.at, 5 }, ATR_STR("slow:")))
		return read_slow((struct atr_str){ member.at + 5, member.len - 5 });
	return read_share(member);
}

void atr_outcome_setup(void (*to)(const struct atr_span *), void (*before_first)(void))
{
	struct atr_str list = atr_env_get("AUTOTRACE_KEEP"), rest = list, member;
	unsigned nr = 0;
	bool is_right = true;
	uint32_t most;

	offer = to;
	atomic_store_explicit(&first, before_first, memory_order_relaxed);
	atr_outcome_is_on = false;
	memset(&keep, 0, sizeof(keep));
	keep.threshold = ATR_OT_ALL;
	while (atr_list_next(&rest, &member)) {
		if (read_member(member))
			nr++;
		else
			is_right = false;
	}
	if (!is_right)
		atr_log_bad_env("AUTOTRACE_KEEP", list,
				"a member in it is not error, slow:500ms, slow:/path:500ms or 5%",
				nr ? "it is left out" : "every trace is kept");
	if (!nr)
		return;
	if (atr_sampler_drops_all())
		atr_log_bad_env("AUTOTRACE_KEEP", list,
				"the sampler comes first, and drops every trace", "none is kept");
	most = atr_env_uint("AUTOTRACE_KEEP_SPANS", 2048, 16, 1 << 20);
	most_of_one = most / 4;
	atr_outcome_is_on =
		(traces.base || atr_pool_map(&traces, sizeof(struct trace), TRACES_MAX)) &&
		(waitings.cap == most || atr_pool_map(&waitings, sizeof(struct waiting), most));
}

/* ---- what waits -------------------------------------------------------------------------------- */

static bool is_decided(uint32_t waiting)
{
	return waiting >= KEPT;
}

/* Of the traces of this share only these were kept: so many does each of them stand for. */
static void tell_share(struct atr_span *span)
{
	struct atr_item *item = (struct atr_item *)atr_span_find(span, ATR_TRACESTATE);
	char room[ATR_SPAN_STR_MAX + ATR_OT_MORE];
	struct atr_str state;
	struct atr_ot ot;

	if (!item || item->len > ATR_SPAN_STR_MAX)
		return;
	state = (struct atr_str){ atr_item_bytes(item), item->len };
	atr_ot_read(state, &ot);
	/* an earlier sampler's is the rarer, or not known */
	if (ot.th == ATR_TH_NONE || ot.th >= keep.threshold)
		return;
	state = atr_ot_tell(state, keep.threshold, room);
	item->part = ATR_OF_NOTHING;
	if (span->len + sizeof(*item) + ((state.len + 7) & ~(size_t)7) <= ATR_SPAN_MAX)
		atr_span_late_str(span, ATR_TRACESTATE, state);
}

static void settle(struct atr_span *span, uint32_t verdict)
{
	if (verdict == DROPPED) {
		atr_count(ATR_COUNT_SPANS_DROPPED);
		return;
	}
	if (verdict == KEPT_BY_SHARE)
		tell_share(span);
	offer(span);
}

static struct waiting *at(uint32_t index)
{
	return atr_pool_at(&waitings, index - 1);
}

/* In the order in which they ended. */
static void settle_all(uint32_t last, uint32_t verdict)
{
	uint32_t first = 0, next;

	for (; last; last = next) {
		next = at(last)->next;
		at(last)->next = first;
		first = last;
	}
	for (; first; first = next) {
		struct waiting *w = at(first);
		uint32_t gen = atomic_load_explicit(&w->pooled.gen, memory_order_relaxed);

		next = w->next;
		settle((struct atr_span *)w->record, verdict);
		atr_pool_give(&waitings, (uint64_t)gen << 32 | first);
	}
}

/* By what is known of it: how long it took only when it is over. */
static uint32_t choose(const struct trace *trace, bool is_slow, enum atr_count *what)
{
	if (keep.error && atomic_load_explicit(&trace->has_error, memory_order_relaxed)) {
		*what = ATR_COUNT_TRACES_KEPT_ERROR;
		return KEPT;
	}
	if (is_slow) {
		*what = ATR_COUNT_TRACES_KEPT_SLOW;
		return KEPT;
	}
	*what = trace->is_in_share ? ATR_COUNT_TRACES_KEPT_SHARE : ATR_COUNT_TRACES_DROPPED;
	return trace->is_in_share ? KEPT_BY_SHARE : DROPPED;
}

static bool decide(struct trace *trace, uint32_t *waiting, uint32_t verdict, enum atr_count what)
{
	if (!atomic_compare_exchange_strong_explicit(&trace->waiting, waiting, verdict,
						     memory_order_acq_rel, memory_order_acquire))
		return false;
	atr_count(what);
	settle_all(*waiting, verdict);
	return true;
}

/*
 * If nobody has decided it. What it is, after that. An error is noted before its span comes to
 * wait, so that one that comes meanwhile is seen.
 */
static uint32_t decide_by_rules(struct trace *trace, bool is_slow)
{
	uint32_t waiting = atomic_load_explicit(&trace->waiting, memory_order_acquire), verdict;
	enum atr_count what;

	do {
		if (is_decided(waiting))
			return waiting;
		verdict = choose(trace, is_slow, &what);
	} while (!decide(trace, &waiting, verdict, what));
	return verdict;
}

static void keep_undecided(struct trace *trace)
{
	uint32_t waiting = atomic_load_explicit(&trace->waiting, memory_order_acquire);

	while (!is_decided(waiting) &&
	       !decide(trace, &waiting, KEPT, ATR_COUNT_TRACES_KEPT_UNFINISHED))
		;
}

/* How the trace was decided, or 0: it waits. */
static uint32_t wait_with(struct trace *trace, const struct atr_span *span)
{
	uint32_t waiting = atomic_load_explicit(&trace->waiting, memory_order_acquire);
	struct waiting *w;
	atr_ref ref;

	if (is_decided(waiting))
		return waiting;
	ref = atomic_fetch_add_explicit(&trace->nr_waiting, 1, memory_order_relaxed) < most_of_one ?
		      atr_pool_take(&waitings) :
		      0;
	if (!ref) {
		atr_count(ATR_COUNT_TRACES_DECIDED_EARLY);
		return decide_by_rules(trace, false);
	}
	w = at((uint32_t)ref);
	memcpy(w->record, span, span->len);
	do {
		if (is_decided(waiting)) {
			atr_pool_give(&waitings, ref);
			return waiting;
		}
		w->next = waiting;
	} while (!atomic_compare_exchange_weak_explicit(&trace->waiting, &waiting, (uint32_t)ref,
							memory_order_acq_rel,
							memory_order_acquire));
	return 0;
}

/* ---- a span's life ----------------------------------------------------------------------------- */

static struct trace *trace_at(atr_ref ref)
{
	return atr_pool_get(&traces, ref);
}

/* The last who is in it gives it back. */
static void leave(struct trace *trace, atr_ref ref)
{
	if (atomic_fetch_sub_explicit(&trace->open, 1, memory_order_acq_rel) == 1)
		atr_pool_give(&traces, ref);
}

static bool join(atr_ref ref)
{
	struct trace *trace = trace_at(ref);
	uint32_t open = trace ? atomic_load_explicit(&trace->open, memory_order_relaxed) : 0;

	do
		if (!open)
			return false;
	while (!atomic_compare_exchange_weak_explicit(&trace->open, &open, open + 1,
						      memory_order_acquire, memory_order_relaxed));
	if (trace_at(ref))
		return true;
	/* it is another by now */
	ref = (uint64_t)atomic_load_explicit(&trace->pooled.gen, memory_order_relaxed) << 32 |
	      (uint32_t)ref;
	leave(trace, ref);
	return false;
}

atr_ref atr_outcome_begins(atr_ref of_parent, struct atr_str tracestate,
			   const uint8_t trace_id[static ATR_TRACE_ID_LEN], bool *is_root)
{
	struct trace *trace;
	atr_ref ref;

	void (*before_first)(void);

	*is_root = false;
	if (join(of_parent))
		return of_parent;
	before_first = atomic_load_explicit(&first, memory_order_relaxed);
	if (__builtin_expect(before_first != NULL, 0) &&
	    atomic_compare_exchange_strong(&first, &before_first, NULL))
		before_first();
	ref = atr_pool_take(&traces);
	trace = trace_at(ref);
	if (!trace)
		return 0;
	*is_root = true;
	trace->is_in_share = keep.threshold < ATR_OT_ALL &&
			     atr_ot_randomness(tracestate, trace_id) >= keep.threshold;
	atomic_store_explicit(&trace->has_error, false, memory_order_relaxed);
	atomic_store_explicit(&trace->nr_waiting, 0, memory_order_relaxed);
	atomic_store_explicit(&trace->waiting, 0, memory_order_release);
	atomic_store_explicit(&trace->open, 1, memory_order_release);
	return ref;
}

static struct atr_str text_of(const struct atr_span *span, uint16_t id)
{
	const struct atr_item *item = atr_span_find(span, id);

	return item ? (struct atr_str){ atr_item_bytes(item), item->len } : (struct atr_str){ 0 };
}

/* What a server was asked for, or a client asked for. */
static struct atr_str path_of(const struct atr_span *span)
{
	struct atr_str path = text_of(span, ATR_URL_PATH);
	const char *at;

	if (path.at)
		return path;
	path = text_of(span, ATR_URL_FULL);
	at = path.len ? memmem(path.at, path.len, "://", 3) : NULL;
	at = at ? memchr(at + 3, '/', path.len - (size_t)(at + 3 - path.at)) : NULL;
	if (!at)
		return ATR_STR("/");
	path = (struct atr_str){ at, path.len - (size_t)(at - path.at) };
	at = memchr(path.at, '?', path.len);
	if (at)
		path.len = (size_t)(at - path.at);
	return path;
}

/* The first threshold for its path holds; without one, that for all. */
static bool is_slow(const struct atr_span *span)
{
	uint64_t took_ns = span->end_ns - span->start_ns, limit = UINT64_MAX;

	for (unsigned i = 0; i < keep.nr_slow; i++) {
		const struct slow *slow = &keep.slow[i];

		if (!slow->path.at) {
			limit = limit < slow->ns ? limit : slow->ns;
		} else if (atr_glob_fits(slow->path, text_of(span, ATR_HTTP_ROUTE)) ||
			   atr_glob_fits(slow->path, path_of(span))) {
			limit = slow->ns;
			break;
		}
	}
	return took_ns > limit;
}

void atr_outcome_ends(atr_ref ref, bool is_root, struct atr_span *span)
{
	struct trace *trace = trace_at(ref);
	uint32_t verdict;

	if (!trace) {
		offer(span);
		return;
	}
	if (span->status == ATR_STATUS_ERROR)
		atomic_store_explicit(&trace->has_error, true, memory_order_relaxed);
	verdict = is_root ? decide_by_rules(trace, is_slow(span)) : wait_with(trace, span);
	if (verdict)
		settle(span, verdict);
	leave(trace, ref);
}

void atr_outcome_drops(atr_ref ref, bool is_root)
{
	struct trace *trace = trace_at(ref);

	if (!trace)
		return;
	/* nothing happened: unless there is something in it, nobody counts it */
	if (is_root && atomic_load_explicit(&trace->nr_waiting, memory_order_relaxed))
		decide_by_rules(trace, false);
	else if (is_root)
		atomic_store_explicit(&trace->waiting, DROPPED, memory_order_release);
	leave(trace, ref);
}

void atr_outcome_keep(atr_ref ref)
{
	struct trace *trace = trace_at(ref);

	if (trace)
		keep_undecided(trace);
}

void atr_outcome_keep_all(void)
{
	uint32_t nr = atomic_load_explicit(&traces.fresh, memory_order_relaxed);

	for (uint32_t i = 0; atr_outcome_is_on && i < nr; i++) {
		struct trace *trace = atr_pool_at(&traces, i);

		if (atomic_load_explicit(&trace->pooled.gen, memory_order_acquire) & 1)
			keep_undecided(trace);
	}
}

void atr_outcome_forked(void)
{
	if (!atr_outcome_is_on)
		return;
	for (uint32_t i = 0; i < atomic_load(&traces.fresh) && i < traces.cap; i++) {
		struct trace *trace = atr_pool_at(&traces, i);

		atomic_store_explicit(&trace->open, 0, memory_order_relaxed);
		atomic_store_explicit(&trace->waiting, DROPPED, memory_order_relaxed);
	}
	atr_pool_reset(&traces);
	atr_pool_reset(&waitings);
}
