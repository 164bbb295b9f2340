/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_LOGS_H
#define ATR_PRELOAD_CONN_LOGS_H

/*
 * logs: lines that the program writes to standard output and error while it serves a
 * request carry that span's ids (AUTOTRACE_LOGS=inject): a JSON object as the members
 * trace_id and span_id, other text behind it. Whole lines only; one that names a
 * trace_id already, an empty one, and what is longer than ATR_LOGS_MAX stays as it is.
 * With AUTOTRACE_LOGS=otlp these lines are also offered to the exporter, as they were without ours.
 */
#include "propagator/context.h"

#include <sys/uio.h>

#define ATR_LOGS_MAX \
	4096 /* of one write, with ours: so much goes into a pipe whole or not at all */
#define ATR_LOGS_LINES_MAX 32

extern bool atr_logs_are_on, atr_logs_are_exported;

/* The constructor: AUTOTRACE_LOGS, and OTEL_LOGS_EXPORTER: `none` exports nothing. */
void atr_logs_setup(void);

/* What is written in the place of the program's bytes, and where in it ours are. */
struct atr_lines {
	unsigned nr_ours;
	struct {
		uint32_t line_at, at, len;
	} ours[ATR_LOGS_LINES_MAX];
	uint8_t trace_id[ATR_TRACE_ID_LEN], span_id[ATR_SPAN_ID_LEN];
	size_t len;
	char text[ATR_LOGS_MAX];
};

/*
 * Puts the ids into the lines of `text`; `in_line`: it goes on with one that is begun.
 * False: nothing is to be put.
 */
bool atr_logs_put(struct atr_lines *lines, struct atr_str text, bool in_line,
		  const struct atr_context *context);
/* How many of the program's bytes the first n of these are. */
size_t atr_logs_count(const struct atr_lines *lines, size_t n);

/*
 * Before a write of the program to descriptor 1 or 2: false, when its own call is to
 * be made. After either: how many of the program's bytes went out, or -1.
 */
bool atr_logs_plan(int fd, const struct iovec *iov, int nr, struct atr_lines *lines);
void atr_logs_written(int fd, const struct iovec *iov, int nr, ssize_t n);
/* The same of text for a stream, which goes on with a line that is begun or does not. */
bool atr_logs_plan_text(struct atr_str text, bool in_line, struct atr_lines *lines);
/* After a write by plan, of which so many bytes went out, ours among them. */
void atr_logs_export(int fd, const struct atr_lines *lines, ssize_t n);

#endif
