/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/stubs.h"

#include "preload/live/code.h"
#include "preload/live/function.h"

#include <errno.h>

#if defined(__x86_64__)
#include <cpuid.h>

/*
 * A call pushes where it comes from, so that a stub is known by that: five bytes each. Those
 * that functions return to are in blocks of 256 bytes, which begin with the way to their
 * frames: by these two a stub's frame is found from its address alone, as unwinding does:
 *
 *	frame = block + *block + (stub - block - 8) / 5 * ATR_FRAME_LEN
 */
#define STUB_LEN 5
#define BLOCK_LEN 256
#define BLOCK_HEAD 8

_Static_assert(BLOCK_HEAD + ATR_FRAMES_PER_BLOCK * STUB_LEN <= BLOCK_LEN, "is in a block");
_Static_assert(ATR_FRAME_LEN == 96 && ATR_FRAME_RETURNS_TO == 16 && ATR_FRAME_CFA == 88 &&
		       ATR_FRAMES_PER_BLOCK == 49 && ATR_FRAME_BLOCKS == 16 &&
		       ATR_WANTED_MAX == 1024,
	       "these are written out below");

extern const char atr_function_stubs[], atr_frame_stubs[];

static uintptr_t frame_stub(unsigned frame);

/* What registers for vectors need: on the stack, and of xsave's parts. 0: fxsave has all. */
__attribute__((visibility("hidden"))) uint64_t atr_vectors_len = 512 + 64;
__attribute__((visibility("hidden"))) uint32_t atr_vectors_parts, atr_vectors_compact;

/*
 * How unwinding finds a frame is what stands above, in DWARF. Calls of
 * a program's own functions may count on registers that no function is bound to keep (GCC's
 * -fipa-ra), so all are.
 */
