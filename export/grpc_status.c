/* SPDX-License-Identifier: Apache-2.0 */
#include "export/grpc_status.h"

/* Characters and no pointers, which would have to be relocated at start. */
static const char names[ATR_GRPC_STATUSES][20] = {
	"OK",
	"CANCELLED",
	"UNKNOWN",
	"INVALID_ARGUMENT",
	"DEADLINE_EXCEEDED",
	"NOT_FOUND",
	"ALREADY_EXISTS",
	"PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED",
	"FAILED_PRECONDITION",
	"ABORTED",
	"OUT_OF_RANGE",
	"UNIMPLEMENTED",
	"INTERNAL",
	"UNAVAILABLE",
	"DATA_LOSS",
	"UNAUTHENTICATED",
};

const char *atr_grpc_status_name(unsigned code)
{
	return code < ATR_GRPC_STATUSES ? names[code] : "_OTHER";
}
