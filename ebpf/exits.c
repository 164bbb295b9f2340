/* SPDX-License-Identifier: Apache-2.0 */
#include "ebpf/exits.h"

#include <string.h>

/* What is behind an opcode. */
enum {
	M = 1,	      /* a modrm byte, and what that asks for */
	I1 = 2,	      /* an immediate of one byte */
	IZ = 4,	      /* of four, or two behind 0x66 */
	BAD = 0x80,   /* not in 64 bits, or not known here */
	OTHER = 0x40, /* looked at on its own */
};

/* Of opcodes of one byte, in groups of 16. */
static const uint8_t one[256] = {
#define ALU M, M, M, M, I1, IZ, BAD, BAD
	ALU,
	ALU,
	ALU,
	ALU,
	ALU,
	ALU,
	ALU,
	ALU,
#undef ALU
	[0x40] = BAD,
	BAD,
	BAD,
	BAD,
	BAD,
	BAD,
	BAD,
	BAD, /* prefixes do not come here */
	[0x48] = BAD,
	BAD,
	BAD,
	BAD,
	BAD,
	BAD,
	BAD,
	BAD,
	[0x60] = BAD,
	BAD,
	BAD,
	M,
	BAD,
	BAD,
	BAD,
	BAD,
	[0x68] = IZ,
	M | IZ,
	I1,
	M | I1,
	0,
	0,
	0,
	0,
	[0x70] = I1,
	I1,
	I1,
	I1,
	I1,
	I1,
	I1,
	I1,
	[0x78] = I1,
	I1,
	I1,
	I1,
	I1,
	I1,
	I1,
	I1,
	[0x80] = M | I1,
	M | IZ,
	BAD,
	M | I1,
	M,
	M,
	M,
	M,
	[0x88] = M,
	M,
	M,
	M,
	M,
	M,
	M,
	OTHER,
	[0x9a] = BAD,
	[0xa0] = OTHER,
	OTHER,
	OTHER,
	OTHER,
	0,
	0,
	0,
	0,
	[0xa8] = I1,
	IZ,
	[0xb0] = I1,
	I1,
	I1,
	I1,
	I1,
	I1,
	I1,
	I1,
	[0xb8] = OTHER,
	OTHER,
	OTHER,
	OTHER,
	OTHER,
	OTHER,
	OTHER,
	OTHER,
	[0xc0] = M | I1,
	M | I1,
	OTHER,
	0,
	BAD,
	BAD,
	M | I1,
	M | IZ,
	[0xc8] = OTHER,
	0,
	OTHER,
	0,
	0,
	I1,
	BAD,
	0,
	[0xd0] = M,
	M,
	M,
	M,
	BAD,
	BAD,
	BAD,
	0,
	[0xd8] = M,
	M,
	M,
	M,
	M,
	M,
	M,
	M,
	[0xe0] = I1,
	I1,
	I1,
	I1,
	I1,
	I1,
	I1,
	I1,
	[0xe8] = OTHER,
	OTHER,
	BAD,
	I1,
	0,
	0,
	0,
	0,
	[0xf0] = BAD,
	0,
	BAD,
	BAD,
	0,
	0,
	OTHER,
	OTHER,
	[0xf8] = 0,
	0,
	0,
	0,
	0,
	0,
	M,
	M,
};

/* Of those behind 0x0f; nearly all others have a modrm byte. */
static uint8_t two(uint8_t op)
{
	switch (op) {
	case 0x05: /* syscall and its kin */
	case 0x06:
	case 0x07:
	case 0x08:
	case 0x09:
	case 0x0b:
	case 0x30: /* rdtsc and its kin */
	case 0x31:
	case 0x32:
	case 0x33:
	case 0x34:
	case 0x35:
	case 0x37:
	case 0x77:
	case 0xa0:
	case 0xa1:
	case 0xa2:
	case 0xa8:
	case 0xa9:
	case 0xaa:
		return 0;
	case 0x04:
	case 0x0a:
	case 0x0c:
	case 0x0e:
	case 0x0f:
	case 0x24:
	case 0x25:
	case 0x26:
	case 0x27:
	case 0x36:
	case 0x39:
	case 0x3b:
	case 0x3c:
	case 0x3d:
	case 0x3e:
	case 0x3f:
	case 0x78:
	case 0x79:
		return BAD;
	case 0x70:
	case 0x71:
	case 0x72:
	case 0x73:
	case 0xa4:
	case 0xac:
	case 0xba:
	case 0xc2:
	case 0xc4:
	case 0xc5:
	case 0xc6:
		return M | I1;
	default:
		if (op >> 4 == 8)
			return IZ;
		return op >= 0xc8 && op <= 0xcf ? 0 : M;
	}
}

