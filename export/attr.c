/* SPDX-License-Identifier: Apache-2.0 */
#include "export/attr.h"

_Static_assert(sizeof(union atr_attr_longest) <= 128, "the length of a key is one byte");

const struct atr_attr_key atr_attr_keys[ATR_NR_ATTRS] = {
#define ATR_KEY(id, name) [ATR_##id] = { 0x0a, sizeof(name) - 1, name },
#include "export/attr.def"
#undef ATR_KEY
};

struct atr_str atr_attr_name(uint16_t id)
{
	return id < ATR_NR_ATTRS ?
		       (struct atr_str){ atr_attr_keys[id].name, atr_attr_keys[id].len } :
		       (struct atr_str){ "", 0 };
}
