/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/fdtable.h"

#include "export/map.h"

#include <stddef.h>

_Atomic uint64_t *atr_fds;

bool atr_fds_setup(void)
{
	void *base = atr_map_lazily(ATR_FD_MAX * sizeof(*atr_fds));

	if (!base)
		return false;
	atr_fds = base;
	return true;
}

bool atr_fd_can_be_set(int fd)
{
	return (unsigned)fd < ATR_FD_MAX && atr_fds &&
	       atr_map_writable((const void *)&atr_fds[fd], sizeof(*atr_fds));
}

uint64_t atr_fd_set(int fd, uint64_t word)
{
	if (!word && !atr_fd(fd))
		return 0; /* no page is touched for it */
	if (!atr_fd_can_be_set(fd))
		return 0;
	return atomic_exchange_explicit(&atr_fds[fd], word, memory_order_acq_rel);
}
