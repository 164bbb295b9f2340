/* SPDX-License-Identifier: Apache-2.0 */
/*
 * functions_opens PORT HOW LIBRARY: calls what is in a library that is loaded
 *
 *	path   by its path
 *	name   by its name, which the loader finds by the environment
 *	again  by its path, once more after it was closed
 */
#include "net.h"

#include <dlfcn.h>

int main(int argc, char **argv)
{
	const char *path = argc > 3 ? argv[3] : "";
	void *library;
	int (*run)(const char *port);

	if (argc < 4)
		return 2;
	if (!strcmp(argv[2], "name"))
		path = strrchr(path, '/') + 1;
	library = dlopen(path, RTLD_NOW);
	if (library && !strcmp(argv[2], "again")) {
		dlclose(library);
		library = dlopen(path, RTLD_LAZY);
	}
	if (!library)
		printf("%s\n", dlerror());
	run = library ? (int (*)(const char *))dlsym(library, "plugin_run") : NULL;
	say("run", run ? run(argv[1]) : -2);
	dlclose(library);
	return 0;
}
