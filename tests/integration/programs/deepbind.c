/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deepbind [flag] PORT: loads a library with RTLD_DEEPBIND, by a name that only the
 * program's own RUNPATH leads to, and has it send a request. flag: tells whether that
 * came to pass.
 */
#include "net.h"

#include <dlfcn.h>

/* In libc's place, but for a library that looks there first. */
pid_t getpgrp(void)
{
	return -1;
}

int main(int argc, char **argv)
{
	int fd = connect_to(argv[argc - 1]);
	void *library = dlopen("libdeep.so", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
	long (*deep_send)(int, const void *, size_t) = library ? dlsym(library, "deep_send") : NULL;

	int (*deep_group)(void) = library ? (int (*)(void))dlsym(library, "deep_group") : NULL;

	if (!deep_send || !deep_group)
		die(dlerror());
	if (argc > 2)
		say("the program's own is called", deep_group() == -1);
	say("send", deep_send(fd, GET_CLOSE, sizeof(GET_CLOSE) - 1));
	read_ok(fd);
	printf("not there: %p\n", dlopen("libnot-there.so", RTLD_NOW | RTLD_DEEPBIND));
	puts(strstr(dlerror(), "libnot-there.so: cannot open") ? "said why" : "said nothing");
	return dlclose(library);
}
