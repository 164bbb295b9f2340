/* SPDX-License-Identifier: Apache-2.0 */
#include "export/stacks/image.h"

#include <zlib.h>

#define PARTS_MAX 128
#define SECTIONS_MAX 4096
#define NAMES_MAX (1u << 20)
#define SYMBOLS_MAX ((size_t)128 << 20) /* bytes */
#define NOTES_MAX 65536

/* A range of the file; NULL: not all of it is there. */
static void *read_range(const struct atr_image *image, uint64_t at, uint64_t len)
{
	void *to;

	if (at > image->source->len || len > image->source->len - at || !len)
		return NULL;
	to = atr_pages_take(image->pages, len);
	return to && image->source->read(image->source, at, to, len) ? to : NULL;
}

static bool is_ours(const ElfW(Ehdr) * header)
{
	return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
	       header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_ident[EI_DATA] == ELFDATA2LSB &&
	       header->e_phentsize == sizeof(ElfW(Phdr)) && header->e_phnum <= PARTS_MAX;
}

static struct atr_bytes raw_section(const struct atr_image *image, const ElfW(Shdr) * section,
				    size_t most)
{
	struct atr_bytes bytes = { .failed = true };

	if (section->sh_type == SHT_NOBITS || section->sh_size > most)
		return bytes;
	bytes.at = read_range(image, section->sh_offset, section->sh_size);
	if (!bytes.at)
		return bytes;
	bytes.end = bytes.at + section->sh_size;
	bytes.failed = false;
	return bytes;
}

static void read_sections(struct atr_image *image)
{
	const ElfW(Ehdr) *header = &image->header;

	if (header->e_shentsize != sizeof(ElfW(Shdr)) || header->e_shnum > SECTIONS_MAX)
		return;
	image->sections =
		read_range(image, header->e_shoff, (uint64_t)header->e_shnum * sizeof(ElfW(Shdr)));
	if (!image->sections)
		return;
	image->nr_sections = header->e_shnum;
	if (header->e_shstrndx < image->nr_sections)
		image->names = raw_section(image, &image->sections[header->e_shstrndx], NAMES_MAX);
}

bool atr_image_open(struct atr_image *image, const struct atr_source *source,
		    struct atr_pages *pages)
{
	memset(image, 0, sizeof(*image));
	image->source = source;
	image->pages = pages;
	image->names.failed = true;
	if (source->len < sizeof(image->header) ||
	    !source->read(source, 0, &image->header, sizeof(image->header)) ||
	    !is_ours(&image->header))
		return false;
	if (image->header.e_phnum) {
		image->parts = read_range(image, image->header.e_phoff,
					  (uint64_t)image->header.e_phnum * sizeof(ElfW(Phdr)));
		if (!image->parts)
			return false;
		image->nr_parts = image->header.e_phnum;
	}
	read_sections(image);
	return true;
}

/* A text within bytes; NULL: there is none that ends. */
static const char *text_at(const struct atr_bytes *in, uint64_t at)
{
	size_t len = atr_bytes_left(in);

	if (at >= len || !memchr(in->at + at, 0, len - at))
		return NULL;
	return (const char *)in->at + at;
}

static const ElfW(Shdr) * find_section(const struct atr_image *image, const char *name)
{
	for (unsigned i = 0; i < image->nr_sections; i++) {
		const char *has = text_at(&image->names, image->sections[i].sh_name);

		if (has && !strcmp(has, name))
			return &image->sections[i];
	}
	return NULL;
}

/* ---- packed sections ------------------------------------------------------------------------- */

/* zlib's memory, taken from the same pages. */
static void *take(void *pages, unsigned items, unsigned len)
{
	return atr_pages_take(pages, (size_t)items * len);
}

static void leave(void *pages, void *what)
{
	(void)pages;
	(void)what;
}

static struct atr_bytes unpacked(const struct atr_image *image, struct atr_bytes packed,
				 size_t most)
{
	struct atr_bytes out = { .failed = true };
	ElfW(Chdr) header;
	z_stream z = { .zalloc = take, .zfree = leave, .opaque = image->pages };
	uint8_t *to;

	if (atr_bytes_left(&packed) < sizeof(header))
		return out;
	memcpy(&header, packed.at, sizeof(header));
	if (header.ch_type != ELFCOMPRESS_ZLIB || !header.ch_size || header.ch_size > most)
		return out;
	to = atr_pages_take(image->pages, header.ch_size);
	if (!to || inflateInit(&z) != Z_OK)
		return out;
	z.next_in = (void *)(packed.at + sizeof(header));
	z.avail_in = (unsigned)(atr_bytes_left(&packed) - sizeof(header));
	z.next_out = to;
	z.avail_out = (unsigned)header.ch_size;
	inflate(&z, Z_FINISH);
	/* of one that breaks off, what there is */
	return (struct atr_bytes){ to, to + header.ch_size - z.avail_out, false };
}

struct atr_bytes atr_image_section(const struct atr_image *image, const char *name, size_t most)
{
	const ElfW(Shdr) *section = find_section(image, name);
	struct atr_bytes bytes = { .failed = true };

