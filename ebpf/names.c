/* SPDX-License-Identifier: Apache-2.0 */
#include "ebpf/names.h"

#include <stddef.h>
#include <sys/syscall.h>

static const char *const names[] = {
#define ATR_SYSCALL(name) [SYS_##name] = #name,
#include <syscalls.def>
#undef ATR_SYSCALL
};

const char *atr_syscall_name(uint32_t number)
{
	return number < sizeof(names) / sizeof(names[0]) ? names[number] : NULL;
}
