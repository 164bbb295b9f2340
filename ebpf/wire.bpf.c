/* SPDX-License-Identifier: Apache-2.0 OR BSD-2-Clause OR GPL-2.0-only */

/*
 * wire: the kernel's side of wire.h. Who is observed: the process that tells the token's
 * complement, and those that it makes, until the library in one of them tells the token
 * itself (which calls.bpf.c takes for its own), and again when that runs another program.
 */
#include "ebpf/kernel.bpf.h"
#include "ebpf/wire.h"

#include <asm/unistd.h>

enum { OBSERVED = 1, HAS_LIBRARY = 2 };

const volatile __u64 token;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u32);
} processes SEC(".maps");

/* A call that is under way. */
struct call {
	__u64 start_ns;
	__u64 args[3];
	__u32 number, unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct call);
} calls SEC(".maps");

/* Descriptors on which something was said that may be HTTP: process and number. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, __u32);
} spoken SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, ATR_WIRE_RING_LEN);
} wire SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} wire_lost SEC(".maps");

static __always_inline __u32 state_of(__u32 process)
{
	__u32 *state = bpf_map_lookup_elem(&processes, &process);

	return state ? *state : 0;
}

static __always_inline void set_state(__u32 process, __u32 state)
{
	bpf_map_update_elem(&processes, &process, &state, BPF_ANY);
}

static __always_inline struct atr_wire_event *begin(__u32 kind, __u32 process, int fd)
{
	struct atr_wire_event *event = bpf_ringbuf_reserve(&wire, sizeof(*event), 0);
	__u32 zero = 0;
	__u64 *lost;

	if (!event) {
		lost = bpf_map_lookup_elem(&wire_lost, &zero);
		if (lost)
			__sync_fetch_and_add(lost, 1);
		return 0;
	}
	event->kind = kind;
	event->process = process;
	event->fd = fd;
	event->bytes_len = 0;
	event->start_ns = event->end_ns = bpf_ktime_get_ns();
	event->result = 0;
	return event;
}

static __always_inline int is_looked_at(__u32 number)
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
	case __NR_connect:
	case __NR_close:
		return 1;
	}
	return 0;
}

SEC("tp_btf/sys_enter")
int atr_wire_enter(__u64 *args)
{
	struct pt_regs *regs = (struct pt_regs *)args[0];
	__u32 number = args[1], process = bpf_get_current_pid_tgid() >> 32;
	struct call *call;

	if (number == __NR_getpid) {
		if (FIRST(regs) == ~token)
			set_state(process, OBSERVED);
		else if (FIRST(regs) == token && state_of(process))
			set_state(process, HAS_LIBRARY);
		return 0;
	}
	if (!is_looked_at(number) || state_of(process) != OBSERVED)
		return 0;
	call = bpf_task_storage_get(&calls, bpf_get_current_task_btf(), 0,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!call)
		return 0;
	call->start_ns = bpf_ktime_get_ns();
	call->args[0] = FIRST(regs);
	call->args[1] = SECOND(regs);
	call->args[2] = THIRD(regs);
	call->number = number;
	return 0;
}

/* Where the bytes are: in the call's own buffer, or the first of those that it lists. */
static __always_inline __u64 bytes_of(const struct call *call)
{
	__u64 at = call->args[1];

	if (call->number == __NR_recvmsg || call->number == __NR_sendmsg) {
		if (bpf_probe_read_user(&at, sizeof(at), (void *)(call->args[1] + 16)))
			return 0;
	} else if (call->number != __NR_readv && call->number != __NR_writev) {
		return at;
	}
	if (bpf_probe_read_user(&at, sizeof(at), (void *)at))
		return 0;
	return at;
}

#define WORD(a, b, c, d) ((__u32)(a) | (__u32)(b) << 8 | (__u32)(c) << 16 | (__u32)(d) << 24)

static __always_inline int may_be_http(__u32 word)
{
	switch (word) {
	case WORD('G', 'E', 'T', ' '):
	case WORD('P', 'O', 'S', 'T'):
	case WORD('P', 'U', 'T', ' '):
	case WORD('H', 'E', 'A', 'D'):
	case WORD('D', 'E', 'L', 'E'):
	case WORD('P', 'A', 'T', 'C'):
	case WORD('O', 'P', 'T', 'I'):
	case WORD('H', 'T', 'T', 'P'):
		return 1;
	}
	return 0;
}

