/* SPDX-License-Identifier: Apache-2.0 */
#include "export/attr.h"

struct atr_str atr_attr_name(uint16_t id)
{
	static const struct atr_str names[ATR_NR_ATTRS] = {
#define ATR_KEY(id, name) [ATR_##id] = { name, sizeof(name) - 1 },
#include "export/attr.def"
#undef ATR_KEY
	};

	return id < ATR_NR_ATTRS ? names[id] : (struct atr_str){ "", 0 };
}
