/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/wanted.h"

#include "export/env.h"
#include "tests/unit/live.h"

#include <stdio.h>

static const struct atr_wanted_object program = { .is_program = true, .file = { "", 0 } };

static struct atr_wanted_object library(const char *file, const char *soname)
{
	return (struct atr_wanted_object){ .file = atr_str(file), .soname = atr_str(soname) };
}

/* Sets the variable; false: nothing is asked for. */
static bool asks_for(const char *list)
{
	static char variable[4096];
	const char *environment[] = { variable, NULL };

	snprintf(variable, sizeof(variable), "AUTOTRACE_FUNCTIONS=%s", list);
	atr_env_capture((char *const *)environment);
	return atr_wanted_setup();
}

static bool adds(const struct atr_wanted_object *object, const char *symbol, uintptr_t begin)
{
	return atr_wanted_add(object, atr_str(symbol), begin, begin + 16) != NULL;
}

static const char *plain(const char *symbol)
{
	static char room[64];
	size_t len = atr_plain_name(atr_str(symbol), room, sizeof(room) - 1);

	room[len] = 0;
	return room;
}

TEST(wanted_is_nothing_without_a_name)
{
	CHECK(!asks_for(""));
	CHECK(!asks_for(",, ,"));
	CHECK(!asks_for(":name,lib.so:,a b"));
}

TEST(wanted_name_alone_is_the_programs)
{
	struct atr_wanted_object other = library("libc.so.6", "libc.so.6");

	CHECK(asks_for("submit_user"));
	CHECK(atr_wanted_has(&program) && !atr_wanted_has(&other));
	CHECK(adds(&program, "submit_user", 0x1000));
	CHECK(!adds(&program, "submit_users", 0x2000) && !adds(&program, "submit", 0x3000));
	CHECK(!adds(&other, "submit_user", 0x4000));
}

TEST(wanted_library_goes_by_its_file_or_soname)
{
	struct atr_wanted_object one = library("libfoo-1.2.so", "libfoo.so.1");
	struct atr_wanted_object two = library("libbar.so", "");

	CHECK(asks_for(" libfoo.so*:bar* , libbar.so : x?"));
	CHECK(atr_wanted_has(&one) && atr_wanted_has(&two) && !atr_wanted_has(&program));
	CHECK(adds(&one, "bar", 0x1000) && adds(&one, "bar_two", 0x2000));
	CHECK(!adds(&one, "x1", 0x3000) && adds(&two, "x1", 0x4000));
	CHECK(live_is(atr_wanted_at(0x4000)->library.at ? "there" : "", "there"));
	CHECK(atr_str_equal(atr_wanted_at(0x4000)->library, ATR_STR("libbar.so")));
}

TEST(wanted_two_colons_are_a_name_of_cpp)
{
	CHECK(asks_for("shop::order::*,lib.so:a::b"));
	CHECK(adds(&program, "_ZN4shop5order6submitEi", 0x1000));
	CHECK(atr_str_equal(atr_wanted_at(0x1000)->name, ATR_STR("shop::order::submit")));
	struct atr_wanted_object lib = library("lib.so", "");
	CHECK(adds(&lib, "_ZN1a1bEv", 0x2000) && !adds(&lib, "_ZN1a1cEv", 0x3000));
}

TEST(wanted_is_found_by_its_start_and_by_what_is_in_it)
{
	CHECK(asks_for("f*"));
	CHECK(adds(&program, "f1", 0x1000) && adds(&program, "f2", 0x1020));
	CHECK(atr_wanted_at(0x1000) == atr_wanted_nth(0) && !atr_wanted_at(0x1001));
	CHECK(atr_wanted_around(0x100f) == atr_wanted_nth(0) && !atr_wanted_around(0x1010));
	CHECK(atr_wanted_around(0x1020) == atr_wanted_nth(1));
	/* what was not found is looked for again when there is more */
	CHECK(!atr_wanted_around(0x5004));
	CHECK(adds(&program, "f3", 0x5000) && atr_wanted_around(0x5004) == atr_wanted_nth(2));
	atr_wanted_forget(atr_wanted_nth(2));
	CHECK(!atr_wanted_around(0x5004) && !atr_wanted_at(0x5000) && atr_wanted_at(0x1020));
	CHECK(adds(&program, "f4", 0x5000) && atr_wanted_at(0x5000) == atr_wanted_nth(3));
}

