/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_BESIDE_H
#define ATR_PRELOAD_BESIDE_H

/* beside: the files that belong to the library, in the folder that it was loaded from. */
#include <limits.h>
#include <stdbool.h>

/*
 * The constructor. The path of a file; where the library lies in no folder that is known, its
 * name, for the loader to look where it does. False: it is too long.
 */
bool atr_beside(const char *file, char path[static PATH_MAX]);

#endif
