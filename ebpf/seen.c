/* SPDX-License-Identifier: Apache-2.0 */
#include "ebpf/seen.h"

#include "ebpf/object.h"
#include "export/attr.h"
#include "export/diag.h"
#include "export/env.h"
#include "export/exporter.h"
#include "export/heavy.h"
#include "export/kernel.h"
#include "export/print.h"
#include "preload/live/profiled.h"
#include "propagator/ids.h"

#include <limits.h>
#include <link.h>
#include <sys/auxv.h>

#define WAITING_MAX 512
/* What was not asked for within this time, and so many batches: its span was lost, or lasts. */
#define OLD_NS UINT64_C(300000000)
#define OLD_BATCHES 8

/* All is the exporter's thread's. */
static struct {
	const struct atr_ebpf *object; /* NULL: nothing is seen */
	struct atr_sums sums;
	uint64_t token; /* the constructor's */
	uint64_t spans_lost, slow_lost;
	uint64_t batches_ns[OLD_BATCHES], nr_batches; /* when the last were */
	uint64_t to_unix_ns; /* what is to be added to a time of the kernel's */
	struct atr_ids ids;
	/* calls that were slow, of spans that may still be open */
	struct atr_ebpf_slow waiting[WAITING_MAX];
	unsigned nr_waiting;
} seen;

uint64_t (*atr_seen_around)(uint64_t function);

static const struct atr_ebpf *load(const struct atr_io *io, const char **why)
{
	const struct atr_ebpf *(*table)(void) = NULL;
	const struct atr_ebpf *object;
	char path[PATH_MAX];

	if (atr_heavy_find(io, ATR_EBPF_FILE, path))
		table = (__typeof__(table))io->load(path, ATR_EBPF_NAME);
	object = table ? table() : NULL;
	if (!object)
		*why = ATR_EBPF_FILE " cannot be loaded; it is to lie beside the library";
	else if (object->version != ATR_EBPF_VERSION)
		*why = ATR_EBPF_FILE " is that of another version";
	return object && object->version == ATR_EBPF_VERSION ? object : NULL;
}

static const struct atr_ebpf *begin(const struct atr_io *io, const char **why)
{
	const struct atr_ebpf_asked asked = {
		.slow_ns = UINT64_C(1000000) * atr_env_ms("AUTOTRACE_EBPF_SLOW_MS", 100),
		.offset = atr_profiled_offset(),
		.token = seen.token,
		.agent = atr_env_get("AUTOTRACE_EBPF_AGENT").at,
	};
	const struct atr_ebpf *object;

	if (!atr_profiled_is_on)
		*why = "AUTOTRACE_THREAD_CONTEXT is off, by which spans are known";
	else if (!atr_exporter_is_apart())
		*why = "no thread can have descriptors of its own here";
	else if ((object = load(io, why)) && object->start(&asked, &seen.sums, why))
		return object;
	return NULL;
}

/* A forked child's too: of what its parent had nothing is mapped. */
static void start(const struct atr_io *io)
{
	const char *why = NULL;

	seen.nr_waiting = 0;
	seen.spans_lost = seen.slow_lost = seen.nr_batches = 0;
	memset(seen.batches_ns, 0, sizeof(seen.batches_ns));
	seen.object = begin(io, &why);
	if (!seen.object)
		atr_log("AUTOTRACE_EBPF: %s; nothing is seen from the kernel", why);
	else if (why)
		atr_log("AUTOTRACE_EBPF: %s", why);
}

static void tell_losses(void)
{
	atr_count_set(ATR_COUNT_EBPF_CALLS_LOST, seen.sums.told->calls_lost);
	atr_count_set(ATR_COUNT_EBPF_SPANS_LOST, seen.spans_lost);
	atr_count_set(ATR_COUNT_EBPF_SLOW_LOST, seen.sums.told->slow_lost + seen.slow_lost);
}

/* What a batch has yet to ask for is younger than that. */
static void sweep(uint64_t now)
{
	uint64_t *oldest = &seen.batches_ns[seen.nr_batches++ % OLD_BATCHES];
	uint64_t since = now - OLD_NS < *oldest ? now - OLD_NS : *oldest;

	*oldest = now;
	if (since)
		seen.spans_lost += seen.object->sweep(&seen.sums, since);
}

