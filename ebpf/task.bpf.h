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
#include <linux/stat.h>
#include <stdbool.h>

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

/* NULL: no socket. What a descriptor is may change meanwhile: it is read, and never followed blindly. */
static __always_inline struct sock *sock_of(struct task_struct *task, __s32 fd)
{
	struct fdtable *table = task->files->fdt;
	struct file *file = 0;
	struct socket *socket;

	if ((__u32)fd >= table->max_fds ||
	    bpf_probe_read_kernel(&file, sizeof(file), table->fd + fd) || !file ||
	    (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	return socket ? BPF_CORE_READ(socket, sk) : 0;
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

#else

#endif

#endif
