/* SPDX-License-Identifier: Apache-2.0 */
/* A library to be preloaded: names of .test take for ever, localhost.slow a while. */
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

int getaddrinfo(const char *restrict name, const char *restrict service,
		const struct addrinfo *restrict hints, struct addrinfo **restrict found)
{
	__typeof__(&getaddrinfo) real = (__typeof__(real))dlsym(RTLD_NEXT, "getaddrinfo");
	size_t len = name ? strlen(name) : 0;

	if (len > 5 && strcmp(name + len - 5, ".test") == 0) {
		for (;;)
			pause();
	}
	if (len && strcmp(name, "localhost.slow") == 0) {
		usleep(300000);
		name = "127.0.0.1";
	}
	return real(name, service, hints, found);
}
