/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PROPAGATOR_PROPAGATOR_H
#define ATR_PROPAGATOR_PROPAGATOR_H

/*
 * propagator: context <-> header text, in the formats that are in use.
 *
 * Everything here is pure: no I/O, no allocation, no state; any thread, any
 * time, also in a signal handler. Sources: W3C Trace Context level 2, W3C
 * Baggage, the OpenTelemetry specification's propagators page; for each other
 * format, what its file says.
 */
#include "propagator/context.h"

enum atr_format {
	ATR_FORMAT_TRACECONTEXT, /* traceparent, tracestate */
	ATR_FORMAT_BAGGAGE,	 /* baggage */
	ATR_FORMAT_B3,		 /* b3; reads X-B3-* too, as b3multi reads b3 */
	ATR_FORMAT_B3MULTI,	 /* X-B3-TraceId and others */
	ATR_FORMAT_JAEGER,	 /* uber-trace-id, uberctx-* */
	ATR_FORMAT_XRAY,	 /* X-Amzn-Trace-Id */
	ATR_FORMAT_XRAY_LAMBDA,	 /* the same, and _X_AMZN_TRACE_ID in the environment */
	ATR_FORMAT_OTTRACE,	 /* ot-tracer-traceid and others, ot-baggage-* */
	ATR_FORMAT_GCP,		 /* X-Cloud-Trace-Context */
	ATR_FORMAT_ONEWAY_GCP,	 /* the same, only read */
	ATR_NR_FORMATS
};

/* The formats in use, in the order of OTEL_PROPAGATORS; none twice. */
struct atr_propagators {
	uint8_t nr;
	uint8_t format[ATR_NR_FORMATS];
	uint32_t lengths; /* bit n: a header in use has n letters; the last bit: or more */
	bool is_w3c; /* tracecontext, and baggage or nothing: of ids alone inject writes one line */
};

#define ATR_TRACEPARENT_LEN 55	/* 00-<32>-<16>-<2> */
#define ATR_TRACESTATE_MAX 8192 /* bytes of tracestate that are carried */
#define ATR_BAGGAGE_MAX 8192	/* bytes of baggage that are carried (W3C: must) */
#define ATR_XRAY_MAX 512	/* bytes of X-Ray's other fields that are carried */
#define ATR_CARRY_MAX (ATR_TRACESTATE_MAX + ATR_BAGGAGE_MAX + ATR_XRAY_MAX)
/* Enough for every line that inject writes: three formats have the baggage. */
#define ATR_INJECT_MAX (ATR_CARRY_MAX + 2 * ATR_BAGGAGE_MAX + 3072)
/* The variables that inject_env writes at most; formats beyond are left out of the environment. */
#define ATR_ENV_VARIABLES_MAX 16

/*
 * Reads the text of OTEL_PROPAGATORS. Empty or absent: tracecontext,baggage.
 * `none` alone: none. Names are case-insensitive; a name that is not known is
 * left out, and the first such is told in *unknown (absent when all are known).
 */
void atr_propagators_parse(struct atr_str text, struct atr_propagators *out,
			   struct atr_str *unknown);
bool atr_propagators_use(const struct atr_propagators *p, enum atr_format format);

/*
 * Whether a header of this name belongs to a format in use: such are what
 * extract wants to see. _is_trace: and it is one that names the trace (a
 * request that already carries one is left alone); baggage and tracestate are
 * not. _except: what inject is to leave out beside it (ATR_EXCEPT_*, or 0).
 */
bool atr_propagators_want(const struct atr_propagators *p, struct atr_str name);
bool atr_propagators_is_trace(const struct atr_propagators *p, struct atr_str name);
unsigned atr_propagators_except(const struct atr_propagators *p, struct atr_str name);

/*
 * Reads a context out of a message's headers, given in the order of the wire
 * with repeated ones repeated; names match without case; others are ignored.
 * The tracestate, the baggage and X-Ray's other fields are normalised into
 * `store` (at least ATR_CARRY_MAX bytes), which *out then borrows. *out is
 * always written; true when it holds a valid parent. Without one, trace ids and
 * flags are zero and tracestate is absent, while baggage is still read, and the
 * marks may say how a new trace is to be sampled.
 *
 * The formats read one after the other, as the specification's composite
 * propagator does: of two that find a valid parent, the later one's is taken
 * (Google's yields to others, as its own implementation does). A tracestate
 * goes with its traceparent's trace, whichever format named it last; beside a
 * parent of another format and no traceparent at all, it goes with that.
 */