struct reading {
	const uint8_t *at, *end;
	bool failed, is_short, is_wide, is_long_address;
};

static uint8_t next(struct reading *r)
{
	if (r->at < r->end)
		return *r->at++;
	r->failed = true;
	return 0;
}

static void skip(struct reading *r, size_t n)
{
	if ((size_t)(r->end - r->at) < n)
		r->failed = true;
	else
		r->at += n;
}

/* The byte, and what it says follows it. */
static uint8_t take_modrm(struct reading *r)
{
	uint8_t modrm = next(r), mod = modrm >> 6, base = modrm & 7;

	if (mod == 3)
		return modrm;
	if (base == 4)
		base = next(r) & 7;
	else if (mod == 0 && base == 5)
		mod = 2; /* from the next instruction on */
	if (mod == 0 && base == 5)
		mod = 2;
	skip(r, mod == 1 ? 1 : mod == 2 ? 4 : 0);
	return modrm;
}

static void take(struct reading *r, uint8_t what)
{
	if (what & BAD) {
		r->failed = true;
		return;
	}
	if (what & M)
		take_modrm(r);
	if (what & I1)
		skip(r, 1);
	if (what & IZ)
		skip(r, r->is_short && !r->is_wide ? 2 : 4);
}

/* Where an opcode of a longer prefix is from: 1, 2 and 3 are those behind 0f, 0f 38 and 0f 3a. */
static void take_of_map(struct reading *r, unsigned map)
{
	uint8_t op = next(r), what = M;

	if (map == 1)
		what = two(op);
	else if (map == 3)
		what = M | I1;
	else if (map != 2 && map != 5 && map != 6)
		what = BAD;
	if (map == 1 && op >> 4 == 8)
		what = BAD;
	take(r, what);
}

static void take_vector(struct reading *r, uint8_t op)
{
	uint8_t first = next(r);

	if (op == 0xc5) {
		take_of_map(r, 1);
	} else if (op == 0xc4) {
		skip(r, 1);
		take_of_map(r, first & 31);
	} else {
		skip(r, 2);
		take_of_map(r, first & 7);
	}
}

static int32_t number(const uint8_t *at, size_t len)
{
	int32_t value;

	if (len == 1)
		return (int8_t)at[0];
	memcpy(&value, at, sizeof(value));
	return value;
}

/* Jumps by a number, whose size is in no doubt. */
static void take_jump(struct reading *r, struct atr_insn *insn, size_t len, uint8_t kind)
{
	const uint8_t *at = r->at;

	if (len == 4 && r->is_short && !r->is_wide) /* processors differ in it */
		r->failed = true;
	skip(r, len);
	if (r->failed)
		return;
	insn->kind = kind;
	insn->to = number(at, len);
}

static void take_other(struct reading *r, uint8_t op)
{
	uint8_t modrm;

	if (op >= 0xa0 && op <= 0xa3)
		skip(r, r->is_long_address ? 8 : 4);
	else if (op >= 0xb8 && op <= 0xbf)
		skip(r, r->is_wide ? 8 : r->is_short ? 2 : 4);
	else if (op == 0xf6 || op == 0xf7) {
		modrm = take_modrm(r);
		if ((modrm >> 3 & 7) < 2)
			take(r, op == 0xf6 ? I1 : IZ);
	} else if (op == 0x8f) {
		modrm = take_modrm(r);
		r->failed = r->failed || (modrm >> 3 & 7); /* AMD's XOP */
	} else if (op == 0xc8)
		skip(r, 3);
	else if (op == 0xc2 || op == 0xca)
		skip(r, 2);
}

