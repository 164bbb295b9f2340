/* SPDX-License-Identifier: Apache-2.0 */
#include "export/stacks/cfi.h"

#include "export/stacks/bytes.h"
#include "export/stacks/eh_frame.h"

#include <string.h>

/* DWARF's numbers of registers, and where a function finds its return address when it is called. */
#if defined(__aarch64__)
enum { FP = 29, SP = 31, RETURN = 30, RETURN_AT = 0 };
#else
enum { FP = 6, SP = 7, RETURN = 16, RETURN_AT = -8 };
#endif

/* Pointer encodings (DW_EH_PE_*). */
enum {
	PE_ABSOLUTE = 0x00,
	PE_U2 = 0x02,
	PE_U4 = 0x03,
	PE_U8 = 0x04,
	PE_S2 = 0x0a,
	PE_S4 = 0x0b,
	PE_S8 = 0x0c,
	PE_PCREL = 0x10,
	PE_TABLE = 0x3b, /* sorted pairs, 4 bytes each, from the header */
	PE_OMIT = 0xff,
};

/* An entry's augmentation says more of its functions. */
struct cie {
	struct atr_bytes program;
	uint64_t code_factor;
	int64_t data_factor;
	uint64_t return_register;
	uint8_t encoding;
	bool has_augmentation, is_signal;
};

struct fde {
	struct cie cie;
	uintptr_t begin, len;
	struct atr_bytes program;
};

static uint64_t get_pointer(struct atr_bytes *from, uint8_t encoding)
{
	uintptr_t at = (uintptr_t)from->at;
	uint64_t value = 0;

	switch (encoding & 0x0f) {
	case PE_ABSOLUTE:
	case PE_U8:
	case PE_S8:
		value = atr_get_u64(from);
		break;
	case PE_U4:
		value = atr_get_u32(from);
		break;
	case PE_S4:
		value = (uint64_t)(int64_t)(int32_t)atr_get_u32(from);
		break;
	case PE_U2:
		value = atr_get_u16(from);
		break;
	case PE_S2:
		value = (uint64_t)(int64_t)(int16_t)atr_get_u16(from);
		break;
	default:
		from->failed = true;
	}
	if ((encoding & 0x70) == PE_PCREL)
		value += at;
	else if (encoding & 0xf0)
		from->failed = true;
	return value;
}

static bool read_cie(struct atr_bytes from, struct cie *cie)
{
	const char *augmentation;
	uint8_t version;
	uint64_t len;

	memset(cie, 0, sizeof(*cie));
	version = atr_get_u8(&from);
	augmentation = atr_get_text(&from);
	if ((version != 1 && version != 3) || from.failed)
		return false;
	cie->code_factor = atr_get_uleb(&from);
	cie->data_factor = atr_get_sleb(&from);
	cie->return_register = version == 1 ? atr_get_u8(&from) : atr_get_uleb(&from);
	if (*augmentation == 'z') {
		cie->has_augmentation = true;
		len = atr_get_uleb(&from);
		struct atr_bytes data = atr_get_part(&from, len);

		while (*++augmentation && !data.failed) {
			if (*augmentation == 'R')
				cie->encoding = atr_get_u8(&data);
			else if (*augmentation == 'L')
				atr_get_u8(&data);
			else if (*augmentation == 'S')
				cie->is_signal = true;
			else if (*augmentation == 'P') /* its value does not matter */
				get_pointer(&data, atr_get_u8(&data) & 0x0f);
			else if (*augmentation != 'B' && *augmentation != 'G') /* of signing */
				break;
		}
		if (data.failed)
			return false;
	} else if (*augmentation) {
		return false;
	}
	cie->program = from;
	return !from.failed;
}

/* An entry without its length; false: the end, or one that is too long. */
static bool get_entry(const struct atr_cfi *cfi, const uint8_t *at, struct atr_bytes *entry)
{
	struct atr_bytes from = { at, cfi->end, at < cfi->begin || at >= cfi->end };
	uint32_t len = atr_get_u32(&from);

	if (len == UINT32_MAX || !len) /* of 64 bits: no linker makes them */
		return false;
	*entry = atr_get_part(&from, len);
	return !from.failed;
}

__attribute__((noinline)) static bool read_fde(const struct atr_cfi *cfi, const uint8_t *at,
					       struct fde *fde)
{
	struct atr_bytes from, cie;
	const uint8_t *id_at;
	uint32_t back;

