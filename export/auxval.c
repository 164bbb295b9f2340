/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/auxv.h>

/*
 * GCC's own library asks by this name of libc's whether the processor has instructions for atomics.
 * An older musl has it by the other alone, and would not load us.
 */
#if defined(__aarch64__)
unsigned long __getauxval(unsigned long type);

unsigned long __getauxval(unsigned long type)
{
	return getauxval(type);
}
#endif
