/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_LAMBDA_TRACE_H
#define ATR_TOOLS_LAMBDA_TRACE_H

/*
 * lambda_trace: the segment that Lambda itself would send of an invocation, with
 * Initialization, Invocation and Overhead below it. The function's own spans hang
 * below the segment, whose id is the Parent of the trace header.
 */
#include "propagator/context.h"
#include "tools/runtime_api.h"
#include "tools/trace.h"

#define ATR_TRACE_HEADER_MAX 128
#define ATR_XRAY_TRACE_ID_LEN 35

struct atr_lambda_segment {
	uint8_t trace_id[ATR_TRACE_ID_LEN], span_id[ATR_SPAN_ID_LEN];
	uint8_t caller_id[ATR_SPAN_ID_LEN];
	char root[ATR_XRAY_TRACE_ID_LEN + 1], parent[2 * ATR_SPAN_ID_LEN + 1];
	char header[ATR_TRACE_HEADER_MAX];
};

/*
 * New ids, the trace's beginning with the time as X-Ray wants it; or, where the
 * caller's header is given, in its trace and below its Parent.
 */
void atr_lambda_segment_begin(struct atr_lambda_segment *segment, const struct atr_context *caller,
			      bool is_sampled);

/* In nanoseconds since 1970; 0: this did not come to pass. */
struct atr_lambda_times {
	uint64_t init_start, init_end;
	uint64_t start, answered, end;
};

/* What a segment belongs to. */
struct atr_resource *atr_lambda_add_resource(struct atr_trace *trace, const char *function,
					     const char *arn);

/* `failure`: "timeout" or an error's type; NULL: it went well. */
void atr_lambda_segment_add(const struct atr_lambda_segment *segment, struct atr_trace *trace,
			    struct atr_resource *resource, const struct atr_invocation *invocation,
			    const struct atr_lambda_times *times, const char *failure);

#endif
