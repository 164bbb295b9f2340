/* SPDX-License-Identifier: Apache-2.0 */
/*
 * late_tls LIBRARY...: loads each in a scope of its own, has it call a function of the TLS library that
 * it is linked with, and calls the first one's itself.
 * -DWHO=N: such a TLS library, whose function tells its number. -DCALLS: who is linked with one.
 */
#include <dlfcn.h>
#include <stdio.h>

int SSL_read(void *ssl, void *bytes, int len);
int calls(void);
void *function(void);

#if defined(WHO)
int SSL_read(void *ssl, void *bytes, int len)
{
	return ssl == bytes && len ? WHO : 0;
}
#elif defined(CALLS)
int calls(void)
{
	char session[8];
	int who = SSL_read(session, session, sizeof(session));

	return who;
}

void *function(void)
{
	return (void *)SSL_read;
}
#else
int main(int argc, char **argv)
{
	int (*read_of_first)(void *, void *, int) = NULL;
	char session[8];

	for (int i = 1; i < argc; i++) {
		void *library = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);

		if (!library) {
			puts(dlerror());
			return 1;
		}
		printf("%d\n", ((int (*)(void))dlsym(library, "calls"))());
		if (i == 1)
			read_of_first = (int (*)(void *, void *, int))(
				(void *(*)(void))dlsym(library, "function"))();
	}
	printf("%d\n", read_of_first(session, session, sizeof(session)));
	return 0;
}
#endif
