/* SPDX-License-Identifier: Apache-2.0 */
#include "export/stacks/resolve.h"

#include "export/print.h"
#include "export/stacks.h"
#include "export/stacks/inlined.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINES_MAX ((size_t)64 << 20) /* of .debug_line: it is read in a tenth of a second or two */
#define INFO_MAX ((size_t)64 << 20)
#define INLINED_TEXT 2048
#define STRINGS_MAX ((size_t)64 << 20)
#define SUMMED_MAX ((uint64_t)64 << 20) /* a file whose checksum is asked for */

static const struct atr_io *io;

/* ---- files ----------------------------------------------------------------------------------- */

static bool read_file(const struct atr_source *source, uint64_t at, void *to, size_t len)
{
	char *out = to;

	while (len) {
		ssize_t n = pread(source->fd, out, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		out += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
}

static bool open_source(struct atr_source *source, const char *path)
{
	struct stat st;

	*source = (struct atr_source){ .read = read_file, .fd = -1 };
	/* a fifo that has taken the name keeps nobody waiting */
	source->fd = io->open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (source->fd < 0)
		return false;
	if (syscall(SYS_newfstatat, source->fd, "", &st, AT_EMPTY_PATH) == 0 &&
	    S_ISREG(st.st_mode) && st.st_size > 0) {
		source->len = (uint64_t)st.st_size;
		return true;
	}
	io->close(source->fd);
	source->fd = -1;
	return false;
}

static void close_source(struct atr_source *source)
{
	if (source->fd >= 0)
		io->close(source->fd);
	source->fd = -1;
}

static bool is_same_id(const struct atr_build_id *a, const struct atr_build_id *b)
{
	return a->len && a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* A file and what is read of it. */
struct opened {
	struct atr_source source;
	struct atr_image image;
};

static bool open_module(struct opened *file, const struct atr_module *m, struct atr_pages *pages)
{
	struct atr_build_id id;

	/* the program's is there also when it has no name any more */
	if (!open_source(&file->source, m->is_program ? "/proc/self/exe" : m->path))
		return false;
	if (atr_image_open(&file->image, &file->source, pages) &&
	    file->image.nr_parts == m->nr_parts &&
	    atr_parts_sum(file->image.parts, m->nr_parts) == m->sum) {
		id = atr_image_build_id(&file->image);
		if (id.len == m->id.len && (!id.len || is_same_id(&id, &m->id)))
			return true;
	}
	close_source(&file->source);
	return false;
}

/* ---- separate debug files -------------------------------------------------------------------- */

struct path {
	char text[PATH_MAX];
	size_t len;
};

static void put(struct path *p, const char *text, size_t len)
{
	if (len >= sizeof(p->text) - p->len)
		len = 0;
	memcpy(p->text + p->len, text, len);
	p->len += len;
	p->text[p->len] = 0;
}

static struct path found_at; /* the debug file that was opened last */

static bool open_debug(struct opened *file, const struct path *path, const struct atr_module *m,
		       const uint32_t *sum, struct atr_pages *pages)
{
	struct atr_build_id id;

	if (!open_source(&file->source, path->text))
		return false;
	if (atr_image_open(&file->image, &file->source, pages)) {
		id = atr_image_build_id(&file->image);
		found_at = *path;
		if (is_same_id(&id, &m->id))
			return true;
		if (sum && !(id.len && m->id.len) && file->source.len <= SUMMED_MAX &&
		    atr_source_has_sum(&file->source, pages, *sum))
			return true;
	}
	close_source(&file->source);
	return false;
}

/* /usr/lib/debug/.build-id/ab/cdef.debug */
static bool open_by_id(struct opened *file, const struct atr_module *m, struct atr_pages *pages)
{
	static const char digits[] = "0123456789abcdef";
	struct path p = { .len = 0 };

	if (m->id.len < 2)
		return false;
	put(&p, "/usr/lib/debug/.build-id/", 25);
	for (unsigned i = 0; i < m->id.len; i++) {
		char pair[] = { digits[m->id.bytes[i] >> 4], digits[m->id.bytes[i] & 15] };

		put(&p, pair, 2);
		if (!i)
			put(&p, "/", 1);
	}
	put(&p, ".debug", 6);
	return open_debug(file, &p, m, NULL, pages);
}

/* Beside the object, in .debug there, and below /usr/lib/debug. */
static bool open_by_link(struct opened *file, const struct opened *own, const struct atr_module *m,
			 struct atr_pages *pages)
{
	static const char *const before[] = { "", "", "/usr/lib/debug" };
	static const char *const between[] = { "", ".debug/", "" };
	size_t folder_len = (size_t)(atr_module_name(m) - m->path);
	const char *name;
	uint32_t sum;

	if (m->path[0] != '/' || !atr_image_debuglink(&own->image, &name, &sum))
		return false;
	for (int i = 0; i < 3; i++) {
		struct path p = { .len = 0 };

		put(&p, before[i], strlen(before[i]));
		put(&p, m->path, folder_len);
		put(&p, between[i], strlen(between[i]));
		put(&p, name, strlen(name));
		if (open_debug(file, &p, m, &sum, pages))
			return true;
	}
	return false;
}

/* What dwz has moved out of it: .gnu_debugaltlink has a path, from the file's folder on, and a build id. */
static bool open_common(struct opened *file, const struct atr_image *of, const char *of_path,
			struct atr_pages *pages)
{
	struct atr_bytes link = atr_image_section(of, ".gnu_debugaltlink", PATH_MAX);
	const char *name = atr_get_text(&link), *slash = strrchr(of_path, '/');
	struct path p = { .len = 0 };
	struct atr_build_id id;

	if (link.failed || !*name || !slash)
		return false;
	if (*name != '/')
		put(&p, of_path, (size_t)(slash + 1 - of_path));
	put(&p, name, strlen(name));
	if (!open_source(&file->source, p.text))
		return false;
	if (atr_image_open(&file->image, &file->source, pages)) {
		id = atr_image_build_id(&file->image);
		if (id.len && id.len == atr_bytes_left(&link) && !memcmp(id.bytes, link.at, id.len))
			return true;
	}
	close_source(&file->source);
	return false;
}

/* ---- what was found -------------------------------------------------------------------------- */

/*
 * Places by their addresses, and their texts behind one another. When either is full, all
 * of it is forgotten: a program that runs has as many places that make requests as it has.
 */
#define KEPT_MAX 4096 /* a power of two */
#define TEXTS_LEN (1024 * 1024)

struct kept {
	uint64_t at;
	const struct atr_module *module;
	uint32_t function, path, inlined; /* in the texts; 0: not known */
	uint32_t line;
	uint64_t in_function;
};

static struct memory {
	struct kept kept[KEPT_MAX];
	char texts[TEXTS_LEN];
} * memory; /* mapped when first needed */
static unsigned nr_kept, texts_len;

static void forget_all(void)
{
	memset(memory->kept, 0, sizeof(memory->kept));
	nr_kept = 0;
	texts_len = 1;
}

static bool has_memory(void)
{
	if (memory)
		return true;
	memory = mmap(NULL, sizeof(*memory), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	if (memory == MAP_FAILED)
		memory = NULL;
	texts_len = 1;
	return memory != NULL;
}

/* Its place, or the free one where it belongs. */
static struct kept *slot_of(uint64_t at, const struct atr_module *module)
{
	uint64_t i = at * UINT64_C(0x9e3779b97f4a7c15) >> 32;

	for (;; i++) {
		struct kept *k = &memory->kept[i % KEPT_MAX];

		if (!k->module || (k->at == at && k->module == module))
			return k;
	}
}

static uint32_t keep_text(const char *text)
{
	size_t len = strlen(text) + 1;
	uint32_t at = texts_len;

	if (!*text || len > TEXTS_LEN - texts_len)
		return 0;
	memcpy(memory->texts + at, text, len);
	texts_len += (unsigned)len;
	return at;
}

/* ---- looking up ------------------------------------------------------------------------------ */

/* The addresses of one object that are not known yet; ours alone, and too much for a stack. */
static struct atr_named named[ATR_STACK_DEPTH_MAX];
static struct atr_lined lined[ATR_STACK_DEPTH_MAX];
static unsigned nr_wanted;

static void want(uint64_t at)
{
	unsigned i = nr_wanted;

	for (unsigned k = 0; k < nr_wanted; k++)
		if (named[k].at == at)
			return;
	for (; i && named[i - 1].at > at; i--)
		named[i] = named[i - 1];
	named[i] = (struct atr_named){ .at = at };
	nr_wanted++;
}

/* What is written for an address in functions that were put into others. */
static struct inlined {
	char function
		[ATR_FUNCTION_MAX]; /* the nearest that is the program's; "": as the symbol says */
	char text[INLINED_TEXT];
	size_t len;
} inlined[ATR_STACK_DEPTH_MAX];

static void put_line(struct inlined *to, const char *function, const char *path, uint32_t line)
{
	struct atr_print p = { to->text, to->len, sizeof(to->text) - 1, false };

	atr_print(&p, atr_str(function));
	if (line) {
		atr_print(&p, ATR_STR(" ("));
		atr_print(&p, atr_str(path));
		atr_print(&p, ATR_STR(":"));
		atr_print_uint(&p, line);
		atr_print(&p, ATR_STR(")"));
	}
	atr_print(&p, ATR_STR("\n"));
	if (p.is_cut)
		return;
	to->len = p.len;
	to->text[to->len] = 0;
}

/*
 * From the innermost out: each is at the line that the one in it would have been called from. The
 * first that did not come with the language is whose line is told.
 */
static void put_inlined(const struct atr_line_sections *in, struct atr_inlined *all, unsigned nr,
			const char *symbol, struct atr_lined *at, struct inlined *to)
{
	char function[ATR_FUNCTION_MAX], path[ATR_PATH_MAX];
	uint32_t line = at->line;
	bool has_one = false;

	memcpy(path, at->path, sizeof(path));
	for (unsigned i = nr + 1; i-- > 0;) {
		const char *name = i ? all[i - 1].name : symbol;

		function[0] = 0;
		if (name && *name)
			atr_name_of_symbol(name, function);
		if (*function)
			put_line(to, function, path, line);
		if (*function && !has_one && !atr_name_is_of_language(function)) {
			has_one = true;
			memcpy(to->function, function, sizeof(function));
			memcpy(at->path, path, sizeof(path));
			at->line = line;
		}
		if (!i)
			break;
		line = all[i - 1].call_line;
		atr_lines_path(in, all[i - 1].lines_at, all[i - 1].call_file, path);
	}
}

static void find_inlined(const struct atr_line_sections *in, const struct atr_info_sections *info)
{
	static struct atr_inlined all[ATR_INLINED_MAX];

	for (unsigned i = 0; i < nr_wanted; i++) {
		unsigned nr = lined[i].line ? atr_inlined_at(info, lined[i].at, all) : 0;

		if (nr)
			put_inlined(in, all, nr, named[i].name, &lined[i], &inlined[i]);
	}
}

/* What is put into others is told of the program's own code: for libc's it would be read for long. */
static struct atr_info_sections read_info(const struct atr_image *image)
{
	return (struct atr_info_sections){
		.info = atr_image_section(image, ".debug_info", INFO_MAX),
		.abbrevs = atr_image_section(image, ".debug_abbrev", INFO_MAX),
		.strings = atr_image_section(image, ".debug_str", STRINGS_MAX),
		.line_strings = atr_image_section(image, ".debug_line_str", STRINGS_MAX),
		.string_offsets = atr_image_section(image, ".debug_str_offsets", STRINGS_MAX),
		.addresses = atr_image_section(image, ".debug_addr", STRINGS_MAX),
		.ranges = atr_image_section(image, ".debug_ranges", STRINGS_MAX),
		.range_lists = atr_image_section(image, ".debug_rnglists", STRINGS_MAX),
	};
}

/* `common`: its image, or NULL. */
static void find_lines(const struct atr_image *image, bool is_own, const struct atr_image *common)
{
	struct atr_line_sections in = { .line = atr_image_section(image, ".debug_line",
								  LINES_MAX) };
	struct atr_info_sections info, moved;

	if (in.line.failed)
		return;
	if (is_own) {
		info = read_info(image);
		if (common) {
			moved = read_info(common);
			info.common = &moved;
		}
		in.line_strings = info.line_strings;
		in.strings = info.strings;
		in.folder_of = atr_inlined_folder_of;
		in.arg = &info;
	} else {
		in.line_strings = atr_image_section(image, ".debug_line_str", STRINGS_MAX);
		/* names of files lie there only where it is the one that there is */
		in.strings = atr_image_section(image, ".debug_str", STRINGS_MAX);
	}
	atr_lines_find(&in, lined, nr_wanted);
	if (is_own)
		find_inlined(&in, &info);
}

static void look_for_lines(const struct atr_image *image, const char *path,
			   const struct atr_module *m, struct atr_pages *pages)
{
	bool is_own = atr_module_is_own(m);
	struct opened common;

	if (!is_own || !open_common(&common, image, path, pages)) {
		find_lines(image, is_own, NULL);
		return;
	}
	find_lines(image, true, &common.image);
	close_source(&common.source);
}

static void look_in_files(const struct atr_module *m)
{
	struct atr_pages pages = { .last = NULL };
	struct opened own, debug;
	bool has_debug;

	for (unsigned i = 0; i < nr_wanted; i++) {
		lined[i] = (struct atr_lined){ .at = named[i].at };
		inlined[i].function[0] = inlined[i].text[0] = 0;
		inlined[i].len = 0;
	}
	if (open_module(&own, m, &pages)) {
		bool has_lines = atr_image_has(&own.image, ".debug_line");
		bool has_symbols = atr_image_has(&own.image, ".symtab");

		has_debug = (!has_lines || !has_symbols) && (open_by_id(&debug, m, &pages) ||
							     open_by_link(&debug, &own, m, &pages));
		if (has_debug && !has_symbols)
			atr_image_functions(&debug.image, named, nr_wanted);
		atr_image_functions(&own.image, named, nr_wanted);
		if (has_lines)
			look_for_lines(&own.image, m->path, m, &pages);
		else if (has_debug)
			look_for_lines(&debug.image, found_at.text, m, &pages);
		if (has_debug)
			close_source(&debug.source);
		close_source(&own.source);
	}
	for (unsigned i = 0; i < nr_wanted; i++) {
		struct kept *k = slot_of(m->base + named[i].at, m);
		char function[ATR_FUNCTION_MAX] = "";

		if (inlined[i].function[0])
			memcpy(function, inlined[i].function, sizeof(function));
		else if (named[i].name)
			atr_name_of_symbol(named[i].name, function);
		if (!k->module)
			nr_kept++;
		*k = (struct kept){ .at = m->base + named[i].at,
				    .module = m,
				    .function = keep_text(function),
				    .path = lined[i].line ? keep_text(lined[i].path) : 0,
				    .inlined = keep_text(inlined[i].text),
				    .line = lined[i].line,
				    .in_function = named[i].at - named[i].begin };
	}
	atr_pages_give(&pages);
}

/* Of all addresses those that are in this object, and not known. */
static void resolve_in(const struct atr_module *m, const uint64_t *at,
		       const struct atr_place *places, unsigned nr)
{
	nr_wanted = 0;
	for (unsigned i = 0; i < nr; i++)
		if (places[i].module == m && !slot_of(at[i], m)->module)
			want(at[i] - m->base);
	if (nr_wanted)
		look_in_files(m);
}

static struct atr_place place_of(const struct kept *k)
{
	return (struct atr_place){ .module = k->module,
				   .function = k->function ? memory->texts + k->function : NULL,
				   .path = k->path ? memory->texts + k->path : NULL,
				   .inlined = k->inlined ? memory->texts + k->inlined : NULL,
				   .line = k->path ? k->line : 0,
				   .in_function = k->in_function };
}

void atr_resolve(uint64_t generation, const uint64_t *at, struct atr_place *places, unsigned nr)
{
	bool has_looked = false;

	if (nr > ATR_STACK_DEPTH_MAX)
		nr = ATR_STACK_DEPTH_MAX;
	for (unsigned i = 0; i < nr; i++) {
		places[i] = (struct atr_place){ .module = atr_modules_find(at[i], generation) };
		if (places[i].module || has_looked)
			continue;
		atr_modules_look(true);
		has_looked = true;
		places[i].module = atr_modules_find(at[i], generation);
	}
	if (!has_memory())
		return;
	if (nr_kept > KEPT_MAX / 2 ||
	    texts_len > TEXTS_LEN - ATR_STACK_DEPTH_MAX *
					    (ATR_FUNCTION_MAX + ATR_PATH_MAX + INLINED_TEXT))
		forget_all();
	for (unsigned i = 0; i < nr; i++)
		if (places[i].module && !slot_of(at[i], places[i].module)->module)
			resolve_in(places[i].module, at, places, nr);
	for (unsigned i = 0; i < nr; i++)
		if (places[i].module)
			places[i] = place_of(slot_of(at[i], places[i].module));
}

void atr_resolve_setup(const struct atr_io *with)
{
	io = with;
}
