/* SPDX-License-Identifier: Apache-2.0 */
#include "export/stacks/lines.h"

/* Forms (DW_FORM_*) that tables of files have. */
enum {
	FORM_BLOCK2 = 0x03,
	FORM_BLOCK4 = 0x04,
	FORM_DATA2 = 0x05,
	FORM_DATA4 = 0x06,
	FORM_DATA8 = 0x07,
	FORM_STRING = 0x08,
	FORM_BLOCK = 0x09,
	FORM_BLOCK1 = 0x0a,
	FORM_DATA1 = 0x0b,
	FORM_STRP = 0x0e,
	FORM_UDATA = 0x0f,
	FORM_DATA16 = 0x1e,
	FORM_LINE_STRP = 0x1f,
};

enum { CONTENT_PATH = 1, CONTENT_FOLDER = 2 }; /* DW_LNCT_* */

/* A unit's header. */
struct unit {
	const struct atr_line_sections *in;
	uint64_t at; /* in the section */
	bool is_64;
	uint16_t version;
	uint8_t address_len, least_len, nr_ops, line_range, opcode_base;
	int8_t line_base;
	struct atr_bytes lengths; /* of the opcodes that have arguments */
	struct atr_bytes tables;  /* of folders and files, and what is behind them */
	struct atr_bytes program;
};

static uint64_t get_offset(struct atr_bytes *from, bool is_64)
{
	return is_64 ? atr_get_u64(from) : atr_get_u32(from);
}

/* The next unit of the section, and past it; false: there is none that could be read. */
static bool next_unit(const struct atr_line_sections *in, struct atr_bytes *section, struct unit *u,
		      bool *is_known)
{
	struct atr_bytes from;
	uint64_t len, header_len;

	*u = (struct unit){ .in = in, .at = (uint64_t)(section->at - in->line.at) };
	len = atr_get_u32(section);
	if (len == UINT32_MAX) {
		u->is_64 = true;
		len = atr_get_u64(section);
	}
	from = atr_get_part(section, len);
	if (section->failed || !len)
		return false;
	u->version = atr_get_u16(&from);
	u->address_len = 8;
	if (u->version >= 5) {
		u->address_len = atr_get_u8(&from);
		atr_get_u8(&from); /* a segment selector's length */
	}
	header_len = get_offset(&from, u->is_64);
	u->program = from;
	u->tables = atr_get_part(&u->program, header_len);
	u->least_len = atr_get_u8(&u->tables);
	u->nr_ops = u->version >= 4 ? atr_get_u8(&u->tables) : 1;
	atr_get_u8(&u->tables); /* whether a line is a statement */
	u->line_base = (int8_t)atr_get_u8(&u->tables);
	u->line_range = atr_get_u8(&u->tables);
	u->opcode_base = atr_get_u8(&u->tables);
	u->lengths = atr_get_part(&u->tables, u->opcode_base ? u->opcode_base - 1u : 0);
	*is_known = u->version >= 2 && u->version <= 5 && u->line_range && u->opcode_base &&
		    u->address_len == 8 && !u->tables.failed && !u->program.failed;
	return true;
}

/* ---- names of files -------------------------------------------------------------------------- */

static const char *text_in(struct atr_bytes in, uint64_t at)
{
	if (at >= atr_bytes_left(&in))
		return "";
	in.at += at;
	return atr_get_text(&in);
}

/* A value that is a text or a number. */
static bool get_value(const struct unit *u, struct atr_bytes *from, uint64_t form,
		      const char **text, uint64_t *number)
{
	switch (form) {
	case FORM_STRING:
		*text = atr_get_text(from);
		break;
	case FORM_LINE_STRP:
		*text = text_in(u->in->line_strings, get_offset(from, u->is_64));
		break;
	case FORM_STRP:
		*text = text_in(u->in->strings, get_offset(from, u->is_64));
		break;
	case FORM_DATA1:
		*number = atr_get_u8(from);
		break;
	case FORM_DATA2:
		*number = atr_get_u16(from);
		break;
	case FORM_DATA4:
		*number = atr_get_u32(from);
		break;
	case FORM_DATA8:
		*number = atr_get_u64(from);
		break;
	case FORM_UDATA:
		*number = atr_get_uleb(from);
		break;
	case FORM_DATA16: /* a checksum */
		atr_get_part(from, 16);
		break;
	case FORM_BLOCK:
		atr_get_part(from, atr_get_uleb(from));
		break;
	case FORM_BLOCK1:
		atr_get_part(from, atr_get_u8(from));
		break;
	case FORM_BLOCK2:
		atr_get_part(from, atr_get_u16(from));
		break;
	case FORM_BLOCK4:
		atr_get_part(from, atr_get_u32(from));
		break;
	default:
		return false;
	}
	return !from->failed;
}

