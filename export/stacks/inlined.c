/* SPDX-License-Identifier: Apache-2.0 */
#include "export/stacks/inlined.h"

/* Values and ranges that are looked at in one search: some tenths of a second. */
#define STEPS_MAX 20000000
#define ABBREVS_MAX 4096
#define STEPS_TABLE 1024 /* as dear is a table of abbreviations */

enum { /* DW_TAG_* */
       TAG_CLASS = 0x02,
       TAG_STRUCT = 0x13,
       TAG_INLINED = 0x1d,
       TAG_NAMESPACE = 0x39,
};

enum { /* DW_AT_* */
       AT_NAME = 0x03,
       AT_LINES = 0x10,
       AT_LOW = 0x11,
       AT_HIGH = 0x12,
       AT_FOLDER = 0x1b,
       AT_ORIGIN = 0x31,
       AT_SPECIFICATION = 0x47,
       AT_RANGES = 0x55,
       AT_CALL_FILE = 0x58,
       AT_CALL_LINE = 0x59,
       AT_SYMBOL = 0x6e,
       AT_STRINGS_BASE = 0x72,
       AT_ADDRESSES_BASE = 0x73,
       AT_RANGES_BASE = 0x74,
       AT_OLD_SYMBOL = 0x2007,
};

struct unit {
	const struct atr_info_sections *in;
	uint64_t at, end; /* in the section */
	bool is_64;
	uint16_t version;
	uint8_t address_len;
	uint64_t abbrevs_at;
	struct atr_bytes entries;
	uint64_t strings_base, addresses_base, ranges_base, low;
};

/* Of an entry what is asked for here. */
struct entry {
	uint64_t tag, low, high, ranges, origin, lines_at, call_file, call_line;
	bool has_children, has_low, has_high, high_is_len, has_ranges, ranges_are_counted,
		has_origin, origin_is_common, has_lines;
	const char *name, *symbol, *folder;
};

static unsigned steps_left;

static bool may_go_on(void)
{
	return steps_left && steps_left--;
}

static struct atr_bytes part_from(struct atr_bytes in, uint64_t at)
{
	if (in.failed || at > (uint64_t)(in.end - in.at))
		return (struct atr_bytes){ .failed = true };
	in.at += at;
	return in;
}

static uint64_t get_offset(struct atr_bytes *from, bool is_64)
{
	return is_64 ? atr_get_u64(from) : atr_get_u32(from);
}

/* ---- what values look like ------------------------------------------------------------------- */

struct value {
	uint64_t number;
	const char *text;
};

static const char *text_of(struct atr_bytes in, uint64_t at)
{
	struct atr_bytes from = part_from(in, at);

	return atr_get_text(&from);
}

static const char *common_text(const struct unit *u, uint64_t at)
{
	return u->in->common ? text_of(u->in->common->strings, at) : "";
}

/* `base` and what is counted from there, wraps to what is not there. */
static uint64_t nth_offset(const struct unit *u, struct atr_bytes in, uint64_t base, uint64_t n)
{
	struct atr_bytes from = part_from(in, base + n * (u->is_64 ? 8 : 4));

	return get_offset(&from, u->is_64);
}

static uint64_t nth_address(const struct unit *u, uint64_t n)
{
	struct atr_bytes from = part_from(u->in->addresses, u->addresses_base + n * 8);

	return atr_get_u64(&from);
}

static struct value number(uint64_t n)
{
	return (struct value){ n, "" };
}

static struct value text(const char *at)
{
	return (struct value){ 0, at };
}

static struct value nth_text(const struct unit *u, uint64_t n)
{
	return text(
		text_of(u->in->strings, nth_offset(u, u->in->string_offsets, u->strings_base, n)));
}

static struct value past(struct atr_bytes *from, uint64_t len)
{
	atr_get_part(from, len);
	return number(0);
}

static uint64_t get_u24(struct atr_bytes *from)
{
	uint64_t low = atr_get_u16(from);

	return low | (uint64_t)atr_get_u8(from) << 16;
}

