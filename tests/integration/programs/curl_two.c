// SPDX-License-Identifier: Apache-2.0
// Two libcurls in one process, and which of them runs: the one that the caller was linked with, however
// it was loaded. As a program (linked with one) and as a library (with the other):
//
//	curl_two URL library...     each is loaded for itself, used, and closed; twice. LOADS_ONLY:
//	                            itself it is linked with none
#include "libcurl.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#ifndef LOADS_ONLY
static size_t say_who(char *bytes, size_t one, size_t n, void *unused)
{
	Dl_info info = { 0 };

	(void)bytes, (void)unused;
	dladdr(__builtin_return_address(0), &info);
	printf("%s", strrchr(info.dli_fname, '/') + 1);
	return n * one;
}

__attribute__((visibility("default"))) int transfer(const char *url)
{
	CURL *easy = curl_easy_init(), *copy;
	CURLM *multi;
	int running, left;

	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, say_who);
	printf(" %d", curl_easy_perform(easy));
	copy = curl_easy_duphandle(easy);
	curl_easy_reset(easy);
	curl_easy_cleanup(easy);
	printf(" and ");
	multi = curl_multi_init();
	curl_multi_add_handle(multi, copy);
	do
		curl_multi_perform(multi, &running);
	while (running && !curl_multi_poll(multi, NULL, 0, 1000, NULL));
	printf(" %d", curl_multi_info_read(multi, &left)->data.result);
	curl_multi_remove_handle(multi, copy);
	curl_easy_cleanup(copy);
	curl_multi_cleanup(multi);
	puts("");
	return 0;
}
#else
#define transfer(url) (void)0
#endif

#ifndef AS_A_LIBRARY
int main(int argc, char **argv)
{
	for (int round = 0; round < 2; round++) {
		transfer(argv[1]);
		for (int i = 2; i < argc; i++) {
			void *library = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
			int (*its_transfer)(const char *);

			if (!library)
				return puts(dlerror()), 1;
			its_transfer = (int (*)(const char *))dlsym(library, "transfer");
			its_transfer(argv[1]);
			transfer(argv[1]);
			dlclose(library);
		}
	}
	return 0;
}
#endif