	if (!get_entry(cfi, at, &from))
		return false;
	id_at = from.at;
	back = atr_get_u32(&from);
	if (!back || back > (size_t)(id_at - cfi->begin) || !get_entry(cfi, id_at - back, &cie))
		return false;
	if (atr_get_u32(&cie) || !read_cie(cie, &fde->cie))
		return false;
	fde->begin = get_pointer(&from, fde->cie.encoding);
	fde->len = get_pointer(&from, fde->cie.encoding & 0x0f);
	if (fde->cie.has_augmentation)
		atr_get_part(&from, atr_get_uleb(&from));
	fde->program = from;
	return !from.failed;
}

/* By the header's table. */
static const uint8_t *find_entry(const struct atr_cfi *cfi, uintptr_t at)
{
	struct atr_bytes from = { cfi->header, cfi->end, cfi->header < cfi->begin };
	uint8_t version = atr_get_u8(&from), pointer = atr_get_u8(&from);
	uint8_t count = atr_get_u8(&from), table = atr_get_u8(&from);
	size_t nr;

	if (version != 1 || count == PE_OMIT || table != PE_TABLE)
		return NULL;
	get_pointer(&from, pointer);
	nr = get_pointer(&from, count);
	return from.failed ? NULL : atr_eh_frame_entry(cfi, from, nr, at);
}

/* ---- the program of an entry ----------------------------------------------------------------- */

/* Shorter than what it is read by: rows lie on the program's stack. NULL: there is none. */
struct expression {
	const uint8_t *at;
	uint32_t len;
};

/* A row of the table that an entry stands for: of it what leads to the caller. */
struct row {
	struct expression expression; /* of the frame's end */
	struct expression fp_expression;
	int64_t cfa_offset, fp_at, return_at;
	uint8_t cfa_register;
	bool is_expression;
	bool fp_is_saved, fp_is_odd;
	bool is_outermost;
	bool is_odd; /* the return address is elsewhere */
};

#define REMEMBERED_MAX 2 /* compilers nest them not at all */

struct machine {
	const struct cie *cie;
	uintptr_t at, wanted;
	struct row row, initial, remembered[REMEMBERED_MAX];
	unsigned nr_remembered;
};

static void save(struct machine *m, uint64_t which, int64_t offset)
{
	if (which == FP) {
		m->row.fp_is_saved = true;
		m->row.fp_is_odd = false;
		m->row.fp_at = offset;
	} else if (which == m->cie->return_register) {
		m->row.is_outermost = false;
		m->row.is_odd = RETURN_AT != 0 && offset != RETURN_AT;
		m->row.return_at = offset;
	}
}

/* As it was at the entry; what is said in other ways than by an offset is not followed. */
static void restore(struct machine *m, uint64_t which)
{
	if (which == FP) {
		m->row.fp_is_saved = m->initial.fp_is_saved;
		m->row.fp_is_odd = m->initial.fp_is_odd;
		m->row.fp_at = m->initial.fp_at;
		m->row.fp_expression = m->initial.fp_expression;
	} else if (which == m->cie->return_register) {
		m->row.is_outermost = m->initial.is_outermost;
		m->row.is_odd = m->initial.is_odd;
		m->row.return_at = m->initial.return_at;
	}
}

static struct expression get_expression(struct atr_bytes *from)
{
	struct atr_bytes part = atr_get_part(from, atr_get_uleb(from));

	return (struct expression){ part.failed ? NULL : part.at, (uint32_t)(part.end - part.at) };
}

static struct atr_bytes bytes_of(struct expression expression)
{
	const uint8_t *end = expression.at ? expression.at + expression.len : NULL;

	return (struct atr_bytes){ expression.at, end, !expression.at };
}

static void save_oddly(struct machine *m, uint64_t which, struct expression expression)
{
	if (which == FP) {
		m->row.fp_is_odd = true;
		m->row.fp_expression = expression;
	} else if (which == m->cie->return_register) {
		m->row.is_odd = true;
	}
}

static void forget(struct machine *m, uint64_t which, bool is_undefined)
{
	if (which == FP)
		m->row.fp_is_saved = m->row.fp_is_odd = false;
	else if (which == m->cie->return_register && is_undefined)
		m->row.is_outermost = true;
	else if (which == m->cie->return_register)
		m->row.return_at = RETURN_AT;
}

static void move(struct machine *m, uint64_t units)
{
	m->at += (uintptr_t)(units * m->cie->code_factor);
}

