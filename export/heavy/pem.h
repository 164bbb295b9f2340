/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_HEAVY_PEM_H
#define ATR_EXPORT_HEAVY_PEM_H

/*
 * pem: certificates and keys from files, into a room. What is in them points there.
 */
#include "export/heavy/room.h"
#include "export/io.h"

#include <bearssl.h>

struct atr_anchors {
	br_x509_trust_anchor *list;
	size_t nr;
};

struct atr_identity { /* what a client shows */
	br_x509_certificate *chain;
	size_t nr;
	br_skey_decoder_context key;
	int issuer_key_type; /* of the first certificate's issuer: BR_KEYTYPE_* */
};

/* Every certificate of a file that can be read as an anchor; false: the file cannot be opened. */
bool atr_anchors_read(const struct atr_io *io, const char *path, struct atr_room *room,
		      struct atr_anchors *out);
/* NULL, or why not. */
const char *atr_identity_read(const struct atr_io *io, const char *certificate, const char *key,
			      struct atr_room *room, struct atr_identity *out);

#endif
