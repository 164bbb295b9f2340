/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_SYMBOLS_H
#define ATR_PRELOAD_LIVE_SYMBOLS_H

/*
 * symbols: the functions that an ELF file names, in .symtab and .dynsym, and what else is
 * known by the name of a section. Of a file of this machine's word and byte order; nothing
 * that it says is believed without a look at where it ends.
 */
#include "propagator/str.h"

#include <stdint.h>

struct atr_symbol {
	struct atr_str name; /* a NUL ends it in memory */
	uint64_t value, size;
};

/*
 * Calls `each` with every function that is defined in the file; one that both tables have
 * comes twice. False: it is no such file. is_stripped: there is no .symtab.
 */
bool atr_symbols_each(const void *file, size_t len, void (*each)(void *arg, struct atr_symbol *),
		      void *arg, bool *is_stripped);

/* Where a section lies in memory, as addresses of the file; false: there is none. */
bool atr_symbols_section(const void *file, size_t len, const char *name, uint64_t *at,
			 uint64_t *section_len);

/*
 * Whether the file is the one that was loaded, whose program headers and notes (its build
 * id) are in memory: `phdr` are its headers, `base` is what its addresses are off by.
 */
bool atr_symbols_are_of(const void *file, size_t len, const void *phdr, size_t nr_phdr,
			uintptr_t base);

#endif
