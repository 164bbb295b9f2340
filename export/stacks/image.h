/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_STACKS_IMAGE_H
#define ATR_EXPORT_STACKS_IMAGE_H

/*
 * image: an ELF file of this machine's kind, and what sections of it say. Read, not mapped: a
 * file that is cut short meanwhile is then no fault. Whatever it holds, nothing outside of
 * what was read is looked at.
 */
#include "export/stacks/bytes.h"
#include "export/stacks/pages.h"

#include <link.h>

#define ATR_BUILD_ID_MAX 32

struct atr_build_id {
	uint8_t len, bytes[ATR_BUILD_ID_MAX];
};

/* Where its bytes come from: a file; in a test, memory. */
struct atr_source {
	bool (*read)(const struct atr_source *source, uint64_t at, void *to, size_t len);
	uint64_t len;
	int fd;
	const void *memory;
};

struct atr_image {
	const struct atr_source *source;
	struct atr_pages *pages; /* for what is read of it */
	ElfW(Ehdr) header;
	const ElfW(Phdr) * parts;
	const ElfW(Shdr) * sections;
	unsigned nr_parts, nr_sections;
	struct atr_bytes names; /* of sections */
};

/* False: it is none, or broken. Without sections it is one. */
bool atr_image_open(struct atr_image *image, const struct atr_source *source,
		    struct atr_pages *pages);

/* A section's bytes, unpacked where they are packed by zlib; `failed`: it is not there. */
struct atr_bytes atr_image_section(const struct atr_image *image, const char *name, size_t most);
/* Whether there is one with bytes in the file. */
bool atr_image_has(const struct atr_image *image, const char *name);

/* What tells a program from another one of the same name: of len 0 where it has none. */
struct atr_build_id atr_image_build_id(const struct atr_image *image);
/* The same of notes in memory. */
struct atr_build_id atr_notes_build_id(struct atr_bytes notes);

/* A sum of where its parts lie, to know whether a file is what was loaded. */
uint64_t atr_parts_sum(const ElfW(Phdr) * parts, unsigned nr);

/*
 * The functions that addresses are in, of .symtab, or .dynsym where that is not there. `at` is
 * as the file has it, ascending; a name that was found is kept as long as the pages are.
 */
struct atr_named {
	uint64_t at;
	const char *name; /* NULL: not found yet */
	uint64_t begin;
	bool is_global;
};
void atr_image_functions(const struct atr_image *image, struct atr_named *named, unsigned nr);

/* .gnu_debuglink: a file's name and its checksum. */
bool atr_image_debuglink(const struct atr_image *image, const char **name, uint32_t *sum);
/* Whether the whole file has this checksum. */
bool atr_source_has_sum(const struct atr_source *source, struct atr_pages *pages, uint32_t sum);

#endif
