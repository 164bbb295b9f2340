/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/rpc.h"

#include "export/attr.h"
#include "export/grpc_status.h"
#include "preload/conn/semconv.h"

enum {
	DEADLINE_EXCEEDED = 4,
	PERMISSION_DENIED = 7,
	RESOURCE_EXHAUSTED = 8,
	UNIMPLEMENTED = 12,
	INTERNAL = 13,
	DATA_LOSS = 15,
	UNAUTHENTICATED = 16,
};

bool atr_rpc_is(struct atr_str type)
{
	const struct atr_str grpc = ATR_STR("application/grpc");

	if (type.len < grpc.len || memcmp(type.at, grpc.at, grpc.len))
		return false;
	/* not application/grpc-web, which is another protocol */
	return type.len == grpc.len || strchr("+; ", type.at[grpc.len]);
}

unsigned atr_rpc_status(struct atr_str text)
{
	uint64_t code;

	return atr_str_decimal(text, ATR_GRPC_STATUSES - 1, &code) ? (unsigned)code :
								     ATR_RPC_UNKNOWN;
}

unsigned atr_rpc_of_http(uint16_t status)
{
	switch (status) {
	case 400:
		return INTERNAL;
	case 401:
		return UNAUTHENTICATED;
	case 403:
		return PERMISSION_DENIED;
	case 404:
		return UNIMPLEMENTED;
	case 429:
	case 502:
	case 503:
	case 504:
		return ATR_RPC_UNAVAILABLE;
	default:
		return ATR_RPC_UNKNOWN;
	}
}

unsigned atr_rpc_of_reset(uint32_t code)
{
	switch (code) {
	case 7: /* REFUSED_STREAM */
		return ATR_RPC_UNAVAILABLE;
	case 8: /* CANCEL */
		return ATR_RPC_CANCELLED;
	case 11: /* ENHANCE_YOUR_CALM */
		return RESOURCE_EXHAUSTED;
	case 12: /* INADEQUATE_SECURITY */
		return PERMISSION_DENIED;
	default:
		return INTERNAL;
	}
}

/* What went wrong in the server; the other codes tell the client what it did wrong. */
static bool is_servers(unsigned code)
{
	return code == ATR_RPC_UNKNOWN || code == DEADLINE_EXCEEDED || code == UNIMPLEMENTED ||
	       code == INTERNAL || code == ATR_RPC_UNAVAILABLE || code == DATA_LOSS;
}

void atr_rpc_put_status(struct atr_span *span, unsigned code)
{
	if (code >= ATR_GRPC_STATUSES)
		code = ATR_RPC_UNKNOWN;
	atr_span_late_str(span, ATR_RPC_STATUS_CODE, atr_str(atr_grpc_status_name(code)));
	if (code && (span->kind == ATR_KIND_CLIENT || is_servers(code)))
		atr_semconv_error(span, atr_str(atr_grpc_status_name(code)));
}
