/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_GLOB_H
#define ATR_PRELOAD_LIVE_GLOB_H

/*
 * glob: `*` any characters, `?` one; all others are themselves. Of strings that no NUL
 * ends, at the cost of no more than their lengths multiplied. Any thread.
 */
#include "propagator/str.h"

#include <stdint.h>

bool atr_glob_fits(struct atr_str glob, struct atr_str text);
bool atr_glob_fits_nocase(struct atr_str glob, struct atr_str text);

#endif
