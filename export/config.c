/* SPDX-License-Identifier: Apache-2.0 */
#include "export/config.h"

#include "export/diag.h"
#include "export/env.h"
#include "export/print.h"
#include "export/version.h"

static const char *file_variable(void)
{
	/* the older name of the same */
	return atr_env_get("OTEL_CONFIG_FILE").at ? "OTEL_CONFIG_FILE" :
						    "OTEL_EXPERIMENTAL_CONFIG_FILE";
}

struct atr_str atr_config_path(void)
{
	return atr_env_get(file_variable());
}

/* Of the file that is being read. */
static const char *variable;
static struct atr_str path;

static void fault(struct atr_str where, const char *why, const char *instead)
{
	char text[400];
	struct atr_print t = { text, 0, sizeof(text) - 1, false };

	atr_print(&t, where);
	if (where.len)
		atr_print(&t, ATR_STR(": "));
	atr_print(&t, atr_str(why));
	text[t.len] = 0;
	atr_log_bad_env(variable, path, text, instead);
}

bool atr_config_use(const struct atr_config_object *object, const struct atr_io *io,
		    char *const *environment)
{
	struct atr_config_host host = { io, environment, atr_env_put, fault };

	variable = file_variable();
	path = atr_config_path();
	atr_env_forget();
	if (!object || strcmp(object->version, ATR_VERSION) != 0) {
		fault((struct atr_str){ 0 },
		      object ? "the libautotrace-config.so beside the library is of another "
			       "version" :
			       "libautotrace-config.so, which reads it, cannot be loaded",
		      "nothing is traced");
		return false;
	}
	return object->read(&host, path);
}
