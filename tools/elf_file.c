/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/elf_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if __SIZEOF_POINTER__ == 8
#define OWN_CLASS ELFCLASS64
#else
#define OWN_CLASS ELFCLASS32
#endif
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OWN_ORDER ELFDATA2LSB
#else
#define OWN_ORDER ELFDATA2MSB
#endif
#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#elif defined(__i386__)
#define OWN_MACHINE EM_386
#elif defined(__arm__)
#define OWN_MACHINE EM_ARM
#elif defined(__riscv)
#define OWN_MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define OWN_MACHINE EM_PPC64
#elif defined(__s390x__)
#define OWN_MACHINE EM_S390
#else
#error "which machine is this?"
#endif

/* Copied and not pointed to: nothing in a file needs to be aligned. */
static bool copy_from(const struct atr_elf *elf, uint64_t at, void *out, size_t len)
{
	if (at > elf->len || len > elf->len - at)
		return false;
	memcpy(out, elf->bytes + at, len);
	return true;
}

/* A string that ends within the file and before `end`. */
static const char *string_within(const struct atr_elf *elf, uint64_t at, uint64_t end)
{
	if (end > elf->len || at >= end || !memchr(elf->bytes + at, '\0', end - at))
		return NULL;
	return (const char *)elf->bytes + at;
}

/* The table is known to end with a NUL, so every name in it ends. */
static const char *string_at(const struct atr_elf *elf, uint64_t offset)
{
	return offset < elf->strings_len ? (const char *)elf->bytes + elf->strings_at + offset :
					   NULL;
}

static bool header_at(const struct atr_elf *elf, size_t i, ElfW(Phdr) * out)
{
	return i < elf->nr_headers &&
	       copy_from(elf, elf->headers_at + i * sizeof(*out), out, sizeof(*out));
}

/* Where in the file an address will have come from; the file's length when nowhere. */
static uint64_t offset_of(const struct atr_elf *elf, uint64_t address)
{
	ElfW(Phdr) h;

	for (size_t i = 0; header_at(elf, i, &h); i++) {
		if (h.p_type == PT_LOAD && address >= h.p_vaddr &&
		    address - h.p_vaddr < h.p_filesz && h.p_offset <= elf->len)
			return h.p_offset + (address - h.p_vaddr);
	}
	return elf->len;
}

static bool dynamic_entry(const struct atr_elf *elf, size_t i, ElfW(Dyn) * out)
{
	return i < elf->nr_dynamic &&
	       copy_from(elf, elf->dynamic_at + i * sizeof(*out), out, sizeof(*out)) &&
	       out->d_tag != DT_NULL;
}

static bool find_dynamic(const struct atr_elf *elf, int64_t tag, uint64_t *value)
{
	ElfW(Dyn) d;

	for (size_t i = 0; dynamic_entry(elf, i, &d); i++) {
		if (d.d_tag == tag) {
			*value = d.d_un.d_val;
			return true;
		}
	}
	return false;
}

static const char *dynamic_string(const struct atr_elf *elf, int64_t tag)
{
	uint64_t offset;

	return find_dynamic(elf, tag, &offset) ? string_at(elf, offset) : NULL;
}

/* A note named "Go" is .note.go.buildid. */
static bool has_go_note(const struct atr_elf *elf, const ElfW(Phdr) * h)
{
	ElfW(Nhdr) note;
	char name[3];

	/* the first note of the segment decides: the linker gives Go's one of its own */
	return copy_from(elf, h->p_offset, &note, sizeof(note)) && note.n_namesz >= 3 &&
	       copy_from(elf, h->p_offset + sizeof(note), name, sizeof(name)) &&
	       memcmp(name, "Go", 3) == 0;
}

static bool has_go_section(const struct atr_elf *elf, const ElfW(Ehdr) * file)
{
	ElfW(Shdr) names, section;
	uint64_t at = file->e_shoff + (uint64_t)file->e_shstrndx * sizeof(names);

	if (!file->e_shoff || !copy_from(elf, at, &names, sizeof(names)) ||
	    names.sh_offset > elf->len || names.sh_size > elf->len - names.sh_offset)
		return false;
	for (size_t i = 0; i < file->e_shnum; i++) {
		const char *name;

		at = file->e_shoff + i * sizeof(section);
		if (!copy_from(elf, at, &section, sizeof(section)) ||
		    section.sh_name >= names.sh_size)
			continue;
		name = string_within(elf, names.sh_offset + section.sh_name,
				     names.sh_offset + names.sh_size);
		if (name &&
		    (strcmp(name, ".go.buildinfo") == 0 || strcmp(name, ".note.go.buildid") == 0))
			return true;
	}
	return false;
}

