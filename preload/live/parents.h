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

/* Any thread. False: nothing is said of such a parent, and its flag decides. */
bool atr_parents_decide(const struct atr_context *parent,
			const uint8_t trace_id[static ATR_TRACE_ID_LEN], bool *is_sampled);

/* A number from 0 to 1 in plain decimal notation, as a share of ATR_SHARE_ALL; false: it is none. */
#define ATR_SHARE_ALL (UINT64_C(1) << 56)
bool atr_share_of(struct atr_str text, uint64_t *out);
/* Whether a trace with this id is among that share of them. */
bool atr_share_keeps(uint64_t share, const uint8_t trace_id[static ATR_TRACE_ID_LEN]);

#endif