struct entry {
	const char *path;
	uint64_t folder;
};

/* Entry `wanted` of a table as DWARF 5 has them, and past the whole. */
static bool get_entry(const struct unit *u, struct atr_bytes *from, uint64_t wanted,
		      struct entry *out)
{
	uint8_t nr_formats = atr_get_u8(from);
	struct atr_bytes formats = *from;
	bool found = false;
	uint64_t nr;

	for (unsigned i = 0; i < nr_formats; i++) {
		atr_get_uleb(from);
		atr_get_uleb(from);
	}
	nr = atr_get_uleb(from);
	for (uint64_t i = 0; i < nr && !from->failed && nr_formats; i++) {
		struct atr_bytes format = formats;
		struct entry entry = { "", 0 };

		for (unsigned k = 0; k < nr_formats; k++) {
			uint64_t content = atr_get_uleb(&format), form = atr_get_uleb(&format);
			uint64_t number = 0;
			const char *text = "";

			if (!get_value(u, from, form, &text, &number))
				return false;
			if (content == CONTENT_PATH)
				entry.path = text;
			else if (content == CONTENT_FOLDER)
				entry.folder = number;
		}
		if (i == wanted) {
			*out = entry;
			found = true;
		}
	}
	return found;
}

/* Before DWARF 5: texts up to an empty one; counted from 1. */
static const char *old_folder(struct atr_bytes *from, uint64_t wanted)
{
	const char *found = "";

	for (uint64_t i = 1; !from->failed; i++) {
		const char *text = atr_get_text(from);

		if (!*text)
			break;
		if (i == wanted)
			found = text;
	}
	return found;
}

static bool old_file(struct atr_bytes *from, uint64_t wanted, struct entry *out)
{
	for (uint64_t i = 1; !from->failed; i++) {
		const char *text = atr_get_text(from);

		if (!*text)
			break;
		out->path = text;
		out->folder = atr_get_uleb(from);
		atr_get_uleb(from);
		atr_get_uleb(from);
		if (i == wanted)
			return !from->failed;
	}
	return false;
}

static void put(char *to, size_t *len, const char *text)
{
	size_t more = strlen(text);

	if (!more)
		return;
	if (*len && to[*len - 1] != '/' && *len + 1 < ATR_PATH_MAX)
		to[(*len)++] = '/';
	if (more >= ATR_PATH_MAX - *len)
		more = ATR_PATH_MAX - 1 - *len;
	memcpy(to + *len, text, more);
	*len += more;
	to[*len] = 0;
}

/* Each part counts from the one before, where it is not from the root. */
static void join(char *to, const char *root, const char *folder, const char *file)
{
	size_t len = 0;

	to[0] = 0;
	if (*file != '/') {
		if (*folder != '/')
			put(to, &len, root);
		put(to, &len, folder);
	}
	put(to, &len, file);
}

static void path_of(const struct unit *u, uint64_t file, char *to)
{
	struct atr_bytes folders = u->tables, files = u->tables, none = u->tables;
	struct entry entry = { "", 0 }, folder = { "", 0 }, root = { "", 0 };

	if (u->version >= 5) {
		get_entry(u, &files, UINT64_MAX, &folder); /* past the folders */
		if (!get_entry(u, &files, file, &entry))
			return;
		get_entry(u, &folders, entry.folder, &folder);
		get_entry(u, &none, 0, &root);
	} else {
		old_folder(&files, 0);
		if (!old_file(&files, file, &entry))
			return;
		folder.path = old_folder(&folders, entry.folder);
		root.path = u->in->folder_of ? u->in->folder_of(u->in->arg, u->at) : "";
	}
	join(to, root.path, entry.folder || u->version < 5 ? folder.path : "", entry.path);
}

/* ---- the program ----------------------------------------------------------------------------- */

struct machine {
	const struct unit *u;
	struct atr_lined *lined;
	unsigned nr, next; /* the first that is not below the row */
	uint64_t at, file, op_index;
	uint32_t line;
	uint64_t row_at, row_file; /* the last one */
	uint32_t row_line;
	bool has_row, is_dead;
};

