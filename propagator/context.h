/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PROPAGATOR_CONTEXT_H
#define ATR_PROPAGATOR_CONTEXT_H

/*
 * context: who a span is, as it travels from process to process.
 *
 * The specification's SpanContext (trace id, span id, trace flags, trace
 * state, remoteness) and, beside it, the baggage that came with it.
 */
#include "propagator/str.h"

#include <stdint.h>

#define ATR_TRACE_ID_LEN 16
#define ATR_SPAN_ID_LEN 8

#define ATR_FLAG_SAMPLED 0x01u
#define ATR_FLAG_RANDOM 0x02u /* the trace id's last 7 bytes are random (W3C level 2) */

struct atr_context {
	uint8_t trace_id[ATR_TRACE_ID_LEN];
	uint8_t span_id[ATR_SPAN_ID_LEN];
	uint8_t flags;
	bool remote;		   /* came out of a header or the environment */
	struct atr_str tracestate; /* the members in wire form, joined by ','; borrowed */
	struct atr_str baggage;	   /* likewise */
};

/* The specification's IsValid: neither id is all zero. */
static inline bool atr_context_is_valid(const struct atr_context *c)
{
	uint64_t a, b, s;

	memcpy(&a, c->trace_id, 8);
	memcpy(&b, c->trace_id + 8, 8);
	memcpy(&s, c->span_id, 8);
	return (a | b) != 0 && s != 0;
}

#endif
