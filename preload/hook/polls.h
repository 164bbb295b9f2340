/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_HOOK_POLLS_H
#define ATR_PRELOAD_HOOK_POLLS_H

/*
 * polls: tells libuv's phases apart. uv_run calls a function that waits, and that then calls
 * back for what came; timers, and what was put off (node's setImmediate), uv_run has
 * called by others. So while the callbacks of what came run, and only then, the word on
 * the stack by which the first returns to uv_run is what it was when it waited.
 *
 * Known where the function that waits is called by uv_run itself, a symbol of the object that
 * both are in, and where that object's tables say how large its frame is. x86-64.
 */
#include <stdint.h>

/*
 * Where that word lies, for who waits: where its call returns to, its stack pointer (before the
 * call) and frame pointer. NULL: it is not known. For each place that waits the loader's list
 * is looked through once; nothing is allocated.
 */
const uintptr_t *atr_polls_at(uintptr_t returns_to, uintptr_t sp, uintptr_t fp);

#endif
