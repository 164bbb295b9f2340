/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_HOOK_DNS_H
#define ATR_PRELOAD_HOOK_DNS_H

/* dns: whether this thread is in a name lookup, whose own connections are not told of. */
#include <stdbool.h>

bool atr_looks_up(void);

/* The thread jumps, and may be out of it. */
void atr_lookup_left(void);

#endif
