/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deepbind PORT: loads a library with RTLD_DEEPBIND, by a name that only the
 * program's own RUNPATH leads to, and has it send a request.
 */
#include "net.h"

#include <dlfcn.h>

int main(int argc, char **argv)
{
	int fd = connect_to(argv[argc - 1]);
	void *library = dlopen("libdeep.so", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
	long (*deep_send)(int, const void *, size_t) = library ? dlsym(library, "deep_send") : NULL;

	if (!deep_send)
		die(dlerror());
	say("send", deep_send(fd, GET_CLOSE, sizeof(GET_CLOSE) - 1));
	read_ok(fd);
	printf("not there: %p\n", dlopen("libnot-there.so", RTLD_NOW | RTLD_DEEPBIND));
	puts(strstr(dlerror(), "libnot-there.so: cannot open") ? "said why" : "said nothing");
	return dlclose(library);
}
