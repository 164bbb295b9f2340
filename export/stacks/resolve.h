/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_STACKS_RESOLVE_H
#define ATR_EXPORT_STACKS_RESOLVE_H

/*
 * resolve: addresses -> functions, files and lines, on the exporter's thread, by the files that the
 * objects were loaded from and what lies beside them (/usr/lib/debug/.build-id, .gnu_debuglink).
 * A file that is not what was loaded is not believed. What was found is kept by its address.
 */
#include "export/io.h"
#include "export/stacks/modules.h"
#include "export/stacks/lines.h"
#include "export/stacks/names.h"

/* What is known of an address; text is good until the next call. */
struct atr_place {
	const struct atr_module *module; /* NULL: in none */
	const char *function, *path;	 /* NULL: not known */
	const char *
		inlined; /* where it is one of several: a line of text for each, the innermost first */
	uint32_t line;
	uint64_t in_function; /* bytes from its begin */
};

void atr_resolve_setup(const struct atr_io *io);

/* Of addresses of one generation. */
void atr_resolve(uint64_t generation, const uint64_t *at, struct atr_place *places, unsigned nr);

#endif
