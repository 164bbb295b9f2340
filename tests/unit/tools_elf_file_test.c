/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tools.h"

#include "tools/elf_file.h"

#include <elf.h>
#include <link.h>

static const char strings[] = "\0liba.so\0libb.so.1\0/opt/x:$ORIGIN\0send\0own_function\0"
			      "GLIBC_2.9\0GLIBC_2.17";

/* Where in the string table. */
static uint32_t name_at(const char *text)
{
	return (uint32_t)((char *)memmem(strings, sizeof(strings), text, strlen(text) + 1) -
			  strings);
}

/*
 * A dynamic executable of two needed libraries, an imported and a defined
 * function, two required versions, and a Go note when asked for. Addresses are
 * file offsets.
 */
struct image {
	ElfW(Ehdr) file;
	ElfW(Phdr) headers[4];
	char interpreter[32];
	ElfW(Dyn) dynamic[12];
	ElfW(Sym) symbols[3];
	ElfW(Rela) call;
	struct {
		uint32_t buckets, first, nr_bloom, shift;
		ElfW(Addr) bloom;
		uint32_t bucket, chain;
	} hash;
	struct {
		ElfW(Verneed) need;
		ElfW(Vernaux) aux[2];
	} versions;
	struct {
		ElfW(Nhdr) head;
		char name[4];
	} note;
	char strings[sizeof(strings)]; /* the last: who reads beyond it reads beyond the file */
};

#define AT(member) offsetof(struct image, member)
#define IMAGE_LEN (AT(strings) + sizeof(strings))

static void fill_headers(struct image *i)
{
	FILE *in = fopen("/proc/self/exe", "rb");

	/* of the test's own machine, width and order */
	CHECK(in && fread(&i->file, sizeof(i->file), 1, in) == 1);
	fclose(in);
	i->file.e_phoff = AT(headers);
	i->file.e_phnum = 4;
	i->file.e_shoff = 0;
	i->file.e_shnum = i->file.e_shstrndx = 0;
	i->headers[0] = (ElfW(Phdr)){ .p_type = PT_LOAD, .p_filesz = IMAGE_LEN };
	i->headers[1] = (ElfW(Phdr)){ .p_type = PT_INTERP,
				      .p_offset = AT(interpreter),
				      .p_filesz = sizeof(i->interpreter) };
	i->headers[2] = (ElfW(Phdr)){ .p_type = PT_DYNAMIC,
				      .p_offset = AT(dynamic),
				      .p_filesz = sizeof(i->dynamic) };
	i->headers[3] = (ElfW(
		Phdr)){ .p_type = PT_NULL, .p_offset = AT(note), .p_filesz = sizeof(i->note) };
	strcpy(i->interpreter, "/lib/ld-test.so.1");
}

static void fill_dynamic(struct image *i)
{
	const ElfW(Dyn) dynamic[] = {
		{ DT_NEEDED, { name_at("liba.so") } },
		{ DT_NEEDED, { name_at("libb.so.1") } },
		{ DT_RUNPATH, { name_at("/opt/x:$ORIGIN") } },
		{ DT_STRTAB, { AT(strings) } },
		{ DT_STRSZ, { sizeof(i->strings) } },
		{ DT_SYMTAB, { AT(symbols) } },
		{ DT_GNU_HASH, { AT(hash) } },
		{ DT_JMPREL, { AT(call) } },
		{ DT_PLTRELSZ, { sizeof(i->call) } },
		{ DT_VERNEED, { AT(versions) } },
		{ DT_VERNEEDNUM, { 1 } },
		{ DT_NULL, { 0 } },
	};

	memcpy(i->dynamic, dynamic, sizeof(dynamic));
}

static struct image *make_image(void)
{
	struct image *i = calloc(1, sizeof(*i));