/* References to entries become offsets in the section. */
static struct value get_value(const struct unit *u, struct atr_bytes *from, uint64_t form,
			      int64_t implicit)
{
	switch (form) {
	case 0x01: /* addr */
		return number(atr_get_number(from, u->address_len));
	case 0x03: /* block2, block4, block, exprloc, block1 */
		return past(from, atr_get_u16(from));
	case 0x04:
		return past(from, atr_get_u32(from));
	case 0x09:
	case 0x18:
		return past(from, atr_get_uleb(from));
	case 0x0a:
		return past(from, atr_get_u8(from));
	case 0x05: /* data2, 4, 8, 1, flag */
		return number(atr_get_u16(from));
	case 0x06:
		return number(atr_get_u32(from));
	case 0x07:
		return number(atr_get_u64(from));
	case 0x0b:
	case 0x0c:
		return number(atr_get_u8(from));
	case 0x08: /* string */
		return text(atr_get_text(from));
	case 0x0d: /* sdata, udata, loclistx, rnglistx */
		return number((uint64_t)atr_get_sleb(from));
	case 0x0f:
	case 0x22:
	case 0x23:
		return number(atr_get_uleb(from));
	case 0x0e: /* strp, line_strp */
		return text(text_of(u->in->strings, get_offset(from, u->is_64)));
	case 0x1f:
		return text(text_of(u->in->line_strings, get_offset(from, u->is_64)));
	case 0x10: /* ref_addr */
		return number(u->version == 2 ? atr_get_number(from, u->address_len) :
						get_offset(from, u->is_64));
	case 0x11: /* ref1, 2, 4, 8, udata */
		return number(u->at + atr_get_u8(from));
	case 0x12:
		return number(u->at + atr_get_u16(from));
	case 0x13:
		return number(u->at + atr_get_u32(from));
	case 0x14:
		return number(u->at + atr_get_u64(from));
	case 0x15:
		return number(u->at + atr_get_uleb(from));
	case 0x17: /* sec_offset; in the common file: ref_alt; strp_sup, strp_alt */
	case 0x1f20:
		return number(get_offset(from, u->is_64));
	case 0x1d:
	case 0x1f21:
		return text(common_text(u, get_offset(from, u->is_64)));
	case 0x19: /* flag_present */
		return number(1);
	case 0x1a: /* strx, strx1 to 4 */
		return nth_text(u, atr_get_uleb(from));
	case 0x25:
		return nth_text(u, atr_get_u8(from));
	case 0x26:
		return nth_text(u, atr_get_u16(from));
	case 0x27:
		return nth_text(u, get_u24(from));
	case 0x28:
		return nth_text(u, atr_get_u32(from));
	case 0x1b: /* addrx, addrx1 to 4 */
		return number(nth_address(u, atr_get_uleb(from)));
	case 0x29:
		return number(nth_address(u, atr_get_u8(from)));
	case 0x2a:
		return number(nth_address(u, atr_get_u16(from)));
	case 0x2b:
		return number(nth_address(u, get_u24(from)));
	case 0x2c:
		return number(nth_address(u, atr_get_u32(from)));
	case 0x1c: /* ref_sup4, 8; data16; ref_sig8 */
		return past(from, 4);
	case 0x24:
	case 0x20:
		return past(from, 8);
	case 0x1e:
		return past(from, 16);
	case 0x21: /* implicit_const */
		return number((uint64_t)implicit);
	default:
		from->failed = true;
		return number(0);
	}
}

/* ---- entries --------------------------------------------------------------------------------- */

/* A tag, whether there are children, and pairs of what and in which form, up to two zeros. */
static bool next_spec(struct atr_bytes *specs, uint64_t *what, uint64_t *form, int64_t *implicit)
{
	*what = atr_get_uleb(specs);
	*form = atr_get_uleb(specs);
	*implicit = *form == 0x21 ? atr_get_sleb(specs) : 0;
	return !specs->failed && (*what || *form);
}

/* By their numbers, which compilers count; of the table that was read last. */
static struct {
	const uint8_t *table;
	const uint8_t *at[ABBREVS_MAX]; /* behind the number; NULL: there is none */
} known;

static void read_abbrevs(struct atr_bytes table)
{
	uint64_t code, what, form;
	int64_t implicit;

	steps_left -= steps_left < STEPS_TABLE ? steps_left : STEPS_TABLE;
	known.table = table.at;
	memset(known.at, 0, sizeof(known.at));
	while ((code = atr_get_uleb(&table)) && !table.failed) {
		if (code < ABBREVS_MAX)
			known.at[code] = table.at;
		atr_get_uleb(&table);
		atr_get_u8(&table);
		while (next_spec(&table, &what, &form, &implicit))
			if (!may_go_on())
				return;
	}
}

