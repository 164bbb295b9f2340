/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/cfa.h"

#include "export/stacks/eh_frame.h"

enum { FP = 6, SP = 7 };				    /* DWARF's numbers of registers */
enum { PE_PCREL_S4 = 0x1b, PE_U4 = 0x03, PE_TABLE = 0x3b }; /* and encodings (DW_EH_PE_*) */

#define REMEMBERED_MAX 2

/* What an entry's instructions have said so far. */
struct machine {
	struct row {
		uint64_t which, offset;
	} row, remembered[REMEMBERED_MAX];
	unsigned nr_remembered;
	uint64_t code_factor;
	uintptr_t at, wanted;
};

static bool run_one(struct machine *m, struct atr_bytes *from)
{
	uint8_t op = atr_get_u8(from);
	uint64_t by = 0;

	switch (op >> 6 ? op & 0xc0 : op) {
	case 0x40: /* advance_loc and, below, those with 1, 2, 4 bytes */
		by = op & 0x3f;
		break;
	case 0x02:
		by = atr_get_u8(from);
		break;
	case 0x03:
		by = atr_get_u16(from);
		break;
	case 0x04:
		by = atr_get_u32(from);
		break;
	case 0x00: /* nop */
	case 0xc0: /* restore: of other registers, as the next two are */
		break;
	case 0x80: /* offset */
	case 0x2e: /* GNU_args_size */
		atr_get_uleb(from);
		break;
	case 0x0a: /* remember_state, restore_state */
		if (m->nr_remembered == REMEMBERED_MAX)
			return false;
		m->remembered[m->nr_remembered++] = m->row;
		break;
	case 0x0b:
		if (!m->nr_remembered)
			return false;
		m->row = m->remembered[--m->nr_remembered];
		break;
	case 0x0c: /* def_cfa, _register, _offset */
		m->row.which = atr_get_uleb(from);
		m->row.offset = atr_get_uleb(from);
		break;
	case 0x0d:
		m->row.which = atr_get_uleb(from);
		break;
	case 0x0e:
		m->row.offset = atr_get_uleb(from);
		break;
	default:
		return false;
	}
	m->at += (uintptr_t)(by * m->code_factor);
	return true;
}

/* Up to the row that the wanted address is in. */
static bool run(struct machine *m, struct atr_bytes from)
{
	while (from.at < from.end && m->at <= m->wanted)
		if (!run_one(m, &from) || from.failed)
			return false;
	return true;
}

/* An entry without its length, and with what says which kind it is in *id. */
static bool get_entry(const struct atr_cfi *t, const uint8_t *at, struct atr_bytes *entry,
		      uint32_t *id)
{
	struct atr_bytes from = { at, t->end, at < t->begin || at >= t->end };
	uint32_t len = atr_get_u32(&from);

	*entry = atr_get_part(&from, len);
	*id = atr_get_u32(entry);
	return !entry->failed;
}

/* What functions have in common: version 1 of C's, whose addresses are relative. */
static bool run_common(struct machine *m, const struct atr_cfi *t, const uint8_t *at)
{
	struct atr_bytes from;
	uint32_t id;

	if (!get_entry(t, at, &from, &id) || id != 0 || atr_get_u8(&from) != 1 ||
	    strcmp(atr_get_text(&from), "zR") != 0)
		return false;
	m->code_factor = atr_get_uleb(&from);
	atr_get_sleb(&from);
	atr_get_u8(&from);
	if (atr_get_uleb(&from) != 1 || atr_get_u8(&from) != PE_PCREL_S4)
		return false;
	m->at = 0;
	m->wanted = UINTPTR_MAX;
	return run(m, from);
}

/* By the header's table. */
static const uint8_t *find_entry(const struct atr_cfi *t, uintptr_t at)
{
	struct atr_bytes from = { t->header, t->end, t->header < t->begin };
	uint32_t nr;

	/* version, encodings of .eh_frame's address, of the count, of the table; that address */
	if (atr_get_u32(&from) != (1 | PE_PCREL_S4 << 8 | PE_U4 << 16 | (uint32_t)PE_TABLE << 24))
		return NULL;
	atr_get_u32(&from);
	nr = atr_get_u32(&from);
	return atr_eh_frame_entry(t, from, nr, at);
}

bool atr_cfa_read(const struct atr_cfi *t, uintptr_t at, struct atr_cfa *cfa)
{
	const uint8_t *entry = find_entry(t, at);
	struct machine m = { .nr_remembered = 0 };
	const uint8_t *id_at;
	struct atr_bytes from;
	uintptr_t begin, len;
	uint32_t back;

	if (!entry || !get_entry(t, entry, &from, &back))
		return false;
	id_at = entry + 4;
	if (back > (size_t)(id_at - t->begin) || !run_common(&m, t, id_at - back))
		return false;
	begin = (uintptr_t)from.at;
	begin += (uintptr_t)(intptr_t)(int32_t)atr_get_u32(&from);
	len = atr_get_u32(&from);
	atr_get_part(&from, atr_get_uleb(&from));
	if (from.failed || at - begin >= len)
		return false;
	m.at = begin;
	m.wanted = at;
	if (!run(&m, from) || m.row.offset > INT32_MAX || (m.row.which != FP && m.row.which != SP))
		return false;
	*cfa = (struct atr_cfa){ m.row.which == FP, (int32_t)m.row.offset };
	return true;
}
