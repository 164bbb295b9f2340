/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_FORMATS_H
#define ATR_PRELOAD_CONN_FORMATS_H

/* formats: those that contexts are read and written in, OTEL_PROPAGATORS. */
#include "propagator/propagator.h"

extern struct atr_propagators atr_formats;

/* The constructor. In a Lambda function X-Ray's comes first, unless something is said. */
void atr_formats_setup(void);

#endif
