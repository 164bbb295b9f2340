/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "ebpf/names.h"
#include "ebpf/sums.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define MS UINT64_C(1000000)

/* As the kernel would have them. */
static struct atr_ebpf_slot slots[ATR_EBPF_SLOTS];
static struct atr_ebpf_told told;
static _Atomic uint64_t read_at, write_at;
static char ring[2 * ATR_EBPF_RING_LEN];

static struct atr_sums empty(void)
{
	memset(slots, 0, sizeof(slots));
	memset(&told, 0, sizeof(told));
	memset(ring, 0, sizeof(ring));
	read_at = write_at = 0;
	return (struct atr_sums){ .slots = slots,
				  .told = &told,
				  .slow = { &read_at, &write_at, ring, ATR_EBPF_RING_LEN } };
}

static struct atr_ebpf_slot *slot_at(uint64_t span, unsigned probe)
{
	return &slots[(atr_ebpf_hash(span) + probe) & (ATR_EBPF_SLOTS - 1)];
}

static struct atr_ebpf_call call(uint32_t number, uint32_t count, uint64_t ns)
{
	return (struct atr_ebpf_call){ number + 1, count, ns };
}

/* At a place in the ring, which has every byte twice. */
static void put_word(uint64_t at, uint32_t word)
{
	memcpy(ring + (at & (ATR_EBPF_RING_LEN - 1)), &word, 4);
	memcpy(ring + (at & (ATR_EBPF_RING_LEN - 1)) + ATR_EBPF_RING_LEN, &word, 4);
}

static void put_slow(uint64_t at, uint32_t flags, uint64_t span)
{
	struct atr_ebpf_slow one = { .span = span };
	uint32_t words[sizeof(one) / 4];

	memcpy(words, &one, sizeof(one));
	put_word(at, (uint32_t)sizeof(one) | flags);
	for (size_t i = 0; i < sizeof(one) / 4; i++)
		put_word(at + 8 + 4 * i, words[i]);
}

#define SLOW_LEN (8 + sizeof(struct atr_ebpf_slow))

TEST(sums_of_a_span_are_taken_once)
{
	struct atr_sums sums = empty();
	struct atr_ebpf_slot out;

	*slot_at(7, 0) =
		(struct atr_ebpf_slot){ .span = 7, .cpu_ns = 3, .calls = { call(0, 2, 9) } };
	CHECK(!atr_sums_take(&sums, 8, &out));
	CHECK(!atr_sums_take(&sums, 0, &out));
	CHECK(atr_sums_take(&sums, 7, &out));
	CHECK(out.cpu_ns == 3 && out.calls[0].number == 1 && out.calls[0].count == 2);
	CHECK(!atr_sums_take(&sums, 7, &out));
	CHECK(!slot_at(7, 0)->calls[0].number && !slot_at(7, 0)->cpu_ns);
}

TEST(sums_in_two_places_are_one)
{
	struct atr_sums sums = empty();
	struct atr_ebpf_slot out;

	*slot_at(7, 0) =
		(struct atr_ebpf_slot){ .span = 7, .blocked_ns = 1, .calls = { call(3, 1, 4) } };
	*slot_at(7, 1) = (struct atr_ebpf_slot){ .span = 9, .blocked_ns = 100 };
	*slot_at(7, ATR_EBPF_PROBES - 1) = (struct atr_ebpf_slot){
		.span = 7, .blocked_ns = 2, .calls = { call(5, 1, 1), call(3, 2, 6) }
	};
	*slot_at(7, ATR_EBPF_PROBES) = (struct atr_ebpf_slot){ .span = 7, .blocked_ns = 50 };
	CHECK(atr_sums_take(&sums, 7, &out));
	CHECK(out.blocked_ns == 3);
	CHECK(out.calls[0].number == 4 && out.calls[0].count == 3 && out.calls[0].ns == 10);
	CHECK(out.calls[1].number == 6 && out.calls[1].count == 1);
	CHECK(slot_at(7, 1)->span == 9);
}