__asm__(".pushsection .text.stubs,\"ax\",@progbits\n"

	".macro atr_save_words\n"
	"	push %rbp\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset %rbp, 0\n"
	"	mov %rsp, %rbp\n"
	"	.cfi_def_cfa_register %rbp\n"
	"	push %rax\n"
	"	push %rcx\n"
	"	push %rdx\n"
	"	push %rsi\n"
	"	push %rdi\n"
	"	push %r8\n"
	"	push %r9\n"
	"	push %r10\n"
	"	push %r11\n"
	".endm\n"

	".macro atr_save_vectors\n"
	"	sub atr_vectors_len(%rip), %rsp\n"
	"	and $-64, %rsp\n"
	"	xor %edx, %edx\n"
	"	mov atr_vectors_parts(%rip), %eax\n"
	"	test %eax, %eax\n"
	"	jz 1f\n"
	"	mov %rdx, 512(%rsp)\n"
	"	mov %rdx, 520(%rsp)\n"
	"	mov %rdx, 528(%rsp)\n"
	"	mov %rdx, 536(%rsp)\n"
	"	mov %rdx, 544(%rsp)\n"
	"	mov %rdx, 552(%rsp)\n"
	"	mov %rdx, 560(%rsp)\n"
	"	mov %rdx, 568(%rsp)\n"
	"	cmpl $0, atr_vectors_compact(%rip)\n"
	"	je 2f\n"
	"	xsavec64 (%rsp)\n"
	"	jmp 3f\n"
	"1:	fxsave64 (%rsp)\n"
	"	jmp 3f\n"
	"2:	xsave64 (%rsp)\n"
	"3:	cld\n"
	".endm\n"

	".macro atr_restore_vectors\n"
	"	xor %edx, %edx\n"
	"	mov atr_vectors_parts(%rip), %eax\n"
	"	test %eax, %eax\n"
	"	jz 1f\n"
	"	xrstor64 (%rsp)\n"
	"	jmp 2f\n"
	"1:	fxrstor64 (%rsp)\n"
	"2:\n"
	".endm\n"

	".macro atr_restore_words\n"
	"	lea -72(%rbp), %rsp\n"
	"	pop %r11\n"
	"	pop %r10\n"
	"	pop %r9\n"
	"	pop %r8\n"
	"	pop %rdi\n"
	"	pop %rsi\n"
	"	pop %rdx\n"
	"	pop %rcx\n"
	"	pop %rax\n"
	"	pop %rbp\n"
	".endm\n"

	/* breg16 is the stub's address, as it is returned to; of the operations those that valgrind has too */
	".macro atr_frame_address\n"
	"	.cfi_escape 0x80, 0, 0x0b, 0xff, 0, 0x1a\n" /* stub & 255: its place in the block */
	"	.cfi_escape 0x38, 0x1c\n"		    /* - 8: behind the block's first word */
	"	.cfi_escape 0x0b, 205, 0, 0x1e, 0x3a, 0x25\n"	  /* * 205 >> 10: / 5 */
	"	.cfi_escape 0x09, 96, 0x1e\n"			  /* * 96 */
	"	.cfi_escape 0x80, 0, 0x0b, 0, 0xff, 0x1a\n"	  /* stub & -256: its block */
	"	.cfi_escape 0x06, 0x22\n"			  /* deref, plus: and that word */
	"	.cfi_escape 0x80, 0, 0x0b, 0, 0xff, 0x1a, 0x22\n" /* plus the block: the frame */
	".endm\n"

	/* a function's stub leaves one word above the return address: where it goes on */
	"	.globl atr_function_stubs\n"
	"	.hidden atr_function_stubs\n"
	"	.type atr_function_stubs, @function\n"
	"atr_function_stubs:\n"
	"	.cfi_startproc\n"
	"	.rept 1024\n"
	"	call called\n"
	"	.endr\n"
	"	.cfi_endproc\n"
	"	.size atr_function_stubs, . - atr_function_stubs\n"

	"	.type called, @function\n"
	"called:\n"
	"	.cfi_startproc\n"
	"	.cfi_def_cfa_offset 16\n"
	"	atr_save_words\n"
	"	atr_save_vectors\n"
	"	mov 8(%rbp), %rdi\n"
	"	lea 16(%rbp), %rsi\n"
	"	call atr_stub_called\n"
	"	mov %rax, 8(%rbp)\n"
	"	atr_restore_vectors\n"
	"	atr_restore_words\n"
	"	.cfi_def_cfa %rsp, 16\n"
	"	ret\n"
	"	.cfi_endproc\n"
	"	.size called, . - called\n"

	"	.type returned, @function\n"
	"returned:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined %rip\n"
	"	atr_save_words\n"
	"	atr_save_vectors\n"
	"	mov 8(%rbp), %rdi\n"
	"	call atr_stub_returned\n"
	"	mov %rax, 8(%rbp)\n"
	"	atr_restore_vectors\n"
	"	atr_restore_words\n"
	"	.cfi_def_cfa %rsp, 8\n"
	"	ret\n"
	"	.cfi_endproc\n"
	"	.size returned, . - returned\n"

	/*
	 * What functions call at their start: mcount when their frame is laid, the others
	 * before it is. A program's own profiling is called behind it.
	 */
	".macro atr_tells name, after\n"
	"	.type \\name, @function\n"
	"\\name:\n"
	"	.cfi_startproc\n"
	"	atr_save_words\n"
	/* of a function that nobody asked for nothing more is touched */
	"	mov 8(%rbp), %rdi\n"
	"	and $-16, %rsp\n"
	"	call atr_wanted_around\n"
	"	test %rax, %rax\n"
	"	jz 9f\n"
	"	atr_save_vectors\n"
	"	mov 8(%rbp), %rdi\n"
	"	.ifc \\name, told_with_frame\n"
	"	mov (%rbp), %rsi\n"
	"	add $8, %rsi\n"
	"	.else\n"
	"	lea 16(%rbp), %rsi\n"
	"	.endif\n"
	"	call atr_stub_told\n"
	"	atr_restore_vectors\n"
	"9:	atr_restore_words\n"
	"	.cfi_def_cfa %rsp, 8\n"
	"	\\after\n"
	"	.cfi_endproc\n"
	"	.size \\name, . - \\name\n"
	".endm\n"
	"	atr_tells told_with_frame, \"jmp *atr_mcount_next(%rip)\"\n"
	"	atr_tells told_at_entry, \"jmp *atr_fentry_next(%rip)\"\n"
	"	atr_tells told_by_patch, ret\n"

	"	.globl mcount\n"
	"	.type mcount, @function\n"
	"	.globl _mcount\n"
	"	.type _mcount, @function\n"
	"mcount:\n"
	"_mcount:\n"
	"	.cfi_startproc\n"
	"	jmp *atr_mcount_goes(%rip)\n"
	"	.cfi_endproc\n"
	"	.size mcount, . - mcount\n"
	"	.size _mcount, . - _mcount\n"
	"	.globl __fentry__\n"
	"	.type __fentry__, @function\n"
	"__fentry__:\n"
	"	.cfi_startproc\n"
	"	jmp *atr_fentry_goes(%rip)\n"
	"	.cfi_endproc\n"
	"	.size __fentry__, . - __fentry__\n"
	"	.type nothing, @function\n"
	"nothing:\n"
	"	ret\n"

	"	.p2align 8\n"
	"	.globl atr_frame_stubs\n"
	"	.hidden atr_frame_stubs\n"
	"	.type atr_frame_stubs, @function\n"
	"atr_frame_stubs:\n"
	"	.cfi_startproc\n"
	"	.cfi_personality 0x1b, atr_stub_unwound\n"
	/* DW_CFA_def_cfa_expression */
	"	.cfi_escape 0x0f, 35\n"
	"	atr_frame_address\n"
	"	.cfi_escape 0x23, 88, 0x06\n" /* plus; deref: its cfa */
	/* DW_CFA_val_expression of rsp, which for others is the CFA: as it is */
	"	.cfi_escape 0x16, 7, 2, 0x77, 0\n"
	/* DW_CFA_expression of the return address */
	"	.cfi_escape 0x10, 16, 34\n"
	"	atr_frame_address\n"
	"	.cfi_escape 0x23, 16\n" /* plus: where its return address is */
	"	.set atr_block, 0\n"
	"	.rept 16\n"
	"	.p2align 8\n"
	"1:	.quad atr_frames + atr_block * 49 * 96 - 1b\n"
	"	.rept 49\n"
	"	call returned\n"
	"	.endr\n"
	"	.set atr_block, atr_block + 1\n"
	"	.endr\n"
	"	.p2align 8\n"
	"	.cfi_endproc\n"
	"	.size atr_frame_stubs, . - atr_frame_stubs\n"
	".popsection\n"

	/* before the constructor nobody is called */
	".pushsection .data.rel,\"aw\",@progbits\n"
	"	.balign 8\n"
	"	.globl atr_mcount_goes, atr_mcount_next, atr_fentry_goes, atr_fentry_next\n"
	"	.hidden atr_mcount_goes, atr_mcount_next, atr_fentry_goes, atr_fentry_next\n"
	"	.globl atr_told_with_frame, atr_told_at_entry, atr_told_by_patch\n"
	"	.hidden atr_told_with_frame, atr_told_at_entry, atr_told_by_patch\n"
	"atr_mcount_goes: .quad nothing\n"
	"atr_mcount_next: .quad nothing\n"
	"atr_fentry_goes: .quad nothing\n"
	"atr_fentry_next: .quad nothing\n"
	"atr_told_with_frame: .quad told_with_frame\n"
	"atr_told_at_entry: .quad told_at_entry\n"
	"atr_told_by_patch: .quad told_by_patch\n"
	".popsection\n");