bool atr_propagators_extract(const struct atr_propagators *p, const struct atr_pair *headers,
			     size_t nr_headers, char store[static ATR_CARRY_MAX],
			     struct atr_context *out);

/*
 * The same of what most requests have: one field, which says ids and flags alone, so that
 * nothing is stored. False, and *out is not to be used: it may say more.
 */
bool atr_propagators_extract_parent(const struct atr_propagators *p, const struct atr_pair *headers,
				    size_t nr_headers, struct atr_context *out);

/* Bits for `except`: the message carries this itself, do not add a second. */
#define ATR_EXCEPT_TRACESTATE 1u
#define ATR_EXCEPT_BAGGAGE 2u /* in any format's headers */
#define ATR_EXCEPT_XRAY 4u    /* X-Amzn-Trace-Id */

/*
 * Writes the context as header lines, each "name: value\r\n". Returns the
 * length, 0 when nothing is to be written or when cap is too small. The context
 * is the one the receiver is to have as its parent: its span_id is ours.
 */
size_t atr_propagators_inject(const struct atr_propagators *p, const struct atr_context *context,
			      unsigned except, char *out, size_t cap);

/* The 55 characters of version 00, without a NUL. */
void atr_traceparent_write(const struct atr_context *context, char out[static ATR_TRACEPARENT_LEN]);

/* A traceparent's value: ids, flags and marks of *out alone; false, and they are of no use: it is not one, or not valid. */
bool atr_traceparent_read(struct atr_str text, struct atr_context *out);

/* Its whole line, as inject writes it where is_w3c and there is no text to carry; how long that is. */
#define ATR_TRACEPARENT_LINE (13 + ATR_TRACEPARENT_LEN + 2)
size_t atr_traceparent_line(const struct atr_context *context,
			    char out[static ATR_TRACEPARENT_LINE]);

/*
 * A header that is there already, with this context's span id and sampling in
 * the place of its own: writes value.len bytes to out, all else as it was
 * (X-Ray's other fields, the order, spaces). False, and out is undefined: the
 * value names another trace, is not of a form that can keep its length, or stays
 * as it is, as the trace's id of a format that has it in a header of its own.
 */
bool atr_propagators_rewrite(const struct atr_propagators *p, struct atr_str name,
			     struct atr_str value, const struct atr_context *context, char *out);

/*
 * Before that, where the header is one of several of its format: whether all of them together
 * name this context's trace, and will say what it says when their parts are rewritten.
 */
bool atr_propagators_rewrite_whole(const struct atr_propagators *p, struct atr_str name,
				   const struct atr_pair *headers, size_t nr_headers,
				   const struct atr_context *context);

/*
 * The environment as a carrier: names as OpenTelemetry's environment carriers
 * have them (TRACEPARENT, B3, X_AMZN_TRACE_ID), and xray-lambda's
 * _X_AMZN_TRACE_ID. `variables` have names as the environment spells them,
 * case-sensitive. Else as extract; xray-lambda reads where no other has found.
 */
bool atr_propagators_extract_env(const struct atr_propagators *p, const struct atr_pair *variables,
				 size_t nr_variables, char store[static ATR_CARRY_MAX],
				 struct atr_context *out);

/*
 * Writes "NAME=value" strings, each ended by a NUL, one after the other, for a
 * child's environment. Returns the bytes used (0: none, or cap too small) and
 * their count in *nr, at most ATR_ENV_VARIABLES_MAX: whole formats, the first ones.
 */
size_t atr_propagators_inject_env(const struct atr_propagators *p,
				  const struct atr_context *context, char *out, size_t cap,
				  unsigned *nr);

/* Whether "NAME=value" (or NAME) is a variable that inject_env would write. */
bool atr_propagators_env_name(const struct atr_propagators *p, struct atr_str variable);

/*
 * The text of an X-Ray tracing header wherever it comes from: X-Amzn-Trace-Id,
 * Lambda-Runtime-Trace-Id, _X_AMZN_TRACE_ID, AWSTraceHeader. As extract.
 */
bool atr_xray_extract(struct atr_str text, char store[static ATR_CARRY_MAX],
		      struct atr_context *out);

/*
 * A new trace's id as X-Ray takes it: the seconds since 1970, then the random
 * bytes, of which 7 and more make it random in W3C's sense too.
 */
void atr_xray_trace_id(uint32_t seconds, const uint8_t random[static 12],
		       uint8_t out[static ATR_TRACE_ID_LEN]);
/* Whether new traces are to have such ids: X-Ray's format is in use. */
bool atr_propagators_want_epoch(const struct atr_propagators *p);

#endif
