/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/fdtable.h"

#include "export/map.h"

#include <stddef.h>

uint32_t atr_fds_len;
_Atomic uint64_t *atr_fds;

bool atr_fds_setup(void)
{
	uint32_t len = atr_map_share(ATR_FD_MAX, 0);
	void *base = atr_map_lazily(len * sizeof(*atr_fds));

	if (!base)
		return false;
	atr_fds = base;
	atr_fds_len = len;
	return true;
}

bool atr_fd_can_be_set(int fd)
{
	return (unsigned)fd < atr_fds_len &&
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