extern uintptr_t atr_mcount_goes, atr_mcount_next, atr_fentry_goes, atr_fentry_next;
extern uintptr_t atr_told_with_frame, atr_told_at_entry, atr_told_by_patch;

void atr_stubs_pass_on(void *mcount, void *fentry)
{
	if (mcount)
		atr_mcount_goes = atr_mcount_next = (uintptr_t)mcount;
	if (fentry)
		atr_fentry_goes = atr_fentry_next = (uintptr_t)fentry;
}

void atr_stubs_listen(void)
{
	atr_mcount_goes = atr_told_with_frame;
	atr_fentry_goes = atr_told_at_entry;
}

uintptr_t atr_stub_of_patch(void)
{
	return atr_told_by_patch;
}

/* Its frame's pointer may be none where the function has another use for the register. */
#define FRAME_MAX (1024 * 1024)

void atr_stub_told(uintptr_t from, uintptr_t *return_address)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0), at = (uintptr_t)return_address;
	const struct atr_function *function = atr_wanted_around(from);
	int saved = errno;
	struct atr_thread *self;
	struct atr_frame *frame;

	if (!function || !(atomic_load(&function->seen_by) & ATR_SEEN_BY_ENTRY) || at < here ||
	    at - here > FRAME_MAX || at % sizeof(at))
		return;
	self = atr_enter();
	if (self) {
		frame = atr_function_begins(self, function, at, *return_address, 0);
		if (frame)
			*return_address = frame_stub((unsigned)(frame - atr_frames));
	}
	atr_leave(self);
	errno = saved;
}

uintptr_t atr_stub_of(unsigned function)
{
	return (uintptr_t)atr_function_stubs + function * STUB_LEN;
}

