/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EBPF_OBSERVE_H
#define ATR_EBPF_OBSERVE_H

/* observe: loads the programs of wire.bpf.c, and hands out what they tell. One thread. */
#include "ebpf/kernel_ring.h"
#include "ebpf/wire.h"

struct atr_observer {
	int ring_fd; /* to be polled for reading */
	struct atr_kernel_ring ring;
	uint64_t *lost; /* events that found no room */
	int links[5];
};

/* As atr_probe_open; `token` is that of the probe. */
int atr_observer_open(struct atr_observer *observer, uint64_t token, const char **why);
void atr_observer_close(struct atr_observer *observer);

/* A process that is to be observed, with all that it makes; what it does then is not changed. */
void atr_observer_arm(uint64_t token);

/* False: none for now. */
bool atr_observer_next(struct atr_observer *observer, struct atr_wire_event *event);

#endif