	fill_headers(i);
	fill_dynamic(i);
	i->symbols[1] = (ElfW(Sym)){ .st_name = name_at("send") };
	i->symbols[2] = (ElfW(Sym)){ .st_name = name_at("own_function"), .st_shndx = 1 };
	i->call.r_info = UINT64_C(1) << 32;
	i->hash.buckets = i->hash.nr_bloom = 1;
	i->hash.first = i->hash.bucket = 2;
	i->hash.chain = 1; /* the low bit: the last of its bucket */
	i->versions.need = (ElfW(Verneed)){ .vn_cnt = 2, .vn_aux = sizeof(ElfW(Verneed)) };
	i->versions.aux[0] = (ElfW(Vernaux)){ .vna_name = name_at("GLIBC_2.17"),
					      .vna_next = sizeof(ElfW(Vernaux)) };
	i->versions.aux[1] = (ElfW(Vernaux)){ .vna_name = name_at("GLIBC_2.9") };
	i->note.head = (ElfW(Nhdr)){ .n_namesz = 4, .n_type = 4 };
	memcpy(i->note.name, "Go\0", 4);
	memcpy(i->strings, strings, sizeof(strings));
	return i;
}

/* Everything that can be asked, so that every path is gone. */
static void ask_all(const struct atr_elf *elf)
{
	const char *name;
	bool is_import;
	size_t len = 0;

	for (size_t i = 0; (name = atr_elf_needed(elf, i)) && i < 1000; i++)
		len += strlen(name);
	for (size_t i = 0; (name = atr_elf_symbol(elf, i, &is_import)) && i < 1000; i++)
		len += strlen(name);
	name = atr_elf_newest_version(elf, "GLIBC_");
	len += name ? strlen(name) : 0;
	len += elf->interpreter ? strlen(elf->interpreter) : 0;
	len += elf->runpath ? strlen(elf->runpath) : 0;
	CHECK(len < SIZE_MAX);
}

/* Of a copy that ends where its memory ends. */
static enum atr_elf_state read_copy(const void *bytes, size_t len)
{
	void *copy = calloc(1, len ? len : 1);
	enum atr_elf_state state;
	struct atr_elf elf;

	memcpy(copy, bytes, len);
	state = atr_elf_read(&elf, copy, len);
	if (state == ATR_ELF_GOOD)
		ask_all(&elf);
	free(copy);
	return state;
}

TEST(elf_of_a_dynamic_executable_tells_all_its_parts)
{
	struct image *image = make_image();
	struct atr_elf elf;
	bool is_import;

	CHECK(atr_elf_read(&elf, image, IMAGE_LEN) == ATR_ELF_GOOD);
	CHECK(strcmp(elf.interpreter, "/lib/ld-test.so.1") == 0);
	CHECK(strcmp(elf.runpath, "/opt/x:$ORIGIN") == 0 && !elf.rpath);
	CHECK(strcmp(atr_elf_needed(&elf, 0), "liba.so") == 0);
	CHECK(strcmp(atr_elf_needed(&elf, 1), "libb.so.1") == 0);
	CHECK(!atr_elf_needed(&elf, 2));
	CHECK(strcmp(atr_elf_symbol(&elf, 1, &is_import), "send") == 0 && is_import);
	CHECK(strcmp(atr_elf_symbol(&elf, 2, &is_import), "own_function") == 0 && !is_import);
	CHECK(!atr_elf_symbol(&elf, 3, &is_import));
	/* numbers, not letters: 2.17 is newer than 2.9 */
	CHECK(strcmp(atr_elf_newest_version(&elf, "GLIBC_"), "GLIBC_2.17") == 0);
	CHECK(!atr_elf_newest_version(&elf, "GLIBCXX_"));
	CHECK(!elf.is_go);
	free(image);
}

/* Then the hash table, which is by what others may ask for, says nothing of the symbols. */
TEST(elf_of_a_program_that_exports_nothing_tells_what_it_calls)
{
	struct image *image = make_image();
	struct atr_elf elf;
	bool is_import;

	image->hash.first = 1;
	image->hash.bucket = 0;
	CHECK(atr_elf_read(&elf, image, IMAGE_LEN) == ATR_ELF_GOOD);
	CHECK(strcmp(atr_elf_symbol(&elf, 1, &is_import), "send") == 0 && is_import);
	free(image);
}

