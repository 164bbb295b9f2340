/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_JAEGER_H
#define ATR_PRELOAD_LIVE_JAEGER_H

/*
 * jaeger: OTEL_TRACES_SAMPLER=jaeger_remote, the strategy that Jaeger's collectors keep for a
 * service: a share of all, so many a second, or a share for each operation. The exporter's thread
 * asks for it once a minute, while there are requests to decide on; what was said last holds, and
 * until something was, the initial share.
 *
 * Jaeger's operations are names of spans: `GET /orders/{id}`, where {id} stands for one segment
 * of a path, `GET` for what of it no other operation fits, or a path alone.
 */
#include "preload/live/sampler.h"

/*
 * The constructor: OTEL_TRACES_SAMPLER_ARG,
 * endpoint=http://host:port,pollingIntervalMs=milliseconds,initialSamplingRate=share.
 */
void atr_jaeger_setup(void);
/* The constructor, then: whose strategy it is; the text stays. */
void atr_jaeger_serves(struct atr_str service);

/* Any thread. */
void atr_jaeger_decide(const struct atr_beginning *span, struct atr_decision *out);

/* A forked child, alone: asks for itself. */
void atr_jaeger_forked(void);

#endif
