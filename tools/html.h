/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_HTML_H
#define ATR_TOOLS_HTML_H

/*
 * html: trace -> one page that stands alone: no script, no request to anywhere,
 * light or dark as the reader's system is. A line opens to its attributes and
 * events. Foreign text is escaped; the page's own policy forbids scripts, so that
 * even a mistake here would run nothing.
 */
#include "tools/trace.h"

#include <stdio.h>

/* Of a linked trace. False when writing failed (errno). */
bool atr_html_draw(const struct atr_trace *trace, const char *title, FILE *out);

#endif
