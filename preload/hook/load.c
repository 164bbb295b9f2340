/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/curl.h"
#include "preload/hook/functions.h"
#include "preload/hook/real.h"

#include "export/env.h"
#include "preload/hook/load.h"
#include "preload/live/where.h"

#include <dlfcn.h>

/*
 * A library that is loaded with RTLD_DEEPBIND finds libc's functions before ours:
 * nothing it sends is seen. The flag is taken out, unless AUTOTRACE_DEEPBIND=true
 * says that the program cannot do without it (two libraries with the same names).
 *
 * The loader looks at who calls dlopen (for its RUNPATH, its namespace), so ours
 * leaves no frame behind: the registers and the stack are as they were when
 * libc's own is jumped to.
 */
static bool takes_flag_out;

void atr_load_setup(void)
{
	takes_flag_out = !atr_env_bool("AUTOTRACE_DEEPBIND", false);
}

__attribute__((used, visibility("hidden"))) int atr_dlopen_flags(int flags)
{
	atr_where_loads();
	return takes_flag_out ? flags & ~RTLD_DEEPBIND : flags;
}

static void *no_dlopen(const char *path, int flags)
{
	(void)path;
	(void)flags;
	return NULL;
}

/* Before glibc 2.34 a program without libdl may ask if there is a dlopen, and find ours. */
__attribute__((used, visibility("hidden"))) void *atr_dlopen_real(const char *path,
								  const void *caller)
{
	void *real = (void *)REAL(dlopen), *looking = atr_functions_dlopen(path, caller);

	if (looking && atr_real[ATR_REAL_dlopen])
		return looking;
	return atr_real[ATR_REAL_dlopen] ? real : (void *)no_dlopen;
}

#if defined(__x86_64__)
__asm__(".text\n"
	".globl dlopen\n"
	".type dlopen, @function\n"
	"dlopen:\n"
	"	push %rdi\n"
	"	push %rsi\n"
	"	sub $8, %rsp\n"
	"	mov %esi, %edi\n"
	"	call atr_dlopen_flags\n"
	"	mov %eax, 8(%rsp)\n"
	"	mov 16(%rsp), %rdi\n"
	"	mov 24(%rsp), %rsi\n"
	"	call atr_dlopen_real\n"
	"	add $8, %rsp\n"
	"	pop %rsi\n"
	"	pop %rdi\n"
	"	jmp *%rax\n"
	".size dlopen, . - dlopen\n");
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl dlopen\n"
	".type dlopen, %function\n"
	"dlopen:\n"
	"	stp x29, x30, [sp, #-32]!\n"
	"	stp x0, x1, [sp, #16]\n"
	"	mov w0, w1\n"
	"	bl atr_dlopen_flags\n"
	"	str w0, [sp, #24]\n"
	"	ldr x0, [sp, #16]\n"
	"	ldr x1, [sp, #8]\n"
	"	bl atr_dlopen_real\n"
	"	mov x16, x0\n"
	"	ldp x0, x1, [sp, #16]\n"
	"	ldp x29, x30, [sp], #32\n"
	"	br x16\n"
	".size dlopen, . - dlopen\n");
#endif

/* What is known of a library's functions may not be so any more. */
HOOK int dlclose(void *library)
{
	int result;

	atr_curl_unloaded();
	atr_where_unloads();
	result = REAL(dlclose)(library);
	atr_curl_unloaded();
	atr_functions_unloaded();
	atr_where_unloads();
	return result;
}
