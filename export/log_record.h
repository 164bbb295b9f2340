/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_LOG_RECORD_H
#define ATR_EXPORT_LOG_RECORD_H

/*
 * log_record: a line of the program's log on its way to a collector, and its form
 * there: an OTLP LogRecord whose body is the line.
 */
#include "export/encode/buf.h"
#include "export/options.h"
#include "propagator/context.h"

#define ATR_LOG_LINE_MAX 4096

struct atr_log_record {
	uint64_t time_ns; /* of the clock of the day */
	uint8_t trace_id[ATR_TRACE_ID_LEN], span_id[ATR_SPAN_ID_LEN];
	uint8_t flags;
	uint8_t fd; /* 1 or 2 */
	uint16_t len;
	char line[ATR_LOG_LINE_MAX]; /* without its end */
};

/*
 * What the line tells of its severity: OTLP's number, 1 (TRACE) to 24, and the word for it,
 * borrowed. 0 where it tells none: only a JSON object with a member level, severity,
 * levelname, lvl or log.level that is one of the usual words does.
 */
unsigned atr_log_severity(struct atr_str line, struct atr_str *word);

/* The exporter thread. One request of them; false when memory failed. */
bool atr_log_records_encode(const struct atr_log_record *const *records, size_t nr,
			    const struct atr_resource_attr *resource, size_t nr_resource,
			    bool is_json, struct atr_buf *out);

#endif
