/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/wanted.h"

#include "export/diag.h"
#include "export/env.h"
#include "export/list.h"
#include "export/map.h"
#include "preload/live/glob.h"

#include <string.h>

#define PATTERNS_MAX 64
#define NAME_MAX_LEN 256
#define TEXT_LEN (128 * 1024)
#define PLACES 4096 /* of the hash of where they begin, more than twice their number */
#define NEAR_PLACES 2048
#define HASH_WORDS 512

static struct {
	struct atr_str library, name, whole; /* an absent library: the executable */
	bool is_found;
} patterns[PATTERNS_MAX];
static unsigned nr_patterns;

/*
 * Found by where they begin: an open table of numbers + 1, which are set when all of the
 * function is there. By an address in them: a place for each (and for what is in none),
 * the address in the lower 48 bits and the number + 1 above; emptied when one is added.
 */
static struct table {
	struct atr_function functions[ATR_WANTED_MAX];
	_Atomic uint16_t places[PLACES];
	_Atomic uint64_t near[NEAR_PLACES];
	uint32_t hashes[HASH_WORDS]; /* a bit for each name's */
	char text[TEXT_LEN];
} * table;
static _Atomic unsigned nr_functions;
static size_t text_len;
static bool is_full;

static const char variable[] = "AUTOTRACE_FUNCTIONS";

/* Before a colon that is none of two. */
static size_t library_len(struct atr_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] != ':')
			continue;
		if (i + 1 == text.len || text.at[i + 1] != ':')
			return i;
		i++;
	}
	return SIZE_MAX;
}

static void add_pattern(struct atr_str text, struct atr_str all)
{
	size_t len = library_len(text);
	struct atr_str library = { NULL, 0 }, name = text;

	if (len != SIZE_MAX) {
		library = atr_str_trim((struct atr_str){ text.at, len });
		name = atr_str_trim((struct atr_str){ text.at + len + 1, text.len - len - 1 });
	}
	if (!name.len || (len != SIZE_MAX && !library.len) || memchr(name.at, ' ', name.len)) {
		atr_log_bad_env(variable, all, "a name in it is none", "it is left out");
		return;
	}
	if (nr_patterns == PATTERNS_MAX) {
		atr_log_bad_env(variable, all, "it has more than 64 names",
				"those behind them are left out");
		return;
	}
	patterns[nr_patterns].is_found = false;
	patterns[nr_patterns].library = library;
	patterns[nr_patterns].name = name;
	patterns[nr_patterns++].whole = text;
}

bool atr_wanted_setup(void)
{
	struct atr_str all = atr_env_get(variable), rest = all, text;

	nr_patterns = 0;
	text_len = 0;
	is_full = false;
	atomic_store(&nr_functions, 0);
	while (atr_list_next(&rest, &text))
		add_pattern(text, all);
	if (!nr_patterns)
		return false;
	if (table)
		memset(table, 0, sizeof(*table));
	else
		table = atr_map(sizeof(*table));
	return table != NULL;
}

static bool fits_object(unsigned i, const struct atr_wanted_object *object)
{
	struct atr_str library = patterns[i].library;

	if (!library.at)
		return object->is_program;
	return (object->file.len && atr_glob_fits(library, object->file)) ||
	       (object->soname.len && atr_glob_fits(library, object->soname));
}

bool atr_wanted_has(const struct atr_wanted_object *object)
{
	for (unsigned i = 0; i < nr_patterns; i++)
		if (fits_object(i, object))
			return true;
	return false;
}

static bool is_asked_for(const struct atr_wanted_object *object, struct atr_str symbol,
			 struct atr_str plain)
{
	bool is_any = false;

	for (unsigned i = 0; i < nr_patterns; i++) {
		if (!fits_object(i, object) ||
		    !(atr_glob_fits(patterns[i].name, symbol) ||
		      (plain.len && atr_glob_fits(patterns[i].name, plain))))
			continue;
		patterns[i].is_found = is_any = true;
	}
	return is_any;
}

static struct atr_str keep_text(struct atr_str text)
{
	char *at = table->text + text_len;

	if (!text.len || text.len > TEXT_LEN - text_len)
		return (struct atr_str){ 0 };
	memcpy(at, text.at, text.len);
	text_len += text.len;
	return (struct atr_str){ at, text.len };
}

