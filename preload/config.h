/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONFIG_H
#define ATR_PRELOAD_CONFIG_H

/* config: finds and loads what reads OTEL_CONFIG_FILE, and lets go of it again. */
#include "export/io.h"

#include <stdbool.h>

/*
 * The constructor, when all but the log is still to be set up. Without the variable it
 * does nothing. False: there is a file, and it cannot be used; nothing is to be traced.
 * The loader allocates by the program's malloc, as for any library that a process loads.
 */
bool atr_config_setup(const struct atr_io *io, char *const *environment);

#endif
