// SPDX-License-Identifier: Apache-2.0
// Calls libcurl's functions, as whoever answers for the names, where there is no libcurl.
#include "libcurl.h"

#include <dlfcn.h>
#include <stdio.h>

#define CALL(type, name, ...) ((type(*)())dlsym(RTLD_DEFAULT, name))(__VA_ARGS__)

int main(void)
{
	void *easy = CALL(void *, "curl_easy_init");

	if (easy || CALL(void *, "curl_easy_duphandle", easy) ||
	    CALL(void *, "curl_multi_info_read", easy, NULL))
		return 1;
	CALL(void, "curl_easy_reset", easy);
	CALL(void, "curl_easy_cleanup", easy);
	printf("%d %d %d %d\n", CALL(int, "curl_easy_setopt", easy, CURLOPT_URL, "http://h/"),
	       CALL(int, "curl_easy_perform", easy), CALL(int, "curl_multi_perform", easy, NULL),
	       CALL(int, "curl_multi_add_handle", easy, easy));
	return 0;
}