TEST(wanted_one_function_of_two_names_is_there_once)
{
	CHECK(asks_for("f*"));
	CHECK(adds(&program, "f1", 0x1000) && adds(&program, "f_alias", 0x1000));
	CHECK(!atr_wanted_nth(1) && atr_str_equal(atr_wanted_nth(0)->name, ATR_STR("f1")));
}

TEST(wanted_ends_at_so_many)
{
	char name[32];

	CHECK(asks_for("*"));
	for (unsigned i = 0; i < ATR_WANTED_MAX + 10; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		CHECK(adds(&program, name, 0x10000 + i * 32) == (i < ATR_WANTED_MAX));
	}
	for (unsigned i = 0; i < ATR_WANTED_MAX; i++)
		CHECK(atr_wanted_at(0x10000 + i * 32) == atr_wanted_nth(i));
	CHECK(!atr_wanted_at(0x10000 + ATR_WANTED_MAX * 32));
}

static unsigned nr_missing;

static void count_missing(struct atr_str text)
{
	CHECK(atr_str_equal(text, ATR_STR("libx.so:b")));
	nr_missing++;
}

TEST(wanted_tells_what_is_missing)
{
	CHECK(asks_for("a,libx.so:b"));
	CHECK(adds(&program, "a", 0x1000));
	nr_missing = 0;
	atr_wanted_missing(count_missing);
	CHECK(nr_missing == 1);
}

TEST(wanted_may_be_asked_by_hash)
{
	uint32_t hash = 5381;

	for (const char *c = "submit_user"; *c; c++)
		hash = hash * 33 + (unsigned char)*c;
	CHECK(asks_for("submit_user"));
	CHECK(!atr_wanted_may_be(hash));
	CHECK(adds(&program, "submit_user", 0x1000) && atr_wanted_may_be(hash));
}

TEST(wanted_knows_names_of_cpp_and_rust)
{
	CHECK(live_is(plain("_Z11submit_useri"), "submit_user"));
	CHECK(live_is(plain("_ZN4shop5orderC2Ev"), "shop::order::order"));
	CHECK(live_is(plain("_ZN4shop5orderD1Ev"), "shop::order::~order"));
	CHECK(live_is(plain("_ZNK4shop5order6submitEi"), "shop::order::submit"));
	CHECK(live_is(plain("_ZN4shop12_GLOBAL__N_16hiddenEv"),
		      "shop::(anonymous namespace)::hidden"));
	CHECK(live_is(plain("_ZL6hiddeni"), "hidden"));
	CHECK(live_is(plain("_ZNSt6thread4joinEv"), "std::thread::join"));
	CHECK(live_is(plain("_ZN3foo3barB5cxx11Ev"), "foo::bar"));
	CHECK(live_is(plain("_ZN4core3fmt5write17h0123456789abcdefE"), "core::fmt::write"));
	/* what is more than that stays as the linker has it */
	CHECK(live_is(plain("_ZN4shop4listIiE3addEi"), ""));
	CHECK(live_is(plain("_Z3addIiET_S0_"), ""));
	CHECK(live_is(plain("_ZdlPv"), ""));
	CHECK(live_is(plain("main"), ""));
}

TEST(wanted_bad_names_of_cpp_are_none)
{
	static const char *const bad[] = {
		"_Z",	  "_ZN",	"_ZN3fo",  "_ZN3foo",	    "_Z99999999a",  "_ZN0E",
		"_ZNC1E", "_ZN3fooB9E", "_ZNKKKK", "_Z4294967296a", "_ZN3foo3barD", "_ZNSt"
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(live_is(plain(bad[i]), ""));
	/* no room: 63 bytes */
	CHECK(live_is(plain("_ZN30aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa30bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb9cc"
			    "cccccccEv"),
		      ""));
	CHECK(live_is(plain("_ZN31aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1bD1Ev"),
		      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa::b::~b"));
}
