/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_PARENTS_H
#define ATR_PRELOAD_LIVE_PARENTS_H

/*
 * parents: AUTOTRACE_SAMPLER_PARENTS, what decides for a span with a parent in the place
 * of the parent's flag: the delegates of OpenTelemetry's parent-based sampler, which
 * have no variable of their own, and are said by OTEL_CONFIG_FILE.
 */
#include "propagator/context.h"

/* The constructor. */
void atr_parents_setup(void);

/* Any thread. The threshold (ot.h) of what is kept; false: nothing is said of such a parent, and its flag decides. */
bool atr_parents_threshold(const struct atr_context *parent, uint64_t *out);

/* Whether anything is said of any parent. */
bool atr_parents_are_told_apart(void);

#endif