static void batch(void)
{
	struct atr_ebpf_slow one;
	uint64_t now;

	if (!seen.object)
		return;
	now = atr_kernel_ns(CLOCK_MONOTONIC);
	seen.to_unix_ns = atr_kernel_ns(CLOCK_REALTIME) - now;
	while (seen.object->next_slow(&seen.sums, &one)) {
		if (seen.nr_waiting < WAITING_MAX)
			seen.waiting[seen.nr_waiting++] = one;
		else
			seen.slow_lost++;
	}
	sweep(now);
	tell_losses();
}

/* As the call is called, or its number. */
static struct atr_str name_of(uint32_t number, char room[static 32])
{
	const char *name = seen.object->name(number);
	struct atr_print t = { room, 0, 32, false };

	if (name)
		return atr_str(name);
	atr_print_uint(&t, number);
	return (struct atr_str){ room, t.len };
}

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

static void add_call(struct atr_span *span, size_t room, const struct atr_ebpf_call *call)
{
	char name[32], key[64];
	struct atr_print t = { key, 0, sizeof(key), false };
	size_t len;

	atr_print(&t, name_of(call->number - 1, name));
	len = t.len;
	atr_print(&t, ATR_STR(".count"));
	atr_span_add_keyed_int(span, room, ATR_SYSCALL, (struct atr_str){ key, t.len },
			       call->count);
	t.len = len;
	atr_print(&t, ATR_STR(".duration"));
	atr_span_add_keyed_double(span, room, ATR_SYSCALL, (struct atr_str){ key, t.len },
				  seconds(call->ns));
}

/* What there was none of is not told. */
static void add_count(struct atr_span *span, size_t room, uint16_t key, uint32_t nr)
{
	if (nr)
		atr_span_add_int(span, room, key, nr);
}

static void add_sums(struct atr_span *span, size_t room, const struct atr_ebpf_slot *slot)
{
	struct atr_ebpf_call calls[ATR_SUMS_TOP];
	unsigned nr = seen.object->top(slot, calls);

	for (unsigned i = 0; i < nr; i++)
		add_call(span, room, &calls[i]);
	atr_span_add_double(span, room, ATR_CPU_DURATION, seconds(slot->cpu_ns));
	atr_span_add_double(span, room, ATR_RUNQUEUE_DURATION, seconds(slot->runqueue_ns));
	atr_span_add_double(span, room, ATR_BLOCKED_DURATION, seconds(slot->blocked_ns));
	if (slot->io_ns)
		atr_span_add_double(span, room, ATR_BLOCKED_IO_DURATION, seconds(slot->io_ns));
	add_count(span, room, ATR_PAGE_FAULTS_MINOR, slot->minor_faults);
	add_count(span, room, ATR_PAGE_FAULTS_MAJOR, slot->major_faults);
	add_count(span, room, ATR_TCP_RETRANSMITS, seen.object->resent(slot));
}

/* Of its own connection, which is known by the peer's port. */
static void add_rtt(struct atr_span *span, size_t room, const struct atr_ebpf_slot *taken)
{
	const struct atr_item *port = atr_span_find(span, ATR_NETWORK_PEER_PORT);
	uint64_t parent, around;
	int64_t number;
	uint32_t us;

	if (!port || port->len != sizeof(number))
		return;
	memcpy(&number, atr_item_bytes(port), sizeof(number));
	memcpy(&parent, span->parent_id, sizeof(parent));
	around = atr_seen_around ? atr_seen_around(parent) : 0;
	parent = around ? around : parent;
	us = seen.object->rtt_us(&seen.sums, taken, span->kind == ATR_KIND_CLIENT ? parent : 0,
				 (uint16_t)number);
	if (us)
		atr_span_add_double(span, room, ATR_TCP_RTT, (double)us / 1e6);
}

