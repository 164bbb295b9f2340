/* SPDX-License-Identifier: Apache-2.0 OR BSD-2-Clause OR GPL-2.0-only */

/*
 * calls: the system calls of some processes, and when their threads run, each for the span that
 * the thread was in. Which that is it reads where the library shows it to profilers
 * (otel_thread_ctx_v1, preload/live/profiled.h), in the thread's own memory: what lies
 * there is believed no further than that sums go to a span of that id.
 *
 * A process is watched that has told the token of a seat; from then on its number is known as
 * the kernel counts, whatever it is in a container. What is summed for it lies in maps of its
 * seat, which nobody else is given.
 */
#include "ebpf/event.h"
#include "ebpf/task.bpf.h"

#include <asm/unistd.h>
#include <stdbool.h>

#define SAMPLED 1

/* What is kept of a thread. */
struct thread {
	__u64 span;	  /* that its call is of, or the last one was */
	__u64 entered_ns; /* its call; 0: it is in none */
	__u64 since_ns;	  /* it runs; 0: it does not */
	__u64 spent_ns;	  /* on the CPU, of its call, and not summed yet */
	__u64 off_ns, woken_ns, off_span;
	__u32 number, slot;
	__u32 is_for_io;
	__u32 is_known;
	__s32 fd; /* that its call is on; -1: none that may be a connection */
	__u64 minor_faults, major_faults; /* of its own count, what is summed */
	__u32 seat, unused;
	__u64 shown,
		record; /* where the variable is, and what it points to; 0: it was not set yet */
};

THREADS(threads, struct thread);

/* Of each seat; probe.c makes those that are in them. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, ATR_EBPF_SEATS);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_ARRAY);
			__uint(map_flags, BPF_F_MMAPABLE);
			__uint(max_entries, ATR_EBPF_SLOTS);
			__uint(key_size, sizeof(__u32));
			__uint(value_size, sizeof(struct atr_ebpf_slot));
		});
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, ATR_EBPF_SEATS);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_ARRAY);
			__uint(map_flags, BPF_F_MMAPABLE);
			__uint(max_entries, 1);
			__uint(key_size, sizeof(__u32));
			__uint(value_size, sizeof(struct atr_ebpf_told));
		});
} told SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, ATR_EBPF_SEATS);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_RINGBUF);
			__uint(max_entries, ATR_EBPF_RING_LEN);
		});
} slow SEC(".maps");

/* NULL: it is not watched. */
static __always_inline struct atr_ebpf_seat *seat_of(__u32 tgid, __u32 *number)
{
	__u64 bucket = shared.buckets[tgid & (ATR_EBPF_BUCKETS - 1)];

	for (int i = 0; i < 4; i++, bucket >>= 16) {
		__u32 n = (bucket & 0xffff) - 1;

		if (!bucket)
			return 0;
		if (n < ATR_EBPF_SEATS && shared.seats[n].tgid == tgid) {
			*number = n;
			return &shared.seats[n];
		}
	}
	return 0;
}

static __always_inline void put_in_bucket(__u32 tgid, __u32 number)
{
	__u64 *bucket = &shared.buckets[tgid & (ATR_EBPF_BUCKETS - 1)];

	for (int i = 0; i < 4; i++) {
		__u64 before = *bucket;

		if (before >> 16 * i & 0xffff)
			continue;
		if (__sync_val_compare_and_swap(bucket, before,
						before | (__u64)(number + 1) << 16 * i) == before)
			return;
	}
}

/* Of the thread context's record, what follows the trace's id. */
#define CONTEXT_AT 16
struct context {
	__u64 span;
	__u8 valid, flags;
	__u16 attributes_len;
} __attribute__((packed));

/* 0: there is none yet. A look into the program's memory is what costs the most: one, not two. */
static __always_inline __u64 record_of(struct thread *thread, __u64 shown)
{
	__u64 at = 0;

	if (thread->shown == shown && thread->record)
		return thread->record;
	if (bpf_probe_read_user(&at, sizeof(at), (void *)shown))
		at = 0;
	thread->shown = shown;
	thread->record = at;
	return at;
}

