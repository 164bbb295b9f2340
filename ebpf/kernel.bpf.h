/* SPDX-License-Identifier: Apache-2.0 OR BSD-2-Clause OR GPL-2.0-only */
#ifndef ATR_EBPF_KERNEL_H
#define ATR_EBPF_KERNEL_H

/*
 * kernel: of the kernel's structures what the programs read. Where a field lies is found in
 * the running kernel's own description (BTF) when they are loaded, so that what was built
 * on one kernel is good for another.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
/* needs the one above */
#include <bpf/bpf_core_read.h>
#include <linux/stat.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)
struct thread_struct {
	unsigned long fsbase;
};
struct pt_regs {
	unsigned long dx, si, di, sp;
};
#elif defined(__TARGET_ARCH_arm64)
struct thread_uw {
	unsigned long tp_value;
};
struct thread_struct {
	struct thread_uw uw;
};
struct pt_regs {
	__u64 regs[31];
};
#endif

struct sock_common {
	unsigned short skc_family;
	__be16 skc_dport;
	__u16 skc_num;
};
struct sock {
	struct sock_common __sk_common;
	__u16 sk_type, sk_protocol;
};
struct tcp_sock {
	__u32 srtt_us, total_retrans;
};
struct socket {
	struct sock *sk;
};
struct inode {
	unsigned short i_mode;
};
struct file {
	struct inode *f_inode;
	void *private_data;
};
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};
struct files_struct {
	struct fdtable *fdt;
};

struct task_struct {
	int pid, tgid;
	unsigned long min_flt, maj_flt;
	unsigned in_iowait : 1;
	struct files_struct *files;
	struct thread_struct thread;
};

#pragma clang attribute pop

/* A call's arguments. */
#if defined(__TARGET_ARCH_x86)
#define FIRST(regs) ((regs)->di)
#define SECOND(regs) ((regs)->si)
#define THIRD(regs) ((regs)->dx)
#else
#define FIRST(regs) ((regs)->regs[0])
#define SECOND(regs) ((regs)->regs[1])
#define THIRD(regs) ((regs)->regs[2])
#endif

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

#endif
