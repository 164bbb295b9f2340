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

/* Any thread. The name of an attribute; empty for the span's own fields and unknown ids. */
struct atr_str atr_attr_name(uint16_t id);

#endif