static void take_escaped(struct reading *r, struct atr_insn *insn)
{
	uint8_t op = next(r);

	if (op == 0x38)
		take_of_map(r, 2);
	else if (op == 0x3a)
		take_of_map(r, 3);
	else if (op >> 4 == 8)
		take_jump(r, insn, 4, ATR_INSN_BRANCH);
	else
		take(r, two(op));
}

static void take_plain(struct reading *r, struct atr_insn *insn, uint8_t op)
{
	if (op == 0x0f)
		take_escaped(r, insn);
	else if (op == 0xc4 || op == 0xc5 || op == 0x62)
		take_vector(r, op);
	else if (op >> 4 == 7 || (op >= 0xe0 && op <= 0xe3))
		take_jump(r, insn, 1, ATR_INSN_BRANCH);
	else if (op == 0xeb)
		take_jump(r, insn, 1, ATR_INSN_JUMP);
	else if (op == 0xe9)
		take_jump(r, insn, 4, ATR_INSN_JUMP);
	else if (op == 0xe8)
		take_jump(r, insn, 4, ATR_INSN_PLAIN);
	else if (one[op] == OTHER)
		take_other(r, op);
	else
		take(r, one[op]);
	if (op == 0xc2 || op == 0xc3)
		insn->kind = ATR_INSN_RET;
}

static bool is_prefix(uint8_t op)
{
	return op == 0x66 || op == 0x67 || op == 0xf0 || op == 0xf2 || op == 0xf3 || op == 0x2e ||
	       op == 0x36 || op == 0x3e || op == 0x26 || op == 0x64 || op == 0x65;
}

#define INSN_MAX 15

struct atr_insn atr_insn_at(const uint8_t *at, size_t left)
{
	struct reading r = { .at = at,
			     .end = at + (left < INSN_MAX ? left : INSN_MAX),
			     .is_long_address = true };
	struct atr_insn insn = { .kind = ATR_INSN_PLAIN };
	uint8_t op = next(&r);

	for (; is_prefix(op) && !r.failed; op = next(&r)) {
		r.is_short = r.is_short || op == 0x66;
		r.is_long_address = r.is_long_address && op != 0x67;
	}
	if (op >> 4 == 4) {
		r.is_wide = op & 8;
		op = next(&r);
		/* a prefix behind it takes it back */
		r.failed = r.failed || is_prefix(op) || op >> 4 == 4;
	}
	take_plain(&r, &insn, op);
	insn.len = r.failed ? 0 : (uint8_t)(r.at - at);
	return insn;
}

/* Where instructions begin, a bit each. */
static uint8_t begins[ATR_EXITS_LEN / 8];

static bool mark_all(const uint8_t *code, size_t len)
{
	memset(begins, 0, sizeof(begins));
	for (size_t at = 0; at < len;) {
		struct atr_insn insn = atr_insn_at(code + at, len - at);

		if (!insn.len)
			return false;
		begins[at / 8] |= 1u << at % 8;
		at += insn.len;
	}
	return true;
}

/* A jump within it leads to an instruction, and not to the first: that would be its entry again. */
static bool is_even(int64_t to, size_t len)
{
	return to < 0 || to >= (int64_t)len || (to && begins[to / 8] >> to % 8 & 1);
}

unsigned atr_exits(const uint8_t *code, size_t len, uint32_t out[static ATR_EXITS_MAX])
{
	unsigned nr = 0;

	if (!len || len > ATR_EXITS_LEN || !mark_all(code, len))
		return 0;
	for (size_t at = 0; at < len;) {
		struct atr_insn insn = atr_insn_at(code + at, len - at);
		int64_t to = (int64_t)(at + insn.len) + insn.to;
		bool is_jump = insn.kind == ATR_INSN_JUMP || insn.kind == ATR_INSN_BRANCH;
		bool leaves = insn.kind == ATR_INSN_RET ||
			      (insn.kind == ATR_INSN_JUMP && (to < 0 || to >= (int64_t)len));

		if (is_jump && !is_even(to, len))
			return 0;
		if (leaves && nr == ATR_EXITS_MAX)
			return 0;
		if (leaves)
			out[nr++] = (uint32_t)at;
		at += insn.len;
	}
	return nr;
}
