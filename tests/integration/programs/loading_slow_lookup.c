/* SPDX-License-Identifier: Apache-2.0 */
/* A library to be preloaded: names of .test take their time. */
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
	return real(name, service, hints, found);
}
