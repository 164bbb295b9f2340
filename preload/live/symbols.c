/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/symbols.h"

#include <elf.h>
#include <link.h>
#include <string.h>

struct file {
	const unsigned char *bytes;
	size_t len;
	ElfW(Ehdr) head;
};

static bool has(const struct file *f, uint64_t at, uint64_t len)
{
	return at <= f->len && len <= f->len - at;
}

static bool open_file(struct file *f, const void *bytes, size_t len)
{
	*f = (struct file){ .bytes = bytes, .len = len };
	if (!has(f, 0, sizeof(f->head)))
		return false;
	memcpy(&f->head, bytes, sizeof(f->head));
	return !memcmp(f->head.e_ident, ELFMAG, SELFMAG) &&
	       f->head.e_ident[EI_CLASS] == (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) &&
	       f->head.e_ident[EI_DATA] ==
		       (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB);
}

static bool section_at(const struct file *f, unsigned i, ElfW(Shdr) * out)
{
	uint64_t at = f->head.e_shoff + (uint64_t)i * sizeof(*out);

	if (i >= f->head.e_shnum || f->head.e_shentsize != sizeof(*out) ||
	    f->head.e_shoff > f->len || !has(f, at, sizeof(*out)))
		return false;
	memcpy(out, f->bytes + at, sizeof(*out));
	return true;
}

/* Text that ends within its section; absent where it does not. */
static struct atr_str text_at(const struct file *f, const ElfW(Shdr) * strings, uint64_t at)
{
	struct atr_str text = { 0 };
	const char *from, *end;

	if (at >= strings->sh_size || !has(f, strings->sh_offset, strings->sh_size))
		return text;
	from = (const char *)f->bytes + strings->sh_offset + at;
	end = memchr(from, 0, strings->sh_size - at);
	if (end)
		text = (struct atr_str){ from, (size_t)(end - from) };
	return text;
}

static void each_of(const struct file *f, const ElfW(Shdr) * table,
		    void (*each)(void *arg, struct atr_symbol *), void *arg)
{
	uint64_t nr = table->sh_size / sizeof(ElfW(Sym));
	ElfW(Shdr) strings;

	if (!has(f, table->sh_offset, table->sh_size) || !section_at(f, table->sh_link, &strings) ||
	    strings.sh_type != SHT_STRTAB)
		return;
	for (uint64_t i = 1; i < nr; i++) {
		struct atr_symbol symbol;
		ElfW(Sym) s;

		memcpy(&s, f->bytes + table->sh_offset + i * sizeof(s), sizeof(s));
		if ((s.st_info & 15) != STT_FUNC || s.st_shndx == SHN_UNDEF || !s.st_value)
			continue;
		symbol = (struct atr_symbol){ text_at(f, &strings, s.st_name), s.st_value,
					      s.st_size };
		if (symbol.name.len)
			each(arg, &symbol);
	}
}

bool atr_symbols_each(const void *bytes, size_t len, void (*each)(void *arg, struct atr_symbol *),
		      void *arg, bool *is_stripped)
{
	struct file f;
	ElfW(Shdr) table;

	*is_stripped = true;
	if (!open_file(&f, bytes, len))
		return false;
	for (unsigned i = 0; section_at(&f, i, &table); i++) {
		if (table.sh_type == SHT_SYMTAB)
			*is_stripped = false;
		if (table.sh_type == SHT_SYMTAB || table.sh_type == SHT_DYNSYM)
			each_of(&f, &table, each, arg);
	}
	return true;
}

bool atr_symbols_section(const void *bytes, size_t len, const char *name, uint64_t *at,
			 uint64_t *section_len)
{
	struct file f;
	ElfW(Shdr) section, names;

	if (!open_file(&f, bytes, len) || !section_at(&f, f.head.e_shstrndx, &names))
		return false;
	for (unsigned i = 0; section_at(&f, i, &section); i++) {
		if (!(section.sh_flags & SHF_ALLOC) ||
		    !atr_str_equal(text_at(&f, &names, section.sh_name), atr_str(name)))
			continue;
		*at = section.sh_addr;
		*section_len = section.sh_size;
		return true;
	}
	return false;
}

bool atr_symbols_are_of(const void *bytes, size_t len, const void *phdr, size_t nr_phdr,
			uintptr_t base)
{
	const ElfW(Phdr) *parts = phdr;
	struct file f;

	if (!open_file(&f, bytes, len) || f.head.e_phnum != nr_phdr ||
	    !has(&f, f.head.e_phoff, nr_phdr * sizeof(*parts)) ||
	    memcmp(f.bytes + f.head.e_phoff, parts, nr_phdr * sizeof(*parts)) != 0)
		return false;
	for (size_t i = 0; i < nr_phdr; i++)
		if (parts[i].p_type == PT_NOTE &&
		    (!has(&f, parts[i].p_offset, parts[i].p_filesz) ||
		     memcmp(f.bytes + parts[i].p_offset, (const void *)(base + parts[i].p_vaddr),
			    parts[i].p_filesz) != 0))
			return false;
	return true;
}