/* The span that the current thread is in; 0: none that anybody will ask for. */
static __always_inline __u64 span_of(struct thread *thread, struct task_struct *task,
				     const struct atr_ebpf_seat *seat)
{
	__u64 at = record_of(thread, base_of(task) + seat->offset);
	struct context context;

	if (!at)
		return 0;
	if (bpf_probe_read_user(&context, sizeof(context), (void *)(at + CONTEXT_AT))) {
		thread->record = 0;
		return 0;
	}
	return context.valid == 1 && context.flags & SAMPLED ? context.span : 0;
}

static __always_inline struct atr_ebpf_told *told_of(__u32 seat)
{
	void *map = bpf_map_lookup_elem(&told, &seat);
	__u32 zero = 0;

	return map ? bpf_map_lookup_elem(map, &zero) : 0;
}

static __always_inline void count_lost(__u32 seat)
{
	struct atr_ebpf_told *t = told_of(seat);

	if (!t)
		return;
	__sync_fetch_and_add(&t->calls_lost, 1);
	atr_ebpf_lost_at(t, bpf_ktime_get_ns());
}

static __noinline struct atr_ebpf_slot *search(__u64 span, __u32 seat, __u32 *at)
{
	__u32 first = atr_ebpf_hash(span);
	void *map = bpf_map_lookup_elem(&slots, &seat);

	for (int i = 0; map && i < ATR_EBPF_PROBES; i++) {
		__u32 here = (first + i) & (ATR_EBPF_SLOTS - 1);
		struct atr_ebpf_slot *slot = bpf_map_lookup_elem(map, &here);

		if (!slot)
			return 0;
		if (slot->span == span || !slot->span) {
			__u64 before = __sync_val_compare_and_swap(&slot->span, 0, span);

			if (!before || before == span) {
				*at = here;
				return slot;
			}
		}
	}
	return 0;
}

/* Where the thread's last sums went is most often where the next go. */
static __always_inline struct atr_ebpf_slot *slot_of(struct thread *thread, __u64 span)
{
	void *map = bpf_map_lookup_elem(&slots, &thread->seat);
	struct atr_ebpf_slot *slot = map ? bpf_map_lookup_elem(map, &thread->slot) : 0;

	if (slot && slot->span == span)
		return slot;
	slot = search(span, thread->seat, &thread->slot);
	if (!slot)
		count_lost(thread->seat);
	return slot;
}

static __always_inline void add_call(struct atr_ebpf_slot *slot, __u32 number, __u64 ns)
{
	for (int i = 0; i < ATR_EBPF_CALLS; i++) {
		struct atr_ebpf_call *call = &slot->calls[i];
		__u32 before = call->number;

		if (!before)
			before = __sync_val_compare_and_swap(&call->number, 0, number + 1);
		if (!before || before == number + 1) {
			__sync_fetch_and_add(&call->count, 1);
			__sync_fetch_and_add(&call->ns, ns);
			return;
		}
	}
	__sync_fetch_and_add(&slot->others, 1);
	__sync_fetch_and_add(&slot->others_ns, ns);
}

/*
 * Off the CPU it was blocked until it was woken, and then waited for one. Where that it came
 * was missed, its next call tells it.
 */
static __always_inline void comes(struct thread *thread, __u64 now)
{
	struct atr_ebpf_slot *slot;
	__u64 woken = thread->woken_ns ? thread->woken_ns : now;

	thread->since_ns = now;
	if (thread->off_ns && thread->off_span && (slot = slot_of(thread, thread->off_span))) {
		__sync_fetch_and_add(&slot->blocked_ns, woken - thread->off_ns);
		__sync_fetch_and_add(&slot->runqueue_ns, now - woken);
		if (thread->is_for_io)
			__sync_fetch_and_add(&slot->io_ns, woken - thread->off_ns);
		slot->touched_ns = now;
	}
	thread->off_ns = 0;
}

/* The kernel counts them for each thread: what is new since then. */
static __always_inline void add_faults(struct thread *thread, struct task_struct *task,
				       struct atr_ebpf_slot *slot)
{
	__u64 minor = minor_faults_of(task), major = major_faults_of(task);

