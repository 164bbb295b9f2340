/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_PUBLISHED_H
#define ATR_EXPORT_PUBLISHED_H

/*
 * published: what a profiler can read of this process: its resource, in a mapping that
 * is found by its name, by OpenTelemetry's process context (OTEP 4719, version 2).
 */
#include "export/io.h"
#include "export/options.h"

/*
 * The exporter thread, once in a process. `threads`: says too that threads publish their
 * contexts. By a descriptor for a moment, which `io` closes; where that is NULL, as the
 * thread's descriptors are the program's, only if the kernel names mappings. Nothing is
 * told where it cannot be had.
 */
void atr_published_make(const struct atr_resource_attr *resource, size_t nr, bool threads,
			const struct atr_io *io);

/* A forked child: it has none. No system call. */
void atr_published_forked(void);

#endif
