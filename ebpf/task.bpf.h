/* SPDX-License-Identifier: Apache-2.0 OR BSD-2-Clause OR GPL-2.0-only */
#ifndef ATR_EBPF_TASK_H
#define ATR_EBPF_TASK_H

/*
 * task: what calls.bpf.c asks of a thread, in two ways. By the kernel's own description (BTF):
 * fields are read where they lie, and what is kept of a thread hangs on it. Where the kernel
 * has none (ATR_NO_BTF) a thread's numbers and its pointer are searched for, once, by what is
 * known to be in them; what is kept is found by its number; and what cannot be found that way
 * is not told: page faults, waiting for disks, TCP.
 */
#include "ebpf/event.h"
#include "ebpf/kernel.bpf.h"

#include <bpf/bpf_endian.h>
#include <stdbool.h>

struct atr_ebpf_shared shared;

#define TASK_DEAD 0x80 /* of a state in which a thread is switched out */

#ifndef ATR_NO_BTF

#define AT "tp_btf/"

#define THREADS(name, what)                              \
	struct {                                         \
		__uint(type, BPF_MAP_TYPE_TASK_STORAGE); \
		__uint(map_flags, BPF_F_NO_PREALLOC);    \
		__type(key, int);                        \
		__type(value, what);                     \
	} name SEC(".maps")

#define this_task() bpf_get_current_task_btf()
#define thread_of(task) bpf_task_storage_get(&threads, task, 0, 0)
#define this_thread(task, is_made) \
	bpf_task_storage_get(&threads, task, 0, (is_made) ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0)

static __always_inline bool finds_fields(__u64 base)
{
	(void)base;
	return true;
}

static __always_inline void is_gone(struct task_struct *task)
{
	(void)task;
}

static __always_inline __u32 tgid_of(struct task_struct *task)
{
	return task->tgid;
}

static __always_inline __u64 base_of(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return task->thread.fsbase;
#else
	return task->thread.uw.tp_value;
#endif
}

static __always_inline __u64 minor_faults_of(struct task_struct *task)
{
	return task->min_flt;
}

static __always_inline __u64 major_faults_of(struct task_struct *task)
{
	return task->maj_flt;
}

static __always_inline bool is_for_io(struct task_struct *task)
{
	return BPF_CORE_READ_BITFIELD(task, in_iowait);
}

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6

/* Of the current thread's descriptor, where that is a TCP connection. */
static __always_inline bool reads_tcp(__s32 fd, struct atr_ebpf_tcp *out)
{
	struct sock *sk = sock_of(this_task(), fd);
	struct tcp_sock *tcp = (struct tcp_sock *)sk;
	__u32 family;

	if (!sk || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return false;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	out->ports = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport)) |
		     (__u32)BPF_CORE_READ(sk, __sk_common.skc_num) << 16;
	if ((family != AF_INET && family != AF_INET6) || !(out->ports & 0xffff))
		return false;
	out->rtt_us = BPF_CORE_READ(tcp, srtt_us) >> 3;
	out->resent = BPF_CORE_READ(tcp, total_retrans);
	return true;
}

#else /* ATR_NO_BTF */

#define AT "raw_tp/"

#define THREADS(name, what)                          \
	struct {                                     \
		__uint(type, BPF_MAP_TYPE_LRU_HASH); \
		__uint(max_entries, 8192);           \
		__type(key, __u32);                  \
		__type(value, what);                 \
	} name SEC(".maps")

static __always_inline __u64 word_at(const void *of, __u32 at)
{
	__u64 word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), (const char *)of + at);
	return word;
}

/* As they lie in memory on every kernel: programs that trace others know it. */
#undef FIRST
#undef SECOND
#undef THIRD
#if defined(__TARGET_ARCH_x86)
#define FIRST(regs) word_at(regs, 112)
#define SECOND(regs) word_at(regs, 104)
#define THIRD(regs) word_at(regs, 96)
#else
#define FIRST(regs) word_at(regs, 0)
#define SECOND(regs) word_at(regs, 8)
#define THIRD(regs) word_at(regs, 16)
#endif

#define this_task() ((struct task_struct *)bpf_get_current_task())

static __always_inline __u32 pid_of(struct task_struct *task)
{
	return shared.pid_at ? (__u32)word_at(task, shared.pid_at) : 0;
}

static __always_inline __u32 tgid_of(struct task_struct *task)
{
	return shared.pid_at ? (__u32)(word_at(task, shared.pid_at) >> 32) : 0;
}

static __always_inline __u64 base_of(struct task_struct *task)
{
	return word_at(task, shared.base_at);
}

/* The first place where it is, 0: nowhere. Without a branch, of which the kernel would look at each. */
static __always_inline __u32 search_for(__u64 wanted, __u32 step, __u32 len)
{
	struct task_struct *task = this_task();
	__u64 found = 0;

	for (__u32 at = len; at; at -= step) {
		__u64 other = word_at(task, at) ^ wanted;
		__u64 is_other = (other | -other) >> 63;

		found = found * is_other + at * (1 - is_other);
	}
	return found;
}

/* By themselves, so that the kernel goes through each once, and not for every way that leads to it. */
__noinline int atr_find_numbers(__u64 both)
{
	return search_for(both, 4, 6 * 1024);
}

__noinline int atr_find_base(__u64 base)
{
	return search_for(base, 8, 16 * 1024);
}

/* What is known to be in the thread that tells the token: its numbers, its pointer. */
static __always_inline bool finds_fields(__u64 base)
{
	if (!shared.pid_at)
		shared.pid_at = atr_find_numbers(bpf_get_current_pid_tgid());
	if (!shared.base_at && base)
		shared.base_at = atr_find_base(base);
	return shared.pid_at && shared.base_at;
}

#define thread_of(task)                               \
	({                                            \
		__u32 pid_ = pid_of(task);            \
		bpf_map_lookup_elem(&threads, &pid_); \
	})
#define this_thread(task, is_made)                                            \
	({                                                                    \
		__u32 pid_ = (__u32)bpf_get_current_pid_tgid();               \
		void *thread_ = bpf_map_lookup_elem(&threads, &pid_);         \
		if (!thread_ && (is_made)) {                                  \
			struct thread new_ = { 0 };                           \
			bpf_map_update_elem(&threads, &pid_, &new_, BPF_ANY); \
			thread_ = bpf_map_lookup_elem(&threads, &pid_);       \
		}                                                             \
		thread_;                                                      \
	})
/* Its number will be another's. */
#define is_gone(task)                                 \
	do {                                          \
		__u32 pid_ = pid_of(task);            \
		bpf_map_delete_elem(&threads, &pid_); \
	} while (0)

static __always_inline __u64 minor_faults_of(struct task_struct *task)
{
	(void)task;
	return 0;
}

static __always_inline __u64 major_faults_of(struct task_struct *task)
{
	(void)task;
	return 0;
}

static __always_inline bool is_for_io(struct task_struct *task)
{
	(void)task;
	return false;
}

static __always_inline bool reads_tcp(__s32 fd, struct atr_ebpf_tcp *out)
{
	(void)fd;
	(void)out;
	return false;
}

#endif

#endif