	if (slot && minor != thread->minor_faults)
		__sync_fetch_and_add(&slot->minor_faults, minor - thread->minor_faults);
	if (slot && major != thread->major_faults)
		__sync_fetch_and_add(&slot->major_faults, major - thread->major_faults);
	thread->minor_faults = minor;
	thread->major_faults = major;
}

static __always_inline bool may_be_on_tcp(__u32 number)
{
	switch (number) {
	case __NR_read:
	case __NR_write:
	case __NR_readv:
	case __NR_writev:
	case __NR_recvfrom:
	case __NR_sendto:
	case __NR_recvmsg:
	case __NR_sendmsg:
	case __NR_sendmmsg:
	case __NR_recvmmsg:
	case __NR_sendfile:
	case __NR_connect:
		return true;
	}
	return false;
}

/* The span's place for that connection, or a free one; it has as many as it has. */
static __always_inline struct atr_ebpf_tcp *tcp_of(struct atr_ebpf_slot *slot, __u32 ports)
{
	for (int i = 0; i < ATR_EBPF_TCPS; i++) {
		struct atr_ebpf_tcp *one = &slot->tcp[i];
		__u32 before = one->ports;

		if (!before)
			before = __sync_val_compare_and_swap(&one->ports, 0, ports);
		if (!before || before == ports)
			return one;
	}
	return 0;
}

static __noinline int add_tcp(struct atr_ebpf_slot *slot, struct thread *thread)
{
	struct atr_ebpf_tcp now = { 0 }, *to;

	if (!slot || !thread || !reads_tcp(thread->fd, &now))
		return 0;
	to = tcp_of(slot, now.ports);
	if (!to)
		return 0;
	/* a connection that it opened is its own from the start */
	if (!to->rtt_us && !to->resent && thread->number != __NR_connect)
		to->resent_before = now.resent;
	to->rtt_us = now.rtt_us;
	to->resent = now.resent;
	return 0;
}

/* The call that has no effect, with more in its registers than it takes. */
static __always_inline void arm(struct pt_regs *regs, __u32 tgid)
{
	__u64 said = FIRST(regs);
	__u32 number = said & (ATR_EBPF_SEATS - 1);
	struct atr_ebpf_seat *seat = &shared.seats[number];
	struct atr_ebpf_told *t;

	if (!said || seat->token != said || (seat->only && seat->only != tgid) ||
	    (seat->tgid && seat->tgid != tgid) || !finds_fields(THIRD(regs)))
		return;
	seat->offset = SECOND(regs);
	if (!seat->tgid) {
		seat->tgid = tgid;
		put_in_bucket(tgid, number);
	}
	t = told_of(number);
	if (t && !t->armed_ns)
		t->armed_ns = bpf_ktime_get_ns();
}

SEC(AT "sys_enter")
int atr_enter(__u64 *args)
{
	struct pt_regs *regs = (struct pt_regs *)args[0];
	__u32 number = args[1], tgid = bpf_get_current_pid_tgid() >> 32, at = 0;
	struct atr_ebpf_seat *seat;
	struct task_struct *task;
	struct thread *thread;
	__u64 now;

	if (number == __NR_getpid)
		arm(regs, tgid);
	seat = seat_of(tgid, &at);
	if (!seat)
		return 0;
	task = this_task();
	thread = this_thread(task, true);
	if (!thread)
		return 0;
	thread->seat = at;
	now = bpf_ktime_get_ns();
	if (!thread->since_ns)
		comes(thread, now);
	if (!thread->is_known)
		add_faults(thread, task, 0);
	thread->is_known = true;
	thread->span = span_of(thread, task, seat);
	thread->fd = thread->span && may_be_on_tcp(number) ? (__s32)FIRST(regs) : -1;
	thread->spent_ns = now - thread->since_ns;
	thread->since_ns = thread->entered_ns = now;
	thread->number = number;
	return 0;
}

