/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_HEAVY_PARTS_H
#define ATR_EXPORT_HEAVY_PARTS_H

/* parts: what the table of export/heavy.h is made of, as it is promised there. */
#include "export/heavy.h"

size_t atr_gzip(struct atr_str in, char *out, size_t cap);

struct atr_tls *atr_tls_open(const struct atr_tls_options *options, const struct atr_pipe *raw,
			     const char **why, bool *is_final);
bool atr_tls_send(struct atr_tls *tls, const struct atr_pipe *raw, struct atr_str bytes);
ssize_t atr_tls_receive(struct atr_tls *tls, const struct atr_pipe *raw, char *buf, size_t cap);
void atr_tls_free(struct atr_tls *tls);

struct atr_grpc *atr_grpc_open(void);
bool atr_grpc_call(struct atr_grpc *grpc, const struct atr_pipe *pipe,
		   const struct atr_grpc_call *call, struct atr_grpc_answer *answer);
void atr_grpc_free(struct atr_grpc *grpc);

/* Whether grpc-status-details-bin has a RetryInfo; and how long it says to wait, 0: not said. */
bool atr_grpc_retry_info(struct atr_str details, uint32_t *ms);

#endif
