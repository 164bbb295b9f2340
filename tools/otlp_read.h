/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_OTLP_READ_H
#define ATR_TOOLS_OTLP_READ_H

/*
 * otlp_read: OTLP, protobuf or JSON -> trace.
 *
 * What is read may come from anybody. A message that is malformed anywhere adds
 * nothing; fields that are not known are passed over, as the protocol asks; a
 * span whose ids are not 16 and 8 bytes, or are all zero, is left out and counted.
 */
#include "tools/trace.h"

struct atr_otlp_result {
	size_t nr_spans;    /* added */
	size_t nr_rejected; /* spans with invalid ids, left out */
};

/*
 * One ExportTraceServiceRequest or TracesData. False: malformed, nothing added.
 * Counts are added to *result. The bytes are copied.
 */
bool atr_otlp_read_protobuf(struct atr_trace *trace, struct atr_str bytes,
			    struct atr_otlp_result *result);
bool atr_otlp_read_json(struct atr_trace *trace, struct atr_str text,
			struct atr_otlp_result *result);

/* One ExportLogsServiceRequest: its records that name a span are lines of the trace. */
bool atr_otlp_read_logs(struct atr_trace *trace, struct atr_str bytes);

/*
 * A whole file: one protobuf request, or JSON objects one after the other (one a
 * line in the file format; a single one may be spread over lines). A JSON object
 * that is damaged is passed over to the next line. Returns how many objects were
 * damaged, and the line of the first in *bad_line; 0: all is well.
 */
size_t atr_otlp_read_file(struct atr_trace *trace, struct atr_str bytes,
			  struct atr_otlp_result *result, size_t *bad_line);

#endif
