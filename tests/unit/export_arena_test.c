/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "export/encode/arena.h"

#include <stdbool.h>
#include <string.h>

#define MANY ((size_t)3 << 20)

static bool is_all(const char *at, char what, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (at[i] != what)
			return false;
	return true;
}

TEST(arena_has_room_for_more_than_it_began_with)
{
	static char *blocks[48];
	size_t len = 100000;

	atr_arena_empty();
	for (int i = 0; i < 48; i++) {
		blocks[i] = atr_arena_malloc(len);
		CHECK(blocks[i] && (uintptr_t)blocks[i] % 16 == 0);
		memset(blocks[i], i + 1, len);
	}
	for (int i = 0; i < 48; i++)
		CHECK(is_all(blocks[i], (char)(i + 1), len));
	atr_arena_unmap();
}

TEST(arena_moves_what_grows_with_what_is_in_it)
{
	char *at = atr_arena_malloc(1000), *grown;

	memset(at, 'a', 1000);
	grown = atr_arena_realloc(at, MANY);
	CHECK(grown && is_all(grown, 'a', 1000));
	memset(grown, 'b', MANY);
	CHECK(is_all(at, 'a', 1000));
	at = atr_arena_realloc(grown, 10);
	CHECK(at && is_all(at, 'b', 10));
	atr_arena_unmap();
}

TEST(arena_is_as_new_when_it_was_emptied)
{
	char *first = atr_arena_malloc(100);

	CHECK(first && atr_arena_malloc(MANY) && atr_arena_malloc(MANY));
	atr_arena_empty();
	CHECK(atr_arena_malloc(100) == first);
	atr_arena_unmap();
}

TEST(arena_has_an_end)
{
	size_t nr = 0;

	while (nr < 1000 && atr_arena_malloc(MANY))
		nr++;
	CHECK(nr >= 60 && nr < 86);
	CHECK(!atr_arena_malloc((size_t)256 << 20));
	CHECK(!atr_arena_malloc(SIZE_MAX));
	atr_arena_unmap();
	CHECK(atr_arena_malloc(MANY));
	atr_arena_unmap();
}
