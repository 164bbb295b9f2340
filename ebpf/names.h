/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EBPF_NAMES_H
#define ATR_EBPF_NAMES_H

/* names: what system calls are called. */
#include <stdint.h>

/* NULL: one that the headers here did not know. */
const char *atr_syscall_name(uint32_t number);

#endif
