/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "ebpf/exits.h"

#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sample {
	uint8_t bytes[16], len, kind;
};

static const struct sample samples[] = {
	{ { 0xc3 }, 1, ATR_INSN_RET },
	{ { 0xf3, 0xc3 }, 2, ATR_INSN_RET },
	{ { 0xc2, 8, 0 }, 3, ATR_INSN_RET },
	{ { 0xeb, 0xfe }, 2, ATR_INSN_JUMP },
	{ { 0xe9, 0, 1, 0, 0 }, 5, ATR_INSN_JUMP },
	{ { 0x74, 5 }, 2, ATR_INSN_BRANCH },
	{ { 0x0f, 0x84, 0, 1, 0, 0 }, 6, ATR_INSN_BRANCH },
	{ { 0xe8, 0, 1, 0, 0 }, 5, ATR_INSN_PLAIN },
	{ { 0xf3, 0x0f, 0x1e, 0xfa }, 4, ATR_INSN_PLAIN },
	{ { 0x66, 0x0f, 0x1f, 0x44, 0, 0 }, 6, ATR_INSN_PLAIN },
	{ { 0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8 }, 10, ATR_INSN_PLAIN },
	{ { 0x66, 0xb8, 1, 2 }, 4, ATR_INSN_PLAIN },
	{ { 0x48, 0x8b, 0x05, 1, 2, 3, 4 }, 7, ATR_INSN_PLAIN },
	{ { 0x8b, 0x04, 0x25, 1, 2, 3, 4 }, 7, ATR_INSN_PLAIN },
	{ { 0x8b, 0x44, 0x24, 8 }, 4, ATR_INSN_PLAIN },
	{ { 0xf6, 0xc1, 1 }, 3, ATR_INSN_PLAIN },
	{ { 0xf6, 0xd1 }, 2, ATR_INSN_PLAIN },
	{ { 0xf7, 0x05, 1, 2, 3, 4, 1, 2, 3, 4 }, 10, ATR_INSN_PLAIN },
	{ { 0xc5, 0xf8, 0x77 }, 3, ATR_INSN_PLAIN },
	{ { 0xc4, 0xe3, 0x7d, 0x39, 0xc1, 1 }, 6, ATR_INSN_PLAIN },
	{ { 0x62, 0xf1, 0x7c, 0x48, 0x10, 0x41, 1 }, 7, ATR_INSN_PLAIN },
	{ { 0x66, 0x66, 0x48, 0xe8, 1, 2, 3, 4 }, 8, ATR_INSN_PLAIN },
};

TEST(exits_know_an_instruction_by_all_of_its_bytes)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];
		struct atr_insn insn = atr_insn_at(s->bytes, sizeof(s->bytes));

		CHECK(insn.len == s->len);
		CHECK(insn.kind == s->kind);
		CHECK(atr_insn_at(s->bytes, s->len).len == s->len);
		for (size_t cut = 0; cut < s->len; cut++)
			CHECK(!atr_insn_at(s->bytes, cut).len);
	}
}

TEST(exits_are_not_told_of_what_is_not_known)
{
	static const uint8_t unknown[] = { 0x06, 0xc3 };
	static const uint8_t uneven[] = { 0xeb, 0x01, 0xb8, 0xc3, 0, 0, 0, 0xc3 };
	static const uint8_t to_begin[] = { 0x90, 0xeb, 0xfd, 0xc3 };
	static const uint8_t cut[] = { 0xc3, 0xe8, 0, 0 };
	uint32_t at[ATR_EXITS_MAX];

	CHECK(atr_exits(unknown, sizeof(unknown), at) == 0);
	CHECK(atr_exits(uneven, sizeof(uneven), at) == 0);
	CHECK(atr_exits(to_begin, sizeof(to_begin), at) == 0);
	CHECK(atr_exits(cut, sizeof(cut), at) == 0);
	CHECK(atr_exits(cut, 0, at) == 0);
}

TEST(exits_are_returns_and_jumps_out_of_a_function)
{
	/* je 5; ret; jmp out; call out; ret */
	static const uint8_t code[] = { 0x74, 1, 0xc3, 0xe9, 0, 1, 0, 0, 0xe8, 0, 1, 0, 0, 0xc3 };
	uint32_t at[ATR_EXITS_MAX];

	CHECK(atr_exits(code, sizeof(code), at) == 3);
	CHECK(at[0] == 2 && at[1] == 3 && at[2] == 13);
}

static int find_libc(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	if (strstr(info->dlpi_name, "/libc.so"))
		snprintf(arg, 4096, "objdump -d --insn-width=16 '%s' 2>/dev/null", info->dlpi_name);
	return 0;
}

/* address: bytes, by tabs */
static bool is_as_listed(const char *line, unsigned *nr)
{
	const char *at = strchr(line, '\t'), *end = at ? strchr(at + 1, '\t') : NULL;
	uint8_t bytes[16];
	size_t len = 0;
	char *next;

	if (line[0] != ' ' || !end || strstr(end, "(bad)"))
		return true;
	for (at++; at < end && len < sizeof(bytes); at = next) {
		unsigned long byte = strtoul(at, &next, 16);

		if (next == at || next > end)
			break;
		bytes[len++] = (uint8_t)byte;
	}
	++*nr;
	return atr_insn_at(bytes, len).len == len;
}

TEST(exits_read_all_of_libc_as_objdump_does)
{
	char command[4096] = "", line[512];
	unsigned nr = 0, nr_wrong = 0;
	FILE *listing;

	dl_iterate_phdr(find_libc, command);
	listing = command[0] ? popen(command, "r") : NULL;
	while (listing && fgets(line, sizeof(line), listing))
		nr_wrong += !is_as_listed(line, &nr);
	if (listing)
		pclose(listing);
#if defined(__x86_64__)
	printf("# %u instructions\n", nr);
	CHECK(nr_wrong == 0);
#endif
}
