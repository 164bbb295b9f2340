/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/fdtable.h"

#include <stddef.h>
#include <sys/mman.h>

_Atomic uint64_t *atr_fds;

bool atr_fds_setup(void)
{
	void *base = mmap(NULL, ATR_FD_MAX * sizeof(*atr_fds), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return false;
	atr_fds = base;
	return true;
}

uint64_t atr_fd_set(int fd, uint64_t word)
{
	if ((unsigned)fd >= ATR_FD_MAX || !atr_fds)
		return 0;
	return atomic_exchange_explicit(&atr_fds[fd], word, memory_order_acq_rel);
}
