/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/probes.h"

#include "export/diag.h"
#include "export/env.h"

unsigned atr_probes = ATR_PROBE_HTTP | ATR_PROBE_CURL;

static unsigned probe_of(struct atr_str name)
{
	static const struct {
		char name[12];
		unsigned bits;
	} known[] = {
		{ "http", ATR_PROBE_HTTP },	    { "dns", ATR_PROBE_DNS },
		{ "connect", ATR_PROBE_CONNECT },   { "process", ATR_PROBE_PROCESS },
		{ "tls", ATR_PROBE_TLS },	    { "curl", ATR_PROBE_CURL },
		{ "xray_env", ATR_PROBE_XRAY_ENV }, { "all", ATR_PROBE_ALL },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (atr_str_equal_nocase(name, atr_str(known[i].name)))
			return known[i].bits;
	return 0;
}

static void apply(struct atr_str name, struct atr_str whole, bool is_first)
{
	bool leave_out = name.at[0] == '-';
	unsigned bits;

	if (leave_out)
		name = (struct atr_str){ name.at + 1, name.len - 1 };
	else if (is_first)
		atr_probes = 0;
	bits = probe_of(name);
	if (!bits && !atr_str_equal_nocase(name, ATR_STR("none")))
		atr_log_bad_env("AUTOTRACE_PROBES", whole, "a probe in it is not known here",
				"it is left out");
	atr_probes = leave_out ? atr_probes & ~bits : atr_probes | bits;
}

void atr_probes_setup(void)
{
	struct atr_str list = atr_env_get("AUTOTRACE_PROBES"), rest = list;
	bool is_first = true;

	while (rest.len) {
		const char *comma = memchr(rest.at, ',', rest.len);
		struct atr_str name = { rest.at, comma ? (size_t)(comma - rest.at) : rest.len };

		rest.len -= name.len + (comma ? 1 : 0);
		rest.at += name.len + (comma ? 1 : 0);
		name = atr_str_trim(name);
		if (name.len) {
			apply(name, list, is_first);
			is_first = false;
		}
	}
}