TEST(sums_have_the_connection_of_the_peers_port)
{
	struct atr_sums sums = empty();
	struct atr_ebpf_slot out;

	*slot_at(7, 0) = (struct atr_ebpf_slot){
		.span = 7, .tcp = { { 80 | 5u << 16, 100, 3, 4 }, { 443 | 6u << 16, 200, 0, 0 } }
	};
	*slot_at(7, 1) =
		(struct atr_ebpf_slot){ .span = 7, .tcp = { { 80 | 5u << 16, 150, 4, 6 } } };
	/* not its own, but its parent's */
	CHECK(atr_sums_rtt_us(&sums, NULL, 7, 443) == 200);
	CHECK(!atr_sums_rtt_us(&sums, NULL, 7, 444) && !atr_sums_rtt_us(&sums, NULL, 0, 443));
	CHECK(atr_sums_take(&sums, 7, &out));
	CHECK(!atr_sums_rtt_us(&sums, NULL, 7, 443));
	CHECK(atr_sums_rtt_us(&sums, &out, 0, 80) == 150);
	CHECK(atr_sums_resent(&out) == 3);
	out.tcp[0].resent_before = 7; /* hostile */
	CHECK(atr_sums_resent(&out) == 0);
}

TEST(sums_of_more_calls_than_have_a_place_are_with_the_others)
{
	struct atr_sums sums = empty();
	struct atr_ebpf_slot out;

	slot_at(7, 0)->span = slot_at(7, 1)->span = 7;
	for (uint32_t i = 0; i < ATR_EBPF_CALLS; i++) {
		slot_at(7, 0)->calls[i] = call(i, 1, 1);
		slot_at(7, 1)->calls[i] = call(100 + i, 1, 2);
	}
	CHECK(atr_sums_take(&sums, 7, &out));
	CHECK(out.others == ATR_EBPF_CALLS && out.others_ns == 2 * ATR_EBPF_CALLS);
}

TEST(sums_that_nobody_asks_for_are_let_go_of_when_there_are_many)
{
	struct atr_sums sums = empty();
	uint64_t since = 1000 * MS;

	for (unsigned i = 0; i < ATR_EBPF_SLOTS / 2; i++)
		slots[i].span = i + 1;
	CHECK(atr_sums_sweep(&sums, since) == 0);
	slots[ATR_EBPF_SLOTS - 1].span = 1;
	slots[0].touched_ns = since;
	slots[1].touched_ns = since + 1000 * MS;
	CHECK(atr_sums_sweep(&sums, since) == ATR_EBPF_SLOTS / 2 - 1);
	CHECK(slots[0].span == 1 && slots[1].span == 2 && !slots[2].span);
}

TEST(sums_of_the_time_of_a_loss_are_partial)
{
	const uint64_t piece = UINT64_C(1) << ATR_EBPF_PIECE_BITS, all = ATR_EBPF_PIECES * piece;
	struct atr_sums sums = empty();

	CHECK(!atr_sums_are_partial(&sums, 7 * all, 7 * all + 10));
	atr_ebpf_lost_at(&told, 7 * all + 5 * piece + 3);
	CHECK(atr_sums_are_partial(&sums, 7 * all, 8 * all - 1));
	CHECK(atr_sums_are_partial(&sums, 7 * all + 5 * piece + 1, 7 * all + 5 * piece + 2));
	CHECK(!atr_sums_are_partial(&sums, 7 * all, 7 * all + 5 * piece - 1));
	CHECK(!atr_sums_are_partial(&sums, 7 * all + 6 * piece, 8 * all + 4 * piece));
	CHECK(!atr_sums_are_partial(&sums, 6 * all + 5 * piece, 6 * all + 5 * piece));
	/* longer than what is remembered */
	CHECK(atr_sums_are_partial(&sums, 1, 7 * all + 6 * piece));
	/* hostile, or a clock that was set: no long look */
	atr_sums_are_partial(&sums, UINT64_MAX - 5, 5);
	atr_sums_are_partial(&sums, 5, UINT64_MAX);
}

TEST(sums_that_were_let_go_of_were_lost_when_they_were_added_to)
{
	struct atr_sums sums = empty();

	for (unsigned i = 0; i < ATR_EBPF_SLOTS; i++)
		slots[i] = (struct atr_ebpf_slot){ .span = i + 1, .touched_ns = 100000 * MS };
	CHECK(atr_sums_sweep(&sums, 200000 * MS) == ATR_EBPF_SLOTS);
	CHECK(atr_sums_are_partial(&sums, 90000 * MS, 110000 * MS));
	CHECK(!atr_sums_are_partial(&sums, 110000 * MS, 120000 * MS));
}