static void offer_slow(const struct atr_span *parent, const struct atr_ebpf_slow *one)
{
	uint64_t record[ATR_SPAN_MAX / 8];
	struct atr_span *span = atr_span_begin(record);
	const struct atr_item *state = atr_span_find(parent, ATR_TRACESTATE);
	char name[32];

	memcpy(span->trace_id, parent->trace_id, sizeof(span->trace_id));
	memcpy(span->parent_id, parent->span_id, sizeof(span->parent_id));
	atr_ids_span(&seen.ids, span->span_id);
	span->kind = ATR_KIND_INTERNAL;
	span->flags = parent->flags;
	span->start_ns = one->start_ns + seen.to_unix_ns;
	span->end_ns = span->start_ns + one->ns;
	atr_span_put_str(span, ATR_NAME, name_of(one->number, name));
	if (state)
		atr_span_put_str(span, ATR_TRACESTATE,
				 (struct atr_str){ atr_item_bytes(state), state->len });
	atr_span_put_int(span, ATR_SYSCALL_RESULT, one->result);
	atr_exporter_offer(span);
}

/* With their parent, so that none is told of one that is not. */
static void offer_slow_of(const struct atr_span *parent, uint64_t id)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < seen.nr_waiting; i++) {
		if (seen.waiting[i].span == id)
			offer_slow(parent, &seen.waiting[i]);
		else
			seen.waiting[kept++] = seen.waiting[i];
	}
	seen.nr_waiting = kept;
}

/* The record's times are of a clock that is measured now and then: this much is no difference. */
#define CLOCKS_NS 1000000

static bool is_partial(const struct atr_span *span)
{
	uint64_t start = span->start_ns - seen.to_unix_ns, end = span->end_ns - seen.to_unix_ns;

	return start + CLOCKS_NS < seen.sums.told->armed_ns ||
	       seen.object->are_partial(&seen.sums, start, end);
}

static void add(struct atr_span *span, size_t room)
{
	struct atr_ebpf_slot slot;
	bool has_sums;
	uint64_t id;

	if (!seen.object)
		return;
	memcpy(&id, span->span_id, sizeof(id));
	has_sums = seen.object->take(&seen.sums, id, &slot);
	if (has_sums)
		add_sums(span, room, &slot);
	add_rtt(span, room, has_sums ? &slot : NULL);
	if (is_partial(span))
		atr_span_add_bool(span, room, ATR_SYSCALL_PARTIAL, true);
	if (seen.nr_waiting)
		offer_slow_of(span, id);
}

/* What `autotrace run` loaded before the program, it gives it by. */
static uint64_t token_of(struct atr_str text)
{
	uint64_t token = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		bool is_digit = c >= '0' && c <= '9';

		if (!is_digit && (c < 'a' || c > 'f'))
			return 0;
		token = token << 4 | (uint64_t)(is_digit ? c - '0' : c - 'a' + 10);
	}
	return token;
}

static bool has_go_note(uintptr_t at, size_t len)
{
	while (len >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *note = (const void *)at;
		size_t name_len = ((size_t)note->n_namesz + 3) & ~(size_t)3;
		size_t whole =
			sizeof(*note) + name_len + (((size_t)note->n_descsz + 3) & ~(size_t)3);

		if (whole > len)
			return false;
		if (note->n_namesz == 3 + 1 && !memcmp(note + 1, "Go\0", 4))
			return true;
		at += whole;
		len -= whole;
	}
	return false;
}

/* What Go builds calls the kernel past us, also where it has a libc: .note.go.buildid tells. */
static bool is_program_of_go(void)
{
	const ElfW(Phdr) *parts = (const void *)getauxval(AT_PHDR);
	unsigned long nr = parts ? getauxval(AT_PHNUM) : 0;
	uintptr_t base = 0;

	for (unsigned long i = 0; i < nr; i++)
		if (parts[i].p_type == PT_PHDR)
			base = (uintptr_t)parts - parts[i].p_vaddr;
	for (unsigned long i = 0; i < nr; i++)
		if (parts[i].p_type == PT_NOTE &&
		    has_go_note(base + parts[i].p_vaddr, parts[i].p_memsz))
			return true;
	return false;
}

const struct atr_ebpf *atr_seen_object(void)
{
	return seen.object;
}

void atr_seen_setup(void)
{
	static const struct atr_addition addition = { .start = start, .batch = batch, .add = add };

	if (!atr_env_bool("AUTOTRACE_EBPF", false))
		return;
	seen.token = token_of(atr_env_get("AUTOTRACE_EBPF_TOKEN"));
	/* who is armed is not observed by `autotrace run`: its spans are ours */
	if (seen.token && atr_profiled_is_on && !is_program_of_go())
		atr_probe_arm(seen.token, atr_profiled_offset());
	atr_exporter_adds_by(&addition);
}