/* What a relocation names is one of them. */
static size_t count_by_relocations(const struct atr_elf *elf)
{
	static const int64_t tables[][2] = { { DT_RELA, DT_RELASZ }, { DT_JMPREL, DT_PLTRELSZ } };
	uint64_t address, len, nr = 0;
	ElfW(Rela) one;

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		if (!find_dynamic(elf, tables[t][0], &address) ||
		    !find_dynamic(elf, tables[t][1], &len))
			continue;
		for (uint64_t at = 0; at < len; at += sizeof(one)) {
			if (!copy_from(elf, offset_of(elf, address) + at, &one, sizeof(one)))
				break;
			if ((uint64_t)one.r_info >> 32 >= nr)
				nr = ((uint64_t)one.r_info >> 32) + 1;
		}
	}
	return nr;
}

/*
 * How many symbols there are is told by no entry. The older hash table has as
 * many chain words; in the newer, symbols from `first` on are in buckets, and
 * the last of the highest bucket's chain, marked by its low bit, is the last of all.
 * Of a program that nothing is asked of it knows none.
 */
static size_t count_by_gnu_hash(const struct atr_elf *elf, uint64_t at)
{
	uint32_t head[4], word, highest = 0; /* buckets, first, bloom words, bloom shift */
	uint64_t buckets, chains;

	if (!copy_from(elf, at, head, sizeof(head)))
		return 0;
	buckets = at + sizeof(head) + (uint64_t)head[2] * sizeof(ElfW(Addr));
	chains = buckets + (uint64_t)head[0] * sizeof(word);
	for (uint32_t i = 0; i < head[0]; i++) {
		if (!copy_from(elf, buckets + (uint64_t)i * sizeof(word), &word, sizeof(word)))
			return 0;
		highest = word > highest ? word : highest;
	}
	if (highest < head[1]) {
		size_t nr = sizeof(ElfW(Addr)) == 8 ? count_by_relocations(elf) : 0;

		return nr > head[1] ? nr : head[1];
	}
	do {
		if (!copy_from(elf, chains + (uint64_t)(highest - head[1]) * sizeof(word), &word,
			       sizeof(word)))
			return 0;
		highest++;
	} while (!(word & 1));
	return highest;
}

static size_t count_symbols(const struct atr_elf *elf)
{
	uint64_t address;
	uint32_t head[2];

	if (find_dynamic(elf, DT_HASH, &address) &&
	    copy_from(elf, offset_of(elf, address), head, sizeof(head)))
		return head[1];
	if (find_dynamic(elf, DT_GNU_HASH, &address))
		return count_by_gnu_hash(elf, offset_of(elf, address));
	return 0;
}

static bool read_dynamic(struct atr_elf *elf, const ElfW(Phdr) * h)
{
	uint64_t strings, symbols, versions, count, size;

	elf->dynamic_at = h->p_offset;
	elf->nr_dynamic = h->p_filesz / sizeof(ElfW(Dyn));
	if (!find_dynamic(elf, DT_STRTAB, &strings) || !find_dynamic(elf, DT_STRSZ, &size))
		return true; /* a program may be without names */
	elf->strings_at = offset_of(elf, strings);
	if (!size || elf->strings_at >= elf->len || size > elf->len - elf->strings_at ||
	    elf->bytes[elf->strings_at + size - 1])
		return false;
	elf->strings_len = size;
	if (find_dynamic(elf, DT_SYMTAB, &symbols)) {
		elf->symbols_at = offset_of(elf, symbols);
		elf->nr_symbols = count_symbols(elf);
	}
	if (find_dynamic(elf, DT_VERNEED, &versions) && find_dynamic(elf, DT_VERNEEDNUM, &count)) {
		elf->versions_at = offset_of(elf, versions);
		elf->nr_versions = count;
	}
	elf->runpath = dynamic_string(elf, DT_RUNPATH);
	elf->rpath = dynamic_string(elf, DT_RPATH);
	return true;
}

static bool read_headers(struct atr_elf *elf, const ElfW(Ehdr) * file)
{
	ElfW(Phdr) h;

	elf->headers_at = file->e_phoff;
	elf->nr_headers = file->e_phnum;
	if (file->e_phentsize != sizeof(h) && file->e_phnum)
		return false;
	for (size_t i = 0; i < elf->nr_headers; i++) {
		if (!header_at(elf, i, &h))
			return false;
		if (h.p_type == PT_DYNAMIC && !read_dynamic(elf, &h))
			return false;
		if (h.p_type == PT_INTERP) {
			if (h.p_offset > elf->len || h.p_filesz > elf->len - h.p_offset)
				return false;
			elf->interpreter = string_within(elf, h.p_offset, h.p_offset + h.p_filesz);
			if (!elf->interpreter)
				return false;
		}
		elf->is_go |= h.p_type == PT_NOTE && has_go_note(elf, &h);
	}
	elf->is_go = elf->is_go || has_go_section(elf, file);
	return true;
}

enum atr_elf_state atr_elf_read(struct atr_elf *elf, const void *bytes, size_t len)
{
	ElfW(Ehdr) file;

