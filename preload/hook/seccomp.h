/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_HOOK_SECCOMP_H
#define ATR_PRELOAD_HOOK_SECCOMP_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The program is about to install a filter (or, strict: to leave this thread read,
 * write and exit). Any thread, before the call; errno is kept. Where a call of
 * ours would be the end of the program, tracing ends here instead.
 */
void atr_before_seccomp(bool strict, const struct sock_fprog *filter);

/* Whether no call that we may make is answered with a signal by this filter. Pure. */
bool atr_seccomp_spares_us(const struct sock_filter *code, uint32_t len);

#endif