static __always_inline void tell_bytes(const struct call *call, __u32 kind, __u32 process,
				       __s64 result)
{
	__u64 at = bytes_of(call), key = (__u64)process << 32 | (__u32)call->args[0];
	struct atr_wire_event *event;
	__u32 word = 0, one = 1, len = result > ATR_WIRE_BYTES_MAX ? ATR_WIRE_BYTES_MAX : result;
	int is_http = 0;

	/* as much is in files and on terminals too */
	if (result >= 4 && at && !bpf_probe_read_user(&word, sizeof(word), (void *)at))
		is_http = may_be_http(word) &&
			  sock_of(bpf_get_current_task_btf(), (__s32)call->args[0]);
	if (is_http)
		bpf_map_update_elem(&spoken, &key, &one, BPF_ANY);
	else if (!bpf_map_lookup_elem(&spoken, &key))
		return;
	event = begin(kind, process, (int)call->args[0]);
	if (!event)
		return;
	event->start_ns = call->start_ns;
	event->result = result;
	/* so that the kernel sees the bound where it is used */
	__asm__ volatile("" : "+r"(len));
	if (is_http && len <= ATR_WIRE_BYTES_MAX &&
	    !bpf_probe_read_user(event->bytes, len, (void *)at))
		event->bytes_len = len;
	bpf_ringbuf_submit(event, 0);
}

static __always_inline void tell_connect(const struct call *call, __u32 process, __s64 result)
{
	struct atr_wire_event *event = begin(ATR_WIRE_CONNECT, process, (int)call->args[0]);

	if (!event)
		return;
	event->start_ns = call->start_ns;
	event->result = result;
	/* an IPv6 one, and as much of any other */
	if (!bpf_probe_read_user(event->bytes, 28, (void *)call->args[1]))
		event->bytes_len = 28;
	else if (!bpf_probe_read_user(event->bytes, 16, (void *)call->args[1]))
		event->bytes_len = 16;
	bpf_ringbuf_submit(event, 0);
}

static __always_inline void tell_close(const struct call *call, __u32 process)
{
	__u64 key = (__u64)process << 32 | (__u32)call->args[0];
	struct atr_wire_event *event;

	if (bpf_map_delete_elem(&spoken, &key))
		return;
	event = begin(ATR_WIRE_CLOSE, process, (int)call->args[0]);
	if (event)
		bpf_ringbuf_submit(event, 0);
}

SEC("tp_btf/sys_exit")
int atr_wire_exit(__u64 *args)
{
	__u32 process = bpf_get_current_pid_tgid() >> 32;
	__s64 result = args[1];
	struct call *call;

	if (state_of(process) != OBSERVED)
		return 0;
	call = bpf_task_storage_get(&calls, bpf_get_current_task_btf(), 0, 0);
	if (!call || !call->start_ns)
		return 0;
	switch (call->number) {
	case __NR_connect:
		tell_connect(call, process, result);
		break;
	case __NR_close:
		tell_close(call, process);
		break;
	case __NR_read:
	case __NR_readv:
	case __NR_recvfrom:
	case __NR_recvmsg:
		if (result >= 0)
			tell_bytes(call, ATR_WIRE_HEARD, process, result);
		break;
	default:
		if (result > 0)
			tell_bytes(call, ATR_WIRE_SAID, process, result);
	}
	call->start_ns = 0;
	return 0;
}

SEC("tp_btf/sched_process_fork")
int atr_wire_fork(__u64 *args)
{
	struct task_struct *parent = (struct task_struct *)args[0];
	struct task_struct *child = (struct task_struct *)args[1];
	__u32 state = state_of((__u32)parent->tgid);

	if (state && child->tgid != parent->tgid)
		set_state((__u32)child->tgid, state);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int atr_wire_exec(__u64 *args)
{
	struct task_struct *task = (struct task_struct *)args[0];

	if (state_of((__u32)task->tgid))
		set_state((__u32)task->tgid, OBSERVED);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int atr_wire_end(__u64 *args)
{
	struct task_struct *task = (struct task_struct *)args[0];
	__u32 process = (__u32)task->tgid;
	struct atr_wire_event *event;
	__u32 state = state_of(process);

	if (!state || task->pid != task->tgid)
		return 0;
	bpf_map_delete_elem(&processes, &process);
	event = state == OBSERVED ? begin(ATR_WIRE_EXIT, process, -1) : 0;
	if (event)
		bpf_ringbuf_submit(event, 0);
	return 0;
}

/* Of those that the file may be had under, what the kernel knows by a name. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";
