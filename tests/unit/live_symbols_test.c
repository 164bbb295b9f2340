/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/symbols.h"

#include "tests/unit/live.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* A file with one table of two functions and something else, and a section that is loaded. */
static struct {
	ElfW(Ehdr) head;
	ElfW(Phdr) part;
	ElfW(Shdr) sections[5];
	ElfW(Sym) symbols[5];
	char strings[32], names[64];
} file;

static unsigned nr, nr_alpha;

static void count(void *arg, struct atr_symbol *symbol)
{
	CHECK(arg == &file);
	nr++;
	nr_alpha += atr_str_equal(symbol->name, ATR_STR("alpha")) && symbol->value == 0x1000 &&
		    symbol->size == 7;
}

#define AT(member) offsetof(__typeof__(file), member)

static void begin(void)
{
	static const char names[] = "\0.symtab\0.strtab\0.shstrtab\0__patchable_function_entries";

	memset(&file, 0, sizeof(file));
	memcpy(file.head.e_ident, ELFMAG, SELFMAG);
	file.head.e_ident[EI_CLASS] = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
	file.head.e_ident[EI_DATA] = ELFDATA2LSB;
	file.head.e_phoff = AT(part);
	file.head.e_phnum = 1;
	file.head.e_shoff = AT(sections);
	file.head.e_shnum = 5;
	file.head.e_shentsize = sizeof(ElfW(Shdr));
	file.head.e_shstrndx = 3;
	memcpy(file.strings, "\0alpha\0beta\0gamma", 18);
	memcpy(file.names, names, sizeof(names));
	file.sections[1] = (ElfW(Shdr)){ .sh_name = 1,
					 .sh_type = SHT_SYMTAB,
					 .sh_offset = AT(symbols),
					 .sh_size = sizeof(file.symbols),
					 .sh_link = 2 };
	file.sections[2] = (ElfW(Shdr)){
		.sh_name = 9, .sh_type = SHT_STRTAB, .sh_offset = AT(strings), .sh_size = 18
	};
	file.sections[3] = (ElfW(Shdr)){ .sh_name = 17,
					 .sh_type = SHT_STRTAB,
					 .sh_offset = AT(names),
					 .sh_size = sizeof(names) };
	file.sections[4] = (ElfW(
		Shdr)){ .sh_name = 27, .sh_flags = SHF_ALLOC, .sh_addr = 0x3000, .sh_size = 24 };
	for (unsigned i = 1; i < 5; i++)
		file.symbols[i] = (ElfW(Sym)){ .st_info = STT_FUNC, .st_shndx = 1, .st_size = 7 };
	file.symbols[1].st_name = 1;
	file.symbols[1].st_value = 0x1000;
	file.symbols[2].st_name = 7;
	file.symbols[2].st_value = 0x2000;
	file.symbols[3].st_name = 12; /* of another object */
	file.symbols[4].st_name = 12;
	file.symbols[4].st_value = 0x3000;
	file.symbols[4].st_info = STT_OBJECT;
	nr = nr_alpha = 0;
}

/* From a piece of memory of just that size, so that what is read behind it is seen. */
static bool reads(size_t len)
{
	void *copy = malloc(len ? len : 1);
	uint64_t at, section_len;
	bool is_stripped, is_file;

	memcpy(copy, &file, len);
	is_file = atr_symbols_each(copy, len, count, &file, &is_stripped);
	atr_symbols_section(copy, len, "__patchable_function_entries", &at, &section_len);
	atr_symbols_are_of(copy, len, &file.part, 1, 0);
	free(copy);
	return is_file;
}

TEST(symbols_are_the_functions_that_are_defined)
{
	bool is_stripped;

	begin();
	CHECK(atr_symbols_each(&file, sizeof(file), count, &file, &is_stripped));
	CHECK(nr == 2 && nr_alpha == 1 && !is_stripped);
	file.sections[1].sh_type = SHT_DYNSYM;
	CHECK(atr_symbols_each(&file, sizeof(file), count, &file, &is_stripped));
	CHECK(nr == 4 && is_stripped);
}

TEST(symbols_of_a_section)
{
	uint64_t at = 0, len = 0;

	begin();
	CHECK(atr_symbols_section(&file, sizeof(file), "__patchable_function_entries", &at, &len));
	CHECK(at == 0x3000 && len == 24);
	CHECK(!atr_symbols_section(&file, sizeof(file), ".symtab", &at, &len)); /* is not loaded */
}

TEST(symbols_are_those_of_what_is_loaded)
{
	ElfW(Phdr) part;

	begin();
	part = file.part;
	CHECK(atr_symbols_are_of(&file, sizeof(file), &part, 1, 0));
	part.p_memsz = 1;
	CHECK(!atr_symbols_are_of(&file, sizeof(file), &part, 1, 0));
	CHECK(!atr_symbols_are_of(&file, sizeof(file), &file.part, 2, 0));
	/* a note, the build id */
	file.part = (ElfW(Phdr)){
		.p_type = PT_NOTE, .p_offset = AT(strings), .p_vaddr = AT(strings), .p_filesz = 8
	};
	CHECK(atr_symbols_are_of(&file, sizeof(file), &file.part, 1, (uintptr_t)&file));
	CHECK(!atr_symbols_are_of(&file, sizeof(file), &file.part, 1, (uintptr_t)&file + 1));
	file.part.p_offset = sizeof(file);
	CHECK(!atr_symbols_are_of(&file, sizeof(file), &file.part, 1, (uintptr_t)&file));
}

TEST(symbols_of_a_file_that_is_cut_anywhere)
{
	begin();
	for (size_t len = 0; len <= sizeof(file); len++)
		reads(len);
	CHECK(reads(sizeof(file)) && !reads(3));
}

TEST(symbols_of_a_file_with_any_one_byte_wrong)
{
	begin();
	for (size_t i = 0; i < sizeof(file); i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			((unsigned char *)&file)[i] ^= (unsigned char)(1u << bit);
			if (i < AT(part) || i >= AT(sections)) /* what is in memory is believed */
				reads(sizeof(file));
			((unsigned char *)&file)[i] ^= (unsigned char)(1u << bit);
		}
	begin();
	CHECK(reads(sizeof(file)) && nr == 2);
}

static void find_own(void *arg, struct atr_symbol *symbol)
{
	*(unsigned *)arg += atr_str_equal(symbol->name, ATR_STR("atr_symbols_each"));
}

TEST(symbols_of_this_very_program)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	off_t len = lseek(fd, 0, SEEK_END);
	void *bytes = mmap(NULL, (size_t)len, PROT_READ, MAP_PRIVATE, fd, 0);
	unsigned found = 0;
	bool is_stripped;

	CHECK(bytes != MAP_FAILED);
	CHECK(atr_symbols_each(bytes, (size_t)len, find_own, &found, &is_stripped));
	CHECK(found == 1 && !is_stripped);
	munmap(bytes, (size_t)len);
	close(fd);
}
