/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_BREAKDOWN_H
#define ATR_TOOLS_BREAKDOWN_H

/*
 * breakdown: where the time of a span went, in one line of text, out of its attributes.
 *
 *	lookup 2ms, connect 5ms, TLS 12ms, waiting 40ms, reading 3ms | on CPU 1ms, runnable 90us,
 *	blocked 60ms (disk 2ms): recvfrom 58ms (3), fsync 2ms (1) | round trip 250us, sent again 1,
 *	page faults 12
 *
 * The first part is what a client's span tells of its connection and its response, the second
 * what the kernel saw. Each is left out where nothing is known.
 */
#include "tools/trace.h"

#include <stdio.h>

/* Whether there was anything to write. Foreign text goes out as it came: the drawing escapes it. */
bool atr_breakdown_put(FILE *out, const struct atr_node *node);

#endif
