/* SPDX-License-Identifier: Apache-2.0 OR BSD-2-Clause OR GPL-2.0-only */

/*
 * follow: calls of functions, from where they are entered to where they are left, each for the span
 * that the thread was in as it entered (otel_thread_ctx_v1, as in calls.bpf.c). Both ends
 * are breakpoints in the program's code; nothing on its stack is changed. A call is known by
 * where the stack is at both ends: of what was left in another way there is nothing told.
 *
 * The calls that a thread is in lie where it reads them too, as long as it is in any.
 */
#include "ebpf/follow_event.h"
#include "ebpf/kernel.bpf.h"

#define SAMPLED 1
#define NEAR (256 * 1024) /* two stacks are further apart, or are taken for one */

const volatile __s64 offset; /* of the variable, from a thread's pointer */

struct call {
	__u64 stack; /* where it was at the call */
	__u64 trace[2], around, span, parent;
	__u64 start_ns, returns_to;
	__u32 function, unused;
};

struct thread {
	__u32 depth, place; /* + 1; 0: it has none */
	struct call calls[ATR_FOLLOW_DEPTH];
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} follow_threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct atr_follow_told);
} follow_told SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, ATR_FOLLOW_RING_LEN);
} followed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ATR_FOLLOW_PLACES);
	__type(key, __u32);
	__type(value, struct atr_follow_place);
} follow_places SEC(".maps");

/* The thread context's record. */
struct context {
	__u64 trace[2], span;
	__u8 valid, flags;
	__u16 attributes_len;
};

/* The current thread's pointer. */
static __always_inline __u64 this_base(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
#if defined(__TARGET_ARCH_x86)
	return task->thread.fsbase;
#else
	return task->thread.uw.tp_value;
#endif
}

static __always_inline int read_context(struct context *context)
{
	__u64 at = 0;

	if (bpf_probe_read_user(&at, sizeof(at), (void *)(this_base() + offset)) || !at)
		return 0;
	if (bpf_probe_read_user(context, sizeof(*context), (void *)at))
		return 0;
	return context->valid == 1 && context->flags & SAMPLED && context->span;
}

static __always_inline struct thread *this_thread(__u64 flags)
{
	return bpf_task_storage_get(&follow_threads, bpf_get_current_task_btf(), 0, flags);
}

enum { LOST, LEFT, APART };

static __always_inline void count(int what)
{
	__u32 zero = 0;
	struct atr_follow_told *t = bpf_map_lookup_elem(&follow_told, &zero);

	if (t)
		__sync_fetch_and_add(what == LOST ? &t->lost :
				     what == LEFT ? &t->left :
						    &t->apart,
				     1);
}

/* ---- where the thread reads them ---- */

static __always_inline struct atr_follow_place *place_of(struct thread *thread)
{
	__u32 at = thread->place - 1;

	return thread->place ? bpf_map_lookup_elem(&follow_places, &at) : 0;
}

/* One that has its pointer is its own, or was that of a thread that is no more. */
static __always_inline void take_place(struct thread *thread)
{
	__u64 base = this_base();

	for (int i = 0; i < ATR_FOLLOW_PROBES; i++) {
		__u32 at = (atr_follow_hash(base) + i) & (ATR_FOLLOW_PLACES - 1);
		struct atr_follow_place *place = bpf_map_lookup_elem(&follow_places, &at);
		__u64 before = place ? __sync_val_compare_and_swap(&place->thread, 0, base) : 1;

		if (!before || before == base) {
			thread->place = at + 1;
			return;
		}
	}
	count(APART);
}

static __always_inline void give_place(struct thread *thread)
{
	struct atr_follow_place *place = place_of(thread);

	thread->place = 0;
	if (!place)
		return;
	place->depth = 0;
	place->thread = 0;
}

static __always_inline void set_depth(struct thread *thread, __u32 depth)
{
	struct atr_follow_place *place;

	thread->depth = depth;
	if (!depth)
		give_place(thread);
	else if ((place = place_of(thread)))
		place->depth = depth;
}

