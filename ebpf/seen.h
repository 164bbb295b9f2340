/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EBPF_SEEN_H
#define ATR_EBPF_SEEN_H

/*
 * seen: what the kernel saw of a span, on its record: how often and how long which system
 * calls, how long it ran, waited for a CPU, and was blocked. Calls that took long are spans
 * of their own below it.
 */

#include <stdint.h>

/*
 * The constructor, when it is known whether threads show their spans. Where AUTOTRACE_EBPF
 * asks for it, all else is done by the exporter's thread, from its start on.
 */
void atr_seen_setup(void);

/* The exporter's thread, once it has started: the object, where this process is watched; or NULL. */
struct atr_ebpf;
const struct atr_ebpf *atr_seen_object(void);

/*
 * The constructor: who knows of functions that the kernel follows gives the span that one was entered in,
 * whose sums have what was done in it; 0: it is none of them.
 */
extern uint64_t (*atr_seen_around)(uint64_t function);

#endif
