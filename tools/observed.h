/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_OBSERVED_H
#define ATR_TOOLS_OBSERVED_H

/*
 * observed: spans of processes that the library cannot be in (static ones, Go's), from what
 * they were seen to read and write: HTTP/1 whose heads go by one call each, of up to
 * ATR_WIRE_BYTES_MAX bytes. Nothing is put into their requests, so that what they ask does
 * not know of it. Each says that it is one such: autotrace.observed.
 */
#include "ebpf/wire.h"
#include "tools/root_span.h"

struct atr_observed;

/* Adds to `trace`, below `root`; both outlive it. `executable`: of a process that is gone already. */
struct atr_observed *atr_observed_open(struct atr_trace *trace, const struct atr_root_span *root,
				       const char *executable);
/* What was seen next. to_unix_ns: what is to be added to its times. */
void atr_observed_see(struct atr_observed *observed, const struct atr_wire_event *event,
		      uint64_t to_unix_ns);
/* What is still under way is over. */
void atr_observed_close(struct atr_observed *observed);

#endif
