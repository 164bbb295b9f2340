/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/beside.h"

#include "export/weak.h"

#include <dlfcn.h>
#include <string.h>

ATR_WEAK(dladdr);

bool atr_beside(const char *file, char path[static PATH_MAX])
{
	size_t len = 0, file_len = strlen(file) + 1;
	const char *slash = NULL;
	Dl_info own;

	if (dladdr && dladdr((const void *)atr_beside, &own) && own.dli_fname)
		slash = strrchr(own.dli_fname, '/');
	len = slash ? (size_t)(slash + 1 - own.dli_fname) : 0;
	if (len + file_len > PATH_MAX)
		return false;
	if (len)
		memcpy(path, own.dli_fname, len);
	memcpy(path + len, file, file_len);
	return true;
}
