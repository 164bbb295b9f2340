/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_PROTO_CLIENTHELLO_H
#define ATR_PRELOAD_PROTO_CLIENTHELLO_H

/*
 * clienthello: what a TLS connection says in the clear (RFC 8446, 4.1): the
 * client's first message, and of the server's what was agreed on. Pure: bytes in,
 * facts out; no length in them is believed.
 */
#include "propagator/str.h"

#include <stdint.h>

enum atr_hello {
	ATR_HELLO_NO,	/* it is none */
	ATR_HELLO_MORE, /* it may be one: more bytes are needed */
	ATR_HELLO_YES
};

struct atr_clienthello {
	struct atr_str random;	    /* 32 bytes */
	struct atr_str server_name; /* absent, or visible ASCII; borrowed as all here */
	struct atr_str protocols;   /* of ALPN, as they are on the wire: length, name, ... */
};
struct atr_serverhello {
	uint16_t version;	 /* 0x0304: 1.3 */
	struct atr_str protocol; /* agreed on by ALPN, where that is said in the clear */
};

/*
 * Bytes from the connection's first on. A message in more than one record, or with a
 * part that is malformed, is YES with what was read before.
 */
enum atr_hello atr_clienthello_read(const char *bytes, size_t len, struct atr_clienthello *out);
enum atr_hello atr_serverhello_read(const char *bytes, size_t len, struct atr_serverhello *out);

#endif
