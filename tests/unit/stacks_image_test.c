/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "export/stacks/image.h"
#include "export/stacks/lines.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
	uint8_t *bytes;
	struct atr_source source;
	struct atr_pages pages;
	struct atr_image image;
} t;

static bool read_memory(const struct atr_source *source, uint64_t at, void *to, size_t len)
{
	if (at > source->len || len > source->len - at)
		return false;
	memcpy(to, (const char *)source->memory + at, len);
	return true;
}

/* This very program, in memory. */
static void begin(void)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	struct stat st;

	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	t.bytes = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(t.bytes != MAP_FAILED);
	close(fd);
	t.source = (struct atr_source){ .read = read_memory,
					.len = (uint64_t)st.st_size,
					.memory = t.bytes };
	t.pages = (struct atr_pages){ .last = NULL };
}

static void end(void)
{
	atr_pages_give(&t.pages);
	munmap(t.bytes, t.source.len);
}

/* Where this program lies, for an address as its file has it. */
static int find_base(struct dl_phdr_info *info, size_t size, void *base)
{
	(void)size;
	*(uintptr_t *)base = info->dlpi_addr;
	return 1;
}

static uint64_t in_file(uintptr_t at)
{
	uintptr_t base = 0;

	dl_iterate_phdr(find_base, &base);
	return at - base;
}

__attribute__((noinline)) static uintptr_t here(void)
{
	return (uintptr_t)__builtin_return_address(0) - 1;
}

static struct atr_line_sections sections_of(const struct atr_image *image)
{
	return (struct atr_line_sections){
		.line = atr_image_section(image, ".debug_line", (size_t)64 << 20),
		.line_strings = atr_image_section(image, ".debug_line_str", (size_t)64 << 20),
		.strings = atr_image_section(image, ".debug_str", (size_t)64 << 20),
	};
}

TEST(image_knows_this_very_function_and_line)
{
	uintptr_t at = here();
	uint32_t line = __LINE__ - 1;
	struct atr_named named[] = { { .at = 1 }, { .at = in_file(at) } };
	struct atr_lined lined[] = { { .at = 1 }, { .at = in_file(at) } };
	struct atr_line_sections sections;

	begin();
	CHECK(atr_image_open(&t.image, &t.source, &t.pages));
	atr_image_functions(&t.image, named, 2);
	CHECK(!named[0].name);
	CHECK(named[1].name &&
	      !strcmp(named[1].name, "image_knows_this_very_function_and_line_body"));
	CHECK(named[1].begin < named[1].at);
	sections = sections_of(&t.image);
	if (sections.line.failed) {
		end();
		SKIP("built without -g");
	}
	atr_lines_find(&sections, lined, 2);
	CHECK(!lined[0].line);
	CHECK(lined[1].line == line);
	CHECK(strlen(lined[1].path) >= strlen(__FILE__) &&
	      !strcmp(lined[1].path + strlen(lined[1].path) - strlen(__FILE__), __FILE__));
	end();
}

TEST(image_has_the_id_that_is_in_memory)
{
	struct atr_build_id id;

	begin();
	CHECK(atr_image_open(&t.image, &t.source, &t.pages));
	id = atr_image_build_id(&t.image);
	CHECK(id.len <= ATR_BUILD_ID_MAX);
	CHECK(atr_parts_sum(t.image.parts, t.image.nr_parts) !=
	      atr_parts_sum(t.image.parts, t.image.nr_parts - 1));
	end();
}

static void use(struct atr_image *image)
{
	struct atr_named named[] = { { .at = 0x1000 }, { .at = 0x20000 }, { .at = UINT64_MAX } };
	static struct atr_lined lined[3];
	struct atr_line_sections sections;
	const char *link;
	uint32_t sum;

	for (int i = 0; i < 3; i++)
		lined[i] = (struct atr_lined){ .at = named[i].at };
	atr_image_functions(image, named, 3);
	atr_image_build_id(image);
	atr_image_debuglink(image, &link, &sum);
	sections = sections_of(image);
	atr_lines_find(&sections, lined, 3);
}

TEST(image_that_is_cut_short_is_no_harm)
{
	uint64_t whole;

	begin();
	whole = t.source.len;
	for (unsigned i = 0; i < 40; i++) {
		t.source.len = i < 20 ? i * 7 : whole / 40 * i;
		if (atr_image_open(&t.image, &t.source, &t.pages))
			use(&t.image);
		atr_pages_give(&t.pages);
	}
	t.source.len = whole;
	end();
}

