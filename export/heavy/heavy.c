/* SPDX-License-Identifier: Apache-2.0 */
#include "export/heavy/parts.h"
#include "export/heavy/room.h"

static const struct atr_heavy table = {
	.version = ATR_HEAVY_VERSION,
	.map_by = atr_room_map_by,
	.gzip = atr_gzip,
	.tls_open = atr_tls_open,
	.tls_send = atr_tls_send,
	.tls_receive = atr_tls_receive,
	.tls_free = atr_tls_free,
	.grpc_open = atr_grpc_open,
	.grpc_call = atr_grpc_call,
	.grpc_free = atr_grpc_free,
};

__attribute__((visibility("default"))) const struct atr_heavy *atr_heavy_table(void)
{
	return &table;
}
