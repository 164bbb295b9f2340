/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_OTLP_WRITE_H
#define ATR_TOOLS_OTLP_WRITE_H

/*
 * otlp_write: trace -> OTLP JSON lines, the specification's file format: one
 * TracesData a line.
 */
#include "tools/trace.h"

#include <stdio.h>

/*
 * Writes all spans; neighbours from one resource share a line, so that before
 * atr_trace_link a line is what one process sent at once. What is not UTF-8 in a
 * string becomes U+FFFD. False when writing failed (errno) or memory ended.
 */
bool atr_otlp_write_json(const struct atr_trace *trace, FILE *out);

#endif
