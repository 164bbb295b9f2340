/* SPDX-License-Identifier: Apache-2.0 OR BSD-2-Clause OR GPL-2.0-only */
#ifndef ATR_EBPF_WIRE_H
#define ATR_EBPF_WIRE_H

/*
 * wire: what is said by processes that the library cannot be in, from the arguments of their
 * system calls: of each read and write that begins as an HTTP/1 message does, its first
 * bytes; of others on the same descriptor, that they were. Nothing is changed.
 */
#include <linux/types.h>

#define ATR_WIRE_BYTES_MAX 1024
#define ATR_WIRE_RING_LEN (2 * 1024 * 1024)

enum atr_wire_kind {
	ATR_WIRE_SAID = 1, /* with bytes: a call that wrote */
	ATR_WIRE_HEARD,	   /* with bytes: a call that read */
	ATR_WIRE_CONNECT,  /* with an address */
	ATR_WIRE_CLOSE,
	ATR_WIRE_EXIT, /* of the process */
};

/* Times are of CLOCK_MONOTONIC. */
struct atr_wire_event {
	__u32 kind, process;
	__s32 fd;
	__u32 bytes_len;
	__u64 start_ns, end_ns;
	__s64 result;
	char bytes[ATR_WIRE_BYTES_MAX];
};

#endif
