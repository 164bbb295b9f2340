/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_SAMPLER_H
#define ATR_PRELOAD_LIVE_SAMPLER_H

/* sampler: OTEL_TRACES_SAMPLER, decided when a span starts. */
#include "propagator/context.h"

/* The constructor. Reads OTEL_TRACES_SAMPLER, its _ARG, AUTOTRACE_SAMPLER_PARENTS and OTEL_SDK_DISABLED. */
void atr_sampler_setup(void);

/*
 * Any thread. Whether a span of this trace is sampled; `parent` NULL for a root.
 * parentbased_* follow the parent's flag, or what AUTOTRACE_SAMPLER_PARENTS says of such parents; traceidratio keeps a trace by the
 * last 7 bytes of its id, as the specification's probability sampler does, so
 * that every process decides alike.
 */
bool atr_sampler_keeps(const struct atr_context *parent,
		       const uint8_t trace_id[static ATR_TRACE_ID_LEN]);

/* OTEL_SDK_DISABLED=true: context is carried on, spans are not made. */
bool atr_sampler_makes_spans(void);

#endif