TEST(sums_top_has_the_longest_first)
{
	struct atr_ebpf_slot slot = { 0 };
	struct atr_ebpf_call top[ATR_SUMS_TOP];

	CHECK(atr_sums_top(&slot, top) == 0);
	for (uint32_t i = 0; i < ATR_EBPF_CALLS; i++)
		slot.calls[i] = call(i, 1, (i * 7) % ATR_EBPF_CALLS);
	slot.calls[3].count = 0; /* taken, and nothing added yet */
	CHECK(atr_sums_top(&slot, top) == ATR_SUMS_TOP);
	for (unsigned i = 0; i + 1 < ATR_SUMS_TOP; i++)
		CHECK(top[i].ns > top[i + 1].ns);
	CHECK(top[0].ns == ATR_EBPF_CALLS - 1 && top[ATR_SUMS_TOP - 1].ns == 8);
	slot = (struct atr_ebpf_slot){ .calls = { call(1, 1, 5), call(2, 1, 6) } };
	CHECK(atr_sums_top(&slot, top) == 2 && top[0].number == 3);
}

TEST(sums_slow_calls_come_in_order)
{
	struct atr_sums sums = empty();
	struct atr_ebpf_slow out;

	CHECK(!atr_sums_next_slow(&sums, &out));
	put_slow(0, 0, 1);
	put_slow(SLOW_LEN, 1u << 30, 2); /* discarded */
	put_slow(2 * SLOW_LEN, 0, 3);
	put_slow(3 * SLOW_LEN, 1u << 31, 4); /* still being written */
	write_at = 4 * SLOW_LEN;
	CHECK(atr_sums_next_slow(&sums, &out) && out.span == 1);
	CHECK(atr_sums_next_slow(&sums, &out) && out.span == 3);
	CHECK(!atr_sums_next_slow(&sums, &out) && read_at == 3 * SLOW_LEN);
	put_slow(3 * SLOW_LEN, 0, 4);
	CHECK(atr_sums_next_slow(&sums, &out) && out.span == 4 && read_at == 4 * SLOW_LEN);
}

TEST(sums_slow_calls_wrap_around)
{
	struct atr_sums sums = empty();
	struct atr_ebpf_slow out;
	uint64_t at = 5 * ATR_EBPF_RING_LEN - 16;

	put_slow(at, 0, 6);
	read_at = at;
	write_at = at + SLOW_LEN;
	CHECK(atr_sums_next_slow(&sums, &out) && out.span == 6 && !out.unused);
}

/* Whatever the program wrote there. */
TEST(sums_of_garbage_stay_within_their_bounds)
{
	struct atr_sums sums = empty();
	struct atr_ebpf_slot slot;
	struct atr_ebpf_call top[ATR_SUMS_TOP];
	struct atr_ebpf_slow out;

	srandom(1);
	for (int round = 0; round < 50; round++) {
		for (size_t i = 0; i < ATR_EBPF_RING_LEN; i += 4)
			put_word(i, (uint32_t)random() & (round & 1 ? UINT32_MAX : 0xff));
		read_at = (uint64_t)random();
		write_at = read_at + (uint64_t)random() % (4 * ATR_EBPF_RING_LEN);
		for (int i = 0; i < 10000 && atr_sums_next_slow(&sums, &out); i++)
			;
		for (size_t i = 0; i < sizeof(slots); i += 1 + (size_t)round)
			((char *)slots)[i] = (char)random();
		atr_sums_take(&sums, slots[round].span, &slot);
		CHECK(atr_sums_top(&slots[round], top) <= ATR_SUMS_TOP);
		atr_sums_sweep(&sums, (uint64_t)random());
	}
}

TEST(syscalls_have_names)
{
	CHECK(!strcmp(atr_syscall_name(SYS_read), "read"));
	CHECK(!strcmp(atr_syscall_name(SYS_fsync), "fsync"));
	CHECK(!strcmp(atr_syscall_name(SYS_openat), "openat"));
	CHECK(!atr_syscall_name(100000) && !atr_syscall_name(UINT32_MAX));
}
