/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_XRAY_DAEMON_H
#define ATR_TOOLS_XRAY_DAEMON_H

/*
 * xray_daemon: what AWS_XRAY_DAEMON_ADDRESS leads to, for one run.
 *
 * A UDP socket on the loopback. A datagram is the line {"format":"json","version":1}
 * and behind it one segment document, or "T1S" and the base64 of an OTLP request
 * ("T1U": of unsampled spans, which are counted and left out). As from the real
 * one, nobody gets an answer. The owner polls _fd for reading and calls _serve.
 */
#include "tools/otlp_read.h"
#include "tools/xray_read.h"

struct atr_xray_daemon;

struct atr_xray_daemon_result {
	struct atr_xray_result documents;
	struct atr_otlp_result otlp;
	size_t nr_datagrams;
	size_t nr_malformed; /* of them; nothing was read of these */
	size_t nr_unsampled; /* of them */
};

/* Adds what it is sent to `trace`; `service` as in atr_xray_read, borrowed. NULL with errno set. */
struct atr_xray_daemon *atr_xray_daemon_open(struct atr_trace *trace, struct atr_str service);
void atr_xray_daemon_close(struct atr_xray_daemon *daemon);

int atr_xray_daemon_fd(const struct atr_xray_daemon *daemon);
uint16_t atr_xray_daemon_port(const struct atr_xray_daemon *daemon);

/* Takes everything that has arrived, without waiting. Returns how many datagrams. */
size_t atr_xray_daemon_serve(struct atr_xray_daemon *daemon);

const struct atr_xray_daemon_result *atr_xray_daemon_result(const struct atr_xray_daemon *daemon);

#endif