static void reset(struct machine *m)
{
	m->at = m->op_index = 0;
	m->file = m->line = 1;
	m->has_row = m->is_dead = false;
}

/* A row holds until the next one; `ends`: that is behind the last. */
static void row(struct machine *m, bool ends)
{
	if (!m->has_row) {
		/* what the linker threw away is left at 0, or at the very end */
		m->is_dead = !m->at || m->at >= UINT64_MAX - 1;
		m->next = 0;
	} else if (!m->is_dead && m->row_at < m->at) {
		/* rows ascend in a sequence; where they do not, it is begun from the first */
		if (m->next && m->lined[m->next - 1].at >= m->row_at)
			m->next = 0;
		while (m->next < m->nr && m->lined[m->next].at < m->row_at)
			m->next++;
		for (; m->next < m->nr && m->lined[m->next].at < m->at; m->next++) {
			struct atr_lined *l = &m->lined[m->next];

			if (l->line || !m->row_line)
				continue;
			l->line = m->row_line;
			path_of(m->u, m->row_file, l->path);
		}
	}
	m->row_at = m->at;
	m->row_file = m->file;
	m->row_line = m->line;
	m->has_row = true;
	if (ends)
		reset(m);
}

static void advance(struct machine *m, uint64_t ops)
{
	const struct unit *u = m->u;

	if (u->nr_ops <= 1) {
		m->at += ops * u->least_len;
	} else {
		m->at += (m->op_index + ops) / u->nr_ops * u->least_len;
		m->op_index = (m->op_index + ops) % u->nr_ops;
	}
}

static void run_extended(struct machine *m, struct atr_bytes *from)
{
	struct atr_bytes op = atr_get_part(from, atr_get_uleb(from));
	uint8_t code = atr_get_u8(&op);

	if (code == 1) { /* end_sequence */
		row(m, true);
	} else if (code == 2) { /* set_address */
		m->at = atr_get_number(&op, atr_bytes_left(&op) >= 8 ? 8 : 4);
		m->op_index = 0;
	}
}

static void run_standard(struct machine *m, struct atr_bytes *from, uint8_t op)
{
	const struct unit *u = m->u;

	switch (op) {
	case 1: /* copy */
		row(m, false);
		break;
	case 2: /* advance_pc */
		advance(m, atr_get_uleb(from));
		break;
	case 3: /* advance_line */
		m->line += (uint32_t)atr_get_sleb(from);
		break;
	case 4: /* set_file */
		m->file = atr_get_uleb(from);
		break;
	case 8: /* const_add_pc */
		advance(m, (255u - u->opcode_base) / u->line_range);
		break;
	case 9: /* fixed_advance_pc */
		m->at += atr_get_u16(from);
		m->op_index = 0;
		break;
	default: /* others change nothing that is asked for */
		for (unsigned n = u->lengths.at[op - 1]; n; n--)
			atr_get_uleb(from);
	}
}

static void run(struct machine *m)
{
	const struct unit *u = m->u;
	struct atr_bytes from = u->program;

	reset(m);
	while (!from.failed && from.at < from.end) {
		uint8_t op = atr_get_u8(&from);

		if (op >= u->opcode_base) {
			op -= u->opcode_base;
			advance(m, op / u->line_range);
			m->line += (uint32_t)(u->line_base + op % u->line_range);
			row(m, false);
		} else if (op) {
			run_standard(m, &from, op);
		} else {
			run_extended(m, &from);
		}
	}
}

static bool has_all(const struct atr_lined *lined, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		if (!lined[i].line)
			return false;
	return true;
}

void atr_lines_find(const struct atr_line_sections *in, struct atr_lined *lined, unsigned nr)
{
	struct atr_bytes section = in->line;
	struct unit u;
	bool is_known;

	while (atr_bytes_left(&section) && next_unit(in, &section, &u, &is_known)) {
		struct machine m = { .u = &u, .lined = lined, .nr = nr };

		if (!is_known)
			continue;
		run(&m);
		if (has_all(lined, nr))
			break;
	}
}

void atr_lines_path(const struct atr_line_sections *in, uint64_t unit_at, uint64_t file,
		    char path[static ATR_PATH_MAX])
{
	struct atr_bytes section = in->line;
	bool is_known;
	struct unit u;

	path[0] = 0;
	if (unit_at >= atr_bytes_left(&section))
		return;
	section.at += unit_at;
	if (next_unit(in, &section, &u, &is_known) && is_known)
		path_of(&u, file, path);
}
