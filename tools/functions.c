/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/functions.h"

#include "export/env.h"
#include "preload/live/code.h"
#include "preload/live/symbols.h"
#include "preload/live/wanted.h"
#include "tools/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One file; its functions get addresses that no other file's have. */
struct reading {
	const struct atr_functions_told *told;
	struct atr_wanted_object object;
	const struct atr_elf *elf;
	uintptr_t base;
	const char *library;
	const char *built; /* how all of them are seen, or NULL */
};

#define FILE_STEP (UINT64_C(1) << 36)

static bool names(const struct atr_elf *elf, const char *name, bool as_import)
{
	bool is_import;
	const char *symbol;

	for (size_t i = 0; (symbol = atr_elf_symbol(elf, i, &is_import)); i++)
		if (is_import == as_import && !strcmp(symbol, name))
			return true;
	return false;
}

/* As the library finds it: its process is started by who starts us. */
static bool may_change(const struct atr_elf *elf, const struct atr_functions_told *told)
{
	char why[256];

	if (atr_code_may_change((void *)elf->bytes))
		return true;
	snprintf(why, sizeof(why), "the start of functions may not be changed here (%s)",
		 strerror(errno));
	told->forbidden(told->arg, why);
	return false;
}

/* Where there are no stubs (preload/hook/stubs.c) only what tells of itself is followed. */
#if defined(__x86_64__)
static const bool has_stubs = true;
#else
static const bool has_stubs = false;
#endif

const char *atr_functions_advice(void)
{
	return has_stubs ? "-finstrument-functions, -pg or -fpatchable-function-entry=16" :
			   "-finstrument-functions";
}

static const char *built_of(const struct atr_elf *elf, const struct atr_functions_told *told)
{
	uint64_t at, len;

	if (names(elf, "__cyg_profile_func_enter", true))
		return "built with -finstrument-functions";
	if (!has_stubs)
		return NULL;
	if (names(elf, "mcount", true) || names(elf, "_mcount", true) ||
	    names(elf, "__fentry__", true))
		return "built with -pg";
	if (atr_symbols_section(elf->bytes, elf->len, "__patchable_function_entries", &at, &len) &&
	    may_change(elf, told))
		return "built with -fpatchable-function-entry";
	return NULL;
}

static void found(void *arg, struct atr_symbol *symbol)
{
	const struct reading *reading = arg;
	uintptr_t begin = reading->base + symbol->value;
	struct atr_function *function =
		atr_wanted_add(&reading->object, symbol->name, begin, begin + symbol->size);
	const char *how = reading->built;
	char name[256];

	if (!function || atomic_load(&function->seen_by))
		return;
	atomic_store(&function->seen_by, ATR_SEEN_BY_CALLS); /* told of */
	if (!how && has_stubs && names(reading->elf, symbol->name.at, false))
		how = "where another object calls it, or its own by its table";
	snprintf(name, sizeof(name), "%.*s", (int)function->name.len, function->name.at);
	reading->told->found(reading->told->arg, name, reading->library, how);
}

static void read_file(const char *path, bool is_program, unsigned nr,
		      const struct atr_functions_told *told)
{
	struct reading reading = { .told = told, .base = (nr + 1) * FILE_STEP };
	enum atr_elf_state state;
	struct atr_elf elf;
	bool is_stripped;

	reading.library = is_program ? NULL : atr_program_base_name(path);
	reading.object.is_program = is_program;
	if (!is_program)
		reading.object.file = atr_str(reading.library);
	if (!atr_wanted_has(&reading.object) || atr_elf_open(&elf, path, &state))
		return;
	if (state == ATR_ELF_GOOD) {
		reading.elf = &elf;
		reading.built = built_of(&elf, told);
		atr_symbols_each(elf.bytes, elf.len, found, &reading, &is_stripped);
	}
	atr_elf_close(&elf);
}

static const struct atr_functions_told *telling;

static void missing(struct atr_str text)
{
	char name[256];

	snprintf(name, sizeof(name), "%.*s", (int)text.len, text.at);
	telling->missing(telling->arg, name);
}

void atr_functions_tell(const struct atr_libraries *all, const char *executable, const char *list,
			const struct atr_functions_told *told)
{
	size_t len = strlen(list) + sizeof("AUTOTRACE_FUNCTIONS=");
	char *variable = malloc(len);
	char *environment[] = { variable, NULL };

	if (!variable)
		return;
	snprintf(variable, len, "AUTOTRACE_FUNCTIONS=%s", list);
	atr_env_capture(environment);
	if (atr_wanted_setup()) {
		read_file(executable, true, 0, told);
		for (unsigned i = 1; i < all->nr; i++)
			if (all->objects[i].path[0])
				read_file(all->objects[i].path, false, i, told);
		telling = told;
		atr_wanted_missing(missing);
	}
	free(variable);
}