static bool find_abbrev(const struct unit *u, uint64_t code, struct atr_bytes *specs)
{
	struct atr_bytes table = part_from(u->in->abbrevs, u->abbrevs_at);

	if (table.failed || !code || code >= ABBREVS_MAX)
		return false;
	if (known.table != table.at)
		read_abbrevs(table);
	if (!known.at[code])
		return false;
	*specs = (struct atr_bytes){ known.at[code], table.end, false };
	return true;
}

static void set_ranges(struct entry *e, uint64_t form, uint64_t value)
{
	e->has_ranges = true;
	e->ranges = value;
	e->ranges_are_counted = form == 0x23;
}

static bool is_address(uint64_t form)
{
	return form == 0x01 || form == 0x1b || (form >= 0x29 && form <= 0x2c);
}

static void set_origin(struct entry *e, uint64_t form, uint64_t value)
{
	e->origin_is_common = form == 0x1f20;
	e->has_origin = e->origin_is_common || (form >= 0x10 && form <= 0x15);
	e->origin = value;
}

static void set(struct entry *e, uint64_t what, uint64_t form, struct value value)
{
	switch (what) {
	case AT_NAME:
		e->name = value.text;
		break;
	case AT_SYMBOL:
	case AT_OLD_SYMBOL:
		e->symbol = value.text;
		break;
	case AT_FOLDER:
		e->folder = value.text;
		break;
	case AT_LINES:
		e->has_lines = true;
		e->lines_at = value.number;
		break;
	case AT_LOW:
		e->has_low = true;
		e->low = value.number;
		break;
	case AT_HIGH:
		e->has_high = true;
		e->high_is_len = !is_address(form);
		e->high = value.number;
		break;
	case AT_RANGES:
		set_ranges(e, form, value.number);
		break;
	case AT_ORIGIN:
	case AT_SPECIFICATION:
		set_origin(e, form, value.number);
		break;
	case AT_CALL_FILE:
		e->call_file = value.number;
		break;
	case AT_CALL_LINE:
		e->call_line = value.number;
		break;
	default:
		break;
	}
}

/* The next entry, or the end of some (tag 0); false: it cannot be read, nor what follows. */
static bool next_entry(const struct unit *u, struct atr_bytes *from, struct entry *e)
{
	uint64_t code = atr_get_uleb(from), what, form;
	struct atr_bytes specs;
	int64_t implicit;

	memset(e, 0, sizeof(*e));
	e->name = e->symbol = e->folder = "";
	if (from->failed)
		return false;
	if (!code)
		return true;
	if (!find_abbrev(u, code, &specs))
		return false;
	e->tag = atr_get_uleb(&specs);
	e->has_children = atr_get_u8(&specs);
	while (next_spec(&specs, &what, &form, &implicit)) {
		if (!may_go_on())
			return false;
		if (form == 0x16) /* indirect */
			form = atr_get_uleb(from);
		set(e, what, form, get_value(u, from, form, implicit));
	}
	return !from->failed && !specs.failed;
}

/* ---- units ----------------------------------------------------------------------------------- */

/* The bases come first, so that what is counted from them is found: they are read on their own. */
static void read_bases(struct unit *u)
{
	struct atr_bytes from = u->entries, specs;
	uint64_t what, form, code = atr_get_uleb(&from);
	int64_t implicit;

	if (u->version < 5 || !find_abbrev(u, code, &specs))
		return;
	atr_get_uleb(&specs);
	atr_get_u8(&specs);
	while (next_spec(&specs, &what, &form, &implicit) && may_go_on()) {
		struct value value = get_value(u, &from, form, implicit);

		if (what == AT_STRINGS_BASE)
			u->strings_base = value.number;
		else if (what == AT_ADDRESSES_BASE)
			u->addresses_base = value.number;
		else if (what == AT_RANGES_BASE)
			u->ranges_base = value.number;
	}
}

/* Behind its header. false: no more that could be read; *is_known: it is of a kind that is read here. */
static bool next_unit(const struct atr_info_sections *in, struct atr_bytes *section, struct unit *u,
		      bool *is_known)
{
	uint64_t len;
	uint8_t kind = 1;

	*u = (struct unit){ .in = in, .at = (uint64_t)(section->at - in->info.at) };
	len = atr_get_u32(section);
	if (len == UINT32_MAX) {
		u->is_64 = true;
		len = atr_get_u64(section);
	}
	u->entries = atr_get_part(section, len);
	if (section->failed || !len)
		return false;
	u->end = (uint64_t)(section->at - in->info.at);
	u->version = atr_get_u16(&u->entries);
	if (u->version >= 5) {
		kind = atr_get_u8(&u->entries);
		u->address_len = atr_get_u8(&u->entries);
	}
	u->abbrevs_at = get_offset(&u->entries, u->is_64);
	if (u->version < 5)
		u->address_len = atr_get_u8(&u->entries);
	/* one that is whole, or a part that others take from */
	*is_known = u->version >= 2 && u->version <= 5 && (kind == 1 || kind == 3) &&
		    u->address_len == 8 && !u->entries.failed;
	return true;
}