static void note_hash(struct atr_str symbol)
{
	uint32_t hash = 5381;

	for (size_t i = 0; i < symbol.len; i++)
		hash = hash * 33 + (unsigned char)symbol.at[i];
	table->hashes[hash / 32 % HASH_WORDS] |= 1u << hash % 32;
}

bool atr_wanted_may_be(uint32_t hash)
{
	return table->hashes[hash / 32 % HASH_WORDS] >> hash % 32 & 1;
}

static unsigned place_of(uintptr_t begin)
{
	return (unsigned)(((uint64_t)begin * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % PLACES;
}

struct atr_function *atr_wanted_at(uintptr_t begin)
{
	for (unsigned at = place_of(begin);; at = (at + 1) % PLACES) {
		unsigned nr = atomic_load_explicit(&table->places[at], memory_order_acquire);

		if (!nr)
			return NULL;
		if (atomic_load_explicit(&table->functions[nr - 1].begin, memory_order_relaxed) ==
		    begin)
			return &table->functions[nr - 1];
	}
}

static void publish(unsigned i)
{
	unsigned at = place_of(atomic_load(&table->functions[i].begin));

	while (atomic_load_explicit(&table->places[at], memory_order_relaxed))
		at = (at + 1) % PLACES;
	atomic_store_explicit(&nr_functions, i + 1, memory_order_release);
	atomic_store_explicit(&table->places[at], (uint16_t)(i + 1), memory_order_release);
	for (unsigned k = 0; k < NEAR_PLACES; k++)
		atomic_store_explicit(&table->near[k], 0, memory_order_relaxed);
}

static void say_full(void)
{
	if (!is_full)
		atr_log("%s: of the functions that it names the first %u are looked at", variable,
			(unsigned)atomic_load(&nr_functions));
	is_full = true;
}

/* The same function by another name: the one that it has already stays. */
static struct atr_function *known(uintptr_t begin)
{
	return begin ? atr_wanted_at(begin) : NULL;
}

struct atr_function *atr_wanted_add(const struct atr_wanted_object *object, struct atr_str symbol,
				    uintptr_t begin, uintptr_t end)
{
	char room[NAME_MAX_LEN];
	struct atr_str plain = { room, atr_plain_name(symbol, room, sizeof(room)) };
	struct atr_function *function;
	unsigned nr = atomic_load(&nr_functions);

	if (!begin || !is_asked_for(object, symbol, plain))
		return NULL;
	note_hash(symbol);
	function = known(begin);
	if (function)
		return function;
	if (nr == ATR_WANTED_MAX || text_len + NAME_MAX_LEN * 2 > TEXT_LEN) {
		say_full();
		return NULL;
	}
	function = &table->functions[nr];
	if (symbol.len > NAME_MAX_LEN)
		symbol.len = NAME_MAX_LEN;
	function->name = keep_text(plain.len ? plain : symbol);
	function->library = object->is_program ? (struct atr_str){ 0 } : keep_text(object->file);
	function->target = begin;
	function->end = end;
	atomic_store(&function->begin, begin);
	publish(nr);
	return function;
}

#if defined(__x86_64__)
__attribute__((target("no-sse")))
#endif
struct atr_function *
atr_wanted_around(uintptr_t address)
{
	const uint64_t mask = (UINT64_C(1) << 48) - 1;
	_Atomic uint64_t *place =
		&table->near[(address * UINT64_C(0x9e3779b97f4a7c15) >> 32) % NEAR_PLACES];
	uint64_t near = atomic_load_explicit(place, memory_order_relaxed);
	unsigned nr = atomic_load_explicit(&nr_functions, memory_order_acquire), found = nr;

	if (near && (near & mask) == (address & mask))
		return near >> 48 == 0xffff ? NULL : &table->functions[(near >> 48) - 1];
	for (unsigned i = 0; i < nr && found == nr; i++) {
		uintptr_t begin =
			atomic_load_explicit(&table->functions[i].begin, memory_order_relaxed);

		if (begin && address >= begin && address < table->functions[i].end)
			found = i;
	}
	atomic_store_explicit(place,
			      (address & mask) | (uint64_t)(found < nr ? found + 1 : 0xffff) << 48,
			      memory_order_relaxed);
	return found < nr ? &table->functions[found] : NULL;
}

struct atr_function *atr_wanted_nth(unsigned i)
{
	return table && i < atomic_load(&nr_functions) ? &table->functions[i] : NULL;
}

unsigned atr_wanted_index(const struct atr_function *function)
{
	return (unsigned)(function - table->functions);
}

void atr_wanted_forget(struct atr_function *function)
{
	atomic_store(&function->begin, 0);
	for (unsigned k = 0; k < NEAR_PLACES; k++)
		atomic_store_explicit(&table->near[k], 0, memory_order_relaxed);
}

void atr_wanted_missing(void (*each)(struct atr_str text))
{
	for (unsigned i = 0; i < nr_patterns; i++)
		if (!patterns[i].is_found)
			each(patterns[i].whole);
}

/* ---- names of C++ and of Rust ---- */

struct plain {
	char *room;
	size_t len, used;
	struct atr_str last; /* the part that a constructor is called after */
	bool is_bad;
};

static void put(struct plain *out, struct atr_str part)
{
	size_t more = part.len + (out->used ? 2 : 0);

	if (more > out->len - out->used) {
		out->is_bad = true;
		return;
	}
	if (out->used) {
		memcpy(out->room + out->used, "::", 2);
		out->used += 2;
	}
	memcpy(out->room + out->used, part.at, part.len);
	out->used += part.len;
}

/* A length and so many characters. Absent: it is something else. */
static struct atr_str source_name(struct atr_str *rest)
{
	size_t n = 0, i = 0;
	struct atr_str name = { 0 };

	while (i < rest->len && i < 4 && rest->at[i] >= '0' && rest->at[i] <= '9')
		n = n * 10 + (size_t)(rest->at[i++] - '0');
	if (!i || !n || n > rest->len - i)
		return name;
	name = (struct atr_str){ rest->at + i, n };
	*rest = (struct atr_str){ rest->at + i + n, rest->len - i - n };
	return name;
}

static bool takes(struct atr_str *rest, const char *text)
{
	size_t len = strlen(text);

	if (rest->len < len || memcmp(rest->at, text, len) != 0)
		return false;
	*rest = (struct atr_str){ rest->at + len, rest->len - len };
	return true;
}

static bool is_rust_hash(struct atr_str part)
{
	if (part.len != 17 || part.at[0] != 'h')
		return false;
	for (size_t i = 1; i < part.len; i++)
		if (!memchr("0123456789abcdef", part.at[i], 16))
			return false;
	return true;
}

static bool put_part(struct plain *out, struct atr_str *rest)
{
	static const char *const makers[] = { "C1", "C2", "C3", "D0", "D1", "D2" };
	struct atr_str part;

	takes(rest, "L");
	part = source_name(rest);
	for (size_t i = 0; !part.at && out->last.at && i < sizeof(makers) / sizeof(*makers); i++) {
		if (!takes(rest, makers[i]))
			continue;
		put(out, out->last);
		if (makers[i][0] == 'D' && !out->is_bad && out->used < out->len) {
			char *at = out->room + out->used - out->last.len;

			memmove(at + 1, at, out->last.len);
			*at = '~';
			out->used++;
		}
		return true;
	}
	if (!part.at)
		return false;
	if (part.len > 10 && !memcmp(part.at, "_GLOBAL__N", 10))
		part = ATR_STR("(anonymous namespace)");
	while (takes(rest, "B"))
		source_name(rest);
	if (is_rust_hash(part) && rest->len && rest->at[0] == 'E')
		return true;
	put(out, part);
	out->last = part;
	return true;
}

size_t atr_plain_name(struct atr_str symbol, char *room, size_t len)
{
	struct plain out = { .room = room, .len = len };
	struct atr_str rest = symbol;

	if (!takes(&rest, "_Z"))
		return 0;
	if (!takes(&rest, "N")) {
		if (takes(&rest, "St"))
			put(&out, ATR_STR("std"));
		return put_part(&out, &rest) && !out.is_bad && !takes(&rest, "I") ? out.used : 0;
	}
	while (rest.len && memchr("rVKRO", rest.at[0], 5))
		rest = (struct atr_str){ rest.at + 1, rest.len - 1 };
	if (takes(&rest, "St"))
		put(&out, ATR_STR("std"));
	while (!takes(&rest, "E"))
		if (out.is_bad || !put_part(&out, &rest))
			return 0;
	return out.is_bad ? 0 : out.used;
}
