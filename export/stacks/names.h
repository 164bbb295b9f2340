/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_STACKS_NAMES_H
#define ATR_EXPORT_STACKS_NAMES_H

/*
 * names: a symbol as its programmer wrote it: of C++ and Rust, by libiberty's demanglers, without
 * arguments; of C without what compilers put behind it. No allocation; a stack of up to some
 * hundred kilobytes.
 */
#include <stdbool.h>
#include <stddef.h>

#define ATR_FUNCTION_MAX 512

/* Text that is cut where it finds no room; the symbol itself where it is none of those. */
void atr_name_of_symbol(const char *symbol, char out[static ATR_FUNCTION_MAX]);

/* Whether a name, as that gives it, came with the language (std::, core::): it is not the program's own. */
bool atr_name_is_of_language(const char *name);

#endif
