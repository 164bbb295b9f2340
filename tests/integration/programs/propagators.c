/* SPDX-License-Identifier: Apache-2.0 */
/*
 * propagators FORMATS: reads headers, "name: value" a line; says which context
 * they hold, and which headers it goes on in.
 */
#include "propagator/propagator.h"

#include <stdio.h>

static void say(const struct atr_context *c, bool is_valid)
{
	for (int i = 0; is_valid && i < ATR_TRACE_ID_LEN; i++)
		printf("%02x", c->trace_id[i]);
	for (int i = 0; is_valid && i < ATR_SPAN_ID_LEN; i++)
		printf("%s%02x", i ? "" : " ", c->span_id[i]);
	printf("%s%s\n", is_valid ? (c->flags & ATR_FLAG_SAMPLED ? " sampled" : " not") : "none",
	       c->marks & ATR_MARK_DEBUG ? " debug" : "");
	printf("%.*s\n", (int)c->baggage.len, c->baggage.len ? c->baggage.at : "");
}

int main(int argc, char **argv)
{
	static char in[65536], store[ATR_CARRY_MAX], out[ATR_INJECT_MAX];
	struct atr_pair fields[64];
	struct atr_propagators formats;
	struct atr_context context;
	struct atr_str unknown;
	size_t nr = 0, len = fread(in, 1, sizeof(in) - 1, stdin);

	atr_propagators_parse(atr_str(argc > 1 ? argv[1] : ""), &formats, &unknown);
	if (unknown.at)
		return 2;
	for (char *at = in; at < in + len && nr < 64;) {
		char *end = strchr(at, '\n'), *colon = strstr(at, ": ");

		if (!end || !colon || colon > end)
			return 2;
		fields[nr++] = (struct atr_pair){ { at, (size_t)(colon - at) },
						  { colon + 2, (size_t)(end - colon - 2) } };
		at = end + 1;
	}
	say(&context, atr_propagators_extract(&formats, fields, nr, store, &context));
	fwrite(out, 1, atr_propagators_inject(&formats, &context, 0, out, sizeof(out)), stdout);
	return 0;
}
