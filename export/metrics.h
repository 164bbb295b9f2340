/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_METRICS_H
#define ATR_EXPORT_METRICS_H

/*
 * metrics: what we tell of ourselves as OpenTelemetry's SDKs do (semantic conventions,
 * "SDK metrics"): otel.sdk.span.*, otel.sdk.processor.span.*, otel.sdk.exporter.span.* and
 * .operation.duration. Sums from the process's start on, or, where that is preferred, since they
 * were told last, by the counters of diag and by what the exporter tells here.
 */
#include "export/diag.h"
#include "export/encode/buf.h"
#include "export/options.h"

/* Whether spans are counted for it as they begin and end. */
extern bool atr_metrics_are_on;

/* The constructor, before the first span: they are to be exported. And a forked child, if so. */
void atr_metrics_setup(void);

/* Any thread. A span that began with a parent of which `origin` is true, or without one; and ended. */
enum atr_origin { ATR_ORIGIN_NONE, ATR_ORIGIN_LOCAL, ATR_ORIGIN_REMOTE };
void atr_metrics_began(enum atr_origin parent, bool is_sampled);
void atr_metrics_ended(bool is_sampled);

/*
 * The exporter thread, of the exporter with this number: one request, of so many spans, of which
 * so many were accepted; the others went to `lost`. `status` is HTTP's, or 0, grpc_status
 * gRPC's, of a request by gRPC.
 */
struct atr_operation {
	unsigned exporter;
	size_t spans, accepted;
	enum atr_count lost;
	bool was_sent; /* something answered, and said yes to it */
	int status, grpc_status;
	uint64_t duration_ns;
};
void atr_metrics_exported(const struct atr_operation *operation);

/* The exporter thread: what all came to, as one request; false when memory failed. */
struct atr_measured {
	const struct atr_options *options;
	const struct atr_resource_attr *resource;
	size_t nr_resource;
	uint32_t queue_size;
	uint64_t queue_full; /* spans that found no room in it */
};
bool atr_metrics_encode(const struct atr_measured *measured, struct atr_buf *out);
/* What was encoded last has arrived: the next sums begin where it ended. */
void atr_metrics_told(const struct atr_options *options);

#endif
