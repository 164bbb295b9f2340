/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PROPAGATOR_OT_H
#define ATR_PROPAGATOR_OT_H

/*
 * ot: what OpenTelemetry's samplers tell one another in the tracestate, as its member
 * `ot=rv:<14 hex>;th:<1 to 14 hex>` (specification, tracestate handling).
 *
 * A trace has a random number R of 56 bits: `rv`, else the last 7 bytes of its id. A
 * sampler with the threshold T keeps it if R >= T, and says T as `th`, so that who
 * counts what was kept knows how many traces each stands for: 2^56 / (2^56 - T).
 */
#include "propagator/propagator.h"

#define ATR_OT_ALL (UINT64_C(1) << 56) /* as a threshold: nothing is kept */
#define ATR_TH_NONE UINT64_MAX	       /* no threshold: it is not known how likely it was */

struct atr_ot {
	bool has_rv;
	uint64_t rv;
	uint64_t th; /* ATR_TH_NONE: it has none */
};

/* A member that is malformed says nothing. */
void atr_ot_read(struct atr_str tracestate, struct atr_ot *out);

/* The trace's random number. */
uint64_t atr_ot_randomness(struct atr_str tracestate,
			   const uint8_t trace_id[static ATR_TRACE_ID_LEN]);

/*
 * The tracestate with this threshold in the place of its own, or without any
 * (ATR_TH_NONE); all else in it goes on, behind the member that changed. In `room`, of
 * tracestate.len + ATR_OT_MORE bytes; the same as it was, where nothing changes or its
 * member would be longer than it may be.
 */
#define ATR_OT_MORE 32
struct atr_str atr_ot_tell(struct atr_str tracestate, uint64_t th, char *room);

/*
 * The threshold for a share from 0 to 1, in as many digits as others write: four that tell
 * something. ATR_OT_ALL for 0.
 */
uint64_t atr_ot_threshold(double share);

#endif
