/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_PRELOAD_H
#define ATR_TOOLS_PRELOAD_H

/* preload: what makes the library part of a program that is started here. */
#include "tools/receive.h"

#include <limits.h>

/* The library's path; false, and why is told, when it cannot be preloaded. */
bool atr_preload_find(char library[static PATH_MAX]);

/* In the child: LD_PRELOAD, with what it held before kept behind the library. */
void atr_preload_set(const char *library);

/*
 * In the child: the variables that lead OTLP to the receiver. What is particular
 * to traces would win over them, so it goes; delays are the user's if he set any.
 */
void atr_preload_endpoint(const struct atr_receiver *receiver);

#endif
