/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_RECEIVE_H
#define ATR_TOOLS_RECEIVE_H

/*
 * receive: an OTLP/HTTP collector on a unix socket, for one run: of spans, of log records, which
 * are lines of the trace, and of metrics, which are counted.
 *
 * The socket lies in a directory of its own that everybody may pass through and
 * nobody else may list, so that a traced program that gave up its user can still
 * connect; its name is random, so that others on the machine cannot. It never
 * blocks: the owner polls atr_receiver_fd for reading and calls _serve. One thread.
 */
#include "tools/otlp_read.h"

struct atr_receiver;

/* A receiver that adds what it is sent to `trace`; NULL with errno set. _close removes the socket. */
struct atr_receiver *atr_receiver_open(struct atr_trace *trace);
void atr_receiver_close(struct atr_receiver *receiver);

const char *atr_receiver_path(const struct atr_receiver *receiver);
int atr_receiver_fd(const struct atr_receiver *receiver);

/* One turn for everyone who is ready, without waiting. */
void atr_receiver_serve(struct atr_receiver *receiver);

size_t atr_receiver_nr_metrics(const struct atr_receiver *receiver); /* requests of them */
size_t atr_receiver_connections(const struct atr_receiver *receiver);
const struct atr_otlp_result *atr_receiver_result(const struct atr_receiver *receiver);
size_t
atr_receiver_nr_refused(const struct atr_receiver *receiver); /* requests not answered by 200 */

#endif
