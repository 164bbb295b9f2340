/* SPDX-License-Identifier: Apache-2.0 */
#include "export/attr.h"

#include <stddef.h>

/* One behind the other: as pointers each would have to be relocated at start. */
static const struct texts {
#define ATR_KEY(id, name) char id[sizeof(name)];
#include "export/attr.def"
#undef ATR_KEY
} texts = {
#define ATR_KEY(id, name) name,
#include "export/attr.def"
#undef ATR_KEY
};

static const struct {
	uint16_t at, len;
} names[ATR_NR_ATTRS] = {
#define ATR_KEY(id, name) [ATR_##id] = { offsetof(struct texts, id), sizeof(name) - 1 },
#include "export/attr.def"
#undef ATR_KEY
};

struct atr_str atr_attr_name(uint16_t id)
{
	return id < ATR_NR_ATTRS && names[id].len ?
		       (struct atr_str){ (const char *)&texts + names[id].at, names[id].len } :
		       (struct atr_str){ "", 0 };
}
