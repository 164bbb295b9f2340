/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/config.h"

#include "export/config.h"
#include "export/weak.h"
#include "preload/beside.h"
#include "preload/hook/real.h"

#include <limits.h>

ATR_WEAK(dlsym);
ATR_WEAK(dlerror);

bool atr_config_setup(const struct atr_io *io, char *const *environment)
{
	const struct atr_config_object *object = NULL;
	char path[PATH_MAX];
	void *handle = NULL;
	bool is_usable;

	if (!atr_config_path().at)
		return true;
	if (dlsym && atr_beside("libautotrace-config.so", path))
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