/* What is too large for any stack wraps, and is found not to fit. */
static int64_t scaled(const struct machine *m, uint64_t n)
{
	return (int64_t)(n * (uint64_t)m->cie->data_factor);
}

/* Of those that there are a few matter. */
static uint8_t register_of(uint64_t which)
{
	return which < UINT8_MAX ? (uint8_t)which : UINT8_MAX;
}

static void define(struct machine *m, uint64_t which, int64_t offset)
{
	m->row.cfa_register = register_of(which);
	m->row.cfa_offset = offset;
	m->row.is_expression = false;
}

/* Of the instructions with a byte of their own; false: not one that is known. */
static bool run_extended(struct machine *m, struct atr_bytes *from, uint8_t op)
{
	uint64_t which;

	switch (op) {
	case 0x00: /* nop */
		break;
	case 0x01: /* set_loc */
		m->at = get_pointer(from, m->cie->encoding);
		break;
	case 0x02: /* advance_loc1, 2, 4 */
		move(m, atr_get_u8(from));
		break;
	case 0x03:
		move(m, atr_get_u16(from));
		break;
	case 0x04:
		move(m, atr_get_u32(from));
		break;
	case 0x05: /* offset_extended */
		which = atr_get_uleb(from);
		save(m, which, scaled(m, atr_get_uleb(from)));
		break;
	case 0x11: /* offset_extended_sf */
		which = atr_get_uleb(from);
		save(m, which, scaled(m, (uint64_t)atr_get_sleb(from)));
		break;
	case 0x06: /* restore_extended */
		restore(m, atr_get_uleb(from));
		break;
	case 0x07: /* undefined */
		forget(m, atr_get_uleb(from), true);
		break;
	case 0x08: /* same_value */
		forget(m, atr_get_uleb(from), false);
		break;
	case 0x09: /* register */
		which = atr_get_uleb(from);
		atr_get_uleb(from);
		save_oddly(m, which, (struct expression){ NULL, 0 });
		break;
	case 0x0a: /* remember_state */
		if (m->nr_remembered == REMEMBERED_MAX)
			return false;
		m->remembered[m->nr_remembered++] = m->row;
		break;
	case 0x0b: /* restore_state */
		if (!m->nr_remembered)
			return false;
		m->row = m->remembered[--m->nr_remembered];
		break;
	case 0x0c: /* def_cfa */
		which = atr_get_uleb(from);
		define(m, which, (int64_t)atr_get_uleb(from));
		break;
	case 0x12: /* def_cfa_sf */
		which = atr_get_uleb(from);
		define(m, which, scaled(m, (uint64_t)atr_get_sleb(from)));
		break;
	case 0x0d: /* def_cfa_register */
		m->row.cfa_register = register_of(atr_get_uleb(from));
		break;
	case 0x0e: /* def_cfa_offset */
		m->row.cfa_offset = (int64_t)atr_get_uleb(from);
		break;
	case 0x13: /* def_cfa_offset_sf */
		m->row.cfa_offset = scaled(m, (uint64_t)atr_get_sleb(from));
		break;
	case 0x0f: /* def_cfa_expression */
		m->row.expression = get_expression(from);
		m->row.is_expression = true;
		break;
	case 0x10: /* expression, val_expression */
	case 0x16:
		which = atr_get_uleb(from);
		save_oddly(m, which, get_expression(from));
		break;
	case 0x14: /* val_offset, val_offset_sf */
	case 0x15:
		which = atr_get_uleb(from);
		atr_get_uleb(from);
		save_oddly(m, which, (struct expression){ NULL, 0 });
		break;
#if defined(__aarch64__)
	case 0x2c: /* AARCH64_negate_ra_state_with_pc, negate_ra_state: who loads it takes signs off */
	case 0x2d:
		break;
#endif
	case 0x2e: /* GNU_args_size */
		atr_get_uleb(from);
		break;
	default:
		return false;
	}
	return true;
}

/* Up to the row that the wanted address is in. */
__attribute__((noinline)) static bool run(struct machine *m, struct atr_bytes from)
{
	while (from.at < from.end && !from.failed) {
		uint8_t op = atr_get_u8(&from), low = op & 0x3f;

		if (op >> 6 == 1)
			move(m, low);
		else if (op >> 6 == 2)
			save(m, low, scaled(m, atr_get_uleb(&from)));
		else if (op >> 6 == 3)
			restore(m, low);
		else if (!run_extended(m, &from, op))
			return false;
		if (m->at > m->wanted)
			break;
	}
	return !from.failed;
}

