/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/config.h"

#include "export/config.h"
#include "export/weak.h"
#include "preload/hook/real.h"

#include <limits.h>

ATR_WEAK(dlsym);
ATR_WEAK(dlerror);
ATR_WEAK(dladdr);

static const char file[] = "libautotrace-config.so";

/* Beside us; where we lie in no folder that is known, where the loader looks. */
static bool path_of_object(char path[static PATH_MAX])
{
	Dl_info own;
	const char *slash = NULL;
	size_t len;

	if (dladdr && dladdr((const void *)atr_config_setup, &own) && own.dli_fname)
		slash = strrchr(own.dli_fname, '/');
	len = slash ? (size_t)(slash + 1 - own.dli_fname) : 0;
	if (len + sizeof(file) > PATH_MAX)
		return false;
	if (len)
		memcpy(path, own.dli_fname, len);
	memcpy(path + len, file, sizeof(file));
	return true;
}

bool atr_config_setup(const struct atr_io *io, char *const *environment)
{
	const struct atr_config_object *object = NULL;
	char path[PATH_MAX];
	void *handle = NULL;
	bool is_usable;

	if (!atr_config_path().at)
		return true;
	if (dlsym && path_of_object(path))
		handle = REAL(dlopen)(path, RTLD_NOW | RTLD_LOCAL);
	if (handle)
		object = dlsym(handle, "atr_config_object");
	is_usable = atr_config_use(object, io, environment);
	if (handle)
		REAL(dlclose)(handle);
	if (!object && dlerror)
		dlerror(); /* or the program would be told of it when it asks for its own */
	return is_usable;
}