static __always_inline void tell_slow(struct thread *thread, __u64 ns, __s64 result)
{
	void *ring = bpf_map_lookup_elem(&slow, &thread->seat);
	struct atr_ebpf_slow *one = ring ? bpf_ringbuf_reserve(ring, sizeof(*one), 0) : 0;
	struct atr_ebpf_told *t;

	if (!one) {
		t = told_of(thread->seat);
		if (t)
			__sync_fetch_and_add(&t->slow_lost, 1);
		return;
	}
	one->span = thread->span;
	one->start_ns = thread->entered_ns;
	one->ns = ns;
	one->result = result;
	one->number = thread->number;
	one->unused = 0;
	bpf_ringbuf_submit(one, BPF_RB_NO_WAKEUP);
}

SEC(AT "sys_exit")
int atr_exit(__u64 *args)
{
	struct task_struct *task;
	struct atr_ebpf_seat *seat;
	struct thread *thread;
	struct atr_ebpf_slot *slot = 0;
	__u64 now, ns;
	__u32 at = 0;

	seat = seat_of(bpf_get_current_pid_tgid() >> 32, &at);
	if (!seat)
		return 0;
	task = this_task();
	thread = this_thread(task, false);
	if (!thread || !thread->entered_ns)
		return 0;
	thread->seat = at;
	now = bpf_ktime_get_ns();
	ns = now - thread->entered_ns;
	if (!thread->since_ns)
		comes(thread, now);
	if (thread->span && (slot = slot_of(thread, thread->span))) {
		add_call(slot, thread->number, ns);
		__sync_fetch_and_add(&slot->cpu_ns, thread->spent_ns + now - thread->since_ns);
		slot->touched_ns = now;
		if (ns >= seat->slow_ns)
			tell_slow(thread, ns, (__s64)args[1]);
		if (thread->fd >= 0)
			add_tcp(slot, thread);
	}
	add_faults(thread, task, slot);
	thread->entered_ns = 0;
	thread->spent_ns = 0;
	thread->since_ns = now;
	return 0;
}

/* What it spent until now, and where what comes is to go. */
static __always_inline void goes(struct task_struct *task, bool is_preempted)
{
	__u32 at = 0;
	struct atr_ebpf_seat *seat = seat_of(tgid_of(task), &at);
	struct thread *thread = seat ? thread_of(task) : 0;
	struct atr_ebpf_slot *slot = 0;
	__u64 now;

	if (!thread)
		return;
	thread->seat = at;
	now = bpf_ktime_get_ns();
	thread->off_span = thread->entered_ns ? thread->span : span_of(thread, task, seat);
	if (thread->off_span && thread->since_ns && (slot = slot_of(thread, thread->off_span))) {
		__sync_fetch_and_add(&slot->cpu_ns, thread->spent_ns + now - thread->since_ns);
		slot->touched_ns = now;
	}
	add_faults(thread, task, slot);
	thread->spent_ns = 0;
	thread->since_ns = 0;
	thread->is_for_io = is_for_io(task);
	thread->off_ns = now;
	thread->woken_ns = is_preempted ? now : 0;
}

static __always_inline void came(struct task_struct *task)
{
	__u32 at = 0;
	struct thread *thread = seat_of(tgid_of(task), &at) ? thread_of(task) : 0;

	if (!thread)
		return;
	thread->seat = at;
	comes(thread, bpf_ktime_get_ns());
}

SEC(AT "sched_switch")
int atr_switch(__u64 *args)
{
	goes((struct task_struct *)args[1], args[0] || !args[3]);
	came((struct task_struct *)args[2]);
	if (args[3] & TASK_DEAD)
		is_gone((struct task_struct *)args[1]);
	return 0;
}

SEC(AT "sched_wakeup")
int atr_wakeup(__u64 *args)
{
	struct task_struct *task = (struct task_struct *)args[0];
	__u32 at = 0;
	struct thread *thread = seat_of(tgid_of(task), &at) ? thread_of(task) : 0;

	if (thread && thread->off_ns && !thread->woken_ns)
		thread->woken_ns = bpf_ktime_get_ns();
	return 0;
}

/* Of those that the file may be had under, what the kernel knows by a name. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";
