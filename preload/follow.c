/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/follow.h"

#include "ebpf/object.h"
#include "ebpf/seen.h"
#include "export/attr.h"
#include "export/diag.h"
#include "export/env.h"
#include "export/exporter.h"
#include "export/kernel.h"
#include "export/maps.h"
#include "preload/live/live.h"
#include "preload/live/outcome.h"
#include "preload/live/profiled.h"
#include "preload/live/readable.h"
#include "preload/live/wanted.h"
#include "preload/live/work.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define FUNCTIONS_MAX 64 /* each takes some descriptors of our thread's */

/*
 * A call's span goes the way of the one that it is in, and has its tracestate. Where that has
 * not ended, it is asked; else its record is on its way, and the call waits for that.
 */
#define WAITING_MAX 2048
#define WAITS 3 /* batches: what does not come with these is lost */

struct waiting {
	struct atr_follow_event event;
	unsigned batches;
};

/* All is the exporter's thread's. */
static struct {
	const struct atr_ebpf *object; /* NULL: none is followed */
	struct atr_follow follow;
	uint64_t to_unix_ns;
	struct waiting waiting[WAITING_MAX];
	unsigned nr_waiting;
	uint64_t dropped;
} own;

/* For any thread. */
static const struct atr_follow_place *_Atomic places;

static void narrow(struct atr_context *context);

/* ---- at the thread's start ------------------------------------------------------------------- */

static bool is_ours_to_follow(const struct atr_function *function)
{
	return atomic_load(&function->begin) && !atomic_load(&function->seen_by);
}

