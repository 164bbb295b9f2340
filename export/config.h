/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_CONFIG_H
#define ATR_EXPORT_CONFIG_H

/*
 * config: OTEL_CONFIG_FILE, OpenTelemetry's declarative configuration. The file is
 * read by export/config/, which is an object of its own (libautotrace-config.so) with
 * a YAML parser in it, and is loaded only when the variable is set. What it says
 * comes back under the names of the variables that say the same (env.h).
 */
#include "export/io.h"
#include "propagator/str.h"

/* What the object is handed. */
struct atr_config_host {
	const struct atr_io *io;
	char *const *environment;				/* for ${NAME} in the file */
	bool (*put)(struct atr_str name, struct atr_str value); /* false: there is no room */
	/* One fault: at which key, why, and what is done instead. */
	void (*fault)(struct atr_str where, const char *why, const char *instead);
};

/* What the object exports, under this name. */
struct atr_config_object {
	const char *version; /* ATR_VERSION: the two are of one build */
	/* False: the file cannot be used, and the fault was told. */
	bool (*read)(const struct atr_config_host *host, struct atr_str path);
};
extern const struct atr_config_object atr_config_object;

/* The file's path; absent when there is none to read. */
struct atr_str atr_config_path(void);

/*
 * The constructor. From here on the file is in the place of all variables that begin with
 * OTEL_. False: it cannot be used, the log says why, and nothing is to be traced:
 * OpenTelemetry has no SDK made of half a file. `object` NULL: it could not be loaded.
 */
bool atr_config_use(const struct atr_config_object *object, const struct atr_io *io,
		    char *const *environment);

#endif