/* Forms that expressions take: what lies at fp + n, where gcc has a stack realigned. */
static bool is_at_fp(struct atr_bytes from, int64_t *offset, bool *is_deref)
{
	if (atr_get_u8(&from) != 0x70 + FP)
		return false;
	*offset = atr_get_sleb(&from);
	*is_deref = from.at < from.end && atr_get_u8(&from) == 0x06;
	return !from.failed && from.at == from.end;
}

/*
 * And what linkers say of a .plt: rsp + 8, and 8 more behind the push in each entry of 16 bytes.
 *
 *	breg7 8, breg16 0, lit15, and, litN, ge, lit3, shl, plus
 */
static bool is_plt(struct atr_bytes from, uintptr_t at, int64_t *offset)
{
	static const uint8_t form[] = { 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0, 0x2a, 0x33, 0x24, 0x22 };
	size_t len = (size_t)(from.end - from.at);
	uint8_t lit;

	if (from.failed || len != sizeof(form))
		return false;
	lit = from.at[6];
	if (memcmp(from.at, form, 6) != 0 || memcmp(from.at + 7, form + 7, len - 7) != 0 ||
	    lit < 0x30 || lit > 0x4f)
		return false;
	*offset = 8 + ((at & 15) >= (uintptr_t)(lit - 0x30) ? 8 : 0);
	return true;
}

static bool fits(int64_t n)
{
	return n >= INT32_MIN && n <= INT32_MAX;
}

__attribute__((noinline)) static struct atr_rule rule_of(const struct row *row, uintptr_t at)
{
	struct atr_rule none = { .kind = ATR_RULE_NONE }, rule = none;
	int64_t offset = row->cfa_offset, fp_at = 0;
	bool is_deref;

	if (row->is_outermost)
		return (struct atr_rule){ .kind = ATR_RULE_OUTERMOST };
	if (row->is_odd)
		return none;
	if (row->is_expression && is_at_fp(bytes_of(row->expression), &offset, &is_deref) &&
	    is_deref) {
		/* fp then lies where it points to itself */
		if (!row->fp_is_odd || !is_at_fp(bytes_of(row->fp_expression), &fp_at, &is_deref) ||
		    is_deref || fp_at || !fits(offset))
			return none;
		return (struct atr_rule){ ATR_RULE_REALIGNED, (int32_t)offset, 0, RETURN_AT };
	}
	if (row->is_expression &&
	    (RETURN_AT == 0 || !is_plt(bytes_of(row->expression), at, &offset)))
		return none;
	if (row->is_expression || row->cfa_register == SP)
		rule.kind = ATR_RULE_SP;
	else if (row->cfa_register == FP)
		rule.kind = ATR_RULE_FP;
	if (row->fp_is_odd || !fits(offset) || (row->fp_is_saved && !fits(row->fp_at)) ||
	    !fits(row->return_at))
		return none;
	rule.offset = (int32_t)offset;
	rule.fp_at = row->fp_is_saved ? (int32_t)row->fp_at : 0;
	rule.return_at = (int32_t)row->return_at;
	return rule;
}

/* Not inlined, nor are the others: of the program's stack each takes its part after the other. */
__attribute__((noinline)) static bool find_row(const struct fde *fde, uintptr_t at, struct row *out)
{
	struct machine m;

	m.cie = &fde->cie;
	m.nr_remembered = 0;
	memset(&m.row, 0, sizeof(m.row));
	memset(&m.initial, 0, sizeof(m.initial));
	m.row.return_at = m.initial.return_at = RETURN_AT;
	m.at = 0;
	m.wanted = UINTPTR_MAX;
	if (!run(&m, fde->cie.program))
		return false;
	m.initial = m.row;
	m.at = fde->begin;
	m.wanted = at;
	if (!run(&m, fde->program))
		return false;
	*out = m.row;
	return true;
}

struct atr_rule atr_cfi_rule(const struct atr_cfi *cfi, uintptr_t at)
{
	struct atr_rule none = { .kind = ATR_RULE_NONE };
	const uint8_t *entry = find_entry(cfi, at);
	struct fde fde;
	struct row row;

	if (!entry || !read_fde(cfi, entry, &fde) || at - fde.begin >= fde.len)
		return none;
	if (fde.cie.is_signal)
		return (struct atr_rule){ .kind = ATR_RULE_SIGNAL };
	if (fde.cie.return_register != RETURN || !find_row(&fde, at, &row))
		return none;
	return rule_of(&row, at);
}
