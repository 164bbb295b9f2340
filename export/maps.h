/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_MAPS_H
#define ATR_EXPORT_MAPS_H

/*
 * maps: what the kernel says lies in this process, proc(5):
 *
 *	7f..-7f.. r-xp 00000000 fe:01 123    /usr/local/lib/libautotrace.so
 */
#include "export/io.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The exporter thread. The path of the file that lies at an address, absolute as the kernel knows
 * it, and *offset, where the address is in that file. False: it cannot be told, or there is none.
 */
bool atr_maps_find(const struct atr_io *io, uintptr_t address, char path[static PATH_MAX],
		   uint64_t *offset);

/*
 * Any thread. `each` is called with each range of memory, in order, until it answers false.
 * False: it did, or it cannot be told.
 */
bool atr_maps_each(const struct atr_io *io, bool (*each)(uintptr_t begin, uintptr_t end, void *arg),
		   void *arg);

#endif
