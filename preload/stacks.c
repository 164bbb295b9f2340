/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/stacks.h"

#include "export/attr.h"
#include "export/diag.h"
#include "export/stacks.h"
#include "export/weak.h"
#include "preload/beside.h"
#include "preload/conn/redact.h"
#include "preload/hook/real.h"
#include "preload/live/where.h"

ATR_WEAK(dlsym);
ATR_WEAK(dlerror);

_Static_assert(ATR_STACKS_ROOM == ATR_REDACTED_MAX, "it is the same room");

static struct atr_str tell(uint16_t id, struct atr_str value, char room[ATR_STACKS_ROOM])
{
	return atr_redact_value(atr_redact_attribute(atr_attr_name(id)), value, room);
}

/* Of the loader what not every one has. */
static void *find(const char *name)
{
	void *found = dlsym ? dlsym(RTLD_DEFAULT, name) : NULL;

	if (!found && dlerror)
		dlerror(); /* or the program would be told of it when it asks for its own */
	return found;
}

void atr_stacks_setup(void)
{
	const struct atr_stacks *(*table)(void) = NULL;
	const struct atr_stacks *stacks;
	char path[PATH_MAX];

	if (!atr_where_wanted())
		return;
	if (atr_beside(ATR_STACKS_FILE, path))
		table = (__typeof__(table))atr_real_load(path, ATR_STACKS_NAME);
	stacks = table ? table() : NULL;
	if (!stacks || stacks->version != ATR_STACKS_VERSION) {
		atr_log("AUTOTRACE_STACKS needs %s, which %s", ATR_STACKS_FILE,
			stacks ? "is that of another version" : "cannot be loaded");
		return;
	}
	if (!stacks->setup((const void *)atr_stacks_setup, find("_dl_find_object"), tell))
		return;
	atr_exporter_adds_by(stacks->addition);
	atr_where_by(stacks);
}
