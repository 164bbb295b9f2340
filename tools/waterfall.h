/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_WATERFALL_H
#define ATR_TOOLS_WATERFALL_H

/*
 * waterfall: trace -> text for a person, one line a span.
 *
 *	name, indented   service   kind   bar on the trace's time axis   start   duration   status
 *
 * Under it, where more is known than that, where its time went (breakdown.h).
 * A line starting with '?' is a span whose parent was not received.
 */
#include "tools/trace.h"

#include <stdio.h>

struct atr_waterfall_style {
	unsigned width; /* columns of a line; less than 60 is drawn as 60 */
	bool utf8;
	bool colour; /* errors in red, the rest of a line plain */
};

/* For text written to `fd`: its width, whether it is a terminal, the locale, NO_COLOR, COLUMNS. */
struct atr_waterfall_style atr_waterfall_style_of(int fd);

/* Of a linked trace. Foreign text is made harmless. */
void atr_waterfall_draw(const struct atr_trace *trace, const struct atr_waterfall_style *style,
			FILE *out);

#endif