	if (!section)
		return bytes;
	bytes = raw_section(image, section, most);
	if (!bytes.failed && section->sh_flags & SHF_COMPRESSED)
		return unpacked(image, bytes, most);
	return bytes;
}

bool atr_image_has(const struct atr_image *image, const char *name)
{
	const ElfW(Shdr) *section = find_section(image, name);

	return section && section->sh_type != SHT_NOBITS && section->sh_size;
}

/* ---- which file it is ------------------------------------------------------------------------ */

struct atr_build_id atr_notes_build_id(struct atr_bytes notes)
{
	struct atr_build_id id = { .len = 0 };

	while (!notes.failed && notes.at < notes.end) {
		uint32_t name_len = atr_get_u32(&notes), len = atr_get_u32(&notes);
		uint32_t type = atr_get_u32(&notes);
		struct atr_bytes name =
			atr_get_part(&notes, ((uint64_t)name_len + 3) & ~UINT64_C(3));
		struct atr_bytes bytes = atr_get_part(&notes, ((uint64_t)len + 3) & ~UINT64_C(3));

		if (notes.failed)
			break;
		if (type != NT_GNU_BUILD_ID || name_len != 4 || memcmp(name.at, "GNU", 4) != 0 ||
		    !len || len > ATR_BUILD_ID_MAX)
			continue;
		id.len = (uint8_t)len;
		memcpy(id.bytes, bytes.at, len);
		break;
	}
	return id;
}

struct atr_build_id atr_image_build_id(const struct atr_image *image)
{
	struct atr_bytes notes = atr_image_section(image, ".note.gnu.build-id", NOTES_MAX);

	return atr_notes_build_id(notes);
}

uint64_t atr_parts_sum(const ElfW(Phdr) * parts, unsigned nr)
{
	const uint8_t *at = (const uint8_t *)parts;
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < nr * sizeof(*parts); i++)
		sum = (sum ^ at[i]) * UINT64_C(0x100000001b3);
	return sum;
}

/* ---- its functions --------------------------------------------------------------------------- */

/* The first that is not below. */
static unsigned first_from(const struct atr_named *named, unsigned nr, uint64_t at)
{
	unsigned low = 0, high = nr;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (named[middle].at < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_function(const ElfW(Sym) * symbol)
{
	unsigned type = symbol->st_info & 15;

	return (type == STT_FUNC || type == STT_GNU_IFUNC) && symbol->st_shndx != SHN_UNDEF &&
	       symbol->st_size;
}

void atr_image_functions(const struct atr_image *image, struct atr_named *named, unsigned nr)
{
	bool has_all = atr_image_has(image, ".symtab");
	struct atr_bytes symbols =
		atr_image_section(image, has_all ? ".symtab" : ".dynsym", SYMBOLS_MAX);
	struct atr_bytes texts =
		atr_image_section(image, has_all ? ".strtab" : ".dynstr", SYMBOLS_MAX);
	size_t nr_symbols = atr_bytes_left(&symbols) / sizeof(ElfW(Sym));
	ElfW(Sym) symbol;

	for (size_t i = 0; i < nr_symbols; i++) {
		bool is_global;

		memcpy(&symbol, symbols.at + i * sizeof(symbol), sizeof(symbol));
		if (!is_function(&symbol))
			continue;
		is_global = symbol.st_info >> 4 != STB_LOCAL;
		for (unsigned k = first_from(named, nr, symbol.st_value);
		     k < nr && named[k].at - symbol.st_value < symbol.st_size; k++) {
			const char *name = text_at(&texts, symbol.st_name);

			if (!name || !*name ||
			    (named[k].name && (named[k].is_global || !is_global)))
				continue;
			named[k].name = name;
			named[k].begin = symbol.st_value;
			named[k].is_global = is_global;
		}
	}
}

/* ---- a file beside it ------------------------------------------------------------------------ */

bool atr_image_debuglink(const struct atr_image *image, const char **name, uint32_t *sum)
{
	struct atr_bytes link = atr_image_section(image, ".gnu_debuglink", NOTES_MAX);
	size_t len;

	*name = text_at(&link, 0);
	if (!*name || !**name || strchr(*name, '/'))
		return false;
	len = (strlen(*name) + 1 + 3) & ~(size_t)3;
	atr_get_part(&link, len);
	*sum = atr_get_u32(&link);
	return !link.failed;
}

bool atr_source_has_sum(const struct atr_source *source, struct atr_pages *pages, uint32_t sum)
{
	size_t most = 65536;
	uint8_t *buf = atr_pages_take(pages, most);
	unsigned long has = crc32(0, NULL, 0);

	for (uint64_t at = 0; buf && at < source->len; at += most) {
		size_t len = source->len - at < most ? (size_t)(source->len - at) : most;

		if (!source->read(source, at, buf, len))
			return false;
		has = crc32(has, buf, (unsigned)len);
	}
	return buf && has == sum;
}