TEST(elf_go_program_is_known_by_its_note)
{
	struct image *image = make_image();
	struct atr_elf elf;

	image->headers[3].p_type = PT_NOTE;
	CHECK(atr_elf_read(&elf, image, IMAGE_LEN) == ATR_ELF_GOOD && elf.is_go);
	free(image);
}

TEST(elf_without_interpreter_is_static)
{
	struct image *image = make_image();
	struct atr_elf elf;

	image->headers[1].p_type = image->headers[2].p_type = PT_NULL;
	CHECK(atr_elf_read(&elf, image, IMAGE_LEN) == ATR_ELF_GOOD);
	CHECK(!elf.interpreter && !atr_elf_needed(&elf, 0));
	free(image);
}

TEST(elf_for_another_machine_is_told_and_not_read)
{
	struct image *image = make_image();
	struct atr_elf elf;

	image->file.e_machine ^= 1;
	CHECK(atr_elf_read(&elf, image, IMAGE_LEN) == ATR_ELF_OTHER_MACHINE);
	image->file.e_machine ^= 1;
	image->file.e_ident[EI_CLASS] ^= 3; /* 32 for 64 */
	CHECK(atr_elf_read(&elf, image, IMAGE_LEN) == ATR_ELF_OTHER_MACHINE);
	free(image);
}

TEST(elf_that_is_none_is_told)
{
	CHECK(read_copy("", 0) == ATR_ELF_NOT_ELF);
	CHECK(read_copy("\177EL", 3) == ATR_ELF_NOT_ELF);
	CHECK(read_copy("#!/bin/sh\n", 10) == ATR_ELF_NOT_ELF);
	CHECK(read_copy("\177ELF", 4) == ATR_ELF_DAMAGED);
}

TEST(elf_cut_anywhere_is_read_without_harm)
{
	struct image *image = make_image();

	for (size_t len = 0; len < IMAGE_LEN; len++)
		read_copy(image, len);
	CHECK(read_copy(image, sizeof(image->file)) == ATR_ELF_DAMAGED);
	CHECK(read_copy(image, IMAGE_LEN - 1) == ATR_ELF_DAMAGED);
	free(image);
}

TEST(elf_with_any_byte_changed_is_read_without_harm)
{
	static const unsigned char changes[] = { 0x01, 0x02, 0x40, 0x80, 0xff };
	struct image *image = make_image();
	unsigned char *bytes = (unsigned char *)image;

	image->headers[3].p_type = PT_NOTE;
	for (size_t i = 0; i < IMAGE_LEN * sizeof(changes); i++) {
		unsigned char change = changes[i % sizeof(changes)];

		bytes[i / sizeof(changes)] ^= change;
		read_copy(image, IMAGE_LEN);
		bytes[i / sizeof(changes)] ^= change;
	}
	free(image);
}

TEST(elf_version_list_that_runs_in_a_circle_ends)
{
	struct image *image = make_image();
	struct atr_elf elf;

	image->dynamic[8].d_un.d_val = (ElfW(Addr)) - 1;
	image->versions.need.vn_cnt = 0xffff;
	image->versions.need.vn_next = 1;
	image->versions.aux[0].vna_next = 1;
	CHECK(atr_elf_read(&elf, image, IMAGE_LEN) == ATR_ELF_GOOD);
	ask_all(&elf);
	image->versions.need.vn_next = 0;
	image->versions.need.vn_cnt = 0;
	ask_all(&elf);
	free(image);
}

TEST(elf_of_this_test_needs_cmocka)
{
	enum atr_elf_state state;
	struct atr_elf elf;
	bool found = false;
	const char *name;

	CHECK(atr_elf_open(&elf, "/proc/self/exe", &state) == 0 && state == ATR_ELF_GOOD);
	for (size_t i = 0; (name = atr_elf_needed(&elf, i)); i++)
		found |= strncmp(name, "libcmocka.so", 12) == 0;
	CHECK(found);
	atr_elf_close(&elf);
}
