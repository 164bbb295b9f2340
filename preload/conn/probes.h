/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_PROBES_H
#define ATR_PRELOAD_CONN_PROBES_H

/* probes: what is looked at, AUTOTRACE_PROBES. */
#include "propagator/str.h"

#define ATR_PROBE_HTTP 1u    /* client and server spans of HTTP/1 */
#define ATR_PROBE_DNS 2u     /* a span for each name lookup */
#define ATR_PROBE_CONNECT 4u /* a span for each connect */
#define ATR_PROBE_PROCESS 8u /* a span for the process itself */
#define ATR_PROBE_TLS 16u    /* a span for each TLS handshake */
#define ATR_PROBE_CURL 32u   /* a span for each transfer of libcurl, see transfer.h */
#define ATR_PROBE_ALL 63u    /* these */
#define ATR_PROBE_XRAY_ENV \
	64u /* no span: getenv tells an invocation's trace header; only where asked for by name */

extern unsigned atr_probes;

/*
 * The constructor. A list of names, `all`, `none`, and `-name` to leave one
 * out; a list that begins with -name starts from the default, which is `http,curl`.
 * Unknown names are warned about and left out.
 */
void atr_probes_setup(void);

#endif
