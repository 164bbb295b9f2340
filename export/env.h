/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_ENV_H
#define ATR_EXPORT_ENV_H

/*
 * env: the variables that are ours, copied once at start.
 *
 * Programs overwrite their environment for process titles, clear it, and change
 * it from other threads; so every OTEL_*, AUTOTRACE_* and context variable is
 * copied in the constructor and read from the copy ever after.
 */
#include "propagator/str.h"

#include <stdint.h>

/*
 * The constructor, once, before any other thread can run. Copies what is ours
 * (names that begin with OTEL_, AUTOTRACE_, AWS_LAMBDA_ or AWS_XRAY_; AWS_REGION,
 * _HANDLER; and those that a context comes by: TRACEPARENT, B3 and so on. NO_COLOR
 * is not ours). No allocation, no system call
 * unless the variables are larger than a few KiB together (then one mmap). What
 * is beyond 256 KiB is left out and told by atr_env_is_cut.
 */
void atr_env_capture(char *const *environ_now);
bool atr_env_is_cut(void);

/* Any thread after capture. An empty value counts as unset: absent. Ended by a NUL in memory. */
struct atr_str atr_env_get(const char *name);

/*
 * The constructor, once, when a file is to be in the place of the variables: forgets
 * all that begin with OTEL_. Then _put says, in the words of the variable of that name, what the
 * file says; a copy is kept. False: there is no room.
 */
void atr_env_forget(void);
bool atr_env_put(struct atr_str name, struct atr_str value);
/* It was put, and not captured. */
bool atr_env_was_put(const char *name);

/* Whoever wants to know what came of it, the command: called with each that is read as below. */
extern void (*atr_env_heard)(const char *name, struct atr_str used);

/* All that were captured, for printing and for warnings about names not known. */
size_t atr_env_count(void);
struct atr_pair atr_env_at(size_t i);

/*
 * By the specification's type rules (reference 1.1). A wrong value is one
 * warning (diag) naming the variable, the value and what is done instead; the
 * default is then returned.
 */
bool atr_env_bool(const char *name, bool otherwise);
/* `otherwise` may be UINT32_MAX: no limit. */
uint32_t atr_env_uint(const char *name, uint32_t otherwise, uint32_t least, uint32_t most);
uint32_t atr_env_ms(const char *name, uint32_t otherwise); /* duration or timeout, milliseconds */

/* A number in plain decimal notation, without a sign; false when it is none. */
bool atr_decimal_of(struct atr_str text, double *out);

#endif
