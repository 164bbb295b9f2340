/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_ENCODE_BUF_H
#define ATR_EXPORT_ENCODE_BUF_H

/*
 * buf: bytes that grow, in memory mapped for it and never from malloc. One
 * thread. A growth that cannot be had sets `failed`, and all further writes do
 * nothing; the one who reads it checks.
 */
#include "propagator/str.h"

#include <stdint.h>

struct atr_buf {
	char *at;
	size_t len, cap;
	bool failed;
};

void atr_buf_put(struct atr_buf *b, const void *bytes, size_t len);
/* Room for len more bytes, to be written at at + len; NULL when it failed. */
char *atr_buf_room(struct atr_buf *b, size_t len);
void atr_buf_clear(struct atr_buf *b);	 /* keeps the memory; gives back what is beyond 1 MiB */
void atr_buf_release(struct atr_buf *b); /* unmaps it */

#endif
