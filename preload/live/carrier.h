/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_CARRIER_H
#define ATR_PRELOAD_LIVE_CARRIER_H

/*
 * carrier: an eventfd or a pipe by which one thread wakes another for work: the
 * reader goes on with the work it was written in (rule 2), as far as that is
 * certain. A carrier is known by the descriptor that is read.
 *
 * It says nothing when it was written in two pieces of work before it was read,
 * when several threads read it (who is woken is not who takes what it was written
 * for), or when several threads write it: behind such a one is a queue, from which
 * the reader may take what another thread put there and has not told yet. Behind
 * one with a single writer may be a queue too; so what was lent by it is certain
 * only while no other work that used it is open, and until work of loops was seen
 * to go along with another's (atr_work_rides_along).
 */
#include "preload/live/live.h"

#define ATR_CARRIERS_MAX 4096

/* Any thread: there is one, new. `reader` below ATR_CARRIERS_MAX, as in all that follows. */
void atr_carrier_made(uint32_t reader);
/* Something is written into it. */
void atr_carrier_written(struct atr_thread *self, uint32_t reader);
/* Before and after a read of it. */
void atr_carrier_reading(struct atr_thread *self, uint32_t reader);
void atr_carrier_read(struct atr_thread *self, uint32_t reader);

/* Whether what a thread does that was woken by it is surely done for `work`. */
bool atr_carrier_is_sure(uint32_t reader, atr_ref work);

/* A forked child, alone. */
void atr_carriers_forked(void);

#endif
