/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/outputs.h"
#include "tools/html.h"
#include "tools/otlp_write.h"

#include <errno.h>

static void complain(const char *name)
{
	fprintf(stderr, "autotrace: %s: %s\n", name, strerror(errno));
}

static bool open_output(const char *name, FILE **out)
{
	if (!name)
		return true;
	*out = fopen(name, "we");
	if (!*out)
		complain(name);
	return *out;
}

bool atr_outputs_open(struct atr_outputs *o)
{
	return open_output(o->html, &o->html_out) && open_output(o->json, &o->json_out);
}

void atr_outputs_write(struct atr_outputs *o, struct atr_trace *trace, const char *title)
{
	/* by arrival: a line for what a process sent at once */
	if (o->json_out && (!atr_otlp_write_json(trace, o->json_out) || fclose(o->json_out) != 0))
		complain(o->json);
	atr_trace_link(trace);
	if (o->html_out && (!atr_html_draw(trace, title, o->html_out) || fclose(o->html_out) != 0))
		complain(o->html);
}
