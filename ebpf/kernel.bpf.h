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

struct task_struct {
	int pid, tgid;
	struct thread_struct thread;
};

#pragma clang attribute pop

#endif
