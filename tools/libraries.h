/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_LIBRARIES_H
#define ATR_TOOLS_LIBRARIES_H

/*
 * libraries: a program and all that the loader will bring in with it, found as
 * the loader finds them (but for its cache), and which of the functions that
 * matter to us each of them calls.
 */
#include "tools/elf_file.h"

#include <limits.h>

/* What a function is to us. The order is that of the report. */
enum atr_use {
	ATR_USE_NETWORK, /* what the hooks see */
	ATR_USE_STDIO,	 /* streams made on descriptors; sockets, where there is a network too */
	ATR_USE_NAMES,
	ATR_USE_CURL,
	ATR_USE_TLS,
	ATR_USE_PROCESS, /* starts other programs, which inherit the trace */
	ATR_USE_LOADING, /* libraries that nothing here tells of */
	ATR_USE_DIRECT,	 /* past libc: not seen */
	ATR_NR_USES
};

#define ATR_OBJECTS_MAX 256

/* The functions of the table below, by their place in it. */
struct atr_object {
	char name[NAME_MAX + 1]; /* as it was asked for; the program: its base name */
	char path[PATH_MAX];	 /* empty: not found */
	uint64_t imports, defines;
};

struct atr_libraries {
	struct atr_object objects[ATR_OBJECTS_MAX]; /* the program first */
	size_t nr;
	bool is_cut; /* there were more */
};

/* Follows the needed libraries, but libc, of the program, which is open as `elf`. */
void atr_libraries_follow(struct atr_libraries *all, const struct atr_elf *elf, const char *path);

/* The table: the i-th function's name and use; NULL behind the last. */
const char *atr_function(size_t i, enum atr_use *use);
const char *atr_use_name(enum atr_use use);

/* The functions of one use, as bits of imports and defines. */
uint64_t atr_functions_of(enum atr_use use);

/* What the program and the libraries call, together. */
uint64_t atr_libraries_imports(const struct atr_libraries *all);

#endif
