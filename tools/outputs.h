/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_OUTPUTS_H
#define ATR_TOOLS_OUTPUTS_H

/* outputs: the files that --html and --json name. */
#include "tools/trace.h"

#include <stdio.h>

struct atr_outputs {
	const char *html, *json; /* names; NULL: not asked for */
	FILE *html_out, *json_out;
};

/* Before the program runs: an hour's trace must not be lost to a mistyped directory. False: told. */
bool atr_outputs_open(struct atr_outputs *outputs);

/* Links the trace, and writes it to those that are open; what fails is told. */
void atr_outputs_write(struct atr_outputs *outputs, struct atr_trace *trace, const char *title);

#endif
