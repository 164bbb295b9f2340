/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/cfa.h"

#include "export/stacks/eh_frame.h"

#include "tests/test.h"

#include <link.h>
#include <string.h>
#include <sys/mman.h>

/* ---- tables of one function, made here -------------------------------------------------------- */

#define FUNCTION_LEN 100

/* .eh_frame_hdr with its table of one, the common entry, and that of a function which follows all. */
static struct {
	uint8_t bytes[256];
	size_t len;
} made;

static void put(const void *bytes, size_t len)
{
	memcpy(made.bytes + made.len, bytes, len);
	made.len += len;
}

static void put_u32(uint32_t n)
{
	put(&n, sizeof(n));
}

static uintptr_t function(void)
{
	return (uintptr_t)made.bytes + sizeof(made.bytes);
}

static struct atr_cfi tables(void)
{
	return (struct atr_cfi){ made.bytes, made.bytes + made.len, made.bytes };
}

static void make(const char *augmentation, const uint8_t *program, size_t len)
{
	/* version 1, factors 1 and -8, the return address in 16, encoding; rsp + 8, and that at - 8 */
	static const uint8_t common[] = { 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1 };
	const uint32_t header = 20, common_len = 4 + 1 + 3 + sizeof(common);

	made.len = 0;
	put((const uint8_t[]){ 1, 0x1b, 0x03, 0x3b }, 4);
	put_u32(0);
	put_u32(1);
	put_u32((uint32_t)sizeof(made.bytes));
	put_u32(header + 4 + common_len);
	put_u32(common_len);
	put_u32(0);
	put((const uint8_t[]){ 1 }, 1);
	put(augmentation, 3);
	put(common, sizeof(common));
	put_u32(4 + 8 + 1 + (uint32_t)len);
	put_u32((uint32_t)(made.len - header));
	put_u32((uint32_t)(sizeof(made.bytes) - made.len));
	put_u32(FUNCTION_LEN);
	put((const uint8_t[]){ 0 }, 1);
	put(program, len);
}

static bool is_at(uintptr_t at, bool is_of_fp, int32_t offset)
{
	struct atr_cfi t = tables();
	struct atr_cfa cfa;

	return atr_cfa_read(&t, function() + at, &cfa) && cfa.is_of_fp == is_of_fp &&
	       cfa.offset == offset;
}

static bool is_told(uintptr_t at)
{
	struct atr_cfi t = tables();
	struct atr_cfa cfa;

	return atr_cfa_read(&t, function() + at, &cfa);
}

TEST(cfa_is_that_of_the_row_that_the_address_is_in)
{
	static const uint8_t program[] = {
		0x41, 0x0e, 16,		      /* 1: rsp + 16 */
		0x86, 2,		      /* rbp is saved */
		0x43, 0x0d, 6,		      /* 4: rbp + 16 */
		0x02, 10,		      /* 14 */
		0x0a,			      /* what follows is taken back */
		0x0c, 7,    8,		      /* rsp + 8 */
		0x03, 20,   0,		      /* 34 */
		0x0b, 0x04, 6,	  0,	0, 0, /* 40 */
		0x0c, 7,    0xa0, 0x62,	      /* rsp + 12576 */
		0xc6, 0x2e, 16,
	};

	make("zR", program, sizeof(program));
	CHECK(is_at(0, false, 8));
	CHECK(is_at(1, false, 16));
	CHECK(is_at(3, false, 16));
	CHECK(is_at(4, true, 16));
	CHECK(is_at(13, true, 16));
	CHECK(is_at(14, false, 8));
	CHECK(is_at(33, false, 8));
	CHECK(is_at(34, true, 16));
	CHECK(is_at(40, false, 12576));
	CHECK(is_at(FUNCTION_LEN - 1, false, 12576));
	CHECK(!is_told(FUNCTION_LEN));
	CHECK(!is_told((uintptr_t)-1));
}

TEST(cfa_that_is_said_in_another_way_is_not_known)
{
	static const uint8_t expression[] = { 0x41, 0x0f, 3, 0x77, 8, 0x06 };
	static const uint8_t by_rbx[] = { 0x0c, 3, 16 };
	static const uint8_t taken_back[] = { 0x0b };

	make("zR", expression, sizeof(expression));
	CHECK(is_at(0, false, 8));
	CHECK(!is_told(1));
	make("zR", by_rbx, sizeof(by_rbx));
	CHECK(!is_told(0));
	make("zR", taken_back, sizeof(taken_back));
	CHECK(!is_told(0));
	make("zP", taken_back, 0);
	CHECK(!is_told(0));
}

/* A copy that ends where memory does. */
static uint8_t *guarded(size_t len)
{
	static uint8_t *pages;

	if (!pages) {
		pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			     0);
		CHECK(pages != MAP_FAILED && !mprotect(pages + 4096, 4096, PROT_NONE));
	}
	return memcpy(pages + 4096 - len, made.bytes, len);
}

TEST(cfa_never_leaves_its_tables)
{
	static const uint8_t program[] = { 0x41, 0x0e, 16, 0x02, 10, 0x0c, 7, 0xa0, 0x62 };
	struct atr_cfi t;
	struct atr_cfa cfa;

	make("zR", program, sizeof(program));
	for (size_t len = 0; len <= made.len; len++) {
		uint8_t *cut = guarded(len);

		t = (struct atr_cfi){ cut, cut + len, cut };
		CHECK(atr_cfa_read(&t, (uintptr_t)cut + sizeof(made.bytes) + 50, &cfa) ==
		      (len == made.len));
	}
	for (size_t i = 0; i < made.len * 8; i++) {
		uint8_t *wrong = guarded(made.len);

		wrong[i / 8] ^= (uint8_t)(1 << i % 8);
		t = (struct atr_cfi){ wrong, wrong + made.len, wrong };
		atr_cfa_read(&t, (uintptr_t)wrong + sizeof(made.bytes) + 50, &cfa);
	}
}

/* ---- functions as the compiler made them ------------------------------------------------------- */

static int find_tables(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	*(struct atr_cfi *)arg =
		atr_eh_frame_of(info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum);
	return 1; /* the program itself comes first */
}

/* As a hook does: whether what its caller returns to lies where the tables say. */
__attribute__((noinline)) static bool is_found(const void *callers_returns_to)
{
	const uintptr_t *frame = __builtin_frame_address(0);
	struct atr_cfi t = { 0 };
	struct atr_cfa cfa;

	dl_iterate_phdr(find_tables, &t);
	return t.begin && atr_cfa_read(&t, frame[1] - 1, &cfa) &&
	       *(const uintptr_t *)((cfa.is_of_fp ? frame[0] : (uintptr_t)(frame + 2)) +
				    (uintptr_t)cfa.offset - 8) == (uintptr_t)callers_returns_to;
}

__attribute__((noinline)) static bool small(void)
{
	bool found = is_found(__builtin_return_address(0));

	__asm__ volatile("" ::: "memory");
	return found;
}

__attribute__((noinline)) static bool large(void)
{
	volatile char room[12288];
	bool found;

	room[0] = 1;
	found = is_found(__builtin_return_address(0));
	return found && room[0];
}

/* Its frame's size shows by the frame pointer alone. */
__attribute__((noinline)) static bool varying(size_t n)
{
	volatile char room[n];
	bool found;

	room[n - 1] = 1;
	found = is_found(__builtin_return_address(0));
	return found && room[n - 1];
}

TEST(cfa_of_functions_is_where_they_return_from)
{
#if !defined(__x86_64__)
	SKIP("of x86-64 alone");
#endif
	CHECK(small());
	CHECK(large());
	CHECK(varying(1000));
}
