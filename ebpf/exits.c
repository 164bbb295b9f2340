/* SPDX-License-Identifier: Apache-2.0 */
#include "ebpf/exits.h"

#include <string.h>

/*
 * What is behind an opcode; a line is 16 of them:
 *
 *	.  nothing			m  a modrm byte, and what that asks for
 *	b  a byte			B  a modrm byte, and a byte
 *	z  four, or two behind 0x66	Z  a modrm byte, and these
 *	?  it is looked at on its own	x  it is none in 64 bits, or not known here
 *
 * Prefixes do not come here.
 */
static const char one[] = "mmmmbzxxmmmmbzxx" /* 00 */
			  "mmmmbzxxmmmmbzxx"
			  "mmmmbzxxmmmmbzxx"
			  "mmmmbzxxmmmmbzxx"
			  "xxxxxxxxxxxxxxxx" /* 40 */
			  "................"
			  "xxxmxxxxzZbB...."
			  "bbbbbbbbbbbbbbbb"
			  "BZxBmmmmmmmmmmm?" /* 80 */
			  "..........x....."
			  "????....bz......"
			  "bbbbbbbb????????"
			  "BB?.xxBZ?.?..bx." /* c0 */
			  "mmmmxxx.mmmmmmmm"
			  "bbbbbbbb??xb...."
			  "x.xx..??......mm";

/* Of those behind 0x0f. */
static const char two[] = "mmmmx.....x.xmxx" /* 00 */
			  "mmmmmmmmmmmmmmmm"
			  "mmmmxxxxmmmmmmmm"
			  "......x.mxmxxxxx"
			  "mmmmmmmmmmmmmmmm" /* 40 */
			  "mmmmmmmmmmmmmmmm"
			  "mmmmmmmmmmmmmmmm"
			  "BBBBmmm.xxmmmmmm"
			  "zzzzzzzzzzzzzzzz" /* 80 */
			  "mmmmmmmmmmmmmmmm"
			  "...mBmmm...mBmmm"
			  "mmmmmmmmmmBmmmmm"
			  "mmBmBBBm........" /* c0 */
			  "mmmmmmmmmmmmmmmm"
			  "mmmmmmmmmmmmmmmm"
			  "mmmmmmmmmmmmmmmm";

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
	if (mod == 0 && base == 5)
		mod = 2; /* no register, but an address, or from the next instruction on */
	skip(r, mod == 1 ? 1 : mod == 2 ? 4 : 0);
	return modrm;
}

static void take(struct reading *r, char what)
{
	if (what == 'x') {
		r->failed = true;
		return;
	}
	if (what == 'm' || what == 'B' || what == 'Z')
		take_modrm(r);
	if (what == 'b' || what == 'B')
		skip(r, 1);
	if (what == 'z' || what == 'Z')
		skip(r, r->is_short && !r->is_wide ? 2 : 4);
}

/* Where an opcode of a longer prefix is from: 1, 2 and 3 are those behind 0f, 0f 38 and 0f 3a. */
static void take_of_map(struct reading *r, unsigned map)
{
	uint8_t op = next(r);
	char what = 'm';

	if (map == 1)
		what = op >> 4 == 8 ? 'x' : two[op];
	else if (map == 3)
		what = 'B';
	else if (map != 2 && map != 5 && map != 6)
		what = 'x';
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
			take(r, op == 0xf6 ? 'b' : 'z');
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
		take(r, two[op]);
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
	else if (one[op] == '?')
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
