/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_HOOK_STUBS_H
#define ATR_PRELOAD_HOOK_STUBS_H

/*
 * stubs: code that a call of the program's goes through, of which the function that is called
 * sees nothing: its arguments, in registers and on the stack, and what it returns are as they
 * were. A call comes in by the function's own stub, and goes back to one of its frame's, by
 * which it is known wherever it returns. Who unwinds the stack finds the real return address
 * by that as well.
 */
#include <stdbool.h>
#include <stdint.h>

/*
 * The constructor. False: not on this machine (only x86-64 has them), or not in this process,
 * whose return addresses are kept by the processor, too; why is then said.
 */
bool atr_stubs_setup(const char **why);

/* Where calls of a function go in, by its number (wanted.h). */
uintptr_t atr_stub_of(unsigned function);

/*
 * At any time: what functions built with -pg call goes on to these, the real ones; NULL: there
 * are none. Once we listen, it comes by us.
 */
void atr_stubs_pass_on(void *mcount, void *fentry);
void atr_stubs_listen(void);

/* What a function whose start was changed is to call there. */
uintptr_t atr_stub_of_patch(void);

/* What is called at a call and at a return, from the stubs alone. */
uintptr_t atr_stub_called(uintptr_t behind_stub, uintptr_t *return_address);
uintptr_t atr_stub_returned(uintptr_t behind_stub);
void atr_stub_told(uintptr_t from, uintptr_t *return_address);
int atr_stub_unwound(int version, int actions, uint64_t of, void *exception, void *context);

#endif
