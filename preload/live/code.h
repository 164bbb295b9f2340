/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_CODE_H
#define ATR_PRELOAD_LIVE_CODE_H

/* code: whether the system lets the code of a file be changed in memory, and what the processor keeps of it. */
#include <stdbool.h>
#include <stddef.h>

/*
 * `mapped` is a private mapping of an executable file's begin, which may be executable after
 * this. Whether a page of it that was written to may be code: where it may not (SELinux's
 * execmod, a filter of system calls), a page of the program's would be none any more once
 * it is changed. errno says why.
 */
bool atr_code_may_change(void *mapped);

/* Whether the processor keeps return addresses of this thread, too (SHSTK). */
bool atr_code_has_shadow_stack(void);

#endif
