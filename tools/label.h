/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_LABEL_H
#define ATR_TOOLS_LABEL_H

/*
 * label: what a reader is told about a span in a few words. Shared by all
 * drawings, so that a span reads the same on a terminal and on a page.
 *
 * Each writes foreign text as it came: the drawing escapes it.
 */
#include "tools/trace.h"

#include <stdio.h>

/*
 * The name, and what it was about where conventions keep that out of the name:
 * "GET" is shown as "GET api:8080/orders" (client) or "GET /orders" (server).
 */
void atr_label_name(FILE *out, const struct atr_node *node);

/* service.name without "unknown_service:", and "(pid)" where processes share it. */
void atr_label_service(FILE *out, const struct atr_resource *resource);

/*
 * Where in the program it was made, "fetch (/src/stock.c:42)"; nothing when that was not told. Returns
 * whether it was.
 */
bool atr_label_where(FILE *out, const struct atr_node *node);

/* "200", "503", "connection_refused", "exit 3", "error"; nothing when all is well and no code was told. */
void atr_label_status(FILE *out, const struct atr_node *node);

#endif
