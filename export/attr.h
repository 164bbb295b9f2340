/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_ATTR_H
#define ATR_EXPORT_ATTR_H

/* attr: every key that an item of a record can have, and its name on the wire. */
#include "propagator/str.h"

#include <stdint.h>

enum atr_attr {
#define ATR_KEY(id, name) ATR_##id,
#include "export/attr.def"
#undef ATR_KEY
	ATR_NR_ATTRS
};

union atr_attr_longest {
#define ATR_KEY(id, name) char id[sizeof(name)];
#include "export/attr.def"
#undef ATR_KEY
};

#define ATR_ATTR_KEY_LEN ((2 + sizeof(union atr_attr_longest) + 15) & ~(size_t)15)

/* Each key as it stands on the wire of protobuf, all of one size: copied whole, used up to its length. */
struct atr_attr_key {
	uint8_t tag, len; /* key = 1 of a KeyValue */
	char name[ATR_ATTR_KEY_LEN - 2];
};
extern const struct atr_attr_key atr_attr_keys[ATR_NR_ATTRS];

/* Any thread. The name of an attribute; empty for the span's own fields and unknown ids. */
struct atr_str atr_attr_name(uint16_t id);

#endif
