/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_XRAY_H
#define ATR_PRELOAD_LIVE_XRAY_H

/*
 * xray: OTEL_TRACES_SAMPLER=xray, the rules that X-Ray's users keep in the service. Its daemon
 * is asked for them by the exporter's thread, every five minutes, and told every ten seconds
 * what became of them; only while there are requests to decide on.
 *
 * A rule has a quota of so many a second, that the service gives each process for a while
 * (until it does, one a second is borrowed), and a rate for the others.
 */
#include "preload/live/sampler.h"

/* The constructor: OTEL_TRACES_SAMPLER_ARG, endpoint=http://host:port,polling_interval=seconds. */
void atr_xray_setup(struct atr_str service);

/* Any thread. Whether there are rules, and one fits, which has then decided. */
bool atr_xray_decide(const struct atr_beginning *span, struct atr_decision *out);
/* One a second, and 5 % of the others: where nothing else is known. */
void atr_xray_decide_without(const struct atr_beginning *span, struct atr_decision *out);

/* A forked child, alone: asks for itself. */
void atr_xray_forked(void);

#endif