/* As it is in the file: in memory a forked child has the breakpoints of its parent. */
static bool read_code(const struct atr_io *io, const struct atr_followed *of, char *to)
{
	int fd = io->open(of->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t len = 0;
	long n = 1;

	while (fd >= 0 && n > 0 && len < of->len) {
		n = syscall(SYS_pread64, fd, to + len, of->len - len, of->offset + len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		io->close(fd);
	return len == of->len;
}

static bool follow_one(const struct atr_io *io, unsigned number,
		       const struct atr_function *function, const char **why)
{
	char path[PATH_MAX];
	uintptr_t begin = atomic_load(&function->begin);
	struct atr_followed wanted = {
		.number = number,
		.len = function->end - begin,
		.path = path,
	};
	void *code;
	bool is_followed = false;

	*why = "it lies in no file";
	if (!atr_maps_find(io, begin, path, &wanted.offset))
		return false;
	code = mmap(NULL, wanted.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (code == MAP_FAILED)
		return false;
	wanted.code = code;
	*why = "its file cannot be read";
	if (read_code(io, &wanted, code))
		is_followed = own.object->follow_add(&own.follow, &wanted, why);
	munmap(code, wanted.len);
	return is_followed;
}

static void add_all(const struct atr_io *io)
{
	const struct atr_function *function;
	unsigned nr = 0;
	const char *why;

	for (unsigned i = 0; (function = atr_wanted_nth(i)); i++) {
		if (!is_ours_to_follow(function))
			continue;
		if (++nr > FUNCTIONS_MAX) {
			atr_log("AUTOTRACE_FUNCTIONS: the kernel follows %d, and none that comes "
				"behind them",
				FUNCTIONS_MAX);
			break;
		}
		if (!follow_one(io, i, function, &why))
			atr_log("AUTOTRACE_FUNCTIONS: %.*s is not followed by the kernel: %s",
				(int)function->name.len, function->name.at, why);
	}
}

static bool is_any(void)
{
	const struct atr_function *function;

	for (unsigned i = 0; (function = atr_wanted_nth(i)); i++)
		if (is_ours_to_follow(function))
			return true;
	return false;
}

/* A forked child's too: of what its parent had nothing is mapped. */
static void start(const struct atr_io *io)
{
	const char *why;

	own.nr_waiting = 0;
	own.object = is_any() ? atr_seen_object() : NULL;
	if (!own.object)
		return;
	if (own.object->follow_open(&own.follow, atr_profiled_offset(), &why)) {
		atomic_store(&places, own.follow.places);
		atomic_store(&atr_work_narrows, narrow);
		add_all(io);
		return;
	}
	atr_log("AUTOTRACE_FUNCTIONS: the kernel follows none: %s", why);
	own.object = NULL;
}

/* ---- what is made in them ----------------------------------------------------------------------- */

#define NEAR_LEN (256 * 1024) /* two stacks are further apart: follow.bpf.c */

/*
 * In which spans the functions were entered that something was made in lately. Of one that two threads
 * write at once what is read is nobody's id.
 */
#define ENTERED_MAX 1024 /* a power of two */
static struct {
	_Atomic uint64_t function, function_xor_span;
} entered[ENTERED_MAX];

static void note_entered(uint64_t function, uint64_t span)
{
	unsigned i = function % ENTERED_MAX;

	atomic_store(&entered[i].function, function);
	atomic_store(&entered[i].function_xor_span, function ^ span);
}

static uint64_t entered_in(uint64_t function)
{
	unsigned i = function % ENTERED_MAX;

	return atomic_load(&entered[i].function) == function ?
		       atomic_load(&entered[i].function_xor_span) ^ function :
		       0;
}

/* What was left by a jump is shown until the next call: what called it has gone from the stack then. */
static bool is_around(const struct atr_follow_call *call, uintptr_t here)
{
	/* a stack that the program made itself may be gone */
	return call->stack > here && call->stack - here < NEAR_LEN &&
	       atr_is_readable((const void *)(uintptr_t)call->stack, sizeof(call->returns_to)) &&
	       *(const uint64_t *)(uintptr_t)call->stack == call->returns_to;
}

static void narrow_to(const struct atr_follow_place *place, uintptr_t here,
		      struct atr_context *context)
{
	uint32_t depth = place->depth;
	uint64_t around;

	memcpy(&around, context->span_id, sizeof(around));
	while (depth && depth <= ATR_FOLLOW_DEPTH) {
		const struct atr_follow_call *call = &place->calls[--depth];

		if (call->around != around || !is_around(call, here))
			continue;
		memcpy(context->span_id, &call->span, sizeof(call->span));
		note_entered(call->span, around);
		return;
	}
}

/* Any thread, of its own: others' places are passed over, whatever is in them. */
static void narrow(struct atr_context *context)
{
	const struct atr_follow_place *at = atomic_load_explicit(&places, memory_order_acquire);
	uint64_t self = (uintptr_t)__builtin_thread_pointer();

	for (uint32_t i = 0; at && i < ATR_FOLLOW_PROBES; i++) {
		const struct atr_follow_place *place =
			&at[(atr_follow_hash(self) + i) & (ATR_FOLLOW_PLACES - 1)];

		if (__atomic_load_n(&place->thread, __ATOMIC_RELAXED) == self) {
			narrow_to(place, (uintptr_t)__builtin_frame_address(0), context);
			return;
		}
	}
}

void atr_follow_forked(void)
{
	void *at = (void *)atomic_load(&places);

	atomic_store(&atr_work_narrows, NULL);
	atomic_store(&places, NULL);
	if (at)
		munmap(at, ATR_FOLLOW_PLACES_LEN);
}

/* ---- their spans ----------------------------------------------------------------------------- */

static void offer(const struct atr_follow_event *event, struct atr_str tracestate, uint8_t flags)
{
	const struct atr_function *function = atr_wanted_nth(event->function);
	uint64_t record[ATR_SPAN_MAX / 8];
	struct atr_span *span = atr_span_begin(record);

	memcpy(span->trace_id, event->trace, sizeof(span->trace_id));
	memcpy(span->span_id, &event->span, sizeof(span->span_id));
	memcpy(span->parent_id, &event->parent, sizeof(span->parent_id));
	span->kind = ATR_KIND_INTERNAL;
	span->flags = flags | ATR_FLAG_SAMPLED;
	span->start_ns = event->start_ns + own.to_unix_ns;
	span->end_ns = event->end_ns + own.to_unix_ns;
	atr_span_put_str(span, ATR_NAME, function->name);
	atr_span_put_str(span, ATR_TRACESTATE, tracestate);
	atr_span_put_str(span, ATR_CODE_FUNCTION_NAME, function->name);
	atr_span_put_str(span, ATR_FUNCTION_LIBRARY, function->library);
	atr_exporter_offer(span);
}

/* Those that have waited longest make room. */
static void make_room(void)
{
	unsigned gone = WAITING_MAX / 4;

	for (unsigned i = 0; i < gone && !atr_outcome_is_on; i++)
		offer(&own.waiting[i].event, ATR_STR(""), 0);
	own.dropped += atr_outcome_is_on ? gone : 0;
	own.nr_waiting -= gone;
	memmove(own.waiting, own.waiting + gone, own.nr_waiting * sizeof(own.waiting[0]));
}

static void read_all(void)
{
	struct atr_follow_event event;

	while (own.object->follow_next(&own.follow, &event)) {
		if (!atr_wanted_nth(event.function) || event.end_ns < event.start_ns)
			continue;
		if (own.nr_waiting == WAITING_MAX)
			make_room();
		own.waiting[own.nr_waiting++] = (struct waiting){ .event = event };
	}
}

/* False: it waits. Whether a trace is kept, if that is asked, only its records tell. */
static bool is_settled(struct waiting *one)
{
	struct atr_context_copy around;

	if (atr_outcome_is_on)
		return false;
	if (atr_live_context_of((const uint8_t *)&one->event.around, &around)) {
		offer(&one->event, around.context.tracestate, around.context.flags);
		atr_context_copy_release(&around);
		return true;
	}
	if (++one->batches < WAITS)
		return false;
	offer(&one->event, ATR_STR(""), 0);
	return true;
}

static void batch(void)
{
	unsigned kept = 0;

	if (!own.object)
		return;
	own.to_unix_ns = atr_kernel_ns(CLOCK_REALTIME) - atr_kernel_ns(CLOCK_MONOTONIC);
	read_all();
	for (unsigned i = 0; i < own.nr_waiting; i++)
		if (!is_settled(&own.waiting[i]))
			own.waiting[kept++] = own.waiting[i];
	own.nr_waiting = kept;
	atr_count_set(ATR_COUNT_FOLLOW_LOST, own.follow.told->lost);
	atr_count_set(ATR_COUNT_FOLLOW_LEFT, own.follow.told->left);
	atr_count_set(ATR_COUNT_FOLLOW_APART, own.follow.told->apart);
	atr_count_set(ATR_COUNT_FOLLOW_DROPPED, own.dropped);
}

/* A span's calls have returned before it ends, and are read before it is: none comes after it. */
static void add(struct atr_span *span, size_t room)
{
	const struct atr_item *state;
	unsigned kept = 0;
	uint64_t id;

	(void)room;
	if (!own.object)
		return;
	read_all();
	if (!own.nr_waiting)
		return;
	memcpy(&id, span->span_id, sizeof(id));
	state = atr_span_find(span, ATR_TRACESTATE);
	for (unsigned i = 0; i < own.nr_waiting; i++) {
		if (own.waiting[i].event.around == id)
			offer(&own.waiting[i].event,
			      state ? (struct atr_str){ atr_item_bytes(state), state->len } :
				      ATR_STR(""),
			      span->flags);
		else
			own.waiting[kept++] = own.waiting[i];
	}
	own.nr_waiting = kept;
}

void atr_follow_setup(void)
{
	static const struct atr_addition addition = { .start = start, .batch = batch, .add = add };

	if (!atr_env_bool("AUTOTRACE_EBPF", false) || !is_any())
		return;
	atr_seen_around = entered_in;
	atr_exporter_adds_by(&addition);
}
