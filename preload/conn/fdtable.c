/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/fdtable.h"

#include <stddef.h>
#include <sys/mman.h>

_Atomic uint64_t *atr_fds;

bool atr_fds_setup(void)
{
	static _Atomic int mapping;
	void *base;

	if (atr_fds)
		return true;
	if (atomic_exchange_explicit(&mapping, 1, memory_order_acquire))
		return false; /* another thread is at it: this one descriptor is not tracked */
	base = mmap(NULL, ATR_FD_MAX * sizeof(*atr_fds), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return false;
	__atomic_store_n(&atr_fds, base, __ATOMIC_RELEASE);
	return true;
}

uint64_t atr_fd_set(int fd, uint64_t word)
{
	if ((unsigned)fd >= ATR_FD_MAX || !atr_fds)
		return 0;
	return atomic_exchange_explicit(&atr_fds[fd], word, memory_order_acq_rel);
}
