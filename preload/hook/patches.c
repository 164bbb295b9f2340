/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/patches.h"
#include "preload/hook/stubs.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#define CALL_LEN 5
#define REACH (UINT64_C(1) << 30)
#define STEP (UINT64_C(1) << 20)

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* Instructions of one byte, or one long one, as GCC and clang have them; 0: it is something else. */
static size_t room_at(const unsigned char *at)
{
	static const struct {
		unsigned char bytes[4], nr, len;
	} long_ones[] = {
		{ { 0x0f, 0x1f, 0x44, 0x00 }, 4, 5 }, { { 0x66, 0x0f, 0x1f, 0x44 }, 4, 6 },
		{ { 0x0f, 0x1f, 0x80 }, 3, 7 },	      { { 0x0f, 0x1f, 0x84 }, 3, 8 },
		{ { 0x66, 0x0f, 0x1f, 0x84 }, 4, 9 }, { { 0x66, 0x2e, 0x0f, 0x1f }, 4, 10 },
	};
	static const unsigned char ones[CALL_LEN] = { 0x90, 0x90, 0x90, 0x90, 0x90 };

	if (!memcmp(at, ones, sizeof(ones)))
		return CALL_LEN;
	for (size_t i = 0; i < sizeof(long_ones) / sizeof(long_ones[0]); i++)
		if (!memcmp(at, long_ones[i].bytes, long_ones[i].nr))
			return long_ones[i].len;
	return 0;
}

/* Behind the instruction that marks where indirect calls may lead to. */
static unsigned char *start_of(uintptr_t function)
{
	static const unsigned char mark[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	unsigned char *at = (unsigned char *)function;

	return memcmp(at, mark, sizeof(mark)) ? at : at + sizeof(mark);
}

bool atr_patch_has_room(uintptr_t function)
{
	return atr_stub_of_patch() && room_at(start_of(function));
}

/* jmp to the address behind it: a call reaches no further than 2 GiB, and we may lie further off. */
static void write_bridge(unsigned char *at)
{
	static const unsigned char jump[] = { 0xff, 0x25, 0, 0, 0, 0 };
	uintptr_t to = atr_stub_of_patch();

	memcpy(at, jump, sizeof(jump));
	memcpy(at + sizeof(jump), &to, sizeof(to));
}

static void *try_page(uintptr_t at, size_t page_len)
{
	void *page = mmap((void *)at, page_len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (page == MAP_FAILED)
		return NULL;
	if ((uintptr_t)page == at)
		return page;
	munmap(page, page_len);
	return NULL;
}

/* The way from an object to us, near it; NULL: it may not be made. */
static unsigned char *bridge_of(const struct atr_object *o)
{
	static unsigned char *last;
	size_t page_len = getauxval(AT_PAGESZ);
	uintptr_t begin = o->begin & ~(page_len - 1),
		  end = (o->end + page_len - 1) & ~(page_len - 1);
	unsigned char *page = NULL;

	if (last && (uintptr_t)last + REACH > o->end && (uintptr_t)last < o->begin + REACH)
		return last;
	for (uintptr_t away = 0; !page && away < REACH - (end - begin); away += STEP) {
		page = try_page(end + away, page_len);
		if (!page && begin > away + STEP)
			page = try_page(begin - away - page_len, page_len);
	}
	if (!page)
		return NULL;
	write_bridge(page);
	if (mprotect(page, page_len, PROT_READ | PROT_EXEC)) {
		int why = errno;

		munmap(page, page_len);
		errno = why;
		return NULL;
	}
	return last = page;
}

bool atr_patch(const struct atr_object *o, uintptr_t function)
{
	size_t page_len = getauxval(AT_PAGESZ), len;
	unsigned char *at = start_of(function), *bridge = bridge_of(o), *page;
	int32_t offset;

	if (!bridge)
		return false;
	page = (unsigned char *)((uintptr_t)at & ~(page_len - 1));
	len = (size_t)(at + room_at(at) - page);
	offset = (int32_t)(bridge - (at + CALL_LEN));
	if (mprotect(page, len, PROT_READ | PROT_WRITE))
		return false;
	memset(at, 0x90, room_at(at));
	at[0] = 0xe8;
	memcpy(at + 1, &offset, sizeof(offset));
	mprotect(page, len, PROT_READ | PROT_EXEC);
	return true;
}
