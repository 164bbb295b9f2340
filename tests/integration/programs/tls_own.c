/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A program that has functions of a TLS library's names itself, and one that looks for such a
 * library without having any: whatever it finds fails, and does no harm.
 */
#include <dlfcn.h>
#include <stdio.h>

int SSL_read(void *ssl, void *bytes, int len)
{
	return ssl == bytes ? len : -len;
}

int SSL_connect(void *ssl)
{
	return ssl ? 7 : 8;
}

static void try(const char *name)
{
	int (*f)(void *, const void *, size_t, size_t *) =
		(int (*)(void *, const void *, size_t, size_t *))dlsym(RTLD_DEFAULT, name);
	char session[8] = "";

	if (f && f(session, "GET / HTTP/1.1\r\n\r\n", 18, (size_t *)session) > 0)
		printf("%s\n", name);
}

int main(void)
{
	char session[8];

	printf("%d %d\n", SSL_read(session, session, 3), SSL_connect(session));
	printf("%d\n", ((int (*)(void *))dlsym(RTLD_DEFAULT, "SSL_connect"))(session));
	try("SSL_write");
	try("SSL_write_ex");
	try("SSL_do_handshake");
	try("SSL_free");
	try("gnutls_record_send");
	try("gnutls_handshake");
	try("gnutls_deinit");
	return 0;
}
