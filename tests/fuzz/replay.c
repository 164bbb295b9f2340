/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds a fuzz target every file of a folder, whole and cut after each of its
 * first bytes, with any compiler: what a fuzzer once found stays found.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>

#define CUTS 512

/* In memory of exactly its length, so that a sanitizer sees one byte too many. */
static void feed(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static void feed_file(FILE *file)
{
	static uint8_t data[1 << 20];
	size_t len = fread(data, 1, sizeof(data), file);

	feed(data, len);
	for (size_t cut = 0; cut < len && cut < CUTS; cut++)
		feed(data, cut);
}

int main(int argc, char **argv)
{
	DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
	struct dirent *entry;
	unsigned int nr_files = 0;

	if (!folder) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	while ((entry = readdir(folder))) {
		char path[4096];
		FILE *file;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
		file = fopen(path, "rb");
		if (!file) {
			perror(path);
			return 1;
		}
		feed_file(file);
		fclose(file);
		nr_files++;
	}
	closedir(folder);
	printf("%u files\n", nr_files);
	return nr_files ? 0 : 1;
}
