/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PROPAGATOR_PROPAGATOR_H
#define ATR_PROPAGATOR_PROPAGATOR_H

/*
 * propagator: context <-> header text, in the formats that are in use.
 *
 * Everything here is pure: no I/O, no allocation, no state; any thread, any
 * time, also in a signal handler. Sources: W3C Trace Context level 2, W3C
 * Baggage, the OpenTelemetry specification's propagators page.
 */
#include "propagator/context.h"

enum atr_format {
	ATR_FORMAT_TRACECONTEXT, /* traceparent, tracestate */
	ATR_FORMAT_BAGGAGE,	 /* baggage */
	ATR_NR_FORMATS
};

/* The formats in use, in the order of OTEL_PROPAGATORS; none twice. */
struct atr_propagators {
	uint8_t nr;
	uint8_t format[ATR_NR_FORMATS];
};

#define ATR_TRACEPARENT_LEN 55	/* 00-<32>-<16>-<2> */
#define ATR_TRACESTATE_MAX 8192 /* bytes of tracestate that are carried */
#define ATR_BAGGAGE_MAX 8192	/* bytes of baggage that are carried (W3C: must) */
#define ATR_CARRY_MAX (ATR_TRACESTATE_MAX + ATR_BAGGAGE_MAX)
/* Enough for every line that inject writes. */
#define ATR_INJECT_MAX (ATR_CARRY_MAX + 256)

/*
 * Reads the text of OTEL_PROPAGATORS. Empty or absent: tracecontext,baggage.
 * `none` alone: none. Names are case-insensitive; a name that is not known is
 * left out, and the first such is told in *unknown (absent when all are known).
 */
void atr_propagators_parse(struct atr_str text, struct atr_propagators *out,
			   struct atr_str *unknown);

/*
 * Whether a header of this name belongs to a format in use: such are what
 * extract wants to see. _is_trace: and it is one that names the trace (a
 * request that already carries one is left alone); baggage and tracestate are not.
 */
bool atr_propagators_want(const struct atr_propagators *p, struct atr_str name);
bool atr_propagators_is_trace(const struct atr_propagators *p, struct atr_str name);

/*
 * Reads a context out of a message's headers, given in the order of the wire
 * with repeated ones repeated; names match without case; others are ignored.
 * The tracestate and baggage are normalised into `store` (at least
 * ATR_CARRY_MAX bytes), which *out then borrows. *out is always written; true
 * when it holds a valid parent. Without one, trace ids are zero and tracestate
 * is absent, while baggage is still read.
 */
bool atr_propagators_extract(const struct atr_propagators *p, const struct atr_pair *headers,
			     size_t nr_headers, char store[static ATR_CARRY_MAX],
			     struct atr_context *out);

/* Bits for `except`: the message carries this header itself, do not add a second. */
#define ATR_EXCEPT_TRACESTATE 1u
#define ATR_EXCEPT_BAGGAGE 2u

/*
 * Writes the context as header lines, each "name: value\r\n". Returns the
 * length, 0 when nothing is to be written or when cap is too small. The context
 * is the one the receiver is to have as its parent: its span_id is ours.
 */
size_t atr_propagators_inject(const struct atr_propagators *p, const struct atr_context *context,
			      unsigned except, char *out, size_t cap);

/* The 55 characters of version 00, without a NUL. */
void atr_traceparent_write(const struct atr_context *context, char out[static ATR_TRACEPARENT_LEN]);

/*
 * The environment as a carrier (TRACEPARENT, TRACESTATE, BAGGAGE). `variables`
 * have names as the environment spells them, case-sensitive. Else as extract.
 */
bool atr_propagators_extract_env(const struct atr_propagators *p, const struct atr_pair *variables,
				 size_t nr_variables, char store[static ATR_CARRY_MAX],
				 struct atr_context *out);

/*
 * Writes "NAME=value" strings, each ended by a NUL, one after the other, for a
 * child's environment. Returns the bytes used (0: none, or cap too small) and
 * their count in *nr.
 */
size_t atr_propagators_inject_env(const struct atr_propagators *p,
				  const struct atr_context *context, char *out, size_t cap,
				  unsigned *nr);

/* Whether "NAME=value" (or NAME) is a variable that inject_env would write. */
bool atr_propagators_env_name(const struct atr_propagators *p, struct atr_str variable);

#endif
