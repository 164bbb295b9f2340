/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_ELF_FILE_H
#define ATR_TOOLS_ELF_FILE_H

/*
 * elf_file: what an executable or a library says about itself: machine,
 * interpreter, needed libraries, symbols, versions. Read from its program
 * headers, as the loader does; sections may be stripped.
 *
 * The file may be damaged or made to harm: every offset is checked, every loop
 * is bounded by the file's length, and nothing of it is run. Strings point into
 * the file's bytes, which must outlive the struct.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum atr_elf_state {
	ATR_ELF_GOOD,
	ATR_ELF_NOT_ELF,
	ATR_ELF_OTHER_MACHINE, /* another processor, width or byte order than ours: not read further */
	ATR_ELF_DAMAGED,
};

struct atr_elf {
	const unsigned char *bytes;
	size_t len;
	uint16_t machine;	     /* e_machine */
	uint8_t bits;		     /* 32, 64 */
	const char *interpreter;     /* NULL: none, so that nothing can be preloaded */
	const char *runpath, *rpath; /* NULL: none */
	bool is_go;
	/* where the parts lie: file offsets and counts, within the file */
	uint64_t headers_at, dynamic_at, strings_at, symbols_at, versions_at;
	size_t nr_headers, nr_dynamic, strings_len, nr_symbols, nr_versions;
};

/* Reads `len` bytes as a file. */
enum atr_elf_state atr_elf_read(struct atr_elf *elf, const void *bytes, size_t len);

/* Maps a file and reads it; 0, and the state, or an errno. Only what _open returned 0 for is closed. */
int atr_elf_open(struct atr_elf *elf, const char *path, enum atr_elf_state *state);
void atr_elf_close(struct atr_elf *elf);

/* The i-th name; NULL behind the last. _symbol: passes over no index; may be "". */
const char *atr_elf_needed(const struct atr_elf *elf, size_t i);
const char *atr_elf_symbol(const struct atr_elf *elf, size_t i, bool *is_import);

/*
 * The highest version it requires whose name starts with `prefix` ("GLIBC_"),
 * numbers compared as numbers; NULL: none.
 */
const char *atr_elf_newest_version(const struct atr_elf *elf, const char *prefix);

/* "x86-64", "AArch64"; "machine 123" for what has no name here, in a static buffer. */
const char *atr_elf_machine_name(uint16_t machine);

#endif
