/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_RPC_H
#define ATR_PRELOAD_CONN_RPC_H

/*
 * rpc: what gRPC says by HTTP/2's means (PROTOCOL-HTTP2), by the RPC conventions
 * (stable, 1.45.0). Pure.
 */
#include "export/span.h"

#define ATR_RPC_CANCELLED 1
#define ATR_RPC_UNKNOWN 2
#define ATR_RPC_UNAVAILABLE 14

/* Whether a request with this content-type is a call. */
bool atr_rpc_is(struct atr_str content_type);

/* The code of a grpc-status field; UNKNOWN where it is none. */
unsigned atr_rpc_status(struct atr_str text);
/* What stands for it: the status of a response that is not gRPC's; a reset by this code. */
unsigned atr_rpc_of_http(uint16_t status);
unsigned atr_rpc_of_reset(uint32_t code);

/* Puts the code's name and, where it is an error for this side, status and error.type. */
void atr_rpc_put_status(struct atr_span *span, unsigned code);

#endif
