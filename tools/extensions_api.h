/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_EXTENSIONS_API_H
#define ATR_TOOLS_EXTENSIONS_API_H

/*
 * extensions_api: the extensions of a sandbox, and the calls they make. A part
 * of runtime_api, which knows the phase, and hands on what is asked below
 * /2020-01-01/extension.
 */
#include "tools/runtime_api.h"
#include "tools/server.h"

enum { ATR_EXTENSIONS_MAX = 10 };

struct atr_extension {
	char id[ATR_REQUEST_ID_LEN + 1], name[128];
	bool wants_invoke, wants_shutdown, is_external;
	struct atr_peer *waiting; /* in event/next */
};

struct atr_extensions {
	const struct atr_runtime_options *options;
	struct atr_extension list[ATR_EXTENSIONS_MAX];
	size_t nr;
};

/* `path` is what follows "/2020-01-01/extension/". `is_closed`: registration is, as Init is over. */
void atr_extensions_asked(struct atr_extensions *x, struct atr_peer *peer, struct atr_str path,
			  const struct atr_request *request, bool is_closed);
void atr_extensions_gone(struct atr_extensions *x, const struct atr_peer *peer);

/* All, or those of INVOKE, wait in event/next. */
bool atr_extensions_are_waiting(const struct atr_extensions *x, bool only_invoke);

void atr_extensions_invoke(struct atr_extensions *x, const struct atr_invocation *invocation);
void atr_extensions_shutdown(struct atr_extensions *x, const char *reason, uint64_t deadline_ms);

/* Both APIs refuse in the same form. `message` and `type` hold nothing that JSON would escape. */
void atr_api_refuse(struct atr_peer *peer, const char *status, const char *type,
		    const char *message);

#endif