static uintptr_t frame_stub(unsigned frame)
{
	return (uintptr_t)atr_frame_stubs + frame / ATR_FRAMES_PER_BLOCK * BLOCK_LEN + BLOCK_HEAD +
	       frame % ATR_FRAMES_PER_BLOCK * STUB_LEN;
}

static int frame_at_stub(uintptr_t stub)
{
	uintptr_t at = stub - (uintptr_t)atr_frame_stubs, in_block = at % BLOCK_LEN - BLOCK_HEAD;

	if (at >= ATR_FRAME_BLOCKS * BLOCK_LEN || in_block % STUB_LEN ||
	    in_block / STUB_LEN >= ATR_FRAMES_PER_BLOCK)
		return -1;
	return (int)(at / BLOCK_LEN * ATR_FRAMES_PER_BLOCK + in_block / STUB_LEN);
}

uintptr_t atr_stub_called(uintptr_t behind_stub, uintptr_t *return_address)
{
	unsigned number = (unsigned)((behind_stub - (uintptr_t)atr_function_stubs) / STUB_LEN - 1);
	struct atr_function *function = atr_wanted_nth(number);
	struct atr_frame *frame;
	int saved = errno;
	struct atr_thread *self = atr_enter();

	if (self) {
		frame = atr_function_begins(self, function, (uintptr_t)return_address,
					    *return_address, 0);
		if (frame)
			*return_address = frame_stub((unsigned)(frame - atr_frames));
	}
	atr_leave(self);
	errno = saved;
	return function->target;
}

uintptr_t atr_stub_returned(uintptr_t behind_stub)
{
	struct atr_frame *frame = &atr_frames[frame_at_stub(behind_stub - STUB_LEN)];
	uintptr_t to = frame->returns_to;
	int saved = errno;
	struct atr_thread *self = atr_enter();

	if (self)
		atr_function_returned(self, frame);
	atr_leave(self);
	errno = saved;
	return to;
}

#define CONTINUE_UNWIND 8
#define CLEANUP_PHASE 2
#define FORCED 8

/* Of a frame of a stub's, which has nothing to clean up but what we know of it. */
int atr_stub_unwound(int version, int actions, uint64_t of, void *exception, void *context)
{
	struct atr_thread *self = actions & CLEANUP_PHASE ? atr_enter() : NULL;

	(void)version, (void)of, (void)exception, (void)context;
	if (self)
		atr_function_unwinds(self, (uintptr_t)__builtin_frame_address(0), actions & FORCED);
	atr_leave(self);
	return CONTINUE_UNWIND;
}

#define XSAVE_LEAF 13
#define VECTOR_PARTS 0xe6u /* SSE, AVX, and the three of AVX-512 */

static void learn_vectors(void)
{
	unsigned a, b, c, d, parts, high;
	uint64_t plain = 512 + 64, compact = plain;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) ||
	    !__get_cpuid_count(XSAVE_LEAF, 1, &a, &b, &c, &d))
		return;
	atr_vectors_compact = a >> 1 & 1;
	__asm__("xgetbv" : "=a"(parts), "=d"(high) : "c"(0));
	parts &= VECTOR_PARTS;
	for (unsigned i = 2; i < 8; i++) {
		if (!(parts & 1u << i) || !__get_cpuid_count(XSAVE_LEAF, i, &a, &b, &c, &d))
			continue;
		if (b + a > plain)
			plain = b + a;
		compact = (c & 2 ? (compact + 63) & ~UINT64_C(63) : compact) + a;
	}
	atr_vectors_parts = parts;
	atr_vectors_len = atr_vectors_compact ? compact : plain;
}

bool atr_stubs_setup(const char **why)
{
	if (atr_code_has_shadow_stack()) {
		*why = "the processor keeps return addresses (SHSTK)";
		return false;
	}
	learn_vectors();
	atr_frame_stub = frame_stub;
	atr_frame_at_stub = frame_at_stub;
	return true;
}
#else
void atr_stubs_pass_on(void *mcount, void *fentry)
{
	(void)mcount, (void)fentry;
}

void atr_stubs_listen(void)
{
}

uintptr_t atr_stub_of_patch(void)
{
	return 0;
}

bool atr_stubs_setup(const char **why)
{
	*why = "there is no code for it for this processor";
	return false;
}

uintptr_t atr_stub_of(unsigned function)
{
	(void)function;
	return 0;
}
#endif
