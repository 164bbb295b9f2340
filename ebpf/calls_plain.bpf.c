/* SPDX-License-Identifier: Apache-2.0 OR BSD-2-Clause OR GPL-2.0-only */

/* calls_plain: the same for a kernel without BTF; task.bpf.h says what is missing then. */
#define ATR_NO_BTF
#include "ebpf/calls.bpf.c"