static __always_inline void show(struct thread *thread, __u32 at, const struct call *call)
{
	struct atr_follow_place *place;

	if (!at)
		take_place(thread);
	place = place_of(thread);
	if (!place || at >= ATR_FOLLOW_DEPTH)
		return;
	place->calls[at].stack = call->stack;
	place->calls[at].returns_to = call->returns_to;
	place->calls[at].around = call->around;
	place->calls[at].span = call->span;
}

/* ---- calls ---- */

static __always_inline __u64 stack_of(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	return regs->sp;
#else
	return 0;
#endif
}

/* Those that lie below, or just here, are over: the stack was given back without a return. */
static __always_inline void let_go(struct thread *thread, __u64 stack)
{
	for (int i = 0; i < ATR_FOLLOW_DEPTH; i++) {
		__u32 top = thread->depth - 1;

		if (top >= ATR_FOLLOW_DEPTH || thread->calls[top].stack > stack)
			return;
		set_depth(thread, top);
		count(LEFT);
	}
}

/* The call around it is its parent, if it is of the same work and on the same stack. */
static __always_inline __u64 parent_of(struct thread *thread, __u64 stack, __u64 around)
{
	__u32 top = thread->depth - 1;

	if (top < ATR_FOLLOW_DEPTH && thread->calls[top].around == around &&
	    thread->calls[top].stack - stack < NEAR)
		return thread->calls[top].span;
	return around;
}

static __always_inline __u64 new_id(void)
{
	__u64 id = (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32();

	return id ? id : 1;
}

SEC("uprobe")
int atr_follow_in(struct pt_regs *regs)
{
	struct context context = {};
	__u64 stack = stack_of(regs);
	struct thread *thread;
	struct call *call;
	__u32 at;

	if (!read_context(&context) || !(thread = this_thread(BPF_LOCAL_STORAGE_GET_F_CREATE)))
		return 0;
	let_go(thread, stack);
	at = thread->depth;
	if (at >= ATR_FOLLOW_DEPTH) {
		count(LOST);
		return 0;
	}
	call = &thread->calls[at];
	call->stack = stack;
	call->trace[0] = context.trace[0];
	call->trace[1] = context.trace[1];
	call->around = context.span;
	call->parent = parent_of(thread, stack, context.span);
	call->span = new_id();
	call->function = bpf_get_attach_cookie(regs);
	call->returns_to = 0;
	bpf_probe_read_user(&call->returns_to, sizeof(call->returns_to), (void *)stack);
	call->start_ns = bpf_ktime_get_ns();
	show(thread, at, call);
	set_depth(thread, at + 1);
	return 0;
}

static __always_inline void tell(const struct call *call)
{
	struct atr_follow_event *event = bpf_ringbuf_reserve(&followed, sizeof(*event), 0);

	if (!event) {
		count(LOST);
		return;
	}
	event->trace[0] = call->trace[0];
	event->trace[1] = call->trace[1];
	event->span = call->span;
	event->parent = call->parent;
	event->around = call->around;
	event->start_ns = call->start_ns;
	event->end_ns = bpf_ktime_get_ns();
	event->function = call->function;
	event->unused = 0;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

SEC("uprobe")
int atr_follow_out(struct pt_regs *regs)
{
	struct thread *thread = this_thread(0);
	__u32 function = bpf_get_attach_cookie(regs);
	__u64 stack = stack_of(regs);

	if (!thread)
		return 0;
	for (int i = 0; i < ATR_FOLLOW_DEPTH; i++) {
		__u32 top = thread->depth - 1;

		if (top >= ATR_FOLLOW_DEPTH || thread->calls[top].stack > stack)
			return 0;
		set_depth(thread, top);
		if (thread->calls[top].stack == stack && thread->calls[top].function == function) {
			tell(&thread->calls[top]);
			return 0;
		}
		count(LEFT);
	}
	return 0;
}

/* A thread that ends in some: another may soon have its pointer. */
SEC("tp_btf/sched_process_exit")
int atr_follow_end(__u64 *args)
{
	struct task_struct *task = (struct task_struct *)args[0];
	struct thread *thread = bpf_task_storage_get(&follow_threads, task, 0, 0);

	if (thread)
		give_place(thread);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
