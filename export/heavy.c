/* SPDX-License-Identifier: Apache-2.0 */
#include "export/heavy.h"

#include "export/diag.h"
#include "export/map.h"
#include "export/maps.h"

#include <string.h>

/*
 * Beside the library that this function is in. Where that lies is asked of the kernel: the
 * loader knows it by the name it was given, which may be one from another working directory.
 */
bool atr_heavy_find(const struct atr_io *io, const char *file, char path[static PATH_MAX])
{
	size_t folder_len = 0, len = strlen(file) + 1;
	uint64_t offset;

	if (atr_maps_find(io, (uintptr_t)atr_heavy_find, path, &offset))
		folder_len = (size_t)(strrchr(path, '/') + 1 - path);
	if (folder_len + len > PATH_MAX)
		folder_len = 0;
	memcpy(path + folder_len, file, len);
	return folder_len != 0;
}

const struct atr_heavy *atr_heavy_load(const struct atr_io *io, const char *what_for)
{
	static const struct atr_heavy *loaded;
	static bool was_tried;
	const struct atr_heavy *(*table)(void) = NULL;
	char path[PATH_MAX];

	if (was_tried)
		return loaded;
	if (io->may_allocate && !io->may_allocate())
		return NULL;
	was_tried = true;
	if (atr_heavy_find(io, ATR_HEAVY_FILE, path))
		table = (__typeof__(table))io->load(path, ATR_HEAVY_NAME);
	loaded = table ? table() : NULL;
	if (!loaded)
		atr_log("%s needs %s, which cannot be loaded", what_for, path);
	else if (loaded->version != ATR_HEAVY_VERSION)
		atr_log("%s needs %s, which is that of another version", what_for, path);
	if (loaded && loaded->version != ATR_HEAVY_VERSION)
		loaded = NULL;
	if (loaded)
		loaded->map_by(atr_map_apart);
	return loaded;
}
