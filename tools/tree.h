/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_TREE_H
#define ATR_TOOLS_TREE_H

/*
 * tree: trace -> span trees as text with times and ids taken out, for a test to
 * compare. The same spans give the same text whatever order they came in.
 *
 *	KIND name [service] STATUS key=value key=value
 *	  KIND name ...
 *
 * Two spaces a level; siblings sorted by service, name, the rest of the line,
 * then what is below them; "? " before a span whose parent was not received; a
 * blank line between traces.
 */
#include "tools/trace.h"

#include <stdio.h>

#define ATR_TREE_ATTRIBUTES                                                               \
	"http.request.method,http.response.status_code,url.full,url.path,server.address," \
	"server.port,error.type"

struct atr_tree_style {
	const char *attributes; /* keys in the order they are to be printed, by commas; "" none */
	bool mask_ports;	/* *.port attributes, and ":digits" in text, are PORT */
};

/* Of a linked trace, whose siblings and traces are then sorted as they were printed. */
void atr_tree_draw(struct atr_trace *trace, const struct atr_tree_style *style, FILE *out);

#endif