	*elf = (struct atr_elf){ .bytes = bytes, .len = len };
	if (len < SELFMAG || memcmp(bytes, ELFMAG, SELFMAG) != 0)
		return ATR_ELF_NOT_ELF;
	/* up to e_machine both widths are laid out alike */
	if (len < offsetof(ElfW(Ehdr), e_version))
		return ATR_ELF_DAMAGED;
	memset(&file, 0, sizeof(file));
	memcpy(&file, bytes, len < sizeof(file) ? len : sizeof(file));
	elf->bits = file.e_ident[EI_CLASS] == ELFCLASS64 ? 64 : 32;
	elf->machine = file.e_machine;
	if (file.e_ident[EI_DATA] != OWN_ORDER)
		elf->machine = (uint16_t)(file.e_machine << 8 | file.e_machine >> 8);
	if (file.e_ident[EI_CLASS] != OWN_CLASS || file.e_ident[EI_DATA] != OWN_ORDER ||
	    file.e_machine != OWN_MACHINE)
		return ATR_ELF_OTHER_MACHINE;
	if (len < sizeof(file) || !read_headers(elf, &file))
		return ATR_ELF_DAMAGED;
	return ATR_ELF_GOOD;
}

int atr_elf_open(struct atr_elf *elf, const char *path, enum atr_elf_state *state)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error = 0;
	struct stat st;
	void *bytes;

	if (fd < 0)
		return errno;
	if (fstat(fd, &st) != 0)
		error = errno;
	else if (!S_ISREG(st.st_mode) || st.st_size == 0)
		error = ENOEXEC;
	bytes = error ? MAP_FAILED : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (!error && bytes == MAP_FAILED)
		error = errno;
	close(fd);
	if (!error)
		*state = atr_elf_read(elf, bytes, (size_t)st.st_size);
	return error;
}

void atr_elf_close(struct atr_elf *elf)
{
	munmap((void *)elf->bytes, elf->len);
	*elf = (struct atr_elf){ 0 };
}

const char *atr_elf_needed(const struct atr_elf *elf, size_t i)
{
	ElfW(Dyn) d;

	for (size_t at = 0; dynamic_entry(elf, at, &d); at++) {
		const char *name = d.d_tag == DT_NEEDED ? string_at(elf, d.d_un.d_val) : NULL;

		if (name && i-- == 0)
			return name;
	}
	return NULL;
}

const char *atr_elf_symbol(const struct atr_elf *elf, size_t i, bool *is_import)
{
	ElfW(Sym) symbol;
	const char *name;

	if (i >= elf->nr_symbols ||
	    !copy_from(elf, elf->symbols_at + i * sizeof(symbol), &symbol, sizeof(symbol)))
		return NULL;
	*is_import = symbol.st_shndx == SHN_UNDEF;
	name = string_at(elf, symbol.st_name);
	return name ? name : "";
}

/* "2.34" against "2.4": number by number; what is no number counts as 0. */
static bool is_newer(const char *a, const char *b)
{
	while (*a || *b) {
		unsigned long x = 0, y = 0;

		for (; *a && *a != '.'; a++)
			x = x * 10 + (unsigned long)(*a >= '0' && *a <= '9' ? *a - '0' : 0);
		for (; *b && *b != '.'; b++)
			y = y * 10 + (unsigned long)(*b >= '0' && *b <= '9' ? *b - '0' : 0);
		if (x != y)
			return x > y;
		a += *a == '.';
		b += *b == '.';
	}
	return false;
}

const char *atr_elf_newest_version(const struct atr_elf *elf, const char *prefix)
{
	const char *newest = NULL;
	uint64_t at = elf->versions_at;
	/* each entry takes room, so a file cannot have more of them than bytes */
	size_t budget = elf->len / sizeof(ElfW(Vernaux));
	ElfW(Verneed) need;

	for (size_t i = 0; i < elf->nr_versions && copy_from(elf, at, &need, sizeof(need)); i++) {
		uint64_t aux_at = at + need.vn_aux;
		ElfW(Vernaux) aux;

		for (size_t k = 0;
		     k < need.vn_cnt && budget && copy_from(elf, aux_at, &aux, sizeof(aux));
		     k++, budget--) {
			const char *name = string_at(elf, aux.vna_name);

			if (name && strncmp(name, prefix, strlen(prefix)) == 0 &&
			    (!newest || is_newer(name + strlen(prefix), newest + strlen(prefix))))
				newest = name;
			aux_at += aux.vna_next;
			if (!aux.vna_next)
				break;
		}
		at += need.vn_next;
		if (!need.vn_next || !budget)
			break;
	}
	return newest;
}

const char *atr_elf_machine_name(uint16_t machine)
{
	static const struct {
		uint16_t machine;
		const char *name;
	} names[] = {
		{ EM_X86_64, "x86-64" },    { EM_AARCH64, "AArch64" }, { EM_386, "x86 (32 bit)" },
		{ EM_ARM, "ARM (32 bit)" }, { EM_RISCV, "RISC-V" },    { EM_PPC64, "PowerPC" },
		{ EM_S390, "S/390" },	    { EM_MIPS, "MIPS" },
	};
	static char unnamed[32];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].machine == machine)
			return names[i].name;
	}
	snprintf(unnamed, sizeof(unnamed), "machine %u", machine);
	return unnamed;
}
