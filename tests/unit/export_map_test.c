/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "export/map.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Who gives a part back to the kernel gives whole pages: a neighbour's must not be among them. */
TEST(map_shares_no_page_of_the_kernels)
{
	size_t page_len = (size_t)sysconf(_SC_PAGESIZE);
	char *one = atr_map(1), *other = atr_map(page_len + 1), *third = atr_map(1);

	CHECK(one && other && third);
	CHECK((uintptr_t)one % page_len == 0);
	CHECK((uintptr_t)other % page_len == 0);
	CHECK((uintptr_t)third % page_len == 0);
	CHECK(atr_page_up(1) == page_len && atr_page_up(page_len) == page_len);
}
