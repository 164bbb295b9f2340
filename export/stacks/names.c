/* SPDX-License-Identifier: Apache-2.0 */
#include "export/stacks/names.h"

#include "export/encode/arena.h"

#include <demangle.h>

#include <stdbool.h>
#include <string.h>

/* The stack that the demanglers take grows with it, at worst by its square. */
#define SYMBOL_MAX 600

struct out {
	char *at;
	size_t len;
	void *back[5];
};

/* What is longer than the room is not made to its end: it may be long beyond measure. */
static void append(const char *text, size_t len, void *arg)
{
	struct out *out = arg;
	size_t room = ATR_FUNCTION_MAX - 1 - out->len;

	memcpy(out->at + out->len, text, len < room ? len : room);
	out->len += len < room ? len : room;
	if (len > room)
		__builtin_longjmp(out->back, 1);
}

static bool demangle(const char *symbol, struct out *out)
{
	bool is_rust_v0 = symbol[0] == '_' && symbol[1] == 'R';

	if (__builtin_setjmp(out->back))
		return true;
	if (rust_demangle_callback(symbol, 0, append, out) && out->len)
		return true;
	out->len = 0;
	return !is_rust_v0 && cplus_demangle_v3_callback(symbol, 0, append, out) && out->len;
}

/* Behind a name: a symbol's version; what compilers call a part of a function, or a copy. */
static size_t len_of_c(const char *symbol)
{
	static const char *const made[] = { "@",     ".constprop.", ".part.", ".isra.",
					    ".cold", ".lto_priv.",  ".llvm.", ".localalias" };
	size_t len = strlen(symbol);

	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		const char *at = strstr(symbol, made[i]);

		if (at && at > symbol && (size_t)(at - symbol) < len)
			len = (size_t)(at - symbol);
	}
	return len;
}

void atr_name_of_symbol(const char *symbol, char out[static ATR_FUNCTION_MAX])
{
	struct out to = { .at = out };
	char plain[SYMBOL_MAX];
	size_t len = len_of_c(symbol);
	bool is_demangled;

	if (symbol[0] == '_' && (symbol[1] == 'Z' || symbol[1] == 'R') && len < SYMBOL_MAX) {
		memcpy(plain, symbol, len);
		plain[len] = 0;
		is_demangled = demangle(plain, &to);
		atr_arena_empty(); /* where a name of Rust's in other letters is put together */
		out[to.len] = 0;
		if (is_demangled)
			return;
	}
	if (len >= ATR_FUNCTION_MAX)
		len = ATR_FUNCTION_MAX - 1;
	memcpy(out, symbol, len);
	out[len] = 0;
}

bool atr_name_is_of_language(const char *name)
{
	static const char *const begins[] = { "std::",	 "<std::",   "core::",	   "<core::",
					      "alloc::", "<alloc::", "__gnu_cxx::" };

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (!strncmp(name, begins[i], strlen(begins[i])))
			return true;
	return false;
}