TEST(image_whose_headers_are_wrong_is_no_harm)
{
	uint32_t random = 1;

	begin();
	for (unsigned i = 0; i < 60; i++) {
		ElfW(Ehdr) *header = (ElfW(Ehdr) *)t.bytes;
		uint8_t before[64], *sections = t.bytes + header->e_shoff;
		size_t len = header->e_shnum * sizeof(ElfW(Shdr));
		uint8_t *was = malloc(len);

		memcpy(before, header, sizeof(before));
		memcpy(was, sections, len);
		for (unsigned k = 0; k < 30; k++) {
			random = random * 1103515245 + 12345;
			sections[(random >> 8) % len] = (uint8_t)(random >> 3);
		}
		if (i % 3 == 0)
			t.bytes[16 + random % 48] ^= (uint8_t)(random >> 5);
		if (atr_image_open(&t.image, &t.source, &t.pages))
			use(&t.image);
		atr_pages_give(&t.pages);
		memcpy(t.bytes, before, sizeof(before));
		memcpy(sections, was, len);
		free(was);
	}
	end();
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* A unit of DWARF 4: /a/b.c, and lines 10, 12, 9 at 0x1000, 0x1004, 0x1010 up to 0x1020. */
static const uint8_t old[] = {
	0x46, 0,   0, 0,    4,	  0,   0x1b, 0, 0, 0, /* length, version, length of the header */
	1,    1,   1, 0xfb, 14,	  10,  0,    1, 1, 1, 1, 0, 0,	  0,	1, /* opcodes */
	'/',  'a', 0, 0,    'b',  '.', 'c',  0, 1, 0, 0, 0,		   /* folders, files */
	0,    9,   2, 0,    0x10, 0,   0,    0, 0, 0, 0,		   /* set_address */
	3,    9,   1,							   /* advance_line, copy */
	2,    4,   3, 2,    1,						   /* advance_pc */
	2,    12,  3, 0x7d, 1,						   /* */
	2,    16,  0, 1,    1,						   /* end_sequence */
	0,    9,   2, 0,    0,	  0,   0,    0, 0, 0, 0, 2, 0xff, 0x7f, 0,
	1,    1, /* what was thrown away */
};

static struct atr_line_sections of_bytes(const uint8_t *bytes, size_t len)
{
	struct atr_line_sections in = { .line = { bytes, bytes + len, false } };

	in.line_strings.failed = in.strings.failed = true;
	return in;
}

TEST(lines_of_an_old_unit_by_its_rows)
{
	static const uint64_t at[] = {
		0xfff, 0x1000, 0x1003, 0x1004, 0x100f, 0x1010, 0x101f, 0x1020
	};
	static const uint32_t is[] = { 0, 10, 10, 12, 12, 9, 9, 0 };
	static struct atr_lined lined[8];
	struct atr_line_sections in = of_bytes(old, sizeof(old));
	uint8_t bytes[sizeof(old)];

	memcpy(bytes, old, sizeof(old));
	bytes[0] = sizeof(old) - 4;
	/* the header ends behind the files */
	bytes[6] = 27;
	in = of_bytes(bytes, sizeof(bytes));
	for (int i = 0; i < 8; i++)
		lined[i] = (struct atr_lined){ .at = at[i] };
	atr_lines_find(&in, lined, 8);
	for (int i = 0; i < 8; i++) {
		CHECK(lined[i].line == is[i]);
		CHECK(!is[i] || !strcmp(lined[i].path, "/a/b.c"));
	}
}

/* At the end of a page that is followed by none. */
static uint8_t *guarded(const uint8_t *bytes, size_t len)
{
	uint8_t *room =
		mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(room + 4096, 4096, PROT_NONE);
	memcpy(room + 4096 - len, bytes, len);
	return room + 4096 - len;
}

TEST(lines_of_a_unit_that_is_cut_or_changed_anywhere_are_no_harm)
{
	static struct atr_lined lined[2];

	for (size_t len = 0; len <= sizeof(old); len++)
		for (unsigned value = 0; value < 256; value += 51) {
			uint8_t *bytes = guarded(old, len);
			struct atr_line_sections in = of_bytes(bytes, len);

			if (len > 0)
				bytes[0] = (uint8_t)(len > 4 ? len - 4 : 0);
			if (len > 20)
				bytes[len * 7 % len] = (uint8_t)value;
			if (len > 30)
				bytes[(len * 13 + value) % len] ^= (uint8_t)value;
			lined[0] = (struct atr_lined){ .at = 0x1000 };
			lined[1] = (struct atr_lined){ .at = 0x1010 };
			atr_lines_find(&in, lined, 2);
			munmap(bytes - (4096 - len), 8192);
		}
}