/* ---- ranges ---------------------------------------------------------------------------------- */

static bool is_in(uint64_t at, uint64_t begin, uint64_t end)
{
	return begin < end && at >= begin && at < end;
}

/* Pairs from the unit's begin, or from what a pair with all bits set says. */
static bool are_old_ranges_of(const struct unit *u, uint64_t ranges_at, uint64_t at)
{
	struct atr_bytes from = part_from(u->in->ranges, ranges_at);
	uint64_t base = u->low;

	while (!from.failed && may_go_on()) {
		uint64_t begin = atr_get_u64(&from), end = atr_get_u64(&from);

		if (!begin && !end)
			break;
		if (begin == UINT64_MAX)
			base = end;
		else if (!from.failed && is_in(at, base + begin, base + end))
			return true;
	}
	return false;
}

static bool are_ranges_of(const struct unit *u, struct atr_bytes from, uint64_t at)
{
	uint64_t base = u->low, begin, end;

	while (!from.failed && may_go_on()) {
		begin = end = 0;
		switch (atr_get_u8(&from)) {
		case 1: /* base_addressx */
			base = nth_address(u, atr_get_uleb(&from));
			break;
		case 2: /* startx_endx */
			begin = nth_address(u, atr_get_uleb(&from));
			end = nth_address(u, atr_get_uleb(&from));
			break;
		case 3: /* startx_length */
			begin = nth_address(u, atr_get_uleb(&from));
			end = begin + atr_get_uleb(&from);
			break;
		case 4: /* offset_pair */
			begin = base + atr_get_uleb(&from);
			end = base + atr_get_uleb(&from);
			break;
		case 5: /* base_address */
			base = atr_get_u64(&from);
			break;
		case 6: /* start_end */
			begin = atr_get_u64(&from);
			end = atr_get_u64(&from);
			break;
		case 7: /* start_length */
			begin = atr_get_u64(&from);
			end = begin + atr_get_uleb(&from);
			break;
		default: /* the end, or not known */
			return false;
		}
		if (!from.failed && is_in(at, begin, end))
			return true;
	}
	return false;
}

