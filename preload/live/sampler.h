/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_SAMPLER_H
#define ATR_PRELOAD_LIVE_SAMPLER_H

/*
 * sampler: whether a span is recorded, decided when it starts. In this order:
 *
 *	a rule that is about parents	AUTOTRACE_SAMPLING_RULES, those with `parent`
 *	what the parent was told	(parentbased_*; and a parent in this process, below)
 *	a rule that fits the request	AUTOTRACE_SAMPLING_RULES, in the sampler's place
 *	the sampler			OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG
 *	the limit			AUTOTRACE_RATE_LIMIT, of what is to be sampled so far
 *
 * Where there are rules, a limit or Jaeger's strategies, a span follows its parent in this process whatever
 * the sampler: what was decided for a request holds for all that is done for it.
 */
#include "propagator/context.h"
#include "preload/live/thread.h"
#include "propagator/ot.h"

/* What a span is of, as far as rules ask for it. Borrowed. */
struct atr_request {
	struct atr_str method, path, host;
};

/* What is known of a span when it begins. */
struct atr_beginning {
	const struct atr_context *parent; /* NULL: a root */
	struct atr_str tracestate;	  /* that travels on with it */
	const uint8_t *trace_id;
	uint64_t start_ns;		   /* monotonic; 0: now */
	uint8_t kind;			   /* enum atr_kind */
	const struct atr_request *request; /* NULL: it is of none */
};

/* When it begins. */
static inline uint64_t atr_beginning_ns(const struct atr_beginning *span)
{
	return span->start_ns ? span->start_ns : atr_clock_ns();
}

struct atr_decision {
	bool is_sampled;
	bool tells;  /* the tracestate is to say `th` in the place of what it says */
	uint64_t th; /* ATR_TH_NONE: and nothing in its place */
};

/* The constructor. Reads OTEL_TRACES_SAMPLER, its _ARG, OTEL_SDK_DISABLED, AUTOTRACE_RATE_LIMIT. */
void atr_sampler_setup(void);

/* After it: whether no trace is sampled, whoever asks. */
bool atr_sampler_drops_all(void);

/*
 * Any thread. Ratios look at the trace's random number (ot.h), as the specification's
 * probability sampler does, so that every process decides alike.
 */
void atr_sampler_decide(const struct atr_beginning *span, struct atr_decision *out);

/* Whether the trace is in the share that this threshold leaves. */
bool atr_sampler_is_in(const struct atr_beginning *span, uint64_t threshold);

/* Decides by the share that this threshold leaves, and says so. */
void atr_sampler_by_ratio(const struct atr_beginning *span, uint64_t threshold,
			  struct atr_decision *out);

/* The constructor, after setup. */
bool atr_sampler_is_xray(void);
bool atr_sampler_is_jaeger(void);

/* The constructor: whether there are rules, so that a span's request is to be told. */
void atr_sampler_asks(bool has_rules);
extern bool atr_sampler_wants_request;

/*
 * A request's head: the path is its target's, without what is around it. The port
 * is no part of the host.
 */
void atr_request_of(struct atr_str method, struct atr_str target, struct atr_str host,
		    struct atr_request *out);

/*
 * What can be told without asking it. Plain: always_on or always_off, also parentbased_, and
 * nothing else has a say but the parent's flag, which it `follows`.
 */
struct atr_sampler_known {
	bool makes_spans;
	bool is_plain, follows, samples;
};
extern struct atr_sampler_known atr_sampler_known;

/* OTEL_SDK_DISABLED=true: context is carried on, spans are not made. */
static inline bool atr_sampler_makes_spans(void)
{
	return atr_sampler_known.makes_spans;
}

#endif
