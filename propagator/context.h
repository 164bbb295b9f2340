/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PROPAGATOR_CONTEXT_H
#define ATR_PROPAGATOR_CONTEXT_H

/*
 * context: who a span is, as it travels from process to process.
 *
 * The specification's SpanContext (trace id, span id, trace flags, trace
 * state, remoteness) and, beside it, the baggage that came with it, and what
 * single formats say beyond that and have to find again on the way out.
 */
#include "propagator/str.h"

#include <stdint.h>

#define ATR_TRACE_ID_LEN 16
#define ATR_SPAN_ID_LEN 8

#define ATR_FLAG_SAMPLED 0x01u
#define ATR_FLAG_RANDOM 0x02u /* the trace id's last 7 bytes are random (W3C level 2) */

/* Marks: never on a W3C wire, and no part of a span's flags. */
#define ATR_MARK_DEBUG 0x01u /* B3, Jaeger: to be kept whatever happens; the sampled flag is set */
#define ATR_MARK_FIREHOSE 0x02u	 /* Jaeger: not to be indexed */
#define ATR_MARK_UNDECIDED 0x04u /* the sampling is left to the receiver; the flag is clear */
#define ATR_MARK_ASKED 0x08u /* X-Ray's Sampled=?: undecided, and the sender asks what it became */
#define ATR_MARK_KEEP 0x10u  /* B3 without ids: the trace that begins here is to be sampled, */
#define ATR_MARK_DROP 0x20u  /* or not */

struct atr_context {
	uint8_t trace_id[ATR_TRACE_ID_LEN];
	uint8_t span_id[ATR_SPAN_ID_LEN];
	uint8_t flags;		   /* W3C's */
	uint8_t marks;		   /* ATR_MARK_* */
	bool remote;		   /* came out of a header or the environment */
	struct atr_str tracestate; /* the members in wire form, joined by ','; borrowed */
	struct atr_str baggage;	   /* likewise */
	struct atr_str xray;	   /* X-Ray's other fields (Lineage), joined by ';'; likewise */
	uint64_t local; /* of a span in this process: preload/live knows its trace by it; else 0 */
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

/* Whether the trace id has 64 bits, as B3 and Jaeger allow. */
static inline bool atr_context_is_short(const struct atr_context *c)
{
	uint64_t high;

	memcpy(&high, c->trace_id, 8);
	return !high;
}

#endif
