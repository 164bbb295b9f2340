/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/glob.h"

#include "tests/test.h"

static bool fits(const char *glob, const char *text)
{
	return atr_glob_fits(atr_str(glob), atr_str(text));
}

TEST(glob_fits_what_it_says)
{
	CHECK(fits("", "") && !fits("", "a") && !fits("a", ""));
	CHECK(fits("/health", "/health") && !fits("/health", "/healthz"));
	CHECK(fits("/health*", "/health") && fits("/health*", "/healthz/1"));
	CHECK(fits("*", "") && fits("*", "anything") && fits("**", "x"));
	CHECK(fits("/?/x", "/1/x") && !fits("/?/x", "//x") && !fits("?", ""));
	CHECK(fits("/a/*/c", "/a/b/c/d/c") && !fits("/a/*/c", "/a/b/c/d"));
	CHECK(fits("*.example", "a.example.example"));
	CHECK(fits("[a]", "[a]") && !fits("[a]", "a"));
}

TEST(glob_without_case)
{
	CHECK(atr_glob_fits_nocase(ATR_STR("Shop*.EXAMPLE"), ATR_STR("sHOP1.example")));
	CHECK(!fits("GET", "get"));
	CHECK(!atr_glob_fits_nocase(ATR_STR("@"), ATR_STR("`")));
}

TEST(glob_of_many_stars_takes_no_time)
{
	static char glob[64], text[8192];

	for (size_t i = 0; i + 1 < sizeof(glob); i++)
		glob[i] = i % 2 ? 'a' : '*';
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 2] = 'b';
	glob[sizeof(glob) - 2] = 0;
	CHECK(!fits(glob, text));
}
