/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_EXTENSION_H
#define ATR_PRELOAD_CONN_EXTENSION_H

/*
 * extension: an internal extension of a Lambda function that wants no events. Where
 * there is one the platform ends a sandbox by SIGTERM and, half a second later, by
 * SIGKILL; else by SIGKILL alone.
 *
 * It takes no thread: what the platform waits for is that the extension has asked for
 * its next event, and the question stays open on a descriptor of ours.
 */
#include <netinet/in.h>

/*
 * Registers, before the first `next` of the runtime, and asks. Waits for the platform's
 * answer. When it cannot be had the function goes on without. Inside atr_enter.
 */
void atr_extension_begin(const struct sockaddr_in *api);

#endif
