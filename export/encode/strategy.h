/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_ENCODE_STRATEGY_H
#define ATR_EXPORT_ENCODE_STRATEGY_H

/*
 * strategy: how a service is to be sampled, as Jaeger's collectors say it (jaeger-idl,
 * api_v2/sampling.proto), in JSON or as the message of a gRPC call. The exporter thread. Texts
 * are borrowed until _done.
 */
#include "propagator/str.h"

#include <stdint.h>

struct atr_strategy {
	double rate; /* the share that is kept; of operations that are not named, where some are */
	int64_t traces_a_second; /* below 0: it is no matter of them */
	double least;		 /* of each operation at least so many a second; 0: no such thing */
};
typedef void atr_strategy_operation(struct atr_str name, double rate, void *arg);

/* False: it is no strategy; operations may have been told. */
bool atr_strategy_json(struct atr_str json, struct atr_strategy *out, atr_strategy_operation *told,
		       void *arg);
bool atr_strategy_message(struct atr_str message, struct atr_strategy *out,
			  atr_strategy_operation *told, void *arg);
void atr_strategy_done(void);

#endif
