/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EBPF_EXITS_H
#define ATR_EBPF_EXITS_H

/*
 * exits: where in a function's machine code it is left: its returns, and the jumps that are its last
 * call. Instructions are told apart one after the other from its begin on; of a function in which
 * anything is not known, or does not come out even, nothing is told.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ATR_EXITS_MAX 24
#define ATR_EXITS_LEN (64 * 1024) /* of a function that is looked at */

enum atr_insn_kind { ATR_INSN_PLAIN, ATR_INSN_RET, ATR_INSN_JUMP, ATR_INSN_BRANCH };

struct atr_insn {
	uint8_t len; /* 0: it is not known, or does not end within `left` */
	uint8_t kind;
	int32_t to; /* of a jump (not by a register) or branch: from behind it */
};

/* The x86-64 instruction that begins here. */
struct atr_insn atr_insn_at(const uint8_t *at, size_t left);

/* One thread. Offsets of what leaves the function, ascending, and how many; 0: it is not known. */
unsigned atr_exits(const uint8_t *code, size_t len, uint32_t out[static ATR_EXITS_MAX]);

#endif
