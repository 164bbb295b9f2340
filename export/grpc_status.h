/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_GRPC_STATUS_H
#define ATR_EXPORT_GRPC_STATUS_H

/* grpc_status: the names of gRPC's status codes, "OK" and so on, as the conventions have them. Pure. */
#define ATR_GRPC_STATUSES 17

/* Of a code below that; "_OTHER" of any other. */
const char *atr_grpc_status_name(unsigned code);

#endif
