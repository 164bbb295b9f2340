/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_XRAY_READ_H
#define ATR_TOOLS_XRAY_READ_H

/*
 * xray_read: X-Ray segment documents -> trace.
 *
 * A segment is read as a SERVER span, a subsegment as CLIENT when it has a
 * namespace (aws, remote) and as INTERNAL otherwise; nested subsegments become
 * spans below it. HTTP, SQL and exceptions go under the names that OpenTelemetry
 * has for them, everything else under X-Ray's own (aws.*, sql.*, annotations).
 * What is read may come from anybody: malformed text adds nothing, a segment
 * without valid ids is left out and counted.
 */
#include "tools/trace.h"

struct atr_xray_result {
	size_t nr_segments; /* added, nested ones too */
	size_t nr_rejected; /* left out: an id that is none, no name or no start */
};

/*
 * One document. `service` is the name of what sent it: a segment says its own,
 * a subsegment cannot. A document in progress is replaced by a later one of the
 * same ids, and does not replace a finished one. False: it is not a JSON object.
 * The trace must not have been linked since it last was added to.
 */
bool atr_xray_read(struct atr_trace *trace, struct atr_str document, struct atr_str service,
		   struct atr_xray_result *result);

#endif
