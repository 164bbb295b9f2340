/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_WEAK_H
#define ATR_EXPORT_WEAK_H

/*
 * weak: a function of libc's family that is taken if the process has it, and is NULL
 * if not, with no library asked for. Those named so were libdl's or libpthread's before
 * glibc 2.34, which many a program has not loaded; to load them would be a good part of
 * what we add to a process's start. The version is the first that glibc had on the
 * machine, which every one since answers to; musl looks at none.
 */
#if defined(__aarch64__)
#define ATR_FIRST_GLIBC "GLIBC_2.17"
#else
#define ATR_FIRST_GLIBC "GLIBC_2.2.5"
#endif

#define ATR_WEAK(name)                                      \
	extern __typeof__(name) name __attribute__((weak)); \
	__asm__(".symver " #name "," #name "@" ATR_FIRST_GLIBC)

#endif