static bool is_entry_of(const struct unit *u, const struct entry *e, uint64_t at)
{
	uint64_t ranges_at = e->ranges;

	if (!e->has_ranges)
		return e->has_low && e->has_high &&
		       is_in(at, e->low, e->high_is_len ? e->low + e->high : e->high);
	if (u->version < 5)
		return are_old_ranges_of(u, ranges_at, at);
	if (e->ranges_are_counted)
		ranges_at = u->ranges_base +
			    nth_offset(u, u->in->range_lists, u->ranges_base, e->ranges);
	return are_ranges_of(u, part_from(u->in->range_lists, ranges_at), at);
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool unit_of(const struct atr_info_sections *in, uint64_t at, struct unit *u)
{
	struct atr_bytes section = in->info;
	bool is_known;

	while (atr_bytes_left(&section) && may_go_on() && next_unit(in, &section, u, &is_known))
		if (at >= u->at && at < u->end)
			return is_known;
	return false;
}

#define ORIGINS_MAX 4 /* a copy, what it is of, and what declares that */
#define SCOPES_MAX 32

/* NULL: it is not told. */
static const char *scope_of(const struct entry *e)
{
	if (e->tag == TAG_NAMESPACE)
		return *e->name ? e->name : "(anonymous namespace)";
	if (e->tag == TAG_CLASS || e->tag == TAG_STRUCT)
		return *e->name ? e->name : "<unnamed>";
	return NULL;
}

static void append(char out[static ATR_FUNCTION_MAX], const char *text)
{
	size_t len = strlen(out), more = strlen(text);

	if (more > ATR_FUNCTION_MAX - 1 - len)
		more = ATR_FUNCTION_MAX - 1 - len;
	memcpy(out + len, text, more);
	out[len + more] = 0;
}

/* Where it is declared: namespaces and classes around the entry, as they are told in C++. */
static void put_scopes(const struct unit *u, uint64_t at, char out[static ATR_FUNCTION_MAX])
{
	const char *scopes[SCOPES_MAX] = { NULL };
	struct atr_bytes from = u->entries;
	const uint8_t *end = u->in->info.at + at;
	unsigned depth = 0;
	struct entry e;

	while (from.at < end && next_entry(u, &from, &e)) {
		if (!e.tag)
			depth -= depth > 0;
		else if (e.has_children && depth < SCOPES_MAX)
			scopes[depth++] = scope_of(&e);
		else
			depth += e.has_children;
	}
	for (unsigned i = 0; from.at == end && i < depth && i < SCOPES_MAX; i++) {
		if (!scopes[i])
			continue;
		append(out, scopes[i]);
		append(out, "::");
	}
}

/* The unit that an entry's origin is in, from the entry's own. */
static bool go_to_origin(struct unit *u, const struct entry *e)
{
	if (e->origin_is_common)
		return u->in->common && unit_of(u->in->common, e->origin, u);
	return (e->origin >= u->at && e->origin < u->end) || unit_of(u->in, e->origin, u);
}

/* The symbol of an entry's origin, or a plain name with what it is declared in; "": it has none here. */
static void put_name(const struct unit *from_unit, const struct entry *of,
		     char out[static ATR_FUNCTION_MAX])
{
	struct unit u = *from_unit;
	struct entry e = *of;
	const char *name = "";
	uint64_t at = 0;

	out[0] = 0;
	for (int i = 0; i < ORIGINS_MAX; i++) {
		struct atr_bytes from;

		if (!go_to_origin(&u, &e))
			return;
		at = e.origin;
		read_bases(&u);
		from = part_from(u.in->info, at);
		if (from.failed || !next_entry(&u, &from, &e))
			return;
		if (*e.symbol) {
			append(out, e.symbol);
			return;
		}
		if (*e.name)
			name = e.name;
		if (!e.has_origin)
			break;
	}
	if (*name)
		put_scopes(&u, at, out);
	append(out, name);
}

/* The last of them are kept: those that lie in another come behind it. */
static unsigned put(struct atr_inlined *out, unsigned nr, const struct atr_inlined *one)
{
	if (nr == ATR_INLINED_MAX) {
		memmove(out, out + 1, (ATR_INLINED_MAX - 1) * sizeof(*out));
		nr--;
	}
	out[nr] = *one;
	return nr + 1;
}

static unsigned look_in(struct unit *u, uint64_t lines_at, uint64_t at, struct atr_inlined *out)
{
	struct atr_bytes from = u->entries;
	unsigned nr = 0;
	struct entry e;

	while (atr_bytes_left(&from) && next_entry(u, &from, &e)) {
		static struct atr_inlined one;

		if (e.tag != TAG_INLINED || !e.has_origin || !is_entry_of(u, &e, at) ||
		    (e.origin_is_common && !u->in->common))
			continue;
		put_name(u, &e, one.name);
		one.lines_at = lines_at;
		one.call_file = e.call_file;
		one.call_line = (uint32_t)e.call_line;
		nr = put(out, nr, &one);
	}
	return nr;
}

/* A search through all units. */
static struct atr_bytes begin_search(const struct atr_info_sections *in)
{
	steps_left = STEPS_MAX;
	known.table = NULL;
	return in->info;
}

/* The next unit that can be read, and its first entry, which is about the unit itself. */
static bool next_whole(const struct atr_info_sections *in, struct atr_bytes *section,
		       struct unit *u, struct entry *e)
{
	bool is_known;

	while (atr_bytes_left(section) && may_go_on() && next_unit(in, section, u, &is_known)) {
		struct atr_bytes from = u->entries;

		if (!is_known)
			continue;
		read_bases(u);
		if (next_entry(u, &from, e))
			return true;
	}
	return false;
}

unsigned atr_inlined_at(const struct atr_info_sections *in, uint64_t at,
			struct atr_inlined out[static ATR_INLINED_MAX])
{
	struct atr_bytes section = begin_search(in);
	struct entry e;
	struct unit u;

	while (next_whole(in, &section, &u, &e)) {
		u.low = e.low;
		if (is_entry_of(&u, &e, at))
			return look_in(&u, e.lines_at, at, out);
	}
	return 0;
}

const char *atr_inlined_folder_of(void *arg, uint64_t lines_at)
{
	const struct atr_info_sections *in = arg;
	struct atr_bytes section = begin_search(in);
	struct entry e;
	struct unit u;

	while (next_whole(in, &section, &u, &e))
		if (e.has_lines && e.lines_at == lines_at)
			return e.folder;
	return "";
}
